/* shmat(2): where a segment is mapped, with which rights, and what is refused. */
#include "case.h"

CASE(anywhere) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, 0));
    say("first byte %d, last byte %d", p[0], p[4095]);
    strcpy(p, "written");
    char *q = AT(shmat(id, NULL, 0));
    say("another address: %d, reads %s", p != q, q);
    show(id);
}

CASE(given_address) {
    int id = segment(8192, 0600);
    char *hole = vacancy(4);
    char *p = AT(shmat(id, hole, 0));
    say("there: %d", p == hole);
    count(id, "at a given address");
}

CASE(unaligned) {
    int id = segment(8192, 0600);
    char *hole = vacancy(4);
    AT(shmat(id, hole + 1, 0));
    AT(shmat(id, hole + 2048, 0));
    AT(shmat(id, hole + 4095, SHM_RDONLY));
    count(id, "after the refusals");
}

CASE(rounded_down) {
    int id = segment(4096, 0600);
    char *hole = vacancy(4);
    char *p = AT(shmat(id, hole + 4095, SHM_RND));
    say("rounded: %d", p == hole);
    p = AT(shmat(id, hole + PAGE, SHM_RND));
    say("exact: %d", p == hole + PAGE);
}

CASE(rounded_to_zero) {
    int id = segment(4096, 0600);
    AT(shmat(id, (void *)1, SHM_RND | SHM_REMAP));
    AT(shmat(id, (void *)1, SHM_REMAP));
    AT(shmat(id, (void *)1, 0));
    count(id, "after the refusals");
}

CASE(remap_needs_an_address) {
    int id = segment(4096, 0600);
    AT(shmat(id, NULL, SHM_REMAP));
}

CASE(remap) {
    int id = segment(4096, 0600);
    char *p = reserve(4);
    AT(shmat(id, p + PAGE, 0));
    char *q = AT(shmat(id, p + PAGE, SHM_REMAP));
    say("there: %d", q == p + PAGE);
    say("before it: %s, in it: %s, behind it: %s", access_to(p, 'r'), access_to(p + PAGE, 'w'),
        access_to(p + 2 * PAGE, 'r'));
    count(id, "after the remap");
}

CASE(remap_over_an_attach) {
    int a = segment(4096, 0600), b = segment(4096, 0600);
    char *p = AT(shmat(a, NULL, 0));
    strcpy(p, "of a");
    char *q = AT(shmat(b, p, SHM_REMAP));
    say("there: %d, first byte %d", q == p, q[0]);
    count(a, "of the one below");
    count(b, "of the one above");
    TRY(shmdt(p));
    count(a, "of the one below");
    count(b, "of the one above");
}

CASE(overlap) {
    int id = segment(3 * PAGE, 0600);
    char *hole = vacancy(8);
    char *p = AT(shmat(id, hole + 2 * PAGE, 0));
    say("there: %d", p == hole + 2 * PAGE);
    AT(shmat(id, hole + 2 * PAGE, 0));
    AT(shmat(id, hole, 0));
    AT(shmat(id, hole + 4 * PAGE, 0));
    count(id, "after the refusals");
    TRY(shmdt(p));
    AT(shmat(id, hole, 0));
}

CASE(address_beyond_the_end) {
    int id = segment(2 * PAGE, 0600);
    AT(shmat(id, (void *)~4095UL, 0));
    AT(shmat(id, (void *)(1UL << 62), 0));
    count(id, "after the refusals");
}

CASE(read_only) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, SHM_RDONLY));
    say("read: %s, write: %s", access_to(p, 'r'), access_to(p, 'w'));
    char *q = AT(shmat(id, NULL, 0));
    strcpy(q, "seen");
    say("through the other: %s", p);
    show(id);
}

CASE(read_only_write_kills) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, SHM_RDONLY));
    pid_t c = start("child");
    if (c == 0) {
        p[0] = 1;
        _exit(0);
    }
    finish(c);
    count(id, "after the child");
}

CASE(read_only_cannot_be_raised) {
    need_users();
    int id = segment(4096, 0604);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        char *p = AT(shmat(id, NULL, SHM_RDONLY));
        TRY(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
        _exit(0);
    }
    finish(c);
}

#if defined(__aarch64__)
static const unsigned char just_return[] = {0xc0, 0x03, 0x5f, 0xd6};
#else
static const unsigned char just_return[] = {0xc3};
#endif

CASE(executable) {
    int id = segment(4096, 0700);
    char *p = AT(shmat(id, NULL, 0));
    memcpy(p, just_return, sizeof just_return);
    __builtin___clear_cache(p, p + sizeof just_return);
    say("call: %s", access_to(p, 'x'));
    char *q = AT(shmat(id, NULL, SHM_EXEC));
    say("call: %s", access_to(q, 'x'));
}

CASE(executable_needs_the_right) {
    need_users();
    int a = segment(4096, 0606), b = segment(4096, 0607);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        AT(shmat(a, NULL, SHM_EXEC));
        AT(shmat(b, NULL, SHM_EXEC));
        AT(shmat(b, NULL, SHM_EXEC | SHM_RDONLY));
        _exit(0);
    }
    finish(c);
}

CASE(rights_of_others) {
    need_users();
    int none = segment(4096, 0600), read = segment(4096, 0604), write = segment(4096, 0602),
        both = segment(4096, 0606);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        AT(shmat(none, NULL, 0));
        AT(shmat(none, NULL, SHM_RDONLY));
        AT(shmat(read, NULL, 0));
        AT(shmat(read, NULL, SHM_RDONLY));
        AT(shmat(write, NULL, 0));
        AT(shmat(write, NULL, SHM_RDONLY));
        AT(shmat(both, NULL, 0));
        _exit(0);
    }
    finish(c);
    show(none);
    show(both);
}

