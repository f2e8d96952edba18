/* flock(2), fcntl(2) locks of processes and of open files, leases. */
#include "mounted.h"
#include <sys/file.h>

static int lock(int fd, int how, short type, off_t start_at, off_t len) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start_at, .l_len = len};
    return fcntl(fd, how, &l);
}

static void asked(int fd, int how, short type, off_t start_at, off_t len) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start_at, .l_len = len};
    if (fcntl(fd, how, &l) < 0) say("asked: %s", error_name(errno));
    else if (l.l_type == F_UNLCK) say("asked: free");
    else
        say("asked: %s %ld+%ld of %s", l.l_type == F_RDLCK ? "read" : "write", (long)l.l_start, (long)l.l_len,
            l.l_pid == -1 ? "an open file" : who(l.l_pid));
}

/* /proc/locks has a line with an arrow for a process that waits. */
static void wait_until_it_waits(pid_t pid) {
    char text[8192], *line, *rest, owner[32];
    snprintf(owner, sizeof owner, " %d ", pid);
    for (;;) {
        int fd = open("/proc/locks", O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        need(n >= 0, "/proc/locks");
        close(fd);
        text[n] = 0;
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (strstr(line, "->") && strstr(line, owner)) return;
        tick();
    }
}

CASE(whole_files) {
    make("a", "text");
    int one = opened("a", O_RDWR), two = opened("a", O_RDONLY);
    TRY(flock(one, LOCK_EX));
    TRY(flock(two, LOCK_SH | LOCK_NB));
    TRY(flock(one, LOCK_SH));
    TRY(flock(two, LOCK_SH | LOCK_NB));
    TRY(flock(one, LOCK_EX | LOCK_NB));
    TRY(flock(one, LOCK_UN));
    TRY(flock(two, LOCK_EX | LOCK_NB));
    CHILD("child") {
        int three = opened("a", O_RDONLY);
        TRY(flock(three, LOCK_SH | LOCK_NB));
        TRY(flock(two, LOCK_UN));
        TRY(flock(three, LOCK_SH | LOCK_NB));
    }
    TRY(flock(one, LOCK_EX | LOCK_NB));
    TRY(flock(one, 99));
    TRY(flock(-1, LOCK_SH));
    int dir = opened(".", O_RDONLY), path = opened("a", O_PATH);
    TRY(flock(dir, LOCK_EX | LOCK_NB));
    TRY(flock(path, LOCK_EX | LOCK_NB));
}

CASE(whole_file_is_waited_for) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(flock(fd, LOCK_EX));
    struct gate ready = gate();
    pid_t pid = start("waiter");
    if (pid == 0) {
        int mine = opened("a", O_RDWR);
        TRY(flock(mine, LOCK_EX | LOCK_NB));
        open_gate(ready);
        TRY(flock(mine, LOCK_EX));
        content("a");
        _exit(0);
    }
    pass(ready);
    wait_until_it_waits(pid);
    need(pwrite(fd, "held", 4, 0) == 4, "write");
    need(flock(fd, LOCK_UN) == 0, "unlock");
    finish(pid);
}

CASE(ended_process_lets_go) {
    make("a", "text");
    struct gate ready = gate();
    pid_t pid = start("holder");
    if (pid == 0) {
        int fd = opened("a", O_RDWR), other = opened("a", O_RDWR);
        need(flock(fd, LOCK_EX) == 0 && lock(other, F_SETLK, F_WRLCK, 0, 0) == 0, "locks");
        open_gate(ready);
        pause();
    }
    pass(ready);
    int fd = opened("a", O_RDWR);
    TRY(flock(fd, LOCK_EX | LOCK_NB));
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    kill_and_finish(pid);
    TRY(flock(fd, LOCK_EX | LOCK_NB));
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
}

