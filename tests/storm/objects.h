/*
 * What is done with one object of the ledger, each step entered in its row before and after it: create, size, write,
 * verify, remove. Every key and name has one owner, so that no step can fail by another's doing.
 */
#pragma once
#include "ledger.h"

#define AT_FAILED ((void *)-1)

static unsigned number(const struct row *r) { return (unsigned)(r - ledger->rows); }
static key_t key_of(const struct row *r) { return FIRST_KEY + (key_t)number(r); }

static const char *name_of(const struct row *r) {
    static __thread char name[32];
    snprintf(name, sizeof name, "/storm.%u", number(r));
    return name;
}

/* The content of an object follows from its seed: a page at its begin, in its middle and at its end are written. */
static size_t place(const struct row *r, int part) {
    size_t pages = (r->size + 4095) / 4096;
    return (part == 0 ? 0 : part == 1 ? pages / 2 : pages - 1) * 4096;
}

static size_t words(const struct row *r, int part) {
    size_t left = r->size - place(r, part);
    return (left < 4096 ? left : 4096) / 8;
}

static void fill(struct row *r, void *at) {
    for (int part = 0; part < 3; part++) {
        uint64_t *to = (uint64_t *)((char *)at + place(r, part));
        for (size_t i = 0; i < words(r, part); i++) to[i] = mixed(r->seed + place(r, part) + i);
    }
    r->flags |= WRITTEN;
}

static void verify(const struct row *r, const void *at) {
    if (!(r->flags & WRITTEN)) return;
    for (int part = 0; part < 3; part++) {
        const uint64_t *from = (const uint64_t *)((const char *)at + place(r, part));
        for (size_t i = 0; i < words(r, part); i++)
            if (from[i] != mixed(r->seed + place(r, part) + i))
                bad("row %u: word %zu of part %d is %lx", number(r), i, part, (long)from[i]);
    }
    counted(CHECKED);
}

/* Attaches a segment by its id. */
static void *attach(const struct row *r, int flags) {
    void *at = TIMED(SHMAT, shmat(r->id, NULL, flags));
    if (at == AT_FAILED) bad("row %u: shmat", number(r));
    return at;
}

static void detach(const struct row *r, const void *at) {
    if (TIMED(SHMDT, shmdt(at)) != 0) bad("row %u: shmdt", number(r));
}

static struct shmid_ds status(const struct row *r) {
    struct shmid_ds d;
    if (TIMED(IPC_STAT_, shmctl(r->id, IPC_STAT, &d)) != 0) bad("row %u: IPC_STAT", number(r));
    if (d.shm_segsz != r->size) bad("row %u: size %zu, not %zu", number(r), d.shm_segsz, (size_t)r->size);
    return d;
}

static int open_object(const struct row *r, int flags) {
    int fd = TIMED(SHM_OPEN, shm_open(name_of(r), flags, 0600));
    if (fd < 0) bad("row %u: shm_open %#x", number(r), flags);
    return fd;
}

static void size_object(struct row *r, int fd) {
    r->flags = SIZING;
    if (TIMED(FTRUNCATE, ftruncate(fd, (off_t)r->size)) != 0) bad("row %u: ftruncate", number(r));
    r->flags = SIZED;
}

static void *map(const struct row *r, int fd, int protection) {
    void *at = mmap(NULL, r->size, protection, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) bad("row %u: mmap", number(r));
    close(fd);
    return at;
}

static void expect_size(const struct row *r, int fd) {
    struct stat s;
    if (fstat(fd, &s) != 0) bad("row %u: fstat", number(r));
    int sized = (uint64_t)s.st_size == r->size, empty = s.st_size == 0;
    if (r->flags & SIZED ? !sized : r->flags & SIZING ? !sized && !empty : !empty)
        bad("row %u: size %zd, flags %u", number(r), (ssize_t)s.st_size, r->flags);
}

static sem_t *open_semaphore(const struct row *r, int flags) {
    sem_t *sem = TIMED(SEM_OPEN, sem_open(name_of(r), flags, 0600, 3));
    if (sem == SEM_FAILED) bad("row %u: sem_open %#x", number(r), flags);
    return sem;
}

static void use_semaphore(const struct row *r, sem_t *sem) {
    int value = -1;
    if (sem_wait(sem) != 0 || sem_post(sem) != 0 || sem_getvalue(sem, &value) != 0 || value != 3)
        bad("row %u: the semaphore's value is %d", number(r), value);
    if (sem_close(sem) != 0) bad("row %u: sem_close", number(r));
}

