/* Stores, objects and their mappings. Its argument is a directory to work in. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory;

static void a_store_is_found_by_its_environment(void)
{
    shmfs_store *made = check_store(NULL), *found, *at;
    shmfs_object *object;
    OK(shmfs_object_create(made, "seen", 1, NULL, &object));
    char *const *variable = shmfs_store_environment(made);
    CHECK(variable[0] != NULL && variable[1] != NULL && variable[2] == NULL);
    for (; *variable != NULL; variable++)
        CHECK(putenv(*variable) == 0); /* until it is unset below */
    shmfs_object_close(object);
    OK(shmfs_store_open(&found));
    OK(shmfs_object_open(found, "seen", NULL, &object));
    CHECK(strcmp(shmfs_store_directory(made), shmfs_store_directory(found)) == 0);
    OK(shmfs_store_at(shmfs_store_directory(made), &at));
    shmfs_store_close(at);
    OK(shmfs_store_named(shmfs_store_directory(made), &at));
    shmfs_store_close(at);
    unsetenv("SHMFS_STORE");
    unsetenv("SHMFS_TOKEN");
    FAILS(ECONNREFUSED, "nobody-has-this", shmfs_store_named("nobody-has-this", &at));
    CHECK(at == NULL);
    shmfs_object_close(object);
    shmfs_store_close(found);
    shmfs_store_close(made);
}

static void names_lengths_and_modes(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_object_options options = {.size = sizeof options, .mode = 0640, .flags = SHMFS_OBJECT_GUARDED};
    shmfs_object *object, *same;
    shmfs_list *list;
    shmfs_entry entry = {.size = sizeof entry};
    struct stat stat;
    uint64_t length;
    bool created;
    char long_name[252] = "";
    umask(0);
    OK(shmfs_object_create(store, "/frames", 5000, &options, &object));
    CHECK(strcmp(shmfs_object_name(object), "frames") == 0);
    OK(shmfs_object_length(object, &length));
    CHECK(length == 5000);
    CHECK(fstat(shmfs_object_fd(object), &stat) == 0 && stat.st_size == 5000);
    FAILS(EEXIST, "frames", shmfs_object_create(store, "frames", 1, NULL, &same));
    OK(shmfs_object_open_or_create(store, "frames", 1, NULL, &created, &same));
    CHECK(!created);
    shmfs_object_close(same);
    OK(shmfs_object_open_or_create(store, "others", 1, NULL, &created, &same));
    CHECK(created);
    shmfs_object_close(same);
    OK(shmfs_store_list(store, &list));
    CHECK(shmfs_list_length(list) == 2);
    OK(shmfs_list_entry(list, 0, &entry));
    CHECK(strcmp(entry.name, "frames") == 0 && entry.length == 5000 && entry.kind == SHMFS_KIND_OBJECT);
    CHECK((entry.mode & 0777) == 0640 && entry.guarded == 1 && entry.shmid == -1 && entry.removed == 0);
    CHECK(entry.lifetime == SHMFS_LIFETIME_UNTIL_REMOVED && entry.creator == getpid() && entry.uid == geteuid());
    FAILS(ERANGE, "no entry 2", shmfs_list_entry(list, 2, &entry));
    shmfs_list_close(list);
    OK(shmfs_object_unlink(object));
    FAILS(ENOENT, "frames", shmfs_object_open(store, "frames", NULL, &same));
    OK(shmfs_store_unlink(store, "others"));
    FAILS(ENOENT, "others", shmfs_store_unlink(store, "others"));
    FAILS(ENAMETOOLONG, "251", shmfs_store_unlink(store, memset(long_name, 'x', 251)));
    shmfs_object_close(object);
    shmfs_store_close(store);
}

static void a_full_store_says_so(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_object *object;
    shmfs_usage usage = {.size = sizeof usage};
    FAILS(ENOSPC, "2097152 bytes asked", shmfs_object_create(store, "big", 2 << 20, NULL, &object));
    CHECK(object == NULL);
    OK(shmfs_object_create(store, "small", 4096, NULL, &object));
    OK(shmfs_object_resize(object, 8192));
    FAILS(ENOSPC, "small", shmfs_object_resize(object, 2 << 20));
    OK(shmfs_store_usage(store, &usage));
    CHECK(usage.limit == 1 << 20 && usage.used == 8192 && usage.objects == 1 && usage.clients == 1);
    CHECK(usage.broker == getpid());
    shmfs_object_close(object);
    shmfs_store_close(store);
}

