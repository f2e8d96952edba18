/*
 * What the programs in this folder check with. A program is a list of cases; each prints one line when it has passed, and the
 * first that fails ends the program with what was expected.
 */
#ifndef CHECK_H
#define CHECK_H

#include <shmfs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_case {
    const char *name;
    void (*run)(void);
};

/* Something is true. */
#define CHECK(condition) \
    do { \
        if (!(condition)) \
            check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

/* A call succeeds. */
#define OK(call) \
    do { \
        int answer_ = (call); \
        if (answer_ != 0) \
            check_answered(__FILE__, __LINE__, #call, 0, answer_); \
    } while (0)

/* A call answers with this errno, negative, and says these words. */
#define FAILS(expected, words, call) \
    do { \
        int answer_ = (call); \
        if (answer_ != -(expected)) \
            check_answered(__FILE__, __LINE__, #call, -(expected), answer_); \
        if (strstr(shmfs_last_error(), (words)) == NULL) \
            check_failed(__FILE__, __LINE__, #call " says: " #words); \
    } while (0)

static inline void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s; the last error is: %s\n", file, line, what, shmfs_last_error());
    exit(1);
}

static inline void check_answered(const char *file, int line, const char *call, int expected, int answer)
{
    fprintf(stderr, "%s:%d: %s answers %d, not %d: %s\n", file, line, call, answer, expected, shmfs_last_error());
    exit(1);
}

#define RUN_CASES(cases) check_run((cases), sizeof(cases) / sizeof((cases)[0]))

static inline int check_run(const struct check_case *cases, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        cases[at].run();
        printf("passed: %s\n", cases[at].name);
        fflush(stdout);
    }
    return 0;
}

/* A store of the program itself. */
static inline shmfs_store *check_store(const char *state)
{
    shmfs_store_options options = {.size = sizeof options, .limit = 1 << 20, .state = state};
    shmfs_store *store;
    OK(shmfs_store_embedded(&options, &store));
    return store;
}

#endif