CASE(ranges) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    TRY(lock(fd, F_SETLK, F_RDLCK, 30, 0));
    TRY(lock(fd, F_SETLK, F_RDLCK, 15, 2));
    asked(fd, F_GETLK, F_WRLCK, 0, 0);
    CHILD("child") {
        int mine = opened("a", O_RDWR);
        asked(mine, F_GETLK, F_WRLCK, 0, 0);
        asked(mine, F_GETLK, F_RDLCK, 15, 2);
        asked(mine, F_GETLK, F_WRLCK, 20, 5);
        asked(mine, F_GETLK, F_WRLCK, 1000, 1);
        TRY(lock(mine, F_SETLK, F_WRLCK, 12, 1));
        TRY(lock(mine, F_SETLK, F_WRLCK, 0, 10));
        TRY(lock(mine, F_SETLK, F_RDLCK, 40, 1));
        TRY(lock(mine, F_SETLK, F_UNLCK, 0, 0));
        TRY(lock(fd, F_SETLK, F_WRLCK, 12, 1));
    }
    TRY(lock(fd, F_SETLK, F_UNLCK, 12, 2));
    CHILD("child") {
        int mine = opened("a", O_RDWR);
        TRY(lock(mine, F_SETLK, F_WRLCK, 12, 2));
        TRY(lock(mine, F_SETLK, F_WRLCK, 12, 3));
    }
}

CASE(ranges_refused) {
    make("a", "text");
    int fd = opened("a", O_RDWR), r = opened("a", O_RDONLY), w = opened("a", O_WRONLY);
    int path = opened("a", O_PATH), dir = opened(".", O_RDONLY);
    TRY(lock(r, F_SETLK, F_WRLCK, 0, 1));
    TRY(lock(w, F_SETLK, F_RDLCK, 0, 1));
    TRY(lock(fd, F_SETLK, F_WRLCK, -1, 1));
    TRY(lock(fd, F_SETLK, F_WRLCK, 10, -5));
    TRY(lock(fd, F_SETLK, F_WRLCK, 1, -5));
    TRY(lock(fd, F_SETLK, 77, 0, 1));
    TRY(lock(path, F_SETLK, F_RDLCK, 0, 1));
    TRY(lock(dir, F_SETLK, F_RDLCK, 0, 1));
    TRY(lock(fd, F_SETLK, F_WRLCK, LONG_MAX - 1, 100));
}

CASE(any_close_lets_go) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    close(opened("a", O_RDONLY));
    CHILD("child") TRY(lock(opened("a", O_RDWR), F_SETLK, F_WRLCK, 0, 0));
}

CASE(range_is_waited_for) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    struct gate ready = gate();
    pid_t pid = start("waiter");
    if (pid == 0) {
        int mine = opened("a", O_RDWR);
        TRY(lock(mine, F_SETLK, F_WRLCK, 0, 0));
        open_gate(ready);
        TRY(lock(mine, F_SETLKW, F_WRLCK, 0, 0));
        content("a");
        _exit(0);
    }
    pass(ready);
    wait_until_it_waits(pid);
    need(pwrite(fd, "held", 4, 0) == 4, "write");
    need(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0, "unlock");
    finish(pid);
}

CASE(deadlock) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    struct gate ready = gate();
    pid_t pid = start("other");
    if (pid == 0) {
        int mine = opened("a", O_RDWR);
        need(lock(mine, F_SETLK, F_WRLCK, 1, 1) == 0, "lock");
        open_gate(ready);
        int result = lock(mine, F_SETLKW, F_WRLCK, 0, 1);
        _exit(result == 0 ? 0 : 1);
    }
    pass(ready);
    wait_until_it_waits(pid);
    TRY(lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    finish(pid);
}

