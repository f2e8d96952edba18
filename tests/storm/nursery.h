/*
 * Starts victims, kills them and their children at random moments, and looks, once a batch of them is gone, whether
 * what they left behind is what their rows say.
 *
 * Every signal goes to a child of this process that has not been waited for, or to a child of such a one, held by a
 * pidfd: no number can have become another's. Orphans come here (PR_SET_CHILD_SUBREAPER), so that a batch is over when
 * there is no child left.
 */
#pragma once
#include "victim.h"

#define BATCH 80
#define AT_ONCE 12

struct victim {
    pid_t pid;
    uint64_t due;
};

static struct victim victims[AT_ONCE];

static void remove_or_leave(struct row *r) {
    if (roll(8)) discard(r);
}

/* The object of a row whose owner is gone, against what the row says. */
static void settle(struct row *r) {
    uint32_t state = r->state;
    if (state == FREE) return;
    if (state == CREATING || state == REMOVING) {
        int found = is_found(r);
        counted(state == CREATING ? MID_CREATE : MID_REMOVE);
        if (found == (state == CREATING)) counted(state == CREATING ? MID_CREATE_DONE : MID_REMOVE_DONE);
        if (found && r->kind == SEGMENT) r->id = TIMED(SHMGET, shmget(key_of(r), 0, 0));
        r->state = state = found ? CREATED : REMOVED;
    }
    if (state == REMOVED) {
        if (is_found(r)) bad("row %u: it was removed", number(r));
        return;
    }
    look(r);
    if (r->kind == SEGMENT) {
        for (int tries = 0; status(r).shm_nattch != 0; tries++) {
            if (tries == 0) counted(LATE);
            if (tries == 2000) bad("row %u: nattch %lu though nobody lives", number(r), status(r).shm_nattch);
            nap(5000);
        }
    }
    remove_or_leave(r);
}

static void start_victim(struct victim *victim, unsigned which) {
    static const unsigned patience[] = {300, 1500, 4000, 12000};
    struct row *r = &ledger->rows[FIRST_VICTIM_ROW + which * VICTIM_ROWS];
    unsigned throws = roll(1u << 30);
    if (roll(2)) {
        char **words_ = limb_words("victim", number(r));
        errno = posix_spawn(&victim->pid, words_[0], NULL, NULL, words_, environ);
        if (errno) bad("posix_spawn of a victim");
    } else {
        victim->pid = fork();
        if (victim->pid < 0) bad("fork of a victim");
        if (victim->pid == 0) {
            post = NULL;
            dice = throws;
            life(r);
        }
    }
    counted(VICTIMS);
    victim->due = now() + 1000u * roll(patience[roll(4)]);
}

/* A signal to a child of `parent`, a process that only we wait for. */
static void kill_child_of(pid_t parent) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    close(fd);
    pid_t child = (pid_t)strtol(text, NULL, 10), found = 0;
    int pidfd = child > 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
    if (pidfd < 0) return;
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (n > 0) {
        text[n] = 0;
        const char *end = strrchr(text, ')');
        if (end && sscanf(end, ") %*c %d", &found) == 1 && found == parent)
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    }
    close(pidfd);
}

static void kill_victim(struct victim *victim) {
    switch (roll(8)) {
    case 0:
        counted(STOPPED);
        kill(victim->pid, SIGSTOP);
        nap(roll(2000));
        break;
    case 1: case 2: kill_child_of(victim->pid); break;
    case 3: kill_child_of(getpid()); break;
    default: break;
    }
    kill(victim->pid, SIGKILL);
    victim->due = UINT64_MAX;
}

/* Takes note of every end; `block` waits for one. Says whether any child is left. */
static int bury_dead(int block) {
    int how;
    for (;;) {
        pid_t pid = waitpid(-1, &how, block ? 0 : WNOHANG);
        if (pid == 0) return 1;
        if (pid < 0 && errno == ECHILD) return 0;
        if (pid < 0) bad("waitpid");
        if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) counted(KILLED);
        else if (!(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT) && !(WIFEXITED(how) && WEXITSTATUS(how) == 0))
            bad("process %d ended with %#x", pid, how);
        for (int i = 0; i < AT_ONCE; i++)
            if (victims[i].pid == pid) victims[i].pid = 0;
    }
}

static void batch(unsigned first) {
    unsigned started = 0;
    while (bury_dead(0) || started < BATCH) {
        uint64_t soon = now() + 300000;
        for (int i = 0; i < AT_ONCE; i++) {
            struct victim *victim = &victims[i];
            if (victim->pid == 0 && started < BATCH) start_victim(victim, first + started++);
            else if (victim->pid != 0 && victim->due <= now()) kill_victim(victim);
            if (victim->pid != 0 && victim->due < soon) soon = victim->due;
        }
        uint64_t begin = now();
        if (soon > begin) nap((unsigned)((soon - begin) / 1000));
    }
    for (unsigned i = 0; i < BATCH * VICTIM_ROWS; i++) settle(&ledger->rows[FIRST_VICTIM_ROW + first * VICTIM_ROWS + i]);
    counted(BATCHES);
}

static int nursery(void) {
    size_t rows = (ledger_bytes - sizeof(struct ledger)) / sizeof(struct row);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_TIMERSLACK, 1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    post = &ledger->head.posts[15];
    /* What children by fork inherit and are counted for. */
    const struct row *first = &ledger->rows[0];
    void *inherited = attach(first, SHM_RDONLY);
    unsigned next = 0;
    while (!ledger->head.enough && FIRST_VICTIM_ROW + (next + BATCH) * VICTIM_ROWS <= rows) {
        batch(next);
        next += BATCH;
    }
    verify(first, inherited);
    detach(first, inherited);
    return 0;
}

/* Removes everything that is left, when all is over. */
static int sweep(void) {
    size_t rows = (ledger_bytes - sizeof(struct ledger)) / sizeof(struct row);
    for (size_t i = 0; i < rows; i++) {
        struct row *r = &ledger->rows[i];
        if (r->state != CREATED) continue;
        look(r);
        discard(r);
    }
    return 0;
}
