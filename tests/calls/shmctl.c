/* shmctl(2): IPC_STAT, IPC_SET, IPC_RMID and bad arguments. */
#include "case.h"

CASE(stat) {
    int id = segment(12345, 0640);
    show(id);
    char *p = attach(id);
    show(id);
    need(shmdt(p) == 0, "shmdt");
    show(id);
}

CASE(stat_by_key) { show(ID(shmget(KEY, 4096, IPC_CREAT | 0600))); }

CASE(stat_of_a_removed_one) {
    int id = ID(shmget(KEY, 4096, IPC_CREAT | 0640));
    char *p = attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
    TRY(shmdt(p));
    show(id);
}

CASE(stat_needs_read) {
    need_users();
    int none = segment(1, 0600), write = segment(1, 0602), read = segment(1, 0604);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        show(none);
        show(write);
        show(read);
        _exit(0);
    }
    finish(c);
}

CASE(stat_through_the_group) {
    need_users();
    int id = segment(1, 0640);
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    d.shm_perm.gid = OTHER;
    TRY(shmctl(id, IPC_SET, &d));
    pid_t c = start("member");
    if (c == 0) {
        become(STRANGER, OTHER);
        show(id);
        AT(shmat(id, NULL, 0));
        AT(shmat(id, NULL, SHM_RDONLY));
        _exit(0);
    }
    finish(c);
    c = start("supplementary member");
    if (c == 0) {
        gid_t groups[] = {1234, OTHER};
        need(setgroups(2, groups) == 0 && setresgid(STRANGER, STRANGER, STRANGER) == 0 &&
                 setresuid(STRANGER, STRANGER, STRANGER) == 0,
             "setgroups");
        TRY(shmctl(id, IPC_STAT, &d));
        _exit(0);
    }
    finish(c);
}

CASE(bad_ids) {
    struct shmid_ds d = {0};
    TRY(shmctl(-1, IPC_STAT, &d));
    TRY(shmctl(0, IPC_STAT, &d));
    TRY(shmctl(INT_MAX, IPC_STAT, &d));
    TRY(shmctl(INT_MIN, IPC_SET, &d));
    TRY(shmctl(7, IPC_SET, &d));
    TRY(shmctl(7, IPC_RMID, NULL));
    TRY(shmctl(-7, IPC_RMID, NULL));
}

CASE(bad_commands) {
    struct shmid_ds d;
    int id = segment(1, 0600);
    TRY(shmctl(id, -1, &d));
    TRY(shmctl(id, 4, &d));
    TRY(shmctl(id, 99, &d));
    TRY(shmctl(id, INT_MAX, NULL));
    TRY(shmctl(-1, 99, &d));
}

CASE(bad_pointers) {
    int id = segment(1, 0600);
    TRY(shmctl(id, IPC_STAT, NULL));
    TRY(shmctl(id, IPC_STAT, (void *)1));
    TRY(shmctl(id, IPC_SET, NULL));
    TRY(shmctl(id, IPC_SET, (void *)1));
    TRY(shmctl(id, IPC_STAT, (void *)~7UL));
    TRY(shmctl(id, IPC_RMID, (void *)1));
}

CASE(bad_pointer_and_bad_id) {
    TRY(shmctl(77, IPC_STAT, NULL));
    TRY(shmctl(77, IPC_SET, NULL));
    TRY(shmctl(-1, IPC_SET, NULL));
    TRY(shmctl(-1, IPC_STAT, NULL));
}

CASE(pointer_to_read_only_memory) {
    int id = segment(1, 0600);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY(shmctl(id, IPC_STAT, (void *)p));
    char *q = reserve(2);
    TRY(mprotect(q, PAGE, PROT_READ | PROT_WRITE));
    TRY(shmctl(id, IPC_STAT, (void *)(q + PAGE - 16)));
    TRY(shmctl(id, IPC_STAT, (void *)(q + PAGE - sizeof(struct shmid_ds))));
}

CASE(set) {
    need_users();
    int id = segment(4096, 0600);
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    d.shm_perm.uid = STRANGER;
    d.shm_perm.gid = OTHER;
    d.shm_perm.mode = 0644;
    TRY(shmctl(id, IPC_SET, &d));
    show(id);
}

CASE(set_changes_three_fields_only) {
    int id = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    struct shmid_ds d;
    memset(&d, 0x11, sizeof d);
    d.shm_perm.uid = 0;
    d.shm_perm.gid = 0;
    d.shm_perm.mode = 0177777;
    TRY(shmctl(id, IPC_SET, &d));
    show(id);
}

