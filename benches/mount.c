// mount WHAT DIR COUNT [MORE]: what file calls in a directory of some file system take. One sample a line, in nanoseconds
// a call; calls that are shorter than the clock is exact are timed many at once. See `lines` below for WHAT.
#include "measure.h"
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB (1024 * 1024)
#define LARGE (64 * MIB)
#define FRESH (16 * MIB)
#define PAGE 4096
#define LIVING 32
#define NAMES 1000
#define BATCH 32

static const char *dir;
static char **more;
static unsigned char *bytes;
static uint64_t dice = 0x5eed;

static uint64_t roll(uint64_t below) {
    dice += 0x9e3779b97f4a7c15;
    uint64_t x = dice;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (x ^ x >> 31) % below;
}

static const char *path(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *at = paths[next++ % 4];
    snprintf(at, sizeof paths[0], "%s/%s", dir, name);
    return at;
}

static const char *numbered(const char *word, unsigned long number) {
    char name[64];
    snprintf(name, sizeof name, "%s%lu", word, number);
    return path(name);
}

static void say(uint64_t since, unsigned calls) {
    printf("%llu\n", (unsigned long long)(now() - since) / calls);
}

static int made(const char *at, int flags) {
    int fd = open(at, O_RDWR | O_CREAT | flags, 0600);
    check(fd >= 0, at);
    return fd;
}

static int filled(const char *name, size_t size) {
    int fd = made(path(name), O_TRUNC);
    for (size_t at = 0; at < size; at += MIB) check(pwrite(fd, bytes, MIB, (off_t)at) == MIB, "pwrite");
    return fd;
}

static void gone(const char *name, int fd) {
    close(fd);
    check(unlink(path(name)) == 0, "unlink");
}

static void rewrite(int count) {
    int fd = filled("large", MIB);
    while (count--) {
        uint64_t since = now();
        check(pwrite(fd, bytes, MIB, 0) == MIB, "pwrite");
        say(since, 1);
    }
    gone("large", fd);
}

// So many files live at a time; the oldest goes when the next is made.
static void write_fresh(int count, unsigned living) {
    for (unsigned i = 0; i < (unsigned)count + living; i++) {
        if (i >= living) check(unlink(numbered("fresh", i - living)) == 0, "unlink");
        if (i >= (unsigned)count) continue;
        int fd = made(numbered("fresh", i), O_EXCL);
        uint64_t since = now();
        check(write(fd, bytes, MIB) == MIB, "write");
        say(since, 1);
        close(fd);
    }
}

static void write_living(int count) {
    write_fresh(count, LIVING);
}

// Each file has the pages of the one before, if they are where it looks first: on the same core.
static void write_recycled(int count) {
    write_fresh(count, 1);
}

static void whole(int count) {
    while (count--) {
        uint64_t since = now();
        int fd = made(path("fresh"), O_EXCL);
        check(write(fd, bytes, MIB) == MIB, "write");
        close(fd);
        say(since, 1);
        check(unlink(path("fresh")) == 0, "unlink");
    }
}

static void reread(int count) {
    int fd = filled("large", MIB);
    while (count--) {
        uint64_t since = now();
        check(pread(fd, bytes, MIB, 0) == MIB, "pread");
        say(since, 1);
    }
    gone("large", fd);
}

static void random_pages(int count, int writes) {
    int fd = filled("large", LARGE);
    while (count--) {
        off_t at[BATCH];
        for (int i = 0; i < BATCH; i++) at[i] = (off_t)(roll(LARGE / PAGE) * PAGE);
        uint64_t since = now();
        for (int i = 0; i < BATCH; i++) {
            ssize_t done = writes ? pwrite(fd, bytes, PAGE, at[i]) : pread(fd, bytes, PAGE, at[i]);
            check(done == PAGE, "a page");
        }
        say(since, BATCH);
    }
    gone("large", fd);
}

static void random_read(int count) { random_pages(count, 0); }
static void random_write(int count) { random_pages(count, 1); }

