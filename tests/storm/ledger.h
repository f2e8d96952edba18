/*
 * The ledger of a storm: a file that every process of it maps. A row tells of one object what its owner has done with
 * it and what it is about to do, so that at any kill the row says what must exist, what must not, and what may.
 *
 * Owns: the file's layout (the driver reads it, ledger.rs), the clock around every call, complaints.
 * Leaves to others: what is called (objects.h), by whom (load.h, victim.h, nursery.h).
 */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TREASURE_ROWS 40
#define FIRST_LOAD_ROW 64
#define LOAD_ROWS 64
#define VICTIM_ROWS 8
#define FIRST_VICTIM_ROW 1024
#define FIRST_KEY 0x53000000
#define WAITS 48

enum phase { STORM, PAUSE, FINISH };
enum state { FREE, CREATING, CREATED, REMOVING, REMOVED };
enum kind { SEGMENT = 1, OBJECT, SEMAPHORE };
enum { SIZING = 1, SIZED = 2, WRITTEN = 4 };

enum call {
    SHMGET, SHMAT, SHMDT, IPC_STAT_, IPC_SET_, IPC_RMID_, SHM_OPEN, FTRUNCATE, SHM_UNLINK, RENAME, SEM_OPEN, SEM_UNLINK,
    FORK, CALLS
};

enum count {
    KILLED, VICTIMS, BATCHES, FORKED, VFORKED, SPAWNED, CLONED, DAEMONS, BARE, EXECS, THREADED, CLOSED, ORPHANED,
    UNSEEN, STOPPED, MADE, MID_CREATE, MID_CREATE_DONE, MID_REMOVE, MID_REMOVE_DONE, LATE, CHECKED, COUNTS
};

struct row {
    volatile uint32_t state, kind, flags;
    volatile int32_t id;
    volatile uint64_t size, seed;
    /* How often living processes are attached while all rest. */
    volatile uint32_t attaches;
    uint32_t unused[7];
};

/* A process that is never killed: what it waits for since when (CLOCK_MONOTONIC), 0 for nothing. */
struct post {
    volatile uint64_t since;
    volatile uint32_t call, rests;
};

struct head {
    /* `enough`: no victims any more. */
    volatile uint32_t phase, bad, enough, unused;
    /* `began`: when the longest wait did. */
    uint64_t calls[CALLS], longest[CALLS], began[CALLS], counts[COUNTS];
    struct post posts[16];
    /* Answers by the logarithm of the wait in nanoseconds. */
    uint64_t waits[WAITS];
};

struct ledger {
    union { struct head head; char page[4096]; };
    struct row rows[];
};

_Static_assert(sizeof(struct head) <= 4096 && sizeof(struct row) == 64, "as the driver reads it");

static struct ledger *ledger;
static size_t ledger_bytes;
static struct post *post;
static const char *role = "?", *path_of_ledger;
static uint64_t dice;

static void open_ledger(const char *path) {
    struct stat s;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0) _exit(90);
    ledger_bytes = (size_t)s.st_size;
    ledger = mmap(NULL, ledger_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ledger == MAP_FAILED) _exit(91);
    close(fd);
    path_of_ledger = path;
}

static void counted(enum count what) { __atomic_add_fetch(&ledger->head.counts[what], 1, __ATOMIC_RELAXED); }

/* Says what is wrong, with errno, and ends the process: the driver ends the storm. */
__attribute__((format(printf, 1, 2), noreturn)) static void bad(const char *format, ...) {
    int why = errno;
    char line[512];
    int n = snprintf(line, sizeof line, "BAD %s %d: ", role, getpid());
    va_list rest;
    va_start(rest, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 64, format, rest);
    va_end(rest);
    if (n > (int)sizeof line - 64) n = sizeof line - 64;
    n += snprintf(line + n, 64, " (errno %s)\n", strerrorname_np(why) ? strerrorname_np(why) : "0");
    /* Not by a descriptor of the process, which may have closed them all. */
    int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND);
    if (write(fd >= 0 ? fd : 2, line, (size_t)n) != n) n = 0;
    int log = open(getenv("STORM_LOG") ? getenv("STORM_LOG") : "/dev/null", O_WRONLY | O_APPEND);
    if (write(log, line, (size_t)n) != n) n = 0;
    __atomic_add_fetch(&ledger->head.bad, 1, __ATOMIC_SEQ_CST);
    _exit(99);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void answered(enum call call, uint64_t since) {
    uint64_t took = now() - since, longest = __atomic_load_n(&ledger->head.longest[call], __ATOMIC_RELAXED);
    if (post) post->since = 0;
    __atomic_add_fetch(&ledger->head.calls[call], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&ledger->head.waits[(63 - __builtin_clzll(took | 1)) % WAITS], 1, __ATOMIC_RELAXED);
    while (took > longest)
        if (__atomic_compare_exchange_n(&ledger->head.longest[call], &longest, took, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            __atomic_store_n(&ledger->head.began[call], since, __ATOMIC_RELAXED);
            break;
        }
}

static uint64_t asked(enum call call) {
    uint64_t since = now();
    if (post) {
        post->call = call;
        post->since = since;
    }
    return since;
}

/* A call with a clock around it; errno stays the call's. */
#define TIMED(call, expression) \
    ({ uint64_t since_ = asked(call); __typeof__(expression) result_ = (expression); answered(call, since_); result_; })

static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The next throw of this process's dice: below `n`. */
static unsigned roll(unsigned n) {
    dice += 0x9e3779b97f4a7c15u;
    return (unsigned)(mixed(dice) >> 33) % n;
}

static void nap(unsigned microseconds) {
    struct timespec t = {microseconds / 1000000, (microseconds % 1000000) * 1000L};
    nanosleep(&t, NULL);
}
