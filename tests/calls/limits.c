/* The files of /proc/sys/kernel that root writes: shmmax, shmall, shmmni, shm_rmid_forced, shm_next_id. */
#include "case.h"

static void set(const char *name, const char *value) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0) {
        say("open(%s) = -1 %s", name, error_name(errno));
        return;
    }
    ssize_t n = write(fd, value, strlen(value));
    say("write(%s, \"%s\") = %zd", name, value, n);
    close(fd);
}

static void tell_limit(const char *name) {
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(text, sizeof text, f) == NULL) say("%s cannot be read: %s", name, error_name(errno));
    else say("%s is %s", name, strtok(text, "\n"));
    if (f) fclose(f);
}

CASE(shmmax) {
    set("shmmax", "10000");
    tell_limit("shmmax");
    ID(shmget(IPC_PRIVATE, 10001, 0600));
    ID(shmget(IPC_PRIVATE, 10000, 0600));
}

CASE(shmall) {
    set("shmall", "3\n");
    tell_limit("shmall");
    ID(shmget(IPC_PRIVATE, 4 * PAGE, 0600));
    ID(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
    ID(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
    ID(shmget(IPC_PRIVATE, 1, 0600));
    ID(shmget(IPC_PRIVATE, 1, 0600));
}

CASE(shmmni) {
    set("shmmni", "2");
    tell_limit("shmmni");
    ID(shmget(IPC_PRIVATE, 1, 0600));
    int id = ID(shmget(IPC_PRIVATE, 1, 0600));
    ID(shmget(IPC_PRIVATE, 1, 0600));
    TRY(shmctl(id, IPC_RMID, NULL));
    ID(shmget(IPC_PRIVATE, 1, 0600));
}

CASE(limits_below_what_is_used) {
    segment(8 * PAGE, 0600);
    segment(8 * PAGE, 0600);
    set("shmmni", "1");
    set("shmall", "1");
    set("shmmax", "1");
    ID(shmget(IPC_PRIVATE, 1, 0600));
    set("shmmni", "10");
    ID(shmget(IPC_PRIVATE, 1, 0600));
    set("shmall", "17");
    ID(shmget(IPC_PRIVATE, 1, 0600));
    ID(shmget(IPC_PRIVATE, 2, 0600));
}

CASE(next_id) {
    tell_limit("shm_next_id");
    set("shm_next_id", "98309");
    tell_limit("shm_next_id");
    int id = shmget(IPC_PRIVATE, 1, 0600);
    say("the id: %d", id);
    tell_limit("shm_next_id");
    set("shm_next_id", "98309");
    id = shmget(IPC_PRIVATE, 1, 0600);
    say("the id beside it: %d", id);
    id = shmget(IPC_PRIVATE, 1, 0600);
    say("slot of the next: %d", id & 32767);
}

CASE(rmid_forced_at_the_last_detach) {
    int id = segment(PAGE, 0600);
    char *p = attach(id);
    set("shm_rmid_forced", "1");
    tell_limit("shm_rmid_forced");
    show(id);
    TRY(shmdt(p));
    show(id);
}

/* Nobody looks at the segment between its last detach and the next call by its key. */
CASE(rmid_forced_is_at_once) {
    int before = shmget(KEY, PAGE, IPC_CREAT | 0600);
    char *p = attach(before);
    set("shm_rmid_forced", "1");
    TRY(shmdt(p));
    ID(shmget(KEY, 0, 0));
    int after = shmget(KEY + 1, PAGE, IPC_CREAT | 0600);
    p = attach(after);
    TRY(shmdt(p));
    ID(shmget(KEY + 1, 0, 0));
}

CASE(rmid_forced_at_the_creators_end) {
    set("shm_rmid_forced", "1");
    pid_t c = start("child");
    if (c == 0) {
        ID(shmget(KEY, 10, IPC_CREAT | 0600));
        _exit(0);
    }
    finish(c);
    ID(shmget(KEY, 0, 0));
}

CASE(rmid_forced_sweeps_orphans) {
    int mine = segment(PAGE, 0600);
    pid_t c = start("child");
    if (c == 0) {
        ID(shmget(KEY, 10, IPC_CREAT | 0600));
        _exit(0);
    }
    finish(c);
    ID(shmget(KEY, 0, 0));
    set("shm_rmid_forced", "1");
    ID(shmget(KEY, 0, 0));
    show(mine);
}

/* An exec is no end: what was created before it stays. */
CASE(rmid_forced_and_exec) {
    set("shm_rmid_forced", "1");
    pid_t c = start("child");
    if (c == 0) {
        ID(shmget(KEY, 10, IPC_CREAT | 0642));
        execl("/bin/sh", "sh", "-c", "ipcs -m | grep -c ' 642 '", NULL);
        _exit(9);
    }
    finish(c);
    ID(shmget(KEY, 0, 0));
}

CASE(strangers_may_not_write) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        set("shmmax", "1");
        set("shm_rmid_forced", "1");
        tell_limit("shmmni");
        _exit(0);
    }
    finish(c);
}
