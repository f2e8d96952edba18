/*
 * A load client: it lives as long as the storm, owns LOAD_ROWS rows, and knows of each what every call must say.
 * When all are to rest it keeps what it has attached, and enters how often.
 */
#pragma once
#include "objects.h"

#define HOLDS 3

static void *held[LOAD_ROWS][HOLDS];
static void *treasure[TREASURE_ROWS];
static struct row *own;

static unsigned holds(unsigned i) {
    unsigned n = 0;
    for (int j = 0; j < HOLDS; j++) n += held[i][j] != NULL;
    return n;
}

static void expect_nattch(const struct row *r, unsigned expected) {
    struct shmid_ds d = status(r);
    if (d.shm_nattch != expected) bad("row %u: nattch %lu, not %u", number(r), d.shm_nattch, expected);
    if (d.shm_cpid != getpid()) bad("row %u: cpid %d", number(r), d.shm_cpid);
    if (expected && d.shm_lpid == 0) bad("row %u: lpid 0 though attached", number(r));
}

/* One attach more or less, if there is room. */
static void hold_or_release(unsigned i) {
    struct row *r = &own[i];
    unsigned j = roll(HOLDS);
    if (held[i][j]) {
        verify(r, held[i][j]);
        detach(r, held[i][j]);
        held[i][j] = NULL;
    } else {
        held[i][j] = attach(r, roll(2) ? SHM_RDONLY : 0);
        verify(r, held[i][j]);
    }
    expect_nattch(r, holds(i));
}

static void release_all(unsigned i) {
    for (int j = 0; j < HOLDS; j++) {
        if (held[i][j]) detach(&own[i], held[i][j]);
        held[i][j] = NULL;
    }
}

/* Creating what exists fails, and so does what a removed id names. */
static void be_refused(struct row *r) {
    if (r->kind == SEGMENT) {
        if (TIMED(SHMGET, shmget(key_of(r), r->size, IPC_CREAT | IPC_EXCL | 0600)) >= 0 || errno != EEXIST)
            bad("row %u: a second exclusive shmget", number(r));
        if (TIMED(SHMGET, shmget(key_of(r), r->size + 1, 0)) >= 0 || errno != EINVAL)
            bad("row %u: a larger shmget", number(r));
    } else if (r->kind == OBJECT) {
        if (TIMED(SHM_OPEN, shm_open(name_of(r), O_RDWR | O_CREAT | O_EXCL, 0600)) >= 0 || errno != EEXIST)
            bad("row %u: a second exclusive shm_open", number(r));
    } else if (TIMED(SEM_OPEN, sem_open(name_of(r), O_CREAT | O_EXCL, 0600, 1)) != SEM_FAILED || errno != EEXIST) {
        bad("row %u: a second exclusive sem_open", number(r));
    }
}

/* Another name and back; what is opened for truncation is empty. */
static void rename_or_truncate(struct row *r) {
    char from[64], to[64];
    if (r->kind == SEGMENT) {
        struct shmid_ds d = status(r);
        d.shm_perm.mode = roll(2) ? 0600 : 0640;
        if (TIMED(IPC_SET_, shmctl(r->id, IPC_SET, &d)) != 0) bad("row %u: IPC_SET", number(r));
        if ((status(r).shm_perm.mode & 0777) != (d.shm_perm.mode & 0777)) bad("row %u: IPC_SET's mode", number(r));
        return;
    }
    if (r->kind != OBJECT) return;
    snprintf(from, sizeof from, "/dev/shm%s", name_of(r));
    snprintf(to, sizeof to, "/dev/shm%s.moved", name_of(r));
    if (TIMED(RENAME, rename(from, to)) != 0) bad("row %u: rename", number(r));
    if (is_found(r)) bad("row %u: found under its old name", number(r));
    if (TIMED(RENAME, rename(to, from)) != 0) bad("row %u: rename back", number(r));
    look(r);
    int fd = open_object(r, O_RDWR | O_TRUNC);
    r->flags = 0;
    expect_size(r, fd);
    close(fd);
    fill_and_verify(r);
}

