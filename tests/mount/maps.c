/* mmap(2) of files, execution, ETXTBSY. */
#include "mounted.h"

static char *map_of(int fd, size_t size, int protection, int flags) {
    char *p = mmap(NULL, size, protection, flags, fd, 0);
    need(p != MAP_FAILED, "mmap");
    return p;
}

CASE(shared) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), *q = map_of(fd, PAGE, PROT_READ, MAP_SHARED);
    p[3] = 'X';
    content("a");
    tell_text("the other map", q, 10);
    TRY(pwrite(fd, "YZ", 2, 5));
    tell_text("the map", p, 12);
    CHILD("child") p[0] = 'C';
    tell_text("the map", p, 12);
    show_fd("a", fd);
}

CASE(shared_by_strangers) {
    make("a", "0123456789");
    struct gate mapped = gate(), stored = gate();
    pid_t pid = start("stranger");
    if (pid == 0) {
        char *p = map_of(opened("a", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
        open_gate(mapped), pass(stored);
        tell_text("seen", p, 10);
        p[9] = '!';
        _exit(0);
    }
    char *p = map_of(opened("a", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    pass(mapped);
    memcpy(p, "stored", 6);
    open_gate(stored);
    finish(pid);
    tell_text("seen", p, 10);
    content("a");
}

CASE(private) {
    make("a", "0123456789");
    int fd = opened("a", O_RDONLY);
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    p[0] = 'P';
    content("a");
    int other = opened("a", O_WRONLY);
    TRY(pwrite(other, "ZZ", 2, 0));
    tell_text("kept apart", p, 10);
    char *fresh = map_of(fd, PAGE, PROT_READ, MAP_PRIVATE);
    tell_text("another", fresh, 10);
}

CASE(protection_by_open_mode) {
    make("a", "0123456789");
    int r = opened("a", O_RDONLY), w = opened("a", O_WRONLY), path = opened("a", O_PATH), dir = opened(".", O_RDONLY);
    AT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r, 0));
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, w, 0));
    AT(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, w, 0));
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, path, 0));
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dir, 0));
    char *p = AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 0));
    TRY(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    say("store: %s", access_to(p, 'w'));
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 100));
    AT(mmap(NULL, 0, PROT_READ, MAP_SHARED, r, 0));
    AT(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, r, 0));
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, r, 0));
}

CASE(beyond_the_end) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *p = map_of(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    say("page 0: %s, page 1: %s", access_to(p, 'w'), access_to(p + PAGE, 'r'));
    say("rest of the page: %d", p[100]);
    p[100] = 'r';
    show_fd("a", fd);
    TRY(ftruncate(fd, 3 * PAGE));
    say("page 1: %s, page 2: %s, page 3: %s", access_to(p + PAGE, 'w'), access_to(p + 2 * PAGE, 'r'), access_to(p + 3 * PAGE, 'r'));
    say("the byte beyond the old end: %d", p[100]);
    TRY(ftruncate(fd, 5));
    say("page 0: %s, page 1: %s", access_to(p, 'w'), access_to(p + PAGE, 'r'));
    tell_text("cut", p, 10);
    TRY(ftruncate(fd, 0));
    say("page 0: %s", access_to(p, 'r'));
    char *none = map_of(fd, PAGE, PROT_READ, MAP_SHARED);
    say("map of nothing: %s", access_to(none, 'r'));
}

CASE(cut_by_another_process) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, 2 * PAGE) == 0, "ftruncate");
    char *p = map_of(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[PAGE] = 'x';
    CHILD("cutter") TRY(truncate("a", 10));
    say("page 0: %s, page 1: %s", access_to(p, 'w'), access_to(p + PAGE, 'w'));
    CHILD("grower") TRY(truncate("a", 2 * PAGE));
    say("page 1: %s, byte %d", access_to(p + PAGE, 'w'), p[PAGE]);
}

CASE(outlives_descriptor_and_name) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    close(fd);
    TRY(unlink("a"));
    p[0] = 'X';
    tell_text("map", p, 10);
    CHILD("child") p[1] = 'Y';
    tell_text("map", p, 10);
}

