/*
 * What the cases of the mount share: files, what can be seen of them, and calls by other users.
 *
 * A case (../calls/case.h) runs in a fresh directory of a file system that was mounted for it alone at ROOT: a tmpfs of the
 * kernel, or a mount of `shm mount`. CASE_ON names the options of that mount.
 *
 *     CASE(exclusive) { make("a", "text"); FD(open("a", O_RDWR | O_CREAT | O_EXCL, 0600)); show_file("a"); }
 */
#ifndef MOUNTED_H
#define MOUNTED_H

#include "../calls/case.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define ROOT "/run/mount"
#define PLAIN_OPTIONS "mode=0755,size=64m"

/* ---- options of the mount ---- */

static struct {
    const char *name, *options;
} wanted[64];
static int wanted_count;

#define CASE_ON(case_name, mount_options)                                                                    \
    __attribute__((constructor)) static void want_##case_name(void) {                                        \
        wanted[wanted_count].name = #case_name;                                                              \
        wanted[wanted_count++].options = mount_options;                                                      \
    }                                                                                                        \
    CASE(case_name)

/* `program role options CASE`: asked by whoever mounts. */
ROLE(options) {
    const char *options = PLAIN_OPTIONS;
    for (int i = 0; i < wanted_count; i++)
        if (strcmp(wanted[i].name, argument) == 0) options = wanted[i].options;
    puts(options);
}

/* ---- other processes ---- */

/* Runs what follows in a child, which is awaited. */
static int child_of(const char *name, long uid, long gid, const gid_t *groups, size_t group_count) {
    pid_t pid = start(name);
    if (pid != 0) {
        int status = finish_quietly(pid);
        if (status != 0) tell_status(name, status);
        return 1;
    }
    if (uid >= 0) {
        need(setgroups(group_count, groups) == 0, "setgroups");
        need(setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0, "becoming a user");
    }
    return 0;
}

#define CHILD(name) for (int awaited_ = child_of(name, -1, -1, NULL, 0); !awaited_; _exit(0))
/* The same as a user without rights, in one group and no others. */
#define AS(uid, gid) for (int awaited_ = child_of("user", uid, gid, NULL, 0); !awaited_; _exit(0))
/* ... and in one more group. */
#define AS_MEMBER(uid, gid, other)                                                                           \
    for (int awaited_ = child_of("user", uid, gid, (gid_t[]){other}, 1); !awaited_; _exit(0))

/* ---- files ---- */

static void fill(int fd, const char *text) {
    need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
}

static void make_mode(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    need(fd >= 0, path);
    fill(fd, text);
    need(fchmod(fd, mode) == 0, "fchmod");
    close(fd);
}

static void make(const char *path, const char *text) { make_mode(path, text, 0644); }

static void make_for(const char *path, const char *text, mode_t mode, uid_t uid, gid_t gid) {
    make_mode(path, text, 0600);
    need(chown(path, uid, gid) == 0 && chmod(path, mode) == 0, "owner and mode");
}

static void folder(const char *path, mode_t mode) {
    need(mkdir(path, 0700) == 0, path);
    need(chmod(path, mode) == 0, "chmod");
}

static void folder_for(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    folder(path, 0700);
    need(chown(path, uid, gid) == 0 && chmod(path, mode) == 0, "owner and mode");
}

static int opened(const char *path, int flags) {
    int fd = open(path, flags, 0644);
    need(fd >= 0, path);
    return fd;
}

static const char *kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "symlink";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "char device";
    case S_IFBLK: return "block device";
    default: return "nothing known";
    }
}

static void tell_stat(const char *name, const struct stat *s) {
    char device[40] = "";
    if (S_ISCHR(s->st_mode) || S_ISBLK(s->st_mode))
        snprintf(device, sizeof device, " device %u:%u", major(s->st_rdev), minor(s->st_rdev));
    say("%s: %s %04o nlink %lu owner %u:%u size %ld blocks %ld%s", name, kind_of(s->st_mode), s->st_mode & 07777,
        (unsigned long)s->st_nlink, s->st_uid, s->st_gid, (long)s->st_size, (long)s->st_blocks, device);
}

static void show_file(const char *path) {
    struct stat s;
    if (lstat(path, &s) < 0) say("%s: %s", path, error_name(errno));
    else tell_stat(path, &s);
}

static void show_fd(const char *name, int fd) {
    struct stat s;
    if (fstat(fd, &s) < 0) say("%s: %s", name, error_name(errno));
    else tell_stat(name, &s);
}

/* Only the mode and the owner. */
static void show_mode(const char *path) {
    struct stat s;
    if (lstat(path, &s) < 0) say("%s: %s", path, error_name(errno));
    else say("%s: %s %04o owner %u:%u", path, kind_of(s.st_mode), s.st_mode & 07777, s.st_uid, s.st_gid);
}

