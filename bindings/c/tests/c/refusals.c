/*
 * What every function says to NULL, and to handles, structures and numbers that are none. tests/programs makes sure that no
 * function of the header is missing here.
 */
#define _GNU_SOURCE
#include "check.h"

#include <sys/mman.h>

#define NULL_IS_REFUSED(call) FAILS(EFAULT, "NULL", call)

static shmfs_store *store;
static shmfs_object *object;
static shmfs_mapping *mapping;
static shmfs_segment *segment;
static shmfs_file *file;
static shmfs_list *list;
static shmfs_guard *guard;
static shmfs_durable *durable;

static void stores(void)
{
    NULL_IS_REFUSED(shmfs_store_open(NULL));
    NULL_IS_REFUSED(shmfs_store_named(NULL, &store));
    NULL_IS_REFUSED(shmfs_store_named("name", NULL));
    NULL_IS_REFUSED(shmfs_store_at(NULL, &store));
    NULL_IS_REFUSED(shmfs_store_at("/", NULL));
    NULL_IS_REFUSED(shmfs_store_user(NULL));
    NULL_IS_REFUSED(shmfs_store_system(NULL));
    NULL_IS_REFUSED(shmfs_store_private(NULL, NULL));
    NULL_IS_REFUSED(shmfs_store_embedded(NULL, NULL));
    FAILS(EINVAL, "UTF-8", shmfs_store_named("\xff", &store));
    FAILS(EINVAL, "", shmfs_store_named(".dot", &store));
    CHECK(store == NULL && shmfs_store_directory(NULL) == NULL && shmfs_store_environment(NULL) == NULL);
    OK(shmfs_store_embedded(NULL, &store));
    NULL_IS_REFUSED(shmfs_store_unlink(NULL, "name"));
    NULL_IS_REFUSED(shmfs_store_unlink(store, NULL));
    shmfs_usage usage = {.size = sizeof usage};
    NULL_IS_REFUSED(shmfs_store_usage(NULL, &usage));
    NULL_IS_REFUSED(shmfs_store_usage(store, NULL));
    NULL_IS_REFUSED(shmfs_store_list(NULL, &list));
    NULL_IS_REFUSED(shmfs_store_list(store, NULL));
    shmfs_object *other;
    OK(shmfs_object_create(store, "other", 1, NULL, &other));
    OK(shmfs_store_list(store, &list));
    OK(shmfs_object_unlink(other));
    shmfs_object_close(other);
    shmfs_entry entry = {.size = sizeof entry};
    CHECK(shmfs_list_length(NULL) == 0);
    NULL_IS_REFUSED(shmfs_list_entry(NULL, 0, &entry));
    NULL_IS_REFUSED(shmfs_list_entry(list, 0, NULL));
    shmfs_list_close(list);
    CHECK(strcmp(shmfs_version(), "") != 0);
}

