/*
 * Lives of victims, each killed at any moment unless it ends before. A life has VICTIM_ROWS rows of its own; nobody
 * else changes them, so whatever its family finds there has one explanation.
 */
#pragma once
#include "objects.h"
#include <pthread.h>

extern char **environ;
extern pid_t _Fork(void) __attribute__((weak));

static void breathe(void) {
    if (roll(2)) nap(roll(400));
}

/* From its creation to its removal, or to what is left behind. */
static void object_life(struct row *r) {
    create(r, roll(6) == 0 ? SEMAPHORE : roll(2) ? SEGMENT : OBJECT, some_size());
    breathe();
    fill_and_verify(r);
    breathe();
    look(r);
    if (roll(4) == 0) return;
    discard(r);
}

/* Starts this program with other arguments: a member of the family that inherits nothing. */
static char *words_of_limb[6];
static char text_of_row[16], text_of_dice[32];

static char **limb_words(const char *as, unsigned row) {
    static char *program;
    if (!program) {
        program = malloc(4096);
        ssize_t n = readlink("/proc/self/exe", program, 4095);
        if (n < 0) bad("/proc/self/exe");
        program[n] = 0;
    }
    snprintf(text_of_row, sizeof text_of_row, "%u", row);
    snprintf(text_of_dice, sizeof text_of_dice, "%u", roll(1u << 30));
    char *all[] = {program, (char *)path_of_ledger, text_of_dice, (char *)as, text_of_row, NULL};
    memcpy(words_of_limb, all, sizeof all);
    return words_of_limb;
}

/* A segment of the family: its head may have removed it, and only then it is missing. */
static void *find_family(const struct row *r) {
    int id = TIMED(SHMGET, shmget(key_of(r), 0, 0));
    void *at = id < 0 ? AT_FAILED : TIMED(SHMAT, shmat(id, NULL, 0));
    if (at != AT_FAILED) return at;
    if (r->state == CREATED || (errno != ENOENT && errno != EINVAL && errno != EIDRM))
        bad("row %u: the family's segment, state %u", number(r), r->state);
    return NULL;
}

static int limb(struct row *r) {
    breathe();
    void *at = find_family(r);
    if (at) {
        verify(r, at);
        breathe();
        detach(r, at);
    }
    return 0;
}

static pid_t split(enum count how) {
    switch (how) {
    case CLONED: return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    case BARE: return _Fork ? _Fork() : fork();
    default: return fork();
    }
}

static void bear(struct row *r, void *at, struct row *mine);

/* Whether this process inherits from one that no library saw being made, and that has not been counted since. */
static int unseen;

/*
 * A child that the memory was copied to. It may be an orphan before it has made its first call. One that no library saw
 * being made counts from that call on (docs/compat/fork.md): a segment removed before it may be gone.
 */
static void child_life(struct row *r, void *at, enum count how, pid_t parent, struct row *mine) {
    role = "child";
    dice += (uint64_t)how * 977 + 1;
    if (how == DAEMONS) {
        setsid();
        pid_t child = fork();
        if (child != 0) _exit(0);
    }
    if (roll(2)) nap(roll(3000));
    if (how != DAEMONS && getppid() != parent) counted(ORPHANED);
    verify(r, at);
    struct shmid_ds d;
    unseen |= how == CLONED || how == BARE;
    if (TIMED(IPC_STAT_, shmctl(r->id, IPC_STAT, &d)) == 0) {
        unseen = 0;
        if (d.shm_nattch == 0) bad("row %u: nattch 0 though it is inherited", number(r));
    } else if (unseen && r->state >= REMOVING && (errno == EINVAL || errno == EIDRM)) {
        counted(UNSEEN);
    } else {
        bad("row %u: IPC_STAT in a child of kind %d, state %u", number(r), how, r->state);
    }
    breathe();
    if (mine && roll(3) == 0) bear(r, at, NULL);
    if (mine && roll(3) == 0) object_life(mine);
    if (roll(2)) detach(r, at);
    _exit(0);
}

