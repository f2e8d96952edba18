/*
 * What the processes of the load share: dice, the control file, the clock around every call, stamped bytes.
 * A process ends at the first wrong result, with words; the driver sees its end.
 */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define RACE_NAMES 32

/* The control file (control.rs): the first row is the driver's, then one for each process. */
struct row {
    volatile uint64_t since;   /* when the call began that is under way, or 0 */
    volatile uint64_t call;    /* which, as eight letters */
    volatile uint64_t calls;   /* how many have returned */
    volatile uint64_t longest; /* nanoseconds */
    volatile uint64_t slowest; /* the call that took them */
    volatile uint64_t more;    /* the driver's: 1 means stop; else what the role counts */
    volatile uint64_t role;    /* as eight letters */
    uint64_t rest;
    volatile int64_t names[RACE_NAMES]; /* what `race` made less what it removed */
};
#define ROWS 32

static struct row *control, *mine;
static const char *role;
static uint64_t dice;
static unsigned which;

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t roll(uint64_t below) {
    dice += 0x9e3779b97f4a7c15;
    return (mix(dice) >> 16) % below;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int stopped(void) { return control[0].more == 1; }

static void __attribute__((format(printf, 1, 2), noreturn)) bad(const char *form, ...) {
    int was = errno;
    va_list rest;
    fprintf(stderr, "%s %u: ", role, which);
    va_start(rest, form);
    vfprintf(stderr, form, rest);
    va_end(rest);
    fprintf(stderr, " (errno %d, %s)\n", was, strerror(was));
    exit(1);
}

static uint64_t word_of(const char *letters) {
    uint64_t word = 0;
    memcpy(&word, letters, strnlen(letters, sizeof word));
    return word;
}

static void begins(const char *call) {
    mine->call = word_of(call);
    mine->since = now();
}

static void ends(void) {
    uint64_t took = now() - mine->since;
    if (took > mine->longest) {
        mine->longest = took;
        mine->slowest = mine->call;
    }
    mine->since = 0;
    mine->calls++;
}

/* A call with a clock around it; its name is what the driver tells of one that never returns. */
#define TIMED(name, call)                                                                                              \
    ({                                                                                                                 \
        begins(name);                                                                                                  \
        errno = 0;                                                                                                     \
        __typeof__(call) result_ = (call);                                                                             \
        int errno_ = errno;                                                                                            \
        ends();                                                                                                        \
        errno = errno_;                                                                                                \
        result_;                                                                                                       \
    })

/* A call that must return 0, or fail with the errno `wanted`. */
#define EXPECT(wanted, name, call)                                                                                     \
    do {                                                                                                               \
        long got_ = TIMED(name, call);                                                                                 \
        int wanted_ = (wanted);                                                                                        \
        if (wanted_ ? got_ != -1 || errno != wanted_ : got_ != 0)                                                      \
            bad("%s:%d: %s gave %ld and not errno %d", __FILE__, __LINE__, #call, got_, wanted_);                     \
    } while (0)

/* A call that must give a descriptor or a count. */
#define WANT(name, call)                                                                                               \
    ({                                                                                                                 \
        long got_ = TIMED(name, call);                                                                                 \
        if (got_ < 0) bad("%s:%d: %s", __FILE__, __LINE__, #call);                                                     \
        got_;                                                                                                          \
    })

static const char *named(const char *word, uint64_t number) {
    static char names[8][64];
    static unsigned next;
    char *name = names[next++ % 8];
    snprintf(name, sizeof names[0], "%s%llu", word, (unsigned long long)number);
    return name;
}

/* A page as its file, number and generation tell it; generation 0 is a hole. */
static void stamp(uint64_t *page, uint64_t file, uint64_t block, uint64_t generation) {
    uint64_t seed = mix(mix(file + 1) + mix(block + 77) * 3 + generation * 0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < PAGE / 8; i++) page[i] = generation ? seed + i : 0;
}

static void verify(const uint64_t *page, uint64_t file, uint64_t block, uint64_t generation, const char *by) {
    uint64_t wanted[PAGE / 8];
    stamp(wanted, file, block, generation);
    for (unsigned i = 0; i < PAGE / 8; i++)
        if (page[i] != wanted[i])
            bad("%s: file %llu, block %llu, generation %llu: word %u is %llx and not %llx", by,
                (unsigned long long)file, (unsigned long long)block, (unsigned long long)generation, i,
                (unsigned long long)page[i], (unsigned long long)wanted[i]);
}