static void mappings_show_the_same_bytes(void)
{
    shmfs_object *object;
    shmfs_mapping *first, *second, *part;
    shmfs_map_options options = {.size = sizeof options, .flags = SHMFS_MAP_READ_ONLY, .offset = 4096};
    char bytes[6] = "";
    size_t pages;
    OK(shmfs_object_anonymous(NULL, NULL, 10000, &object));
    CHECK(shmfs_object_name(object) == NULL);
    OK(shmfs_object_map(object, NULL, &first));
    OK(shmfs_object_map(object, NULL, &second));
    OK(shmfs_object_map(object, &options, &part));
    CHECK(shmfs_mapping_length(first) == 10000 && shmfs_mapping_length(part) == 10000 - 4096);
    strcpy((char *)shmfs_mapping_address(first) + 4096, "bytes");
    CHECK(strcmp((char *)shmfs_mapping_address(second) + 4096, "bytes") == 0);
    CHECK(strcmp(shmfs_mapping_address(part), "bytes") == 0);
    OK(shmfs_mapping_write(second, 4096, "other", 5));
    OK(shmfs_mapping_read(part, 0, bytes, 5));
    CHECK(strcmp(bytes, "other") == 0);
    FAILS(EACCES, "reading only", shmfs_mapping_write(part, 0, "x", 1));
    FAILS(EINVAL, "10000", shmfs_mapping_read(first, 9999, bytes, 2));
    FAILS(EINVAL, "memory", shmfs_mapping_flush(first, SIZE_MAX, 2));
    OK(shmfs_mapping_flush(first, 0, 10000));
    OK(shmfs_mapping_flush_async(first, 4096, 1));
    OK(shmfs_mapping_advise(first, 0, 4096, MADV_SEQUENTIAL));
    FAILS(EINVAL, "advice", shmfs_mapping_advise(first, 0, 4096, MADV_REMOVE));
    OK(shmfs_mapping_lock(first, 0, 4096));
    OK(shmfs_mapping_unlock(first, 0, 4096));
    OK(shmfs_mapping_resident(first, &pages));
    CHECK(pages == 2);
    OK(shmfs_object_punch_hole(object, 4096, 4096));
    OK(shmfs_mapping_read(second, 4096, bytes, 5));
    CHECK(bytes[0] == 0);
    options = (shmfs_map_options){.size = sizeof options, .address = shmfs_mapping_address(first)};
    FAILS(EEXIST, "mapped at", shmfs_object_map(object, &options, &part));
    CHECK(part == NULL);
    shmfs_object_close(object);
    ((char *)shmfs_mapping_address(first))[0] = 'x'; /* needs no object */
    shmfs_mapping_unmap(part);
    shmfs_mapping_unmap(second);
    shmfs_mapping_unmap(first);
}

static void a_cut_object_is_an_error_with_the_guard(void)
{
    shmfs_object *object;
    shmfs_mapping *mapping;
    char byte;
    OK(shmfs_sigbus_guard());
    OK(shmfs_object_anonymous(NULL, NULL, 8192, &object));
    OK(shmfs_object_map(object, NULL, &mapping));
    OK(shmfs_object_resize(object, 4096));
    FAILS(EFAULT, "cut", shmfs_mapping_read(mapping, 4096, &byte, 1));
    shmfs_mapping_unmap(mapping);
    shmfs_object_close(object);
}

