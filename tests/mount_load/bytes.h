/*
 * The roles that look at bytes: random blocks by calls and by a map, appended records, counters under a lock, files
 * without a name.
 */
#pragma once
#include "load.h"
#include <sys/file.h>

#define BLOCKS 2048

struct blocks {
    uint64_t file;
    const char *name;
    int fd;
    uint64_t size; /* in blocks */
    uint32_t generations[BLOCKS];
};

static void blocks_open(struct blocks *b, int flags) { b->fd = (int)WANT("open", open(b->name, O_RDWR | flags, 0600)); }

static void blocks_write(struct blocks *b, uint64_t at) {
    static uint64_t page[PAGE / 8];
    stamp(page, b->file, at, ++b->generations[at]);
    if (WANT("pwrite", pwrite(b->fd, page, PAGE, (off_t)(at * PAGE))) != PAGE) bad("a short pwrite");
    if (b->size <= at) b->size = at + 1;
}

static void blocks_read(struct blocks *b, int fd, uint64_t at, uint64_t count, const char *by) {
    static uint64_t pages[16][PAGE / 8];
    uint64_t there = at < b->size ? b->size - at : 0, wanted = count < there ? count : there;
    long got = WANT("pread", pread(fd, pages, count * PAGE, (off_t)(at * PAGE)));
    if (got != (long)(wanted * PAGE)) bad("pread of %llu blocks at %llu of %llu gave %ld bytes", (unsigned long long)count,
                                          (unsigned long long)at, (unsigned long long)b->size, got);
    for (uint64_t i = 0; i < wanted; i++) verify(pages[i], b->file, at + i, b->generations[at + i], by);
}

static void blocks_resize(struct blocks *b, uint64_t size) {
    EXPECT(0, "truncate", ftruncate(b->fd, (off_t)(size * PAGE)));
    for (uint64_t i = size; i < BLOCKS; i++) b->generations[i] = 0;
    b->size = size;
}

static void blocks_sized(struct blocks *b) {
    struct stat by_fd, by_name;
    EXPECT(0, "fstat", fstat(b->fd, &by_fd));
    EXPECT(0, "stat", stat(b->name, &by_name));
    uint64_t size = b->size * PAGE;
    if ((uint64_t)by_fd.st_size != size || (uint64_t)by_name.st_size != size || by_fd.st_ino != by_name.st_ino)
        bad("sizes %lld and %lld, not %llu", (long long)by_fd.st_size, (long long)by_name.st_size, (unsigned long long)size);
    if (WANT("lseek", lseek(b->fd, 0, SEEK_END)) != (long)size) bad("SEEK_END is not %llu", (unsigned long long)size);
}

static void blocks_all(struct blocks *b, const char *by) {
    int fd = (int)WANT("open", open(b->name, O_RDONLY));
    for (uint64_t at = 0; at < b->size; at += 16) blocks_read(b, fd, at, 16, by);
    EXPECT(0, "close", close(fd));
    blocks_sized(b);
}

static void role_random(void) {
    static struct blocks b;
    b = (struct blocks){.file = which, .name = strdup(named("random", which))};
    blocks_open(&b, O_CREAT | O_EXCL);
    while (!stopped()) {
        uint64_t turn = roll(200), at = roll(BLOCKS);
        if (turn < 90)
            blocks_write(&b, at);
        else if (turn < 170)
            blocks_read(&b, b.fd, at, 1 + roll(16), "pread");
        else if (turn < 180) {
            EXPECT(0, "close", close(b.fd));
            blocks_open(&b, 0);
        } else if (turn < 186)
            EXPECT(0, "fsync", roll(2) ? fsync(b.fd) : fdatasync(b.fd));
        else if (turn < 194)
            blocks_sized(&b);
        else if (turn < 197 && at < b.size) {
            EXPECT(0, "punch", fallocate(b.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(at * PAGE), PAGE));
            b.generations[at] = 0;
        } else if (turn < 198)
            blocks_resize(&b, roll(BLOCKS));
        else if (turn == 198)
            blocks_all(&b, "a second descriptor");
        else {
            EXPECT(0, "chmod", fchmod(b.fd, 0600 | roll(8)));
            EXPECT(0, "utimens", futimens(b.fd, NULL));
        }
    }
    blocks_all(&b, "at the end");
}

static void role_mapper(void) {
    static struct blocks b;
    static uint64_t page[PAGE / 8];
    b = (struct blocks){.file = 100 + which, .name = strdup(named("mapped", which))};
    blocks_open(&b, O_CREAT | O_EXCL);
    uint64_t *map = MAP_FAILED, mapped = 0;
    while (!stopped()) {
        if (map == MAP_FAILED || roll(500) == 0) {
            if (mapped) EXPECT(0, "munmap", munmap(map, mapped * PAGE));
            blocks_resize(&b, mapped = 1 + roll(BLOCKS));
            map = TIMED("mmap", mmap(NULL, mapped * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0));
            if (map == MAP_FAILED) bad("mmap of %llu blocks", (unsigned long long)mapped);
            if (roll(2)) { /* The map alone holds the file. */
                EXPECT(0, "close", close(b.fd));
                blocks_open(&b, 0);
            }
        }
        uint64_t at = roll(mapped), turn = roll(100), *here = map + at * (PAGE / 8);
        if (turn < 40) {
            begins("store");
            stamp(page, b.file, at, ++b.generations[at]);
            memcpy(here, page, PAGE);
            ends();
        } else if (turn < 50)
            blocks_write(&b, at);
        else if (turn < 75) {
            begins("load");
            memcpy(page, here, PAGE);
            ends();
            verify(page, b.file, at, b.generations[at], "the map");
        } else if (turn < 98)
            blocks_read(&b, b.fd, at, 1 + roll(4), "pread beside the map");
        else
            EXPECT(0, "msync", msync(here, PAGE, MS_SYNC));
    }
    blocks_all(&b, "at the end");
}

