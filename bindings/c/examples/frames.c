/*
 * Two processes and one store: the writer makes a store and an object in it, and runs this program once more as the reader,
 * which finds both by its environment. They take turns by an atomic word. Then the writer edits a durable object.
 *
 *     cc -std=c11 frames.c $(pkg-config --cflags --libs shmfs) -o frames && ./frames STATE-DIRECTORY
 */
#define _GNU_SOURCE
#include <shmfs.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The object's bytes. `turn` says whose they are: the others touch nothing but it. */
struct frame {
    _Atomic uint32_t turn;
    uint32_t length;
    char text[120];
};

enum { NOBODYS, READERS, WRITERS };

static void check(int answer, const char *what)
{
    if (answer < 0) {
        fprintf(stderr, "%s: %s\n", what, shmfs_last_error());
        exit(1);
    }
}

/* Whether the process `other` is still there; the writer's child is looked at, not waited for. */
static int lives(pid_t other, int is_child)
{
    siginfo_t ended = {0};
    if (!is_child)
        return getppid() == other;
    return waitid(P_PID, (id_t)other, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
}

/* Waits for a turn. What somebody has stored before he gave it away is seen then. */
static void await(struct frame *frame, uint32_t turn, pid_t other, int is_child)
{
    while (atomic_load_explicit(&frame->turn, memory_order_acquire) != turn) {
        if (!lives(other, is_child) && atomic_load_explicit(&frame->turn, memory_order_acquire) != turn) {
            fprintf(stderr, "process %ld has ended too early\n", (long)other);
            exit(1);
        }
        sched_yield();
    }
}

static void put(struct frame *frame, const char *text, uint32_t next)
{
    frame->length = (uint32_t)strlen(text);
    memcpy(frame->text, text, frame->length);
    atomic_store_explicit(&frame->turn, next, memory_order_release);
}

static void show(const struct frame *frame, const char *who)
{
    /* The other process could write anything there: copy, check, use the copy. */
    uint32_t length = frame->length;
    if (length > sizeof frame->text)
        length = sizeof frame->text;
    printf("%s sees: %.*s\n", who, (int)length, frame->text);
    fflush(stdout);
}

/* Maps the frame of an object, which it closes: a mapping needs no object. */
static struct frame *map(shmfs_object *object, shmfs_mapping **mapping)
{
    check(shmfs_object_map(object, NULL, mapping), "map");
    shmfs_object_close(object);
    if (shmfs_mapping_length(*mapping) < sizeof(struct frame)) {
        fprintf(stderr, "the object is too short\n");
        exit(1);
    }
    return shmfs_mapping_address(*mapping);
}

static int reader(void)
{
    shmfs_store *store;
    shmfs_object *object;
    shmfs_mapping *mapping;
    check(shmfs_store_open(&store), "join the store");
    check(shmfs_object_open(store, "frames", NULL, &object), "open");
    struct frame *frame = map(object, &mapping);
    pid_t parent = getppid();
    await(frame, READERS, parent, 0);
    show(frame, "the reader");
    put(frame, "the reader's answer", WRITERS);
    shmfs_mapping_unmap(mapping);
    shmfs_store_close(store);
    return 0;
}

/* Runs this program as the reader, in an environment that leads to the store. */
static pid_t start_reader(const shmfs_store *store, char *program)
{
    char *const *variable = shmfs_store_environment(store);
    pid_t child = fork();
    if (child == 0) {
        for (; *variable != NULL; variable++)
            putenv(*variable);
        execvp(program, (char *[]){program, "--reader", NULL});
        perror(program);
        _exit(127);
    }
    return child;
}

static void show_keeper(const shmfs_store *store)
{
    shmfs_usage usage = {.size = sizeof usage};
    check(shmfs_store_usage(store, &usage), "measure the store");
    printf("the store is kept by %s\n", usage.broker == getpid() ? "a thread" : "a process of its own");
    fflush(stdout);
}

static void edit_ledger(const shmfs_store *store)
{
    shmfs_object_options durable = {.size = sizeof durable, .lifetime = SHMFS_LIFETIME_DURABLE};
    shmfs_object *object;
    shmfs_durable *ledger;
    uint64_t epoch;
    void *bytes;
    check(shmfs_object_open_or_create(store, "ledger", 1 << 16, &durable, NULL, &object), "create the ledger");
    check(shmfs_object_durable(object, &ledger), "edit the ledger");
    shmfs_object_close(object);

    /* Both, or neither, whatever happens. */
    check(shmfs_durable_edit(ledger, 0, 10, &bytes), "edit");
    memcpy(bytes, "100 to Ada", 10);
    check(shmfs_durable_write(ledger, 4096, "100 from Bob", 12), "edit");
    check(shmfs_durable_persist(ledger, &epoch), "persist");

    check(shmfs_durable_edit(ledger, 0, 10, &bytes), "edit");
    memcpy(bytes, "999 to Ada", 10);
    check(shmfs_durable_roll_back(ledger, NULL), "roll back");
    printf("the ledger says: %.10s\n", (const char *)shmfs_durable_address(ledger));
    shmfs_durable_close(ledger);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--reader") == 0)
        return reader();

    shmfs_store_options options = {.size = sizeof options, .limit = 16 << 20};
    shmfs_store *store;
    shmfs_object *object;
    shmfs_mapping *mapping;
    int status;
    if (argc > 1)
        options.state = argv[1];
    int answer = shmfs_store_private(&options, &store);
    if (answer == -ENOENT) /* The program `shm` is not installed: a thread of this process keeps the store. */
        answer = shmfs_store_embedded(&options, &store);
    check(answer, "make a store");
    show_keeper(store);
    check(shmfs_object_create(store, "frames", sizeof(struct frame), NULL, &object), "create");
    struct frame *frame = map(object, &mapping);

    pid_t child = start_reader(store, argv[0]);
    if (child < 0) {
        perror("fork");
        return 1;
    }
    put(frame, "the writer's frame", READERS);
    await(frame, WRITERS, child, 1);
    show(frame, "the writer");
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "the reader has failed\n");
        return 1;
    }
    if (options.state != NULL)
        edit_ledger(store);
    shmfs_mapping_unmap(mapping);
    shmfs_store_close(store);
    return 0;
}