CASE(msync_and_madvise) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[0] = 'm';
    TRY(msync(p, PAGE, MS_SYNC));
    TRY(msync(p, PAGE, MS_ASYNC));
    TRY(msync(p, PAGE, MS_SYNC | MS_INVALIDATE));
    TRY(msync(p, PAGE, MS_SYNC | MS_ASYNC));
    TRY(msync(p + 1, PAGE, MS_SYNC));
    TRY(madvise(p, PAGE, MADV_WILLNEED));
    TRY(madvise(p, PAGE, MADV_DONTNEED));
    tell_text("map", p, 10);
    TRY(madvise(p, PAGE, MADV_REMOVE));
    tell_text("removed", p, 10);
    show_fd("a", fd);
    TRY(madvise(p, PAGE, MADV_FREE));
    TRY(mlock(p, PAGE));
    TRY(munlock(p, PAGE));
}

CASE(remap) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, 4 * PAGE) == 0, "ftruncate");
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[0] = 'x';
    char *q = AT(mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE));
    q[3 * PAGE] = 'y';
    tell_range("start", fd, 0, 1), tell_range("third", fd, 3 * PAGE, 1);
    char *r = AT(mremap(q, 0, PAGE, MREMAP_MAYMOVE));
    r[1] = 'z';
    tell_text("both", q, 2);
    TRY(remap_file_pages(q, PAGE, 0, 3, 0));
    tell_text("the other page", q, 1);
}

CASE(resident_pages) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, 4 * PAGE) == 0, "ftruncate");
    char *p = map_of(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[0] = p[2 * PAGE] = 'x';
    unsigned char pages[4];
    TRY(mincore(p, 4 * PAGE, pages));
    say("%d %d %d %d", pages[0] & 1, pages[1] & 1, pages[2] & 1, pages[3] & 1);
    show_fd("a", fd);
    TRY(lseek(fd, 0, SEEK_HOLE));
}

CASE(populate) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, 4 * PAGE) == 0, "ftruncate");
    map_of(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE);
    show_fd("written", fd);
}

CASE(offsets) {
    int fd = opened("a", O_RDWR | O_CREAT);
    for (int i = 0; i < 4; i++) {
        char page[PAGE];
        memset(page, '0' + i, PAGE);
        need(write(fd, page, PAGE) == PAGE, "write");
    }
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
    need(p != MAP_FAILED, "mmap");
    say("%c %c", p[0], p[PAGE]);
    p[0] = 'x';
    tell_range("page 2", fd, 2 * PAGE - 1, 3);
    AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1L << 40));
}

CASE(read_into_its_own_map) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *p = map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    TRY(pread(fd, p + 5, 5, 0));
    content("a");
    TRY(pwrite(fd, p, 5, 2));
    content("a");
}