/* Makes the object of a free row. Exclusively: nobody else uses its key or name. */
static void create(struct row *r, enum kind kind, size_t size) {
    r->kind = kind;
    r->size = size;
    r->seed = mixed((uint64_t)number(r) << 32 | roll(1u << 30));
    r->flags = 0;
    r->id = -1;
    r->state = CREATING;
    if (kind == SEGMENT) {
        int id = TIMED(SHMGET, shmget(key_of(r), size, IPC_CREAT | IPC_EXCL | 0600));
        if (id < 0) bad("row %u: shmget, exclusively", number(r));
        r->id = id;
        r->flags = SIZED;
    } else if (kind == OBJECT) {
        close(open_object(r, O_RDWR | O_CREAT | O_EXCL));
    } else {
        use_semaphore(r, open_semaphore(r, O_CREAT | O_EXCL));
    }
    r->state = CREATED;
    counted(MADE);
}

/* Writes its content, and reads it through another mapping. */
static void fill_and_verify(struct row *r) {
    if (r->kind == SEGMENT) {
        void *at = attach(r, 0), *again = attach(r, SHM_RDONLY);
        fill(r, at);
        verify(r, again);
        detach(r, at);
        detach(r, again);
    } else if (r->kind == OBJECT) {
        int fd = open_object(r, O_RDWR);
        size_object(r, fd);
        void *at = map(r, fd, PROT_READ | PROT_WRITE);
        fd = open_object(r, O_RDONLY);
        expect_size(r, fd);
        void *again = map(r, fd, PROT_READ);
        fill(r, at);
        verify(r, again);
        if (munmap(at, r->size) != 0 || munmap(again, r->size) != 0) bad("row %u: munmap", number(r));
    }
}

/* Finds it by its key or name and compares everything that its row tells. */
static void look(const struct row *r) {
    if (r->kind == SEGMENT) {
        int id = TIMED(SHMGET, shmget(key_of(r), 0, 0));
        if (id != r->id) bad("row %u: its key gives %d, not %d", number(r), id, r->id);
        status(r);
        const void *at = attach(r, SHM_RDONLY);
        verify(r, at);
        detach(r, at);
    } else if (r->kind == OBJECT) {
        int fd = open_object(r, O_RDONLY);
        expect_size(r, fd);
        if (!(r->flags & WRITTEN)) {
            close(fd);
            return;
        }
        void *at = map(r, fd, PROT_READ);
        verify(r, at);
        munmap(at, r->size);
    } else {
        sem_t *sem = open_semaphore(r, 0);
        if (sem_close(sem) != 0) bad("row %u: sem_close", number(r));
    }
}

/* Whether it can be found; only ENOENT says that it cannot. */
static int is_found(const struct row *r) {
    int found;
    if (r->kind == SEGMENT) {
        found = TIMED(SHMGET, shmget(key_of(r), 0, 0)) >= 0;
    } else if (r->kind == OBJECT) {
        int fd = TIMED(SHM_OPEN, shm_open(name_of(r), O_RDONLY, 0));
        if ((found = fd >= 0)) close(fd);
    } else {
        sem_t *sem = TIMED(SEM_OPEN, sem_open(name_of(r), 0));
        if ((found = sem != SEM_FAILED)) sem_close(sem);
    }
    if (!found && errno != ENOENT) bad("row %u: looking for it", number(r));
    return found;
}

/* Removes it; the row says so, and that nobody finds it any more is tried. */
static void discard(struct row *r) {
    r->state = REMOVING;
    int done = r->kind == SEGMENT  ? TIMED(IPC_RMID_, shmctl(r->id, IPC_RMID, NULL))
               : r->kind == OBJECT ? TIMED(SHM_UNLINK, shm_unlink(name_of(r)))
                                   : TIMED(SEM_UNLINK, sem_unlink(name_of(r)));
    if (done != 0) bad("row %u: removing kind %u", number(r), r->kind);
    r->state = REMOVED;
    if (is_found(r)) bad("row %u: found after its removal", number(r));
}

/* A size: mostly a few pages, not always whole ones. */
static size_t some_size(void) { return roll(8) == 0 ? 65536 + roll(200000) : 64 + roll(12) * 1024; }