#define RECORDS 400000

struct record {
    uint64_t magic, writer, number, sum, rest[4];
};

static struct record record_of(uint64_t writer, uint64_t number) {
    struct record r = {0x5ec0fd, writer, number, mix(writer * 7 + number), {number, number, number, number}};
    return r;
}

/* Every record is whole, and each writer's are in order; ours are all there. */
static void log_verify(const char *name, uint64_t written) {
    static struct record chunk[1024];
    uint64_t next[ROWS] = {0};
    int fd = (int)WANT("open", open(name, O_RDONLY));
    for (;;) {
        long got = WANT("read", read(fd, chunk, sizeof chunk));
        if (got % (long)sizeof chunk[0]) bad("the log ends in the middle of a record: %ld bytes", got);
        if (got == 0) break;
        for (long i = 0; i < got / (long)sizeof chunk[0]; i++) {
            uint64_t writer = chunk[i].writer;
            struct record wanted = record_of(writer, writer < ROWS ? next[writer]++ : 0);
            if (memcmp(&chunk[i], &wanted, sizeof wanted))
                bad("the log has record %llu of %llu, and not %llu", (unsigned long long)chunk[i].number,
                    (unsigned long long)writer, (unsigned long long)wanted.number);
        }
    }
    EXPECT(0, "close", close(fd));
    if (next[which] != written) bad("%llu records of ours, and not %llu", (unsigned long long)next[which], (unsigned long long)written);
}

static void role_append(void) {
    uint64_t written = 0;
    int fd = (int)WANT("open", open("log", O_WRONLY | O_APPEND | O_CREAT, 0600));
    while (!stopped()) {
        if (written < RECORDS) {
            struct record r = record_of(which, written);
            if (WANT("append", write(fd, &r, sizeof r)) != sizeof r) bad("a short write");
            mine->more = ++written;
        }
        if (roll(200) == 0) {
            EXPECT(0, "close", close(fd));
            fd = (int)WANT("open", open("log", O_WRONLY | O_APPEND));
        }
        if (roll(20000) == 0 || (written == RECORDS && roll(200) == 0)) log_verify("log", written);
    }
    log_verify("log", written);
}

/* A number that two processes count up under a lock, of a record and of the whole file in turn. */
static void role_counter(void) {
    const char *names[2] = {"counter-fcntl", "counter-flock"};
    int fds[2];
    for (int i = 0; i < 2; i++) fds[i] = (int)WANT("open", open(names[i], O_RDWR | O_CREAT, 0600));
    while (!stopped()) {
        int i = (int)roll(2);
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        uint64_t number = 0;
        EXPECT(0, "lock", i ? flock(fds[i], LOCK_EX) : fcntl(fds[i], F_SETLKW, &whole));
        long got = WANT("pread", pread(fds[i], &number, sizeof number, 0));
        if (got != 0 && got != sizeof number) bad("%s has %ld bytes", names[i], got);
        number++;
        if (WANT("pwrite", pwrite(fds[i], &number, sizeof number, 0)) != sizeof number) bad("a short pwrite");
        whole.l_type = F_UNLCK;
        EXPECT(0, "unlock", i ? flock(fds[i], LOCK_UN) : fcntl(fds[i], F_SETLK, &whole));
        mine->names[i]++;
        if (roll(50) == 0) {
            EXPECT(0, "close", close(fds[i]));
            fds[i] = (int)WANT("open", open(names[i], O_RDWR));
        }
    }
}

/* Files that lose their name, or have none at first, and live by their descriptor. */
static void role_orphan(void) {
    static uint64_t page[PAGE / 8], back[PAGE / 8];
    const char *name = strdup(named("orphan", which));
    for (uint64_t generation = 1; !stopped(); generation++) {
        int nameless = roll(2), left = 0;
        int fd = nameless ? (int)WANT("tmpfile", open(".", O_RDWR | O_TMPFILE, 0600))
                          : (int)WANT("open", open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
        if (!nameless) EXPECT(0, "unlink", unlink(name));
        for (uint64_t i = 1 + roll(8); i > 0; i--) {
            struct stat st;
            stamp(page, 200 + which, i, generation);
            if (WANT("pwrite", pwrite(fd, page, PAGE, 0)) != PAGE) bad("a short pwrite");
            EXPECT(0, "fchmod", fchmod(fd, 0640));
            EXPECT(0, "truncate", ftruncate(fd, (off_t)(PAGE * (1 + roll(4)))));
            EXPECT(0, "fstat", fstat(fd, &st));
            if (st.st_nlink != 0 || (st.st_mode & 0777) != 0640) bad("%lu links, mode %o", (unsigned long)st.st_nlink, st.st_mode);
            if (WANT("pread", pread(fd, back, PAGE, 0)) != PAGE) bad("a short pread");
            verify(back, 200 + which, i, generation, "a file without a name");
            left = (int)i;
        }
        if (nameless) {
            EXPECT(0, "linkat", linkat(AT_FDCWD, named("/proc/self/fd/", (uint64_t)fd), AT_FDCWD, name, AT_SYMLINK_FOLLOW));
            int again = (int)WANT("open", open(name, O_RDONLY));
            if (WANT("pread", pread(again, back, PAGE, 0)) != PAGE) bad("a short pread");
            verify(back, 200 + which, (uint64_t)left, generation, "a file that got a name");
            EXPECT(0, "close", close(again));
            EXPECT(0, "unlink", unlink(name));
        }
        EXPECT(0, "close", close(fd));
    }
}