static ino_t inode(const char *path) {
    struct stat s;
    return lstat(path, &s) < 0 ? 0 : s.st_ino;
}

static void tell_text(const char *name, const char *bytes, ssize_t len) {
    char line[400];
    int at = 0;
    for (ssize_t i = 0; i < len && at < 380; i++)
        at += snprintf(line + at, sizeof line - at, bytes[i] >= ' ' && bytes[i] < 127 ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
    line[at] = 0;
    say("%s: \"%s\"", name, line);
}

static void tell_range(const char *name, int fd, off_t offset, size_t len) {
    char bytes[256];
    ssize_t n = pread(fd, bytes, len < sizeof bytes ? len : sizeof bytes, offset);
    if (n < 0) say("%s: %s", name, error_name(errno));
    else tell_text(name, bytes, n);
}

/* The first bytes of a file. */
static void content(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    tell_range(path, fd, 0, 64);
    close(fd);
}

static int in_order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char mark_of(unsigned char type) {
    switch (type) {
    case DT_REG: return ' ';
    case DT_DIR: return '/';
    case DT_LNK: return '@';
    case DT_FIFO: return '|';
    case DT_SOCK: return '=';
    case DT_CHR: return '%';
    case DT_BLK: return '#';
    default: return '?';
    }
}

/* The names in a directory with their types, in alphabetical order. */
static void names(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        say("in %s: %s", path, error_name(errno));
        return;
    }
    char *found[64], line[1000];
    int count = 0, at = 0;
    for (struct dirent *entry; count < 64 && (entry = readdir(dir));) {
        char text[300];
        snprintf(text, sizeof text, "%.200s%c", entry->d_name, mark_of(entry->d_type));
        found[count++] = strdup(text);
    }
    closedir(dir);
    qsort(found, count, sizeof *found, in_order);
    line[0] = 0;
    for (int i = 0; i < count && at < 900; i++) at += snprintf(line + at, sizeof line - at, " %.90s", found[i]);
    say("in %s:%s", path, line);
}

static void link_text(const char *path) {
    char text[PATH_MAX + 1];
    ssize_t n = readlink(path, text, sizeof text);
    if (n < 0) say("%s -> %s", path, error_name(errno));
    else say("%s -> %.*s", path, n > 100 ? 100 : (int)n, text);
}

/* ---- times ---- */

/* Until the coarse clock, which stamps files, is beyond this moment; what is stamped more finely is not beyond it. */
static void tick(void) {
    struct timespec from, now;
    clock_gettime(CLOCK_REALTIME, &from);
    do clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec < from.tv_sec || (now.tv_sec == from.tv_sec && now.tv_nsec <= from.tv_nsec));
}

struct looks {
    struct stat of[8];
};

static bool differ(struct timespec a, struct timespec b) { return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec; }

/* Makes the times of files old, so that any change of them shows, and keeps them. */
static struct looks look(const char *const *paths) {
    struct looks looks;
    const struct timespec old[2] = {{1000000000, 1}, {1000000001, 2}};
    for (int i = 0; paths[i]; i++) utimensat(AT_FDCWD, paths[i], old, AT_SYMLINK_NOFOLLOW);
    tick();
    for (int i = 0; paths[i]; i++) need(lstat(paths[i], &looks.of[i]) == 0, paths[i]);
    tick();
    return looks;
}

static void tell_changes(const char *const *paths, const struct looks *looks) {
    for (int i = 0; paths[i]; i++) {
        struct stat s;
        const struct stat *was = &looks->of[i];
        if (lstat(paths[i], &s) < 0) say("%s: %s", paths[i], error_name(errno));
        else
            say("%s: %s%s%s", paths[i], differ(s.st_atim, was->st_atim) ? "a" : "-",
                differ(s.st_mtim, was->st_mtim) ? "m" : "-", differ(s.st_ctim, was->st_ctim) ? "c" : "-");
    }
}

/* Makes a call and tells which times of the named files it has changed. */
#define CHANGES(call, ...)                                                                                   \
    do {                                                                                                     \
        const char *const paths_[] = {__VA_ARGS__, NULL};                                                    \
        struct looks looks_ = look(paths_);                                                                  \
        TRY(call);                                                                                           \
        tell_changes(paths_, &looks_);                                                                       \
    } while (0)

/* ---- calls that C has no name for ---- */

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1 << 2)
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static char *long_name(size_t len, char letter) {
    static char text[4][2 * PATH_MAX];
    static int turn;
    char *name = text[turn = (turn + 1) % 4];
    memset(name, letter, len);
    name[len] = 0;
    return name;
}

#endif
