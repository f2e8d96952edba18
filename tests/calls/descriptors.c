/* Programs that close, fill or reuse descriptor numbers around the calls. */
#include "case.h"

static void close_from(unsigned first) { need(syscall(SYS_close_range, first, ~0U, 0) == 0, "close_range"); }

CASE(close_all_then_calls) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    close_from(3);
    count(id, "after close_range");
    char *q = AT(shmat(id, NULL, 0));
    strcpy(q, "works");
    say("reads: %s", p);
    ID(shmget(KEY, 10, IPC_CREAT | 0600));
    TRY(shmdt(p));
    TRY(shmdt(q));
    show(id);
}

CASE(close_all_then_killed) {
    int id = segment(4096, 0600);
    struct gate seen = gate();
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        need(dup2(seen.fd[1], 3) == 3, "dup2");
        close_from(4);
        need(write(3, "", 1) == 1, "write");
        close(3);
        for (;;) pause();
    }
    pass(seen);
    count(id, "while it lives");
    kill_and_finish(c);
    show(id);
}

CASE(close_all_then_removed_elsewhere) {
    int id = segment(4096, 0600);
    struct gate seen = gate(), go = gate();
    pid_t c = start("child");
    if (c == 0) {
        char *p = attach(id);
        need(dup2(seen.fd[1], 60) == 60 && dup2(go.fd[0], 61) == 61, "dup2");
        close_from(62);
        for (int fd = 3; fd < 60; fd++) close(fd);
        need(write(60, "", 1) == 1, "write");
        char byte;
        need(read(61, &byte, 1) == 1, "read");
        TRY(shmdt(p));
        show(id);
        _exit(0);
    }
    pass(seen);
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
    open_gate(go);
    finish(c);
    show(id);
}

CASE(close_all_then_fork) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    close_from(3);
    pid_t c = start("child");
    if (c == 0) {
        count(id, "in the child");
        TRY(shmdt(p));
        count(id, "after its shmdt");
        _exit(0);
    }
    finish(c);
    count(id, "in the end");
}

CASE(close_all_then_exec) {
    int id = segment(4096, 0600);
    attach(id);
    pid_t c = start("child");
    if (c == 0) {
        close_from(3);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    finish(c);
    show(id);
}

/* The numbers that were closed now name files of the program: they are its own. */
CASE(numbers_reused) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    close_from(3);
    int fd[64];
    for (int i = 0; i < 64; i++) fd[i] = memfd_create("own", 0);
    struct rlimit limit;
    need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    int high = 0;
    for (rlim_t n = limit.rlim_cur - 1; n > 100 && high < 200; n--, high++)
        if (dup2(fd[0], (int)n) < 0) break;
    TRY(shmdt(p));
    int other = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    p = AT(shmat(other, NULL, 0));
    strcpy(p, "fine");
    for (int i = 0; i < 64; i++) need(write(fd[i], "mine", 4) == 4, "write");
    struct stat st;
    need(fstat(fd[0], &st) == 0, "fstat");
    say("own file has %ld bytes, the segment reads %s", (long)st.st_size, p);
    count(other, "of the other");
}

static void calls_without_numbers(rlim_t numbers) {
    int id = segment(4096, 0600);
    struct rlimit limit = {numbers, numbers};
    need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    while (dup(STDOUT_FILENO) >= 0) {}
    char *p = AT(shmat(id, NULL, 0));
    strcpy(p, "no descriptor needed");
    say("reads: %s", p);
    count(id, "without descriptors");
    ID(shmget(KEY, 10, IPC_CREAT | 0600));
    TRY(shm_open("/object", O_RDWR | O_CREAT, 0600));
}

CASE(numbers_used_up) { calls_without_numbers(1100); }

/* Lower than the numbers that a library may keep for itself. */
CASE(numbers_used_up_low) { calls_without_numbers(16); }

CASE(standard_ones_closed) {
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        close(0);
        close(1);
        close(2);
        char *p = attach(id);
        strcpy(p, "written without output");
        int fd = shm_open("/lowest", O_RDWR | O_CREAT, 0600);
        _exit(fd == 0 ? 7 : 8);
    }
    finish(c);
    say("reads: %s", (char *)attach(id));
    count(id, "in the end");
}

CASE(a_call_takes_no_number) {
    int before = dup(0);
    int id = segment(4096, 0600);
    char *p = attach(id);
    int after = dup(0);
    say("next number: %d", after - before);
    need(shmdt(p) == 0, "shmdt");
    int fd = FD(shm_open("/object", O_RDWR | O_CREAT, 0600));
    say("next number: %d", fd - after);
}
