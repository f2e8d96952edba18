/*
 * A process of the load on a mounted file system.
 *
 *     load CONTROL DIR SEED WHICH ROLE
 *
 * WHICH is its row of the control file. It goes on until the driver stops it, and then looks at all that it made.
 */
#include "bytes.h"
#include "names.h"

/* Every entry of the tree can be looked up, is what readdir says, and a folder has a link for each folder in it. */
static void walk(const char *path, dev_t device) {
    struct stat own, st;
    unsigned long folders = 2;
    EXPECT(0, "stat", lstat(path, &own));
    if (own.st_dev != device) bad("%s is of another file system", path);
    DIR *open = opendir(path);
    if (!open) bad("opendir %s", path);
    for (struct dirent *entry; (entry = readdir(open));) {
        char inner[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        EXPECT(0, "lstat", lstat(inner, &st));
        if (entry->d_type != DT_UNKNOWN && (mode_t)DTTOIF(entry->d_type) != (st.st_mode & S_IFMT)) bad("%s: another type", inner);
        if (entry->d_ino != st.st_ino) bad("%s: inode %lu, and %lu by readdir", inner, st.st_ino, entry->d_ino);
        if (st.st_nlink == 0) bad("%s has no links", inner);
        if (S_ISDIR(st.st_mode)) {
            folders++;
            walk(inner, device);
        }
    }
    closedir(open);
    if (own.st_nlink != folders) bad("%s has %lu links, and %lu folders", path, (unsigned long)own.st_nlink, folders - 2);
}

static void role_check(void) {
    struct stat st;
    EXPECT(0, "stat", stat(".", &st));
    walk(".", st.st_dev);
    for (unsigned i = 0; i < RACE_NAMES; i++) {
        int64_t sum = 0;
        for (unsigned row = 1; row < ROWS; row++)
            if (control[row].role == word_of("race")) sum += control[row].names[i];
        int there = lstat(named("race/race", i), &st) == 0;
        if (sum != there) bad("race%u: made less removed is %lld, and there is %d", i, (long long)sum, there);
    }
    const char *counters[2] = {"counter-fcntl", "counter-flock"};
    for (unsigned i = 0; i < 2; i++) {
        int64_t sum = 0, number = 0;
        for (unsigned row = 1; row < ROWS; row++)
            if (control[row].role == word_of("counter")) sum += control[row].names[i];
        int fd = open(counters[i], O_RDONLY);
        if (fd < 0 || pread(fd, &number, 8, 0) != 8 || number != sum)
            bad("%s: %lld was counted, and %lld is there", counters[i], (long long)sum, (long long)number);
        close(fd);
    }
}

static const struct {
    const char *name;
    void (*play)(void);
} roles[] = {
    {"prepare", role_prepare}, {"random", role_random}, {"mapper", role_mapper}, {"append", role_append},
    {"counter", role_counter}, {"orphan", role_orphan}, {"names", role_names},   {"race", role_race},
    {"look", role_look},       {"check", role_check},
};

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    role = argv[5];
    which = (unsigned)atoi(argv[4]);
    dice = strtoull(argv[3], NULL, 10) * 1000 + which;
    int fd = open(argv[1], O_RDWR);
    size_t size = ROWS * sizeof(struct row);
    control = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED || which >= ROWS || chdir(argv[2]) != 0) bad("cannot begin");
    mine = &control[which];
    mine->role = word_of(role);
    for (unsigned i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (!strcmp(roles[i].name, role)) {
            roles[i].play();
            return 0;
        }
    return 2;
}