CASE(set_of_impossible_ids) {
    int id = segment(4096, 0600);
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    d.shm_perm.uid = (uid_t)-1;
    TRY(shmctl(id, IPC_SET, &d));
    d.shm_perm.uid = 0;
    d.shm_perm.gid = (gid_t)-1;
    TRY(shmctl(id, IPC_SET, &d));
    show(id);
}

CASE(set_is_the_owners) {
    need_users();
    int id = segment(4096, 0666);
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        TRY(shmctl(id, IPC_SET, &d));
        TRY(shmctl(id, IPC_RMID, NULL));
        _exit(0);
    }
    finish(c);
    d.shm_perm.uid = STRANGER;
    TRY(shmctl(id, IPC_SET, &d));
    c = start("owner");
    if (c == 0) {
        become(STRANGER, STRANGER);
        d.shm_perm.mode = 0600;
        TRY(shmctl(id, IPC_SET, &d));
        show(id);
        TRY(shmctl(id, IPC_RMID, NULL));
        _exit(0);
    }
    finish(c);
    show(id);
}

/* The creator keeps the owner's rights after giving the segment away. */
CASE(creator_keeps_his_rights) {
    need_users();
    struct gate go = gate();
    int fd[2], id = -1;
    need(pipe(fd) == 0, "pipe");
    pid_t c = start("creator");
    if (c == 0) {
        become(STRANGER, STRANGER);
        id = segment(4096, 0600);
        need(write(fd[1], &id, sizeof id) == sizeof id, "write");
        pass(go);
        show(id);
        AT(shmat(id, NULL, 0));
        struct shmid_ds d;
        need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
        d.shm_perm.mode = 0060;
        TRY(shmctl(id, IPC_SET, &d));
        AT(shmat(id, NULL, 0));
        TRY(shmctl(id, IPC_STAT, &d));
        TRY(shmctl(id, IPC_RMID, NULL));
        _exit(0);
    }
    need(read(fd[0], &id, sizeof id) == sizeof id, "read");
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    d.shm_perm.uid = OTHER;
    d.shm_perm.gid = OTHER;
    TRY(shmctl(id, IPC_SET, &d));
    open_gate(go);
    finish(c);
}

CASE(set_closes_the_door) {
    need_users();
    int id = segment(4096, 0606);
    struct gate go = gate(), closed = gate();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        char *p = AT(shmat(id, NULL, 0));
        open_gate(go);
        pass(closed);
        AT(shmat(id, NULL, 0));
        AT(shmat(id, NULL, SHM_RDONLY));
        strcpy(p, "kept mapping");
        TRY(shmdt(p));
        _exit(0);
    }
    pass(go);
    struct shmid_ds d;
    need(shmctl(id, IPC_STAT, &d) == 0, "IPC_STAT");
    d.shm_perm.mode = 0600;
    TRY(shmctl(id, IPC_SET, &d));
    open_gate(closed);
    finish(c);
    say("contents: %s", (char *)attach(id));
}

CASE(set_on_a_removed_one) {
    int id = segment(4096, 0600);
    attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    struct shmid_ds d;
    TRY(shmctl(id, IPC_STAT, &d));
    d.shm_perm.mode = 0640;
    TRY(shmctl(id, IPC_SET, &d));
    show(id);
}

CASE(remove) {
    int id = segment(4096, 0600);
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
}

CASE(remove_twice_while_attached) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
    TRY(shmdt(p));
    TRY(shmctl(id, IPC_RMID, NULL));
}

CASE(remove_frees_the_key_at_once) {
    int old = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    char *p = attach(old);
    strcpy(p, "old");
    TRY(shmctl(old, IPC_RMID, NULL));
    ID(shmget(KEY, 0, 0));
    int id = ID(shmget(KEY, 100, IPC_CREAT | IPC_EXCL | 0600));
    char *q = attach(id);
    say("old reads %s, the other's first byte is %d", p, q[0]);
    show(old);
    show(id);
    TRY(shmdt(p));
    show(old);
    show(id);
}

CASE(remove_with_attaches_elsewhere) {
    int id = segment(4096, 0600);
    struct gate attached = gate(), removed = gate();
    pid_t c = start("child");
    if (c == 0) {
        char *p = attach(id);
        open_gate(attached);
        pass(removed);
        show(id);
        strcpy(p, "still mapped");
        say("child reads: %s", p);
        TRY(shmdt(p));
        show(id);
        _exit(0);
    }
    pass(attached);
    TRY(shmctl(id, IPC_RMID, NULL));
    open_gate(removed);
    finish(c);
    show(id);
}

CASE(remove_by_another_process) {
    int id = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    pid_t c = start("child");
    if (c == 0) {
        TRY(shmctl(id, IPC_RMID, NULL));
        _exit(0);
    }
    finish(c);
    show(id);
    ID(shmget(KEY, 0, 0));
    AT(shmat(id, NULL, 0));
}