/* One child in one of the ways that make one. `mine`: a row for it alone, if it may go on. */
static void bear(struct row *r, void *at, struct row *mine) {
    static const enum count ways[] = {FORKED, VFORKED, SPAWNED, CLONED, DAEMONS, BARE};
    enum count how = ways[roll(6)];
    pid_t child, me = getpid();
    counted(how);
    if (how == VFORKED) {
        char **words_ = limb_words("limb", number(r));
        child = vfork();
        if (child == 0) {
            execv(words_[0], words_);
            _exit(92);
        }
    } else if (how == SPAWNED) {
        char **words_ = limb_words("limb", number(r));
        errno = posix_spawn(&child, words_[0], NULL, NULL, words_, environ);
        if (errno) bad("posix_spawn");
    } else {
        uint64_t since = now();
        child = split(how);
        if (child == 0) child_life(r, at, how, me, mine);
        answered(FORK, since);
    }
    if (child < 0) bad("fork");
}

/* The head of a family. Its children share `r`; each of the rows behind it is one child's. */
static void family_life(struct row *r) {
    create(r, SEGMENT, some_size());
    void *at = attach(r, 0);
    fill(r, at);
    breathe();
    for (unsigned n = 1 + roll(3); n > 0; n--) {
        bear(r, at, r + n);
        breathe();
    }
    if (roll(3) == 0) detach(r, at);
    breathe();
    if (roll(2)) discard(r);
    nap(roll(2000));
}

/* Attaches that end without a word: another program takes the process. */
static void exec_life(struct row *r) {
    create(r, SEGMENT, some_size());
    fill(r, attach(r, 0));
    attach(&ledger->rows[roll(20)], SHM_RDONLY);
    counted(EXECS);
    char **words_ = limb_words("limb", number(r));
    execv(words_[0], words_);
    bad("exec");
}

/* Every descriptor closed, the connection too. */
static void closed_life(struct row *r) {
    create(r, SEGMENT, some_size());
    void *at = attach(r, 0);
    fill(r, at);
    syscall(SYS_close_range, 3, ~0U, 0);
    counted(CLOSED);
    breathe();
    if (roll(2)) {
        pid_t me = getpid(), child = fork();
        if (child == 0) child_life(r, at, FORKED, me, NULL);
    }
    verify(r, at);
    if (status(r).shm_nattch == 0) bad("row %u: nattch 0 though attached", number(r));
    object_life(r + 4);
    detach(r, at);
    discard(r);
}

static void *thread(void *row) {
    struct row *r = row;
    for (int i = 0; i < 20; i++) {
        const struct row *t = &ledger->rows[i % 20];
        const void *at = TIMED(SHMAT, shmat(t->id, NULL, SHM_RDONLY));
        if (at == AT_FAILED) bad("row %u: shmat in a thread", number(t));
        verify(t, at);
        detach(t, at);
    }
    if (number(r) % VICTIM_ROWS) {
        counted(EXECS);
        execv(words_of_limb[0], words_of_limb);
    }
    return NULL;
}

/* Threads in the middle of calls, while one of them may exec. */
static void threads_life(struct row *r) {
    create(r, SEGMENT, some_size());
    fill(r, attach(r, 0));
    limb_words("limb", number(r));
    counted(THREADED);
    pthread_t threads[3];
    unsigned executing = roll(6);
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, thread, r + (i == (int)executing)) != 0) bad("pthread_create");
    object_life(r + 5);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

static void life(struct row *r) {
    role = "victim";
    switch (roll(10)) {
    case 0: case 1: case 2: object_life(r); break;
    case 3: exec_life(r); break;
    case 4: closed_life(r); break;
    case 5: threads_life(r); break;
    default: family_life(r);
    }
    switch (roll(4)) {
    case 0: exit(0);
    case 1: abort();
    default: _exit(0);
    }
}
