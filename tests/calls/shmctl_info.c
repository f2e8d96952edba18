/* shmctl(2), Linux's own: IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY, SHM_LOCK, SHM_UNLOCK. */
#include "case.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define BUFFER(x) ((struct shmid_ds *)(void *)&(x))

static void tell_usage(void) {
    struct shm_info info;
    memset(&info, 0x5a, sizeof info);
    TRY(shmctl(0, SHM_INFO, BUFFER(info)));
    say("segments %d total %lu resident %lu swapped %lu", info.used_ids, info.shm_tot, info.shm_rss, info.shm_swp);
}

CASE(limits) {
    struct shminfo info;
    memset(&info, 0x5a, sizeof info);
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
    say("shmmax %lu shmmin %lu shmmni %lu shmseg %lu shmall %lu", info.shmmax, info.shmmin, info.shmmni, info.shmseg,
        info.shmall);
}

CASE(limits_ask_no_id) {
    struct shminfo info;
    TRY(shmctl(12345, IPC_INFO, BUFFER(info)));
    TRY(shmctl(-1, IPC_INFO, BUFFER(info)));
    TRY(shmctl(0, IPC_INFO, NULL));
    TRY(shmctl(0, SHM_INFO, NULL));
    TRY(shmctl(-1, SHM_INFO, BUFFER(info)));
}

CASE(usage) {
    tell_usage();
    int a = segment(5000, 0600);
    segment(4096, 0600);
    int c = segment(1, 0600);
    tell_usage();
    TRY(shmctl(a, IPC_RMID, NULL));
    tell_usage();
    TRY(shmctl(c, IPC_RMID, NULL));
    tell_usage();
}

CASE(usage_resident) {
    int id = segment(16 * PAGE, 0600);
    char *p = attach(id);
    tell_usage();
    p[0] = p[PAGE] = p[7 * PAGE] = 1;
    tell_usage();
    need(shmdt(p) == 0, "shmdt");
    tell_usage();
    TRY(shmctl(id, IPC_RMID, NULL));
    tell_usage();
}

CASE(highest_index) {
    struct shminfo info;
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
    segment(1, 0600);
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
    int b = segment(1, 0600);
    int c = segment(1, 0600);
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
    TRY(shmctl(b, IPC_RMID, NULL));
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
    TRY(shmctl(c, IPC_RMID, NULL));
    TRY(shmctl(0, IPC_INFO, BUFFER(info)));
}

CASE(stat_by_index) {
    struct shmid_ds d;
    int id[3] = {segment(100, 0600), segment(200, 0640), segment(300, 0600)};
    need(shmctl(id[1], IPC_RMID, NULL) == 0, "IPC_RMID");
    for (int i = 0; i < 4; i++) {
        memset(&d, 0, sizeof d);
        int found = ID(shmctl(i, SHM_STAT, &d));
        if (found >= 0) tell_segment("by index", found, &d);
    }
    TRY(shmctl(-1, SHM_STAT, &d));
    TRY(shmctl(40000, SHM_STAT, &d));
    TRY(shmctl(0, SHM_STAT, NULL));
    TRY(shmctl(1, SHM_STAT, NULL));
}

/* An index is the slot: it stays when the sequence number moves. */
CASE(stat_by_index_after_reuse) {
    struct shmid_ds d;
    int id = -1;
    for (int i = 0; i < 70; i++) {
        id = segment(1, 0600);
        if (i < 69) need(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
    }
    TRY(shmctl(0, IPC_INFO, BUFFER(d)));
    for (int i = 0; i < 70; i++)
        if (shmctl(i, SHM_STAT, &d) >= 0) say("found at %d, the last one made: %d", i, shmctl(i, SHM_STAT, &d) == id);
}

CASE(stat_by_index_needs_read) {
    need_users();
    segment(100, 0600);
    segment(200, 0604);
    pid_t c = start("stranger");
    if (c == 0) {
        struct shmid_ds d;
        become(STRANGER, STRANGER);
        ID(shmctl(0, SHM_STAT, &d));
        ID(shmctl(1, SHM_STAT, &d));
        ID(shmctl(0, SHM_STAT_ANY, &d));
        say("size %zu", d.shm_segsz);
        ID(shmctl(2, SHM_STAT_ANY, &d));
        TRY(shmctl(0, SHM_STAT_ANY, NULL));
        _exit(0);
    }
    finish(c);
}

CASE(stat_by_index_of_a_removed_one) {
    int id = segment(100, 0600);
    attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    struct shmid_ds d;
    int found = ID(shmctl(0, SHM_STAT, &d));
    if (found >= 0) tell_segment("by index", found, &d);
}

CASE(every_segment_is_listed) {
    struct shmid_ds d;
    struct shminfo info;
    size_t sum = 0;
    int seen = 0;
    for (int i = 1; i <= 300; i++) segment((size_t)i, 0600);
    int highest = shmctl(0, IPC_INFO, BUFFER(info));
    for (int i = 0; i <= highest; i++)
        if (shmctl(i, SHM_STAT, &d) >= 0) {
            seen++;
            sum += d.shm_segsz;
        }
    say("highest %d seen %d sizes %zu", highest, seen, sum);
}

CASE(lock) {
    int id = segment(4096, 0600);
    TRY(shmctl(id, SHM_LOCK, NULL));
    show(id);
    TRY(shmctl(id, SHM_LOCK, NULL));
    TRY(shmctl(id, SHM_UNLOCK, NULL));
    show(id);
    TRY(shmctl(id, SHM_UNLOCK, NULL));
}

CASE(lock_of_nothing) {
    TRY(shmctl(5, SHM_LOCK, NULL));
    TRY(shmctl(5, SHM_UNLOCK, NULL));
    TRY(shmctl(-1, SHM_LOCK, NULL));
}

CASE(lock_by_others) {
    need_users();
    int theirs = segment(4096, 0666);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        TRY(shmctl(theirs, SHM_LOCK, NULL));
        TRY(shmctl(theirs, SHM_UNLOCK, NULL));
        struct rlimit none = {0, 0};
        need(setrlimit(RLIMIT_MEMLOCK, &none) == 0, "setrlimit");
        int own = segment(4096, 0600);
        TRY(shmctl(own, SHM_LOCK, NULL));
        TRY(shmctl(own, SHM_UNLOCK, NULL));
        _exit(0);
    }
    finish(c);
}

CASE(lock_beyond_the_limit) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        struct rlimit one_page = {PAGE, PAGE};
        need(setrlimit(RLIMIT_MEMLOCK, &one_page) == 0, "setrlimit");
        int one = segment(PAGE, 0600), two = segment(2 * PAGE, 0600);
        TRY(shmctl(two, SHM_LOCK, NULL));
        TRY(shmctl(one, SHM_LOCK, NULL));
        show(one);
        show(two);
        /* The kernel counts locked pages by user, over all namespaces: leave none to the next run. */
        TRY(shmctl(one, SHM_UNLOCK, NULL));
        _exit(0);
    }
    finish(c);
}