CASE(futex_in_a_map) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, PAGE) == 0, "ftruncate");
    pid_t pid = start("waiter");
    if (pid == 0) {
        atomic_int *word = (atomic_int *)map_of(opened("a", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
        while (atomic_load(word) == 0) syscall(SYS_futex, word, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
        say("woken with %d", atomic_load(word));
        _exit(0);
    }
    atomic_int *word = (atomic_int *)map_of(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    tick();
    atomic_store(word, 42);
    syscall(SYS_futex, word, 1 /* FUTEX_WAKE */, INT_MAX, NULL, NULL, 0);
    finish(pid);
}

static int ran(const char *path) {
    pid_t pid = start("program");
    if (pid == 0) {
        execl(path, path, (char *)NULL);
        say("exec %s: %s", path, error_name(errno));
        _exit(1);
    }
    finish(pid);
    return 0;
}

static void copy_program(const char *from, const char *to) {
    char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    need(in >= 0 && out >= 0, "copying a program");
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;) need(write(out, bytes, n) == n, "write");
    close(in), close(out);
}

CASE(execute) {
    copy_program("/bin/true", "true"), copy_program("/bin/false", "false");
    ran("./true"), ran("./false");
    make_mode("script", "#!/bin/sh\nexit 7\n", 0755);
    ran("./script");
    make_mode("interpreted", "#! " ROOT "/here/false\n", 0755);
    ran("./interpreted");
    make_mode("garbage", "\x7f" "ELF nonsense", 0755), make_mode("empty", "", 0755);
    ran("./garbage"), ran("./empty");
    folder("dir", 0755);
    ran("./dir"), ran("./absent"), ran("./true/x");
    need(chmod("true", 0644) == 0, "chmod");
    ran("./true");
    need(symlink("false", "link") == 0, "symlink");
    ran("./link");
}

CASE(execute_by_mode) {
    need_users();
    copy_program("/bin/true", "true");
    need(chmod("true", 0711) == 0, "chmod");
    AS(STRANGER, STRANGER) ran("./true");
    need(chmod("true", 0766) == 0, "chmod");
    AS(STRANGER, STRANGER) ran("./true");
    ran("./true");
    need(chmod("true", 0601) == 0, "chmod");
    ran("./true");
}

CASE(execute_suid) {
    need_users();
    copy_program("/usr/bin/id", "id");
    need(chown("id", STRANGER, OTHER) == 0 && chmod("id", 06755) == 0, "owner");
    pid_t pid = start("id");
    if (pid == 0) {
        execl("./id", "id", "-u", (char *)NULL);
        _exit(1);
    }
    finish(pid);
    AS(OTHER, OTHER) {
        execl("./id", "id", "-u", (char *)NULL);
        _exit(1);
    }
    AS(STRANGER, STRANGER) {
        execl("./id", "id", "-g", (char *)NULL);
        _exit(1);
    }
}

CASE_ON(execute_with_nosuid, "mode=0755,size=4m,nosuid") {
    need_users();
    copy_program("/usr/bin/id", "id");
    need(chown("id", STRANGER, OTHER) == 0 && chmod("id", 06755) == 0, "owner");
    AS(OTHER, OTHER) {
        execl("./id", "id", "-u", (char *)NULL);
        _exit(1);
    }
}

CASE_ON(execute_with_noexec, "mode=0755,size=4m,noexec") {
    copy_program("/bin/true", "true");
    ran("./true");
    make_mode("script", "#!/bin/sh\nexit 7\n", 0755);
    ran("./script");
    int fd = opened("true", O_RDONLY);
    AT(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    TRY(access("true", X_OK));
}

CASE(text_busy) {
    copy_program("/bin/sleep", "sleep");
    struct gate ready = gate();
    pid_t pid = start("sleeper");
    if (pid == 0) {
        fcntl(ready.fd[1], F_SETFD, FD_CLOEXEC);
        execl("./sleep", "sleep", "30", (char *)NULL);
        _exit(1);
    }
    close(ready.fd[1]);
    char byte;
    need(read(ready.fd[0], &byte, 1) == 0, "the exec");
    FD(open("sleep", O_WRONLY));
    FD(open("sleep", O_RDWR));
    FD(open("sleep", O_RDONLY | O_TRUNC));
    FD(open("sleep", O_RDONLY));
    TRY(truncate("sleep", 0));
    TRY(chmod("sleep", 0700));
    TRY(rename("sleep", "moved"));
    TRY(unlink("moved"));
    kill_and_finish(pid);
}

CASE(open_for_writing_cannot_be_executed) {
    copy_program("/bin/true", "true");
    int fd = opened("true", O_WRONLY);
    ran("./true");
    close(fd);
    ran("./true");
    char *p = map_of(opened("true", O_RDWR), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    ran("./true");
    munmap(p, PAGE);
}

CASE(execute_by_descriptor) {
    copy_program("/bin/true", "true");
    int fd = opened("true", O_RDONLY);
    TRY(unlink("true"));
    pid_t pid = start("program");
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", (char *const[]){"true", NULL}, (char *const[]){NULL}, AT_EMPTY_PATH);
        say("%s", error_name(errno));
        _exit(1);
    }
    finish(pid);
    int unnamed = opened(".", O_TMPFILE | O_RDWR);
    fill(unnamed, "#!/bin/sh\nexit 5\n");
    need(fchmod(unnamed, 0755) == 0, "fchmod");
    close(unnamed);
}

CASE(executable_map) {
    int fd = opened("a", O_RDWR | O_CREAT);
    unsigned char code[] = {0xc3};
    need(write(fd, code, 1) == 1, "write");
#if defined(__x86_64__)
    char *p = map_of(fd, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE);
    say("call: %s", access_to(p, 'x'));
#endif
    char *q = map_of(fd, PAGE, PROT_READ, MAP_PRIVATE);
    say("call without the right: %s", access_to(q, 'x'));
}
