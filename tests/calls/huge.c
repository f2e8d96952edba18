/* SHM_HUGETLB: on a host without huge pages both sides refuse, with the same errno. */
#include "case.h"

#define HUGE_2M (21 << 26)
#define HUGE_1G (30 << 26)

static void use(int flags, size_t size) {
    int id = ID(shmget(IPC_PRIVATE, size, SHM_HUGETLB | flags | 0600));
    if (id == -1) return;
    show(id);
    char *p = AT(shmat(id, NULL, 0));
    if (p != (void *)-1) {
        p[0] = 1;
        p[size - 1] = 2;
        say("aligned: %d, contents %d %d", (uintptr_t)p % (2 << 20) == 0, p[0], p[size - 1]);
        TRY(shmdt(p));
    }
    TRY(shmctl(id, IPC_RMID, NULL));
}

CASE(default_size) { use(0, 2 << 20); }

CASE(two_mebibytes) { use(HUGE_2M, 2 << 20); }

CASE(size_is_rounded_up_for_the_mapping) { use(HUGE_2M, (2 << 20) + 5000); }

CASE(more_than_there_are) { use(HUGE_2M, (size_t)1 << 40); }

CASE(sizes_that_are_none) {
    ID(shmget(IPC_PRIVATE, 4096, SHM_HUGETLB | (5 << 26) | 0600));
    ID(shmget(IPC_PRIVATE, 4096, SHM_HUGETLB | (63 << 26) | 0600));
    ID(shmget(IPC_PRIVATE, 0, SHM_HUGETLB | HUGE_2M | 0600));
}

CASE(without_the_right) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        ID(shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600));
        _exit(0);
    }
    finish(c);
}

CASE(by_the_group_that_may) {
    need_users();
    int fd = open("/proc/sys/vm/hugetlb_shm_group", O_RDONLY);
    char text[32] = "";
    need(fd >= 0 && read(fd, text, sizeof text - 1) > 0, "vm.hugetlb_shm_group");
    const gid_t group[] = {(gid_t)strtoul(text, NULL, 10)};
    pid_t c = start("member");
    if (c == 0) {
        need(setgroups(1, group) == 0 && setresgid(STRANGER, STRANGER, STRANGER) == 0 &&
                 setresuid(STRANGER, STRANGER, STRANGER) == 0,
             "setgroups");
        ID(shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600));
        _exit(0);
    }
    finish(c);
}

CASE(size_bits_without_the_flag) { show(ID(shmget(IPC_PRIVATE, 4096, HUGE_1G | 0600))); }

CASE(lock) {
    int id = ID(shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600));
    if (id == -1) return;
    TRY(shmctl(id, SHM_LOCK, NULL));
    show(id);
    TRY(shmctl(id, IPC_RMID, NULL));
}