static void objects(void)
{
    uint64_t length;
    uint32_t seals;
    NULL_IS_REFUSED(shmfs_object_create(NULL, "name", 1, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_create(store, NULL, 1, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_create(store, "name", 1, NULL, NULL));
    NULL_IS_REFUSED(shmfs_object_open(NULL, "name", NULL, &object));
    NULL_IS_REFUSED(shmfs_object_open(store, NULL, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_open(store, "name", NULL, NULL));
    NULL_IS_REFUSED(shmfs_object_open_or_create(NULL, "name", 1, NULL, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_open_or_create(store, NULL, 1, NULL, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_open_or_create(store, "name", 1, NULL, NULL, NULL));
    NULL_IS_REFUSED(shmfs_object_anonymous(store, NULL, 1, &object));
    NULL_IS_REFUSED(shmfs_object_anonymous(NULL, NULL, 1, NULL));
    NULL_IS_REFUSED(shmfs_object_anonymous_huge(1 << 21, 21, NULL));
    NULL_IS_REFUSED(shmfs_object_from_fd(0, NULL));
    NULL_IS_REFUSED(shmfs_object_receive(0, NULL));
    OK(shmfs_store_list(store, &list));
    CHECK(shmfs_list_length(list) == 0); /* nothing was made for nobody */
    shmfs_list_close(list);
    CHECK(shmfs_object_name(NULL) == NULL && shmfs_object_fd(NULL) == -EFAULT);
    NULL_IS_REFUSED(shmfs_object_length(NULL, &length));
    NULL_IS_REFUSED(shmfs_object_resize(NULL, 1));
    NULL_IS_REFUSED(shmfs_object_punch_hole(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_object_unlink(NULL));
    NULL_IS_REFUSED(shmfs_object_send(NULL, 0));
    NULL_IS_REFUSED(shmfs_object_seal(NULL, 1));
    NULL_IS_REFUSED(shmfs_object_seals(NULL, &seals));
    NULL_IS_REFUSED(shmfs_object_guard(NULL, &guard));
    NULL_IS_REFUSED(shmfs_object_durable(NULL, &durable));
    NULL_IS_REFUSED(shmfs_object_map(NULL, NULL, &mapping));
    OK(shmfs_object_create(store, "name", 4096, NULL, &object));
    NULL_IS_REFUSED(shmfs_object_length(object, NULL));
    NULL_IS_REFUSED(shmfs_object_seals(object, NULL));
    NULL_IS_REFUSED(shmfs_object_guard(object, NULL));
    NULL_IS_REFUSED(shmfs_object_durable(object, NULL));
    NULL_IS_REFUSED(shmfs_object_map(object, NULL, NULL));
    shmfs_object *none = object;
    FAILS(EINVAL, "slash", shmfs_object_open(store, "a/b", NULL, &none));
    CHECK(none == NULL);
    FAILS(EINVAL, "at least one byte", shmfs_object_open(store, "", NULL, &none));
}

static void mappings(void)
{
    char byte;
    size_t pages;
    CHECK(shmfs_mapping_address(NULL) == NULL && shmfs_mapping_length(NULL) == 0);
    NULL_IS_REFUSED(shmfs_mapping_read(NULL, 0, &byte, 1));
    NULL_IS_REFUSED(shmfs_mapping_write(NULL, 0, "x", 1));
    NULL_IS_REFUSED(shmfs_mapping_flush(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_mapping_flush_async(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_mapping_advise(NULL, 0, 1, MADV_NORMAL));
    NULL_IS_REFUSED(shmfs_mapping_lock(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_mapping_unlock(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_mapping_resident(NULL, &pages));
    OK(shmfs_object_map(object, NULL, &mapping));
    NULL_IS_REFUSED(shmfs_mapping_read(mapping, 0, NULL, 1));
    NULL_IS_REFUSED(shmfs_mapping_write(mapping, 0, NULL, 1));
    NULL_IS_REFUSED(shmfs_mapping_resident(mapping, NULL));
    OK(shmfs_mapping_read(mapping, 4096, NULL, 0));
    OK(shmfs_mapping_write(mapping, 4096, NULL, 0));
    FAILS(EINVAL, "", shmfs_mapping_read(mapping, 0, &byte, SIZE_MAX));
    shmfs_mapping_unmap(mapping);
}

static void segments(void)
{
    shmfs_segment_state state = {.size = sizeof state};
    int32_t key;
    NULL_IS_REFUSED(shmfs_segment_create(NULL, 1, 1, NULL, &segment));
    NULL_IS_REFUSED(shmfs_segment_create(store, 1, 1, NULL, NULL));
    NULL_IS_REFUSED(shmfs_segment_open(NULL, 1, 1, &segment));
    NULL_IS_REFUSED(shmfs_segment_open(store, 1, 1, NULL));
    NULL_IS_REFUSED(shmfs_segment_open_or_create(NULL, 1, 1, NULL, NULL, &segment));
    NULL_IS_REFUSED(shmfs_segment_open_or_create(store, 1, 1, NULL, NULL, NULL));
    NULL_IS_REFUSED(shmfs_segment_by_id(NULL, 0, &segment));
    NULL_IS_REFUSED(shmfs_segment_by_id(store, 0, NULL));
    FAILS(ENOENT, "", shmfs_segment_open(store, 1, 1, &segment)); /* nothing was made for nobody */
    CHECK(shmfs_segment_id(NULL) == -EFAULT && shmfs_segment_length(NULL) == 0);
    NULL_IS_REFUSED(shmfs_segment_attach(NULL, 0, &mapping));
    NULL_IS_REFUSED(shmfs_segment_remove(NULL));
    NULL_IS_REFUSED(shmfs_segment_set(NULL, 0, 0, 0));
    NULL_IS_REFUSED(shmfs_segment_stat(NULL, &state));
    NULL_IS_REFUSED(shmfs_segment_durable(NULL, &durable));
    OK(shmfs_segment_create(store, 1, 1, NULL, &segment));
    NULL_IS_REFUSED(shmfs_segment_attach(segment, 0, NULL));
    NULL_IS_REFUSED(shmfs_segment_stat(segment, NULL));
    NULL_IS_REFUSED(shmfs_segment_durable(segment, NULL));
    FAILS(EINVAL, "flags 0x2", shmfs_segment_attach(segment, SHMFS_MAP_PRIVATE, &mapping));
    NULL_IS_REFUSED(shmfs_ftok(NULL, 1, &key));
    NULL_IS_REFUSED(shmfs_ftok("/", 1, NULL));
}

static void durable_objects(void)
{
    void *address;
    uint64_t epoch;
    CHECK(shmfs_durable_address(NULL) == NULL && shmfs_durable_length(NULL) == 0);
    NULL_IS_REFUSED(shmfs_durable_edit(NULL, 0, 1, &address));
    NULL_IS_REFUSED(shmfs_durable_write(NULL, 0, "x", 1));
    NULL_IS_REFUSED(shmfs_durable_persist(NULL, NULL));
    NULL_IS_REFUSED(shmfs_durable_roll_back(NULL, NULL));
    NULL_IS_REFUSED(shmfs_durable_epoch(NULL, &epoch));
}

static void files(void)
{
    char byte;
    uint64_t length;
    NULL_IS_REFUSED(shmfs_file_open(NULL, &file));
    NULL_IS_REFUSED(shmfs_file_open("/", NULL));
    NULL_IS_REFUSED(shmfs_file_open_read_only(NULL, &file));
    NULL_IS_REFUSED(shmfs_file_open_read_only("/", NULL));
    NULL_IS_REFUSED(shmfs_file_create(NULL, 0, &file));
    NULL_IS_REFUSED(shmfs_file_create("/", 0, NULL));
    NULL_IS_REFUSED(shmfs_file_from_fd(0, NULL));
    CHECK(shmfs_file_fd(NULL) == -EFAULT && shmfs_file_address(NULL) == NULL && shmfs_file_mapped_length(NULL) == 0);
    NULL_IS_REFUSED(shmfs_file_length(NULL, &length));
    NULL_IS_REFUSED(shmfs_file_read(NULL, 0, &byte, 1));
    NULL_IS_REFUSED(shmfs_file_write(NULL, 0, "x", 1));
    NULL_IS_REFUSED(shmfs_file_map(NULL, NULL, &mapping));
    NULL_IS_REFUSED(shmfs_file_grow(NULL, 1));
    NULL_IS_REFUSED(shmfs_file_refresh(NULL));
    NULL_IS_REFUSED(shmfs_file_flush(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_file_flush_async(NULL, 0, 1));
    NULL_IS_REFUSED(shmfs_file_advise(NULL, 0, 1, MADV_NORMAL));
    NULL_IS_REFUSED(shmfs_file_punch_hole(NULL, 0, 1));
    OK(shmfs_file_from_fd(shmfs_object_fd(object), &file));
    NULL_IS_REFUSED(shmfs_file_length(file, NULL));
    NULL_IS_REFUSED(shmfs_file_read(file, 0, NULL, 1));
    NULL_IS_REFUSED(shmfs_file_write(file, 0, NULL, 1));
    NULL_IS_REFUSED(shmfs_file_map(file, NULL, NULL));
}

/* NULL is nothing to close. */
static void closing(void)
{
    shmfs_store_close(NULL);
    shmfs_list_close(NULL);
    shmfs_object_close(NULL);
    shmfs_guard_release(NULL);
    shmfs_mapping_unmap(NULL);
    shmfs_segment_close(NULL);
    shmfs_durable_close(NULL);
    shmfs_file_close(NULL);
}

static void handles_of_other_kinds(void)
{
    uint64_t length;
    OK(shmfs_object_map(object, NULL, &mapping));
    FAILS(EBADF, "another handle", shmfs_object_length((shmfs_object *)(void *)store, &length));
    FAILS(EBADF, "another handle", shmfs_object_length((shmfs_object *)(void *)mapping, &length));
    FAILS(EBADF, "none of this library", shmfs_object_length((shmfs_object *)((char *)object + 1), &length));
    CHECK(shmfs_mapping_address((shmfs_mapping *)(void *)object) == NULL);
    CHECK(shmfs_object_fd((shmfs_object *)(void *)mapping) == -EBADF);
    shmfs_object_close((shmfs_object *)(void *)mapping); /* is none, and stays */
    CHECK(strstr(shmfs_last_error(), "another handle") != NULL);
    CHECK(shmfs_mapping_length(mapping) == 4096);
    shmfs_mapping_unmap(mapping);
    shmfs_file_close(file);
    shmfs_segment_close(segment);
}

/* A program of a later version, whose structures are longer. */
struct later {
    shmfs_map_options known;
    uint64_t unknown;
};

static void structures_of_other_versions(void)
{
    struct later later = {.known.size = sizeof later, .known.length = 4096};
    OK(shmfs_object_map(object, &later.known, &mapping));
    shmfs_mapping_unmap(mapping);
    later.unknown = 1;
    FAILS(E2BIG, "of 48 bytes", shmfs_object_map(object, &later.known, &mapping));
    later.unknown = 0;
    later.known.size = 8192;
    FAILS(E2BIG, "8192", shmfs_object_map(object, &later.known, &mapping));
    later.known.size = 0;
    FAILS(EINVAL, "sizeof", shmfs_object_map(object, &later.known, &mapping));

    struct { shmfs_usage known; uint64_t unknown; } usage = {.known.size = sizeof usage, .unknown = 7};
    OK(shmfs_store_usage(store, &usage.known));
    CHECK(usage.known.objects == 1 && usage.known.size == sizeof usage && usage.unknown == 0);
    usage.known.size = 16;
    FAILS(EINVAL, "sizeof", shmfs_store_usage(store, &usage.known));
}

static void numbers_that_mean_nothing(void)
{
    shmfs_map_options map = {.size = sizeof map, .flags = 64};
    shmfs_object_options options = {.size = sizeof options, .lifetime = 4};
    shmfs_segment_options segments = {.size = sizeof segments, .lifetime = SHMFS_LIFETIME_PROCESS};
    shmfs_object *no_object;
    shmfs_store_options small = {.size = sizeof small, .limit = 4095};
    shmfs_store *none;
    FAILS(EINVAL, "flags 0x40", shmfs_object_map(object, &map, &mapping));
    FAILS(EINVAL, "4 is no lifetime", shmfs_object_create(store, "other", 1, &options, &no_object));
    options = (shmfs_object_options){.size = sizeof options, .flags = 4};
    FAILS(EINVAL, "flags 0x4", shmfs_object_create(store, "other", 1, &options, &no_object));
    FAILS(EINVAL, "Process", shmfs_segment_create(store, 2, 1, &segments, &segment));
    FAILS(EINVAL, "4095", shmfs_store_embedded(&small, &none));
    int answer = shmfs_object_anonymous_huge(4096, 63, &no_object); /* there are no such pages anywhere */
    CHECK((answer == -EINVAL || answer == -ENODEV) && no_object == NULL);
    shmfs_object_close(object);
    shmfs_store_close(store);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"stores", stores},
        {"objects", objects},
        {"mappings", mappings},
        {"segments", segments},
        {"durable objects", durable_objects},
        {"files", files},
        {"closing", closing},
        {"handles of other kinds", handles_of_other_kinds},
        {"structures of other versions", structures_of_other_versions},
        {"numbers that mean nothing", numbers_that_mean_nothing},
    };
    return RUN_CASES(cases);
}