CASE(open_file_locks) {
    make("a", "text");
    int one = opened("a", O_RDWR), two = opened("a", O_RDWR);
    TRY(lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    TRY(lock(two, F_OFD_SETLK, F_WRLCK, 5, 10));
    TRY(lock(two, F_OFD_SETLK, F_RDLCK, 10, 10));
    asked(two, F_OFD_GETLK, F_WRLCK, 0, 0);
    asked(one, F_OFD_GETLK, F_WRLCK, 0, 0);
    TRY(lock(two, F_SETLK, F_WRLCK, 0, 1));
    close(opened("a", O_RDWR));
    TRY(lock(two, F_OFD_SETLK, F_RDLCK, 0, 1));
    CHILD("child") TRY(lock(one, F_OFD_SETLK, F_UNLCK, 0, 10));
    TRY(lock(two, F_OFD_SETLK, F_WRLCK, 0, 1));
    close(two);
    TRY(lock(one, F_OFD_SETLK, F_WRLCK, 0, 0));
}

CASE(kinds_are_apart) {
    make("a", "text");
    int one = opened("a", O_RDWR), two = opened("a", O_RDWR);
    TRY(flock(one, LOCK_EX | LOCK_NB));
    TRY(lock(two, F_SETLK, F_WRLCK, 0, 0));
    CHILD("child") {
        int three = opened("a", O_RDWR);
        TRY(flock(three, LOCK_EX | LOCK_NB));
        TRY(lock(three, F_SETLK, F_RDLCK, 0, 0));
    }
}

CASE(advisory_only) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    CHILD("child") {
        int mine = opened("a", O_RDWR);
        TRY(write(mine, "over", 4));
        TRY(ftruncate(mine, 2));
        TRY(unlink("a"));
    }
    show_fd("a", fd);
}

CASE(lockf_calls) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    TRY(lseek(fd, 5, SEEK_SET));
    TRY(lockf(fd, F_TLOCK, 3));
    CHILD("child") {
        int mine = opened("a", O_RDWR);
        TRY(lockf(mine, F_TEST, 5));
        TRY(lockf(mine, F_TEST, 6));
        asked(mine, F_GETLK, F_WRLCK, 0, 0);
    }
    TRY(lockf(fd, F_ULOCK, 0));
}

CASE(by_two_names) {
    make("a", "text");
    need(link("a", "b") == 0, "link");
    int one = opened("a", O_RDWR), two = opened("b", O_RDWR);
    TRY(flock(one, LOCK_EX | LOCK_NB));
    TRY(flock(two, LOCK_EX | LOCK_NB));
    TRY(unlink("a"));
    TRY(flock(two, LOCK_SH | LOCK_NB));
    TRY(lock(one, F_SETLK, F_WRLCK, 0, 0));
    CHILD("child") TRY(lock(opened("b", O_RDWR), F_SETLK, F_WRLCK, 0, 0));
}

CASE(leases) {
    make("a", "text");
    signal(SIGIO, SIG_IGN);
    int r = opened("a", O_RDONLY), w = opened("a", O_RDWR);
    TRY(fcntl(r, F_GETLEASE));
    TRY(fcntl(r, F_SETLEASE, F_RDLCK));
    close(w);
    TRY(fcntl(r, F_SETLEASE, F_RDLCK));
    TRY(fcntl(r, F_GETLEASE));
    CHILD("child") FD(open("a", O_WRONLY | O_NONBLOCK));
    TRY(fcntl(r, F_SETLEASE, F_UNLCK));
    CHILD("child") FD(open("a", O_WRONLY | O_NONBLOCK));
    TRY(fcntl(r, F_SETLEASE, F_WRLCK));
    int dir = opened(".", O_RDONLY);
    TRY(fcntl(dir, F_SETLEASE, F_RDLCK));
}

CASE(lease_is_broken_by_truncation) {
    make("a", "text");
    signal(SIGIO, SIG_IGN);
    int r = opened("a", O_RDONLY);
    TRY(fcntl(r, F_SETLEASE, F_RDLCK));
    struct gate broken = gate();
    sigset_t io;
    sigemptyset(&io), sigaddset(&io, SIGIO), sigprocmask(SIG_BLOCK, &io, NULL);
    signal(SIGIO, SIG_DFL);
    pid_t pid = start("cutter");
    if (pid == 0) {
        TRY(truncate("a", 0));
        open_gate(broken);
        _exit(0);
    }
    siginfo_t info;
    say("signal %d", sigwaitinfo(&io, &info) == SIGIO);
    need(fcntl(r, F_SETLEASE, F_UNLCK) == 0, "giving up the lease");
    pass(broken);
    finish(pid);
    show_file("a");
}