CASE(ids_that_name_nothing) {
    AT(shmat(-1, NULL, 0));
    AT(shmat(0, NULL, 0));
    AT(shmat(INT_MAX, NULL, 0));
    AT(shmat(INT_MIN, NULL, 0));
    AT(shmat(12345, (void *)1, 0));
}

CASE(unknown_flags) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, 0x1));
    say("write: %s", access_to(p, 'w'));
    AT(shmat(id, NULL, 0x40000000));
}

CASE(marked_for_removal) {
    int id = segment(4096, 0600);
    AT(shmat(id, NULL, 0));
    TRY(shmctl(id, IPC_RMID, NULL));
    AT(shmat(id, NULL, 0));
    show(id);
}

CASE(marked_for_removal_by_another_process) {
    int id = segment(4096, 0600);
    AT(shmat(id, NULL, 0));
    TRY(shmctl(id, IPC_RMID, NULL));
    pid_t c = start("child");
    if (c == 0) {
        char *p = AT(shmat(id, NULL, 0));
        count(id, "in the child");
        TRY(shmdt(p));
        _exit(0);
    }
    finish(c);
    show(id);
}

CASE(many_in_one_process) {
    int id = segment(4096, 0600);
    char *p[16];
    bool apart = true, same = true;
    for (int i = 0; i < 16; i++) p[i] = attach(id);
    strcpy(p[3], "one page");
    for (int i = 0; i < 16; i++) {
        same = same && strcmp(p[i], "one page") == 0;
        for (int k = 0; k < i; k++) apart = apart && p[i] != p[k];
    }
    say("same page: %d, addresses apart: %d", same, apart);
    count(id, "of 16");
    for (int i = 0; i < 16; i += 2) need(shmdt(p[i]) == 0, "shmdt");
    count(id, "of 8");
}

CASE(many_segments) {
    int id[100];
    long sum = 0;
    for (int i = 0; i < 100; i++) {
        id[i] = segment(4096, 0600);
        *(int *)attach(id[i]) = i;
    }
    for (int i = 0; i < 100; i++) sum += *(int *)attach(id[i]) + nattch(id[i]);
    say("sum %ld", sum);
}

CASE(odd_size) {
    int id = segment(5000, 0600);
    char *p = reserve(8);
    AT(shmat(id, p + 2 * PAGE, SHM_REMAP));
    say("byte 4999: %s, byte 8191: %s, byte 8192: %s, byte -1: %s", access_to(p + 2 * PAGE + 4999, 'w'),
        access_to(p + 2 * PAGE + 8191, 'w'), access_to(p + 2 * PAGE + 8192, 'r'), access_to(p + 2 * PAGE - 1, 'r'));
    show(id);
}

CASE(large_and_sparse) {
    size_t size = 1UL << 30;
    int id = segment(size, 0600);
    char *p = attach(id), *q = attach(id);
    p[0] = 1;
    p[size - 1] = 2;
    p[size / 2] = 3;
    say("%d %d %d %d", q[0], q[size - 1], q[size / 2], q[12345678]);
    TRY(shmdt(p));
    TRY(shmdt(q));
    show(id);
}

CASE(contents_outlive_attaches) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    strcpy(p, "still here");
    TRY(shmdt(p));
    count(id, "between");
    p = AT(shmat(id, NULL, SHM_RDONLY));
    say("reads: %s", p);
}

CASE(fresh_segment_is_zero) {
    for (int round = 0; round < 3; round++) {
        int id = segment(64 * PAGE, 0600);
        unsigned char *p = attach(id);
        unsigned sum = 0;
        for (size_t i = 0; i < 64 * PAGE; i++) sum += p[i];
        say("sum %u", sum);
        memset(p, 0xff, 64 * PAGE);
        need(shmdt(p) == 0 && shmctl(id, IPC_RMID, NULL) == 0, "removal");
    }
}

CASE(memory_calls_on_an_attach) {
    int id = segment(4 * PAGE, 0600);
    char *p = attach(id);
    memset(p, 7, 4 * PAGE);
    TRY(msync(p, 4 * PAGE, MS_SYNC));
    TRY(madvise(p, 4 * PAGE, MADV_WILLNEED));
    TRY(madvise(p, PAGE, MADV_DONTNEED));
    say("after DONTNEED: %d", p[0]);
    TRY(mprotect(p, 4 * PAGE, PROT_READ));
    say("write: %s", access_to(p, 'w'));
    TRY(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
    say("write: %s", access_to(p, 'w'));
    count(id, "after all that");
}

/* A refusal after the count went up: it must come down again. */
CASE(address_space_used_up) {
    int id = segment(1UL << 30, 0600);
    struct rlimit limit = {256 << 20, 256 << 20};
    need(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    AT(shmat(id, NULL, 0));
    AT(shmat(id, NULL, SHM_RDONLY));
    show(id);
    int small = segment(4096, 0600);
    AT(shmat(small, NULL, 0));
}

CASE(refusal_leaves_no_count) {
    int id = segment(4096, 0600);
    char *p = reserve(2);
    for (int i = 0; i < 100; i++)
        if (shmat(id, p, 0) != (void *)-1 || shmat(id, p + 1, 0) != (void *)-1) say("round %d: attached", i);
    show(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
}
