/* What outlives its handles: segments and durable objects. Its argument is a directory to work in. */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/ipc.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *directory;

static const char *state_directory(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/state", directory);
    return path;
}

static void segments_have_keys_and_numbers(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_segment_options options = {.size = sizeof options, .mode = 0640};
    shmfs_segment_state state = {.size = sizeof state};
    shmfs_segment *segment, *same, *none;
    shmfs_mapping *mapping, *looks_on;
    bool created;
    OK(shmfs_segment_create(store, 0x5eed, 100, &options, &segment));
    FAILS(EEXIST, "0x00005eed", shmfs_segment_create(store, 0x5eed, 100, NULL, &none));
    FAILS(ENOENT, "0x00005eee", shmfs_segment_open(store, 0x5eee, 0, &none));
    FAILS(EINVAL, "", shmfs_segment_open(store, 0x5eed, 101, &none));
    OK(shmfs_segment_open_or_create(store, 0x5eed, 100, NULL, &created, &same));
    CHECK(!created && shmfs_segment_id(same) == shmfs_segment_id(segment) && shmfs_segment_length(same) == 100);
    OK(shmfs_segment_attach(segment, 0, &mapping));
    OK(shmfs_segment_attach(same, SHMFS_MAP_READ_ONLY, &looks_on));
    CHECK(shmfs_mapping_length(mapping) == 100);
    strcpy(shmfs_mapping_address(mapping), "attached");
    CHECK(strcmp(shmfs_mapping_address(looks_on), "attached") == 0);
    OK(shmfs_segment_set(segment, geteuid(), getegid(), 0600));
    OK(shmfs_segment_stat(same, &state));
    CHECK(state.attaches == 2 && state.key == 0x5eed && state.mode == 0600 && state.length == 100);
    CHECK(state.creator == getpid() && state.removed == 0 && state.attached > 0 && state.detached == 0);
    OK(shmfs_segment_remove(segment));
    FAILS(ENOENT, "", shmfs_segment_open(store, 0x5eed, 0, &none));
    CHECK(strcmp(shmfs_mapping_address(mapping), "attached") == 0);
    shmfs_mapping_unmap(mapping);
    shmfs_mapping_unmap(looks_on);
    FAILS(EINVAL, "", shmfs_segment_stat(same, &state));
    shmfs_segment_close(segment);
    shmfs_segment_close(same);
    shmfs_store_close(store);
}

static void private_segments_are_found_by_number(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_segment *segment, *same, *none;
    OK(shmfs_segment_create(store, IPC_PRIVATE, 4096, NULL, &segment));
    OK(shmfs_segment_by_id(store, shmfs_segment_id(segment), &same));
    CHECK(shmfs_segment_length(same) == 4096);
    FAILS(EINVAL, "", shmfs_segment_by_id(store, 12345, &none));
    CHECK(none == NULL);
    OK(shmfs_segment_remove(segment));
    shmfs_segment_close(segment);
    shmfs_segment_close(same);
    shmfs_store_close(store);
}

static void keys_are_the_c_librarys(void)
{
    int32_t key;
    OK(shmfs_ftok(directory, 'a', &key));
    CHECK(key == ftok(directory, 'a'));
    FAILS(ENOENT, "/absent", shmfs_ftok("/absent", 'a', &key));
    FAILS(EINVAL, "1 to 255", shmfs_ftok(directory, 256, &key));
}

static void epochs_survive_a_killed_editor(void)
{
    shmfs_store *store = check_store(state_directory());
    shmfs_object_options options = {.size = sizeof options, .lifetime = SHMFS_LIFETIME_DURABLE};
    shmfs_object *object;
    shmfs_durable *durable;
    uint64_t epoch, restored;
    void *address;
    int status;
    OK(shmfs_object_create(store, "ledger", 8192, &options, &object));
    OK(shmfs_object_durable(object, &durable));
    CHECK(shmfs_durable_length(durable) == 8192);
    OK(shmfs_durable_write(durable, 10, "one", 3));
    OK(shmfs_durable_persist(durable, &epoch));
    CHECK(epoch == 1);
    OK(shmfs_durable_edit(durable, 10, 3, &address));
    CHECK(address == (const char *)shmfs_durable_address(durable) + 10);
    memcpy(address, "two", 3);
    OK(shmfs_durable_roll_back(durable, &restored));
    CHECK(restored >= 3 && memcmp(address, "one", 3) == 0);
    FAILS(EINVAL, "8192", shmfs_durable_edit(durable, 8190, 3, &address));
    CHECK(address == NULL);
    pid_t child = fork();
    if (child == 0) {
        /* Of another description: its own handles. */
        FAILS(EPERM, "fork", shmfs_durable_write(durable, 10, "bad", 3));
        OK(shmfs_object_open(store, "ledger", NULL, &object));
        OK(shmfs_object_durable(object, &durable));
        OK(shmfs_durable_write(durable, 10, "bad", 3));
        raise(SIGKILL); /* in the middle of an epoch */
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    OK(shmfs_durable_edit(durable, 0, 1, &address));
    CHECK(memcmp((const char *)shmfs_durable_address(durable) + 10, "one", 3) == 0);
    OK(shmfs_durable_persist(durable, NULL));
    OK(shmfs_durable_epoch(durable, &epoch));
    CHECK(epoch > 1);
    shmfs_durable_close(durable);
    shmfs_object_close(object);
    shmfs_store_close(store);
}

static void durable_objects_come_back(void)
{
    shmfs_store *store = check_store(state_directory());
    shmfs_segment_options options = {.size = sizeof options, .lifetime = SHMFS_LIFETIME_DURABLE};
    shmfs_object *object;
    shmfs_segment *segment;
    shmfs_durable *durable;
    OK(shmfs_object_open(store, "ledger", NULL, &object));
    OK(shmfs_object_durable(object, &durable));
    CHECK(memcmp((const char *)shmfs_durable_address(durable) + 10, "one", 3) == 0);
    shmfs_durable_close(durable);
    shmfs_object_close(object);
    OK(shmfs_segment_create(store, 77, 4096, &options, &segment));
    OK(shmfs_segment_durable(segment, &durable));
    OK(shmfs_durable_write(durable, 0, "kept", 4));
    OK(shmfs_durable_persist(durable, NULL));
    shmfs_durable_close(durable);
    shmfs_segment_close(segment);
    shmfs_store_close(store);

    store = check_store(state_directory());
    shmfs_mapping *mapping;
    OK(shmfs_segment_open(store, 77, 4096, &segment));
    OK(shmfs_segment_attach(segment, SHMFS_MAP_READ_ONLY, &mapping));
    CHECK(memcmp(shmfs_mapping_address(mapping), "kept", 4) == 0);
    shmfs_mapping_unmap(mapping);
    shmfs_segment_close(segment);
    OK(shmfs_object_create(store, "fleeting", 4096, NULL, &object));
    FAILS(EINVAL, "not durable", shmfs_object_durable(object, &durable));
    shmfs_object_close(object);
    shmfs_store_close(store);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"segments have keys and numbers", segments_have_keys_and_numbers},
        {"private segments are found by number", private_segments_are_found_by_number},
        {"keys are the C library's", keys_are_the_c_librarys},
        {"epochs survive a killed editor", epochs_survive_a_killed_editor},
        {"durable objects come back", durable_objects_come_back},
    };
    if (argc != 2)
        return 2;
    directory = argv[1];
    return RUN_CASES(cases);
}