static void a_guard_excludes(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_object *object;
    shmfs_guard *guard;
    OK(shmfs_object_create(store, "guarded", 1, NULL, &object));
    OK(shmfs_object_guard(object, &guard));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", shmfs_object_fd(object));
    int other = open(path, O_RDWR | O_CLOEXEC);
    shmfs_object_close(object); /* the guard keeps what it guards */
    CHECK(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    shmfs_guard_release(guard);
    CHECK(flock(other, LOCK_EX | LOCK_NB) == 0);
    close(other);
    shmfs_store_close(store);
}

static void objects_travel_sealed(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_object *sent, *received, *none;
    int ends[2], pipes[2];
    uint32_t seals;
    uint64_t length;
    OK(shmfs_object_anonymous(store, "scratch", 4096, &sent));
    OK(shmfs_object_seal(sent, F_SEAL_SHRINK | F_SEAL_GROW));
    FAILS(EPERM, "scratch", shmfs_object_resize(sent, 0));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    OK(shmfs_object_send(sent, ends[0]));
    OK(shmfs_object_receive(ends[1], &received));
    OK(shmfs_object_seals(received, &seals));
    CHECK(seals == (F_SEAL_SHRINK | F_SEAL_GROW));
    OK(shmfs_object_length(received, &length));
    CHECK(length == 4096 && shmfs_object_fd(received) != shmfs_object_fd(sent));
    close(ends[1]);
    FAILS(EPIPE, "send", shmfs_object_send(sent, ends[0])); /* and no SIGPIPE */
    FAILS(ECONNRESET, "hung up", shmfs_object_receive(ends[0], &none));
    close(ends[0]);
    FAILS(EBADF, "descriptor", shmfs_object_send(sent, ends[0]));
    FAILS(EBADF, "descriptor -1", shmfs_object_from_fd(-1, &none));
    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    FAILS(ENODEV, "no regular file", shmfs_object_from_fd(pipes[0], &none));
    OK(shmfs_object_from_fd(shmfs_object_fd(sent), &none));
    shmfs_object_close(none);
    CHECK(fcntl(shmfs_object_fd(sent), F_GETFD) == FD_CLOEXEC);
    shmfs_object_close(received);
    shmfs_object_close(sent);
    shmfs_store_close(store);
}

static void lifetimes_hold(void)
{
    shmfs_store *store = check_store(NULL);
    shmfs_object_options options = {.size = sizeof options, .lifetime = SHMFS_LIFETIME_LAST_USER};
    shmfs_object *object;
    shmfs_list *list;
    shmfs_entry entry = {.size = sizeof entry};
    OK(shmfs_object_create(store, "scratch", 4096, &options, &object));
    OK(shmfs_store_list(store, &list));
    OK(shmfs_list_entry(list, 0, &entry));
    CHECK(entry.lifetime == SHMFS_LIFETIME_LAST_USER);
    shmfs_list_close(list);
    options.lifetime = SHMFS_LIFETIME_DURABLE;
    shmfs_object *durable;
    FAILS(EOPNOTSUPP, "durable", shmfs_object_create(store, "durable", 4096, &options, &durable));
    shmfs_object_close(object);
    shmfs_store_close(store);
}

static void files_are_views(void)
{
    char path[4096], bytes[8] = "";
    shmfs_file *file, *looks_on, *none;
    shmfs_mapping *mapping;
    shmfs_map_options private = {.size = sizeof private, .flags = SHMFS_MAP_PRIVATE};
    uint64_t length;
    snprintf(path, sizeof path, "%s/file", directory);
    OK(shmfs_file_create(path, 5, &file));
    FAILS(EEXIST, path, shmfs_file_create(path, 5, &none));
    OK(shmfs_file_open_read_only(path, &looks_on));
    OK(shmfs_file_write(file, 0, "bytes", 5));
    OK(shmfs_file_read(looks_on, 0, bytes, 5));
    CHECK(strcmp(bytes, "bytes") == 0);
    FAILS(ERANGE, "past the end", shmfs_file_read(looks_on, 3, bytes, 4));
    FAILS(ERANGE, "than a file can have", shmfs_file_flush(file, UINT64_MAX, 1));
    FAILS(EACCES, "reading only", shmfs_file_write(looks_on, 0, "x", 1));
    OK(shmfs_file_map(file, &private, &mapping));
    OK(shmfs_mapping_write(mapping, 0, "mine", 4));
    OK(shmfs_file_grow(file, 10000));
    CHECK(shmfs_file_mapped_length(file) == 10000 && shmfs_file_mapped_length(looks_on) == 5);
    OK(shmfs_file_length(looks_on, &length));
    CHECK(length == 10000);
    OK(shmfs_file_refresh(looks_on));
    CHECK(memcmp(shmfs_file_address(looks_on), "bytes", 6) == 0);
    CHECK(pread(shmfs_file_fd(looks_on), bytes, 5, 0) == 5 && memcmp(bytes, "bytes", 5) == 0);
    OK(shmfs_file_flush(file, 0, 10000));
    OK(shmfs_file_flush_async(file, 0, 1));
    OK(shmfs_file_advise(file, 0, 10000, MADV_RANDOM));
    OK(shmfs_file_punch_hole(file, 0, 4096));
    CHECK(*(const char *)shmfs_file_address(looks_on) == 0);
    shmfs_file_close(looks_on);
    OK(shmfs_file_from_fd(shmfs_file_fd(file), &looks_on));
    CHECK(shmfs_file_mapped_length(looks_on) == 10000);
    FAILS(ENOENT, "absent", shmfs_file_open("/absent/file", &none));
    shmfs_mapping_unmap(mapping);
    shmfs_file_close(looks_on);
    shmfs_file_close(file);
    OK(shmfs_file_open(path, &file));
    shmfs_file_close(file);
    CHECK(truncate(path, 0) == 0);
    OK(shmfs_file_open(path, &file));
    CHECK(shmfs_file_address(file) == NULL && shmfs_file_mapped_length(file) == 0);
    shmfs_file_close(file);
    CHECK(unlink(path) == 0);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"a store is found by its environment", a_store_is_found_by_its_environment},
        {"names, lengths and modes", names_lengths_and_modes},
        {"a full store says so", a_full_store_says_so},
        {"mappings show the same bytes", mappings_show_the_same_bytes},
        {"a cut object is an error with the guard", a_cut_object_is_an_error_with_the_guard},
        {"a guard excludes", a_guard_excludes},
        {"objects travel sealed", objects_travel_sealed},
        {"lifetimes hold", lifetimes_hold},
        {"files are views", files_are_views},
    };
    if (argc != 2)
        return 2;
    directory = argv[1];
    signal(SIGPIPE, SIG_DFL);
    return RUN_CASES(cases);
}