static void touch(int count) {
    while (count--) {
        int fd = made(path("fresh"), O_EXCL);
        check(ftruncate(fd, FRESH) == 0, "ftruncate");
        uint64_t since = now();
        volatile char *at = mmap(NULL, FRESH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        check(at != MAP_FAILED, "mmap");
        for (size_t i = 0; i < FRESH; i += PAGE) at[i] = 1;
        say(since, 1);
        munmap((void *)at, FRESH);
        gone("fresh", fd);
    }
}

static void create(int count) {
    while (count--) {
        uint64_t since = now();
        close(made(path("fresh"), O_EXCL));
        check(unlink(path("fresh")) == 0, "unlink");
        say(since, 1);
    }
}

static void reopen(int count) {
    close(made(path("there"), 0));
    while (count--) {
        uint64_t since = now();
        int fd = open(path("there"), O_RDWR);
        check(fd >= 0, "open");
        close(fd);
        say(since, 1);
    }
    check(unlink(path("there")) == 0, "unlink");
}

static void stat_cached(int count) {
    struct stat st;
    close(made(path("there"), 0));
    const char *there = path("there");
    check(stat(there, &st) == 0, "stat");
    while (count--) {
        uint64_t since = now();
        for (int i = 0; i < BATCH; i++) check(stat(there, &st) == 0, "stat");
        say(since, BATCH);
    }
    check(unlink(path("there")) == 0, "unlink");
}

static void names(int there) {
    for (unsigned i = 0; i < NAMES; i++) {
        if (there)
            close(made(numbered("name", i), O_EXCL));
        else
            check(unlink(numbered("name", i)) == 0, "unlink");
    }
}

// What the kernel remembers of names and inodes is dropped; tmpfs's cannot be.
static void drop_names(void) {
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    check(fd >= 0 && write(fd, "2", 1) == 1, "drop_caches");
    close(fd);
}

static void stat_uncached(int count) {
    struct stat st;
    names(1);
    for (int i = 0; i < count; i++) {
        if (i % NAMES == 0) drop_names();
        const char *name = numbered("name", i % NAMES);
        uint64_t since = now();
        check(stat(name, &st) == 0, "stat");
        say(since, 1);
    }
    names(0);
}

static void list(int count) {
    names(1);
    while (count--) {
        unsigned seen = 0;
        uint64_t since = now();
        DIR *open = opendir(dir);
        check(open != NULL, "opendir");
        for (struct dirent *entry; (entry = readdir(open));) seen += strncmp(entry->d_name, "name", 4) == 0;
        closedir(open);
        say(since, 1);
        check(seen == NAMES, "all names");
    }
    names(0);
}

static void folder(int count) {
    while (count--) {
        uint64_t since = now();
        check(mkdir(path("folder"), 0700) == 0, "mkdir");
        check(rmdir(path("folder")) == 0, "rmdir");
        say(since, 1);
    }
}

static void move(int count) {
    const char *ends[2] = {"one", "other"};
    close(made(path(ends[0]), O_EXCL));
    for (int i = 0; i < 2 * count; i++) {
        uint64_t since = now();
        check(rename(path(ends[i % 2]), path(ends[(i + 1) % 2])) == 0, "rename");
        say(since, 1);
    }
    check(unlink(path(ends[0])) == 0, "unlink");
}

static uint64_t timed(char **words) {
    extern char **environ;
    pid_t pid;
    int status;
    uint64_t since = now();
    check(posix_spawnp(&pid, words[0], NULL, NULL, words, environ) == 0, words[0]);
    check(waitpid(pid, &status, 0) == pid, "waitpid");
    uint64_t took = now() - since;
    check(status == 0, words[0]);
    return took;
}

// MORE is an archive with a folder `tree`.
static void unpack(int count) {
    while (count--) {
        char *tar[] = {"tar", "-x", "-f", more[0], "-C", (char *)dir, NULL};
        printf("tar %llu\n", (unsigned long long)timed(tar));
        char *rm[] = {"rm", "-r", (char *)path("tree"), NULL};
        printf("rm %llu\n", (unsigned long long)timed(rm));
    }
}

// In folders of so many.
static const char *of_many(unsigned long number, unsigned long each) {
    char name[64];
    snprintf(name, sizeof name, "many%lu/file%lu", number / each, number);
    return path(name);
}

// MORE are the number of the first file and how many lie in one folder; a sample is a thousand creations.
static void fill(int count) {
    unsigned long first = strtoul(more[0], NULL, 10), each = strtoul(more[1], NULL, 10);
    uint64_t since = now();
    for (unsigned long i = first; i < first + (unsigned long)count; i++) {
        if (i % each == 0) check(mkdir(numbered("many", i / each), 0700) == 0, "mkdir");
        close(made(of_many(i, each), O_EXCL));
        if (i % 1000 == 999) {
            say(since, 1000);
            since = now();
        }
    }
}

// MORE are how many files there are and how many lie in one folder.
static void look_up(int count) {
    unsigned long there = strtoul(more[0], NULL, 10), each = strtoul(more[1], NULL, 10);
    struct stat st;
    while (count--) {
        const char *name = of_many(roll(there), each);
        uint64_t since = now();
        check(stat(name, &st) == 0, name);
        say(since, 1);
    }
}

// MORE as for look_up; each name is listed and looked up, all at once.
static void list_all(int count) {
    unsigned long there = strtoul(more[0], NULL, 10), each = strtoul(more[1], NULL, 10);
    struct stat st;
    while (count--) {
        unsigned long seen = 0;
        uint64_t since = now();
        for (unsigned long i = 0; i < there; i += each) {
            DIR *open = opendir(numbered("many", i / each));
            check(open != NULL, "opendir");
            for (struct dirent *entry; (entry = readdir(open));)
                seen += fstatat(dirfd(open), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
            closedir(open);
        }
        say(since, (unsigned)there);
        check(seen == there, "all names");
    }
}

static const struct {
    const char *what;
    int more;
    void (*run)(int count);
} lines[] = {
    {"rewrite", 0, rewrite},         {"write", 0, write_living}, {"recycled", 0, write_recycled},  {"whole", 0, whole},
    {"read", 0, reread},             {"random-read", 0, random_read}, {"random-write", 0, random_write},
    {"touch", 0, touch},             {"create", 0, create},      {"open", 0, reopen},
    {"stat", 0, stat_cached},        {"uncached", 0, stat_uncached}, {"list", 0, list},
    {"folder", 0, folder},           {"rename", 0, move},        {"unpack", 1, unpack},
    {"fill", 2, fill},               {"look-up", 2, look_up},     {"list-all", 2, list_all},
};

int main(int argc, char **argv) {
    bytes = malloc(MIB);
    check(bytes != NULL, "malloc");
    memset(bytes, 7, MIB);
    for (size_t i = 0; argc > 3 && i < sizeof lines / sizeof lines[0]; i++) {
        if (strcmp(lines[i].what, argv[1]) != 0 || argc != 4 + lines[i].more) continue;
        dir = argv[2];
        more = argv + 4;
        lines[i].run(atoi(argv[3]));
        return 0;
    }
    fprintf(stderr, "mount WHAT DIR COUNT [MORE]\n");
    return 2;
}