/* A child that inherits every attach, looks at them, and is not counted once it has been waited for. */
static void have_child(unsigned i) {
    struct row *r = &own[i];
    unsigned before = holds(i);
    uint64_t since = asked(FORK);
    pid_t child = fork();
    if (child == 0) {
        post = NULL;
        role = "load's child";
        for (int j = 0; j < HOLDS; j++)
            if (held[i][j]) verify(r, held[i][j]);
        unsigned long counted_ = status(r).shm_nattch;
        if (counted_ != 2 * before) bad("row %u: nattch %lu in the child, not %u", number(r), counted_, 2 * before);
        look(r);
        _exit(0);
    }
    answered(FORK, since);
    int how;
    if (child < 0 || waitpid(child, &how, 0) != child || how != 0) bad("row %u: its child ended with %x", number(r), how);
    expect_nattch(r, before);
}

static void step(unsigned i) {
    struct row *r = &own[i];
    unsigned what = roll(16);
    if (r->state != CREATED) {
        create(r, roll(8) == 0 ? SEMAPHORE : roll(2) ? SEGMENT : OBJECT, some_size());
        fill_and_verify(r);
    } else if (what < 4) {
        release_all(i);
        discard(r);
    } else if (what < 7 && r->kind == SEGMENT) {
        hold_or_release(i);
    } else if (what == 7 && r->kind == SEGMENT && roll(4) == 0) {
        have_child(i);
    } else if (what < 10) {
        rename_or_truncate(r);
    } else if (what == 10) {
        be_refused(r);
    } else if (r->kind == SEMAPHORE) {
        use_semaphore(r, open_semaphore(r, O_CREAT));
    } else {
        look(r);
    }
}

/* The treasures are everybody's, and nobody changes them. */
static void visit_treasure(void) {
    unsigned i = roll(TREASURE_ROWS);
    struct row *r = &ledger->rows[i];
    if (r->kind != SEGMENT) {
        look(r);
    } else if (treasure[i]) {
        verify(r, treasure[i]);
        detach(r, treasure[i]);
        treasure[i] = NULL;
    } else {
        treasure[i] = attach(r, roll(2) ? SHM_RDONLY : 0);
        verify(r, treasure[i]);
    }
}

static int load(unsigned which) {
    own = &ledger->rows[FIRST_LOAD_ROW + which * LOAD_ROWS];
    post = &ledger->head.posts[which];
    while (ledger->head.phase == STORM) {
        if (roll(4) == 0) visit_treasure();
        else step(roll(LOAD_ROWS));
    }
    for (unsigned i = 0; i < LOAD_ROWS; i++)
        if (own[i].kind == SEGMENT && own[i].state == CREATED) own[i].attaches = holds(i);
    for (unsigned i = 0; i < TREASURE_ROWS; i++)
        if (treasure[i]) __atomic_add_fetch(&ledger->rows[i].attaches, 1, __ATOMIC_SEQ_CST);
    post->rests = 1;
    while (ledger->head.phase == PAUSE) nap(2000);
    post->rests = 0;
    for (unsigned i = 0; i < TREASURE_ROWS; i++) {
        if (treasure[i]) verify(&ledger->rows[i], treasure[i]);
        if (treasure[i]) detach(&ledger->rows[i], treasure[i]);
    }
    for (unsigned i = 0; i < LOAD_ROWS; i++) {
        if (own[i].state != CREATED) continue;
        look(&own[i]);
        release_all(i);
        discard(&own[i]);
    }
    return 0;
}

/* Makes what all will look at: the sizes reach beyond what an attach fills at once. */
static int bury(void) {
    for (unsigned i = 0; i < TREASURE_ROWS; i++) {
        struct row *r = &ledger->rows[i];
        create(r, i < 20 ? SEGMENT : i < 36 ? OBJECT : SEMAPHORE, 4096u << (i % 11));
        fill_and_verify(r);
    }
    return 0;
}
