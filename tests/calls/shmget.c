/* shmget(2): keys, sizes, flags and the order of refusals. */
#include "case.h"

CASE(private) {
    int id = ID(shmget(IPC_PRIVATE, 100, IPC_CREAT | 0600));
    show(id);
}

CASE(private_without_creat) {
    int id = ID(shmget(IPC_PRIVATE, 4096, 0));
    show(id);
}

CASE(private_differs_each_time) {
    ID(shmget(IPC_PRIVATE, 1, 0600));
    ID(shmget(IPC_PRIVATE, 1, 0600));
    ID(shmget(IPC_PRIVATE, 1, IPC_CREAT | IPC_EXCL | 0600));
}

CASE(key) {
    int id = ID(shmget(KEY, 8192, IPC_CREAT | 0640));
    show(id);
    ID(shmget(KEY, 0, 0));
    ID(shmget(KEY, 8192, IPC_CREAT | 0600));
    show(id);
}

CASE(key_absent) { ID(shmget(KEY, 4096, 0600)); }

CASE(keys_of_every_kind) {
    ID(shmget(-1, 10, IPC_CREAT | 0600));
    ID(shmget(INT_MAX, 10, IPC_CREAT | 0600));
    ID(shmget(INT_MIN, 10, IPC_CREAT | 0600));
    ID(shmget(1, 10, IPC_CREAT | 0600));
    int id = ID(shmget(-1, 0, 0));
    show(id);
    ID(shmget(INT_MIN, 0, 0));
}

CASE(excl_on_existing) {
    ID(shmget(KEY, 10, IPC_CREAT | IPC_EXCL | 0600));
    ID(shmget(KEY, 10, IPC_CREAT | IPC_EXCL | 0600));
    ID(shmget(KEY, 10, IPC_CREAT | 0600));
}

CASE(excl_without_creat) {
    ID(shmget(KEY, 10, IPC_EXCL | 0600));
    ID(shmget(KEY, 10, IPC_CREAT | 0600));
    ID(shmget(KEY, 10, IPC_EXCL | 0600));
}

CASE(size_zero) {
    ID(shmget(KEY, 0, IPC_CREAT | 0600));
    ID(shmget(IPC_PRIVATE, 0, 0600));
    int id = ID(shmget(KEY, 1, IPC_CREAT | 0600));
    ID(shmget(KEY, 0, IPC_CREAT | 0600));
    show(id);
}

CASE(size_of_existing) {
    ID(shmget(KEY, 5000, IPC_CREAT | 0600));
    ID(shmget(KEY, 1, 0600));
    ID(shmget(KEY, 4999, 0600));
    ID(shmget(KEY, 5000, 0600));
    ID(shmget(KEY, 5001, 0600));
    ID(shmget(KEY, 8192, 0600));
    ID(shmget(KEY, 5001, IPC_CREAT | 0600));
    ID(shmget(KEY, SIZE_MAX, 0600));
}

CASE(size_beyond_shmmax) {
    ID(shmget(KEY, SIZE_MAX, IPC_CREAT | 0600));
    ID(shmget(IPC_PRIVATE, SIZE_MAX, 0600));
    ID(shmget(IPC_PRIVATE, ULONG_MAX - (1UL << 24) + 1, 0600));
    ID(shmget(KEY, 0, 0));
}

CASE(size_beyond_memory) {
    ID(shmget(KEY, 1UL << 46, IPC_CREAT | 0600));
    ID(shmget(KEY, 0, 0));
}

CASE(size_beyond_files) { ID(shmget(KEY, 1UL << 63, IPC_CREAT | 0600)); }

CASE(mode_bits) {
    show(ID(shmget(IPC_PRIVATE, 1, 0)));
    show(ID(shmget(IPC_PRIVATE, 1, 0777)));
    show(ID(shmget(IPC_PRIVATE, 1, 0421)));
}

CASE(mode_ignores_umask) {
    umask(0777);
    show(ID(shmget(IPC_PRIVATE, 1, 0666)));
}

CASE(noreserve) { show(ID(shmget(IPC_PRIVATE, 4096, SHM_NORESERVE | 0600))); }

CASE(unknown_flags) {
    show(ID(shmget(IPC_PRIVATE, 4096, 0x100000 | 0600)));
    ID(shmget(KEY, 4096, IPC_CREAT | 0x200000 | 0600));
    ID(shmget(KEY, 4096, 0x400000));
}

/* What a stranger may learn of a segment that is not his, and in which order he is refused. */
CASE(refusals_in_order) {
    need_users();
    ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        ID(shmget(KEY, 9999, IPC_CREAT | IPC_EXCL | 0600));
        ID(shmget(KEY, 9999, 0600));
        ID(shmget(KEY, 4096, 0600));
        ID(shmget(KEY, 4096, IPC_CREAT | 0600));
        ID(shmget(KEY, 4096, 0400));
        ID(shmget(KEY, 4096, 0200));
        ID(shmget(KEY, 4096, 0));
        ID(shmget(KEY, 4096, 0100));
        _exit(0);
    }
    finish(c);
}

CASE(rights_asked_of_others) {
    need_users();
    ID(shmget(KEY, 4096, IPC_CREAT | 0604));
    ID(shmget(KEY + 1, 4096, IPC_CREAT | 0602));
    ID(shmget(KEY + 2, 4096, IPC_CREAT | 0606));
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        ID(shmget(KEY, 0, 0004));
        ID(shmget(KEY, 0, 0444));
        ID(shmget(KEY, 0, 0600));
        ID(shmget(KEY + 1, 0, 0400));
        ID(shmget(KEY + 1, 0, 0200));
        ID(shmget(KEY + 2, 0, 0666));
        _exit(0);
    }
    finish(c);
}

CASE(found_by_another_process) {
    pid_t c = start("child");
    if (c == 0) {
        show(ID(shmget(KEY, 777, IPC_CREAT | 0600)));
        _exit(0);
    }
    finish(c);
    show(ID(shmget(KEY, 777, 0600)));
}

CASE(one_winner) {
    struct gate ready = gate();
    pid_t c[8];
    for (int i = 0; i < 8; i++)
        if ((c[i] = start("racer")) == 0) {
            pass(ready);
            _exit(shmget(KEY, 4096, IPC_CREAT | IPC_EXCL | 0600) >= 0 ? 1 : errno == EEXIST ? 2 : 3);
        }
    for (int i = 0; i < 8; i++) open_gate(ready);
    int won = 0, lost = 0;
    for (int i = 0; i < 8; i++) {
        int status = WEXITSTATUS(finish_quietly(c[i]));
        won += status == 1;
        lost += status == 2;
    }
    say("won %d lost %d", won, lost);
}

CASE(creator_is_the_effective_user) {
    need_users();
    pid_t c = start("child");
    if (c == 0) {
        need(setegid(OTHER) == 0 && seteuid(STRANGER) == 0, "seteuid");
        show(ID(shmget(KEY, 10, IPC_CREAT | 0644)));
        _exit(0);
    }
    finish(c);
    show(ID(shmget(KEY, 0, 0)));
}

CASE(huge_pages_of_no_size) {
    ID(shmget(KEY, 4096, IPC_CREAT | SHM_HUGETLB | (1 << 26) | 0600));
    ID(shmget(KEY, 0, 0));
}
