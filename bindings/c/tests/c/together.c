/* Threads and children that use the same handles. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 50 };

static shmfs_store *store;
static atomic_int winners;
static pthread_barrier_t start;

static void *find(void *arg)
{
    char name[16];
    shmfs_object *object;
    bool created;
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(name, sizeof name, "round-%d", round);
        pthread_barrier_wait(&start);
        OK(shmfs_object_open_or_create(store, name, 4096, NULL, &created, &object));
        winners += created;
        uint64_t length;
        OK(shmfs_object_length(object, &length));
        CHECK(length == 4096);
        shmfs_object_close(object);
    }
    return NULL;
}

static void in_threads(void *(*run)(void *))
{
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_create(&threads[at], NULL, run, NULL) == 0);
    for (int at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
}

static void one_thread_makes_an_object(void)
{
    store = check_store(NULL);
    winners = 0;
    CHECK(pthread_barrier_init(&start, NULL, THREADS) == 0);
    in_threads(find);
    CHECK(winners == ROUNDS);
    shmfs_store_close(store);
}

static void *fail(void *arg)
{
    shmfs_object *object;
    char name[32];
    static atomic_int number;
    int mine = number++;
    (void)arg;
    CHECK(strcmp(shmfs_last_error(), "") == 0);
    snprintf(name, sizeof name, "absent-%d", mine);
    FAILS(ENOENT, name, shmfs_object_open(store, name, NULL, &object));
    const char *words = shmfs_last_error();
    pthread_barrier_wait(&start); /* all have failed */
    CHECK(strstr(words, name) != NULL && words == shmfs_last_error());
    return NULL;
}

static void each_thread_has_its_last_error(void)
{
    store = check_store(NULL);
    in_threads(fail);
    shmfs_store_close(store);
}

static shmfs_file *file;

static void *write_and_grow(void *arg)
{
    uint64_t length;
    (void)arg;
    for (int round = 1; round <= ROUNDS; round++) {
        OK(shmfs_file_grow(file, (uint64_t)round * 4096));
        OK(shmfs_file_write(file, (uint64_t)round * 4096 - 1, "x", 1));
        OK(shmfs_file_length(file, &length));
        CHECK(length >= (uint64_t)round * 4096);
    }
    return NULL;
}

static void a_file_grows_under_its_users(void)
{
    shmfs_object *object;
    OK(shmfs_object_anonymous(NULL, NULL, 4096, &object));
    OK(shmfs_file_from_fd(shmfs_object_fd(object), &file));
    in_threads(write_and_grow);
    CHECK(shmfs_file_mapped_length(file) == ROUNDS * 4096);
    shmfs_file_close(file);
    shmfs_object_close(object);
}

static void a_child_shares(void)
{
    shmfs_object *object, *named, *again;
    shmfs_mapping *mapping;
    int status;
    store = check_store(NULL);
    OK(shmfs_object_anonymous(NULL, NULL, 4096, &object));
    OK(shmfs_object_map(object, NULL, &mapping));
    OK(shmfs_object_create(store, "before", 4096, NULL, &named));
    _Atomic int *word = shmfs_mapping_address(mapping);
    pid_t child = fork();
    if (child == 0) {
        atomic_store(word, 42);
        OK(shmfs_object_resize(named, 8192));
        OK(shmfs_object_create(store, "by-the-child", 4096, NULL, &again));
        shmfs_object_close(again);
        shmfs_object_close(named);
        shmfs_object_close(object);
        shmfs_mapping_unmap(mapping);
        shmfs_store_close(store);
        _exit(7);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(atomic_load(word) == 42);
    uint64_t length;
    OK(shmfs_object_length(named, &length));
    CHECK(length == 8192);
    OK(shmfs_object_open(store, "by-the-child", NULL, &again));
    shmfs_object_close(again);
    shmfs_object_close(named);
    shmfs_object_close(object);
    shmfs_mapping_unmap(mapping);
    shmfs_store_close(store);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"one thread makes an object", one_thread_makes_an_object},
        {"each thread has its last error", each_thread_has_its_last_error},
        {"a file grows under its users", a_file_grows_under_its_users},
        {"a child shares", a_child_shares},
    };
    return RUN_CASES(cases);
}
