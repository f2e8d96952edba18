/* Paths below /dev/shm, as programs use them that open them by themselves. */
#include "objects.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#ifndef TMPFS_MAGIC
#define TMPFS_MAGIC 0x01021994
#endif
#define D "/dev/shm/"

/* What `realpath` is in programs built with _FORTIFY_SOURCE. */
char *__realpath_chk(const char *path, char *to, size_t room);

static void make(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    need(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content), "a file");
    close(fd);
}

static dev_t dev_shm(void) {
    struct stat s;
    need(stat("/dev/shm", &s) == 0, "stat /dev/shm");
    return s.st_dev;
}

static void tell_stat(const char *path, const struct stat *s) {
    say("%s: mode %o size %ld links %lu owner %u:%u mtime %s device %s", path, s->st_mode, (long)s->st_size,
        (unsigned long)s->st_nlink, s->st_uid, s->st_gid, when(s->st_mtime),
        s->st_dev == dev_shm() ? "of /dev/shm" : "another");
}

static void tell_path(const char *path) {
    struct stat s;
    memset(&s, 0xa5, sizeof s);
    if (stat(path, &s) < 0) say("%s: %s", path, error_name(errno));
    else tell_stat(path, &s);
}

static void tell_content(const char *path) {
    char bytes[100] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    ssize_t n = read(fd, bytes, 99);
    close(fd);
    say("%s: %zd bytes: %s", path, n, bytes);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void tell_listing(const char *path) {
    char *names[100];
    int count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        say("opendir %s: %s", path, error_name(errno));
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL && count < 100) {
        struct stat s;
        bool same = fstatat(dirfd(dir), entry->d_name, &s, 0) == 0 && s.st_ino == entry->d_ino;
        if (entry->d_name[0] == '.') continue;
        need(same && s.st_dev == dev_shm(), "what the list says");
        names[count++] = strdup(entry->d_name);
    }
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, by_name);
    say("%s: %d names", path, count);
    for (int i = 0; i < count; i++) say("  %s", names[i]);
}

static void as_stranger(void (*act)(void)) {
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        act();
        _exit(0);
    }
    finish(c);
}

CASE(made_by_open_found_by_shm_open) {
    int fd = FD(open(D "object", O_RDWR | O_CREAT | O_EXCL, 0640));
    TRY(write(fd, "contents", 8));
    int again = FD(shm_open("/object", O_RDWR, 0));
    tell_file("found", again);
    tell_bytes(again, 0, 20);
    FD(shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600));
    TRY(shm_unlink("/object"));
    FD(open(D "object", O_RDWR));
}

CASE(made_by_shm_open_found_by_open) {
    int fd = sized("/object", 100);
    map(fd, 100)[7] = 'x';
    int again = FD(open(D "object", O_RDONLY));
    tell_file("found", again);
    tell_bytes(again, 5, 5);
    tell_path(D "object");
    TRY(unlink(D "object"));
    FD(shm_open("/object", O_RDWR, 0));
    tell_file("unlinked", fd);
}

CASE(like_pythons_heap) {
    int fd = FD(open(D "pym-1-abcdefgh", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    TRY(unlink(D "pym-1-abcdefgh"));
    TRY(ftruncate(fd, 5 * PAGE));
    char *p = map(fd, 5 * PAGE);
    p[4 * PAGE] = 'y';
    tell_file("heap", fd);
    tell_listing("/dev/shm");
}

CASE(flags_of_descriptors) {
    make(D "file", "0123456789");
    int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_NONBLOCK, O_RDWR | O_CLOEXEC,
                   O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_CLOEXEC, O_WRONLY | O_CREAT | O_APPEND, O_PATH};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = open(D "file", flags[i], 0600);
        need(fd >= 0, "open");
        say("%#o: F_GETFL %#o F_GETFD %d", flags[i], fcntl(fd, F_GETFL) & ~O_LARGEFILE, fcntl(fd, F_GETFD));
        close(fd);
    }
}

CASE(truncating) {
    make(D "file", "0123456789");
    int fd = FD(open(D "file", O_RDWR | O_TRUNC));
    tell_file("O_TRUNC", fd);
    TRY(write(fd, "abc", 3));
    fd = FD(creat(D "file", 0600));
    tell_file("creat", fd);
    TRY(write(fd, "abc", 3));
    FD(open(D "file", O_RDONLY | O_TRUNC));
    tell_path(D "file");
    FD(open(D "absent", O_RDWR | O_TRUNC));
}

CASE(mode_and_umask) {
    umask(022);
    FD(open(D "a", O_RDWR | O_CREAT, 0666));
    umask(0);
    FD(open(D "b", O_RDWR | O_CREAT, 0666));
    umask(077);
    FD(creat(D "c", 0777));
    umask(0777);
    FD(open(D "d", O_RDWR | O_CREAT, 0777));
    umask(0);
    FD(open(D "e", O_RDWR | O_CREAT, 01644));
    for (const char *p = "abcde"; *p; p++) {
        char path[] = D "?";
        path[sizeof path - 2] = *p;
        tell_path(path);
    }
}

CASE(stat_in_all_its_forms) {
    make(D "file", "0123456789");
    struct stat s;
    struct stat64 s64;
    struct statx x;
    int fd = open(D "file", O_RDONLY);
    dev_t dev = dev_shm();
    TRY(stat(D "file", &s));
    tell_stat("stat", &s);
    TRY(lstat(D "file", &s));
    tell_stat("lstat", &s);
    TRY(fstat(fd, &s));
    tell_stat("fstat", &s);
    ino_t inode = s.st_ino;
    TRY(fstatat(AT_FDCWD, D "file", &s, AT_SYMLINK_NOFOLLOW));
    tell_stat("fstatat", &s);
    TRY(fstatat(fd, "", &s, AT_EMPTY_PATH));
    tell_stat("fstatat of a descriptor", &s);
    TRY(stat64(D "file", &s64));
    say("stat64: size %ld, device %d, inode %d", (long)s64.st_size, s64.st_dev == dev, s64.st_ino == inode);
    TRY(statx(AT_FDCWD, D "file", 0, STATX_BASIC_STATS, &x));
    say("statx: size %ld, device %d", (long)x.stx_size, makedev(x.stx_dev_major, x.stx_dev_minor) == dev);
    TRY(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    say("statx: size %ld, device %d", (long)x.stx_size, makedev(x.stx_dev_major, x.stx_dev_minor) == dev);
    TRY(stat(D "absent", &s));
    TRY(lstat(D "absent", &s));
    TRY(statx(AT_FDCWD, D "absent", 0, STATX_BASIC_STATS, &x));
    TRY(stat(D "file", (struct stat *)8));
    TRY(stat((char *)8, &s));
    TRY(fstat(-1, &s));
    TRY(fstatat(AT_FDCWD, D "file", &s, 0x40000000));
}

int __xstat(int version, const char *path, struct stat *to);
int __lxstat(int version, const char *path, struct stat *to);
int __fxstat(int version, int fd, struct stat *to);
int __fxstatat(int version, int dir, const char *path, struct stat *to, int flags);

CASE(stat_of_old_programs) {
    make(D "file", "0123456789");
    struct stat s;
    int fd = open(D "file", O_RDONLY);
    TRY(__xstat(1, D "file", &s));
    tell_stat("__xstat", &s);
    TRY(__lxstat(1, D "file", &s));
    tell_stat("__lxstat", &s);
    TRY(__fxstat(1, fd, &s));
    tell_stat("__fxstat", &s);
    TRY(__fxstatat(1, AT_FDCWD, D "file", &s, 0));
    tell_stat("__fxstatat", &s);
    TRY(__xstat(7, D "file", &s));
}

CASE(descriptors_of_shm_open_look_the_same) {
    int fd = sized("/object", 5000);
    struct stat a, b;
    need(fstat(fd, &a) == 0 && stat(D "object", &b) == 0, "stat");
    tell_stat("by descriptor", &a);
    tell_stat("by path", &b);
    say("the same file: %d", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    struct stat other;
    need(stat("/", &other) == 0, "stat /");
    say("another device than /: %d", other.st_dev != a.st_dev);
}

CASE(access_of_root) {
    make(D "file", "x");
    chmod(D "file", 0);
    TRY(access(D "file", F_OK));
    TRY(access(D "file", R_OK | W_OK));
    TRY(access(D "file", X_OK));
    TRY(access(D "absent", F_OK));
    TRY(access("/dev/shm", R_OK | W_OK | X_OK));
    TRY(access(D, W_OK));
    TRY(access(D "file", 99));
    TRY(access((char *)8, F_OK));
    TRY(euidaccess(D "file", R_OK));
    TRY(eaccess(D "absent", R_OK));
    TRY(faccessat(AT_FDCWD, D "file", F_OK, AT_EACCESS));
    TRY(faccessat(AT_FDCWD, D "file", F_OK, 0x40000000));
}

static void stranger_looks(void) {
    TRY(access(D "closed", F_OK));
    TRY(access(D "closed", R_OK));
    TRY(access(D "readable", R_OK));
    TRY(access(D "readable", W_OK));
    TRY(euidaccess(D "readable", R_OK));
    TRY(faccessat(AT_FDCWD, D "readable", W_OK, AT_EACCESS));
    FD(open(D "closed", O_RDONLY));
    FD(open(D "readable", O_RDONLY));
    FD(open(D "readable", O_RDWR));
    FD(open(D "readable", O_RDONLY | O_TRUNC));
    FD(open(D "closed", O_RDONLY | O_DIRECTORY));
    FD(open(D "closed", O_PATH));
    TRY(truncate(D "readable", 0));
    TRY(chmod(D "readable", 0777));
    TRY(chown(D "readable", STRANGER, STRANGER));
    tell_path(D "closed");
}

CASE(access_of_a_stranger) {
    need_users();
    make(D "closed", "x");
    make(D "readable", "x");
    TRY(chmod(D "closed", 0600));
    as_stranger(stranger_looks);
}

static void stranger_unlinks(void) {
    TRY(unlink(D "roots"));
    TRY(shm_unlink("/roots"));
    TRY(unlink(D "absent"));
    TRY(rename(D "roots", D "mine"));
    make(D "own", "x");
    TRY(rename(D "own", D "roots"));
    TRY(rename(D "own", D "own2"));
    TRY(unlink(D "own2"));
}

CASE(sticky) {
    need_users();
    make(D "roots", "x");
    as_stranger(stranger_unlinks);
    tell_listing("/dev/shm");
}

static void stranger_opens(void) {
    FD(open(D "file", O_RDWR));
    FD(shm_open("/file", O_RDWR, 0));
}

CASE(chmod_then_open_as_another) {
    need_users();
    make(D "file", "x");
    TRY(chmod(D "file", 0600));
    as_stranger(stranger_opens);
    TRY(chmod(D "file", 0666));
    as_stranger(stranger_opens);
    TRY(fchmodat(AT_FDCWD, D "file", 0604, 0));
    as_stranger(stranger_opens);
    TRY(chmod(D "absent", 0600));
    TRY(fchmodat(AT_FDCWD, D "file", 0600, 0x40000000));
}

CASE(chown_then_open_as_another) {
    need_users();
    make(D "file", "x");
    TRY(chmod(D "file", 0600));
    TRY(chown(D "file", STRANGER, -1));
    tell_path(D "file");
    as_stranger(stranger_opens);
    TRY(lchown(D "file", 0, OTHER));
    tell_path(D "file");
    as_stranger(stranger_opens);
    TRY(fchownat(AT_FDCWD, D "file", OTHER, 0, AT_SYMLINK_NOFOLLOW));
    tell_path(D "file");
    TRY(chown(D "absent", 0, 0));
}

CASE(unlinking) {
    make(D "a", "x");
    make(D "b", "x");
    make(D "c", "x");
    int fd = open(D "a", O_RDWR);
    TRY(unlink(D "a"));
    TRY(unlink(D "a"));
    tell_file("a", fd);
    tell_bytes(fd, 0, 10);
    TRY(remove(D "b"));
    TRY(remove(D "b"));
    TRY(unlinkat(AT_FDCWD, D "c", AT_REMOVEDIR));
    TRY(rmdir(D "c"));
    TRY(unlinkat(AT_FDCWD, D "c", 0));
    TRY(unlinkat(AT_FDCWD, D "c", AT_REMOVEDIR));
    TRY(unlinkat(AT_FDCWD, D "c", 1));
    TRY(unlink((char *)8));
    tell_listing("/dev/shm");
}

CASE(rename_to_a_new_name) {
    make(D "old", "contents");
    int fd = open(D "old", O_RDWR);
    TRY(rename(D "old", D "new"));
    tell_path(D "old");
    tell_content(D "new");
    tell_file("opened before", fd);
    FD(shm_open("/new", O_RDWR, 0));
    FD(shm_open("/old", O_RDWR, 0));
    TRY(rename(D "old", D "newer"));
    TRY(rename(D "new", D "new"));
    TRY(renameat(AT_FDCWD, D "new", AT_FDCWD, D "old"));
    tell_listing("/dev/shm");
}

CASE(rename_over_an_existing_name) {
    make(D "a", "from a");
    make(D "b", "from b");
    int fd = open(D "b", O_RDWR);
    TRY(rename(D "a", D "b"));
    tell_content(D "a");
    tell_content(D "b");
    tell_file("replaced", fd);
    tell_bytes(fd, 0, 10);
    FD(open(D "a", O_RDWR | O_CREAT | O_EXCL, 0600));
    tell_listing("/dev/shm");
}

CASE(rename_with_flags) {
    make(D "a", "from a");
    make(D "b", "from b");
    TRY(renameat2(AT_FDCWD, D "a", AT_FDCWD, D "b", RENAME_NOREPLACE));
    TRY(renameat2(AT_FDCWD, D "a", AT_FDCWD, D "c", RENAME_NOREPLACE));
    TRY(renameat2(AT_FDCWD, D "c", AT_FDCWD, D "b", RENAME_EXCHANGE));
    tell_content(D "b");
    tell_content(D "c");
    TRY(renameat2(AT_FDCWD, D "c", AT_FDCWD, D "absent", RENAME_EXCHANGE));
    TRY(renameat2(AT_FDCWD, D "c", AT_FDCWD, D "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
    TRY(renameat2(AT_FDCWD, D "c", AT_FDCWD, D "b", 64));
    TRY(unlink(D "b"));
    TRY(unlink(D "c"));
    tell_listing("/dev/shm");
}

CASE(links) {
    make(D "a", "contents");
    TRY(link(D "a", D "b"));
    tell_path(D "a");
    tell_path(D "b");
    TRY(link(D "a", D "b"));
    TRY(link(D "absent", D "c"));
    TRY(linkat(AT_FDCWD, D "b", AT_FDCWD, D "c", 0));
    TRY(unlink(D "a"));
    tell_path(D "b");
    tell_content(D "c");
    int fd = FD(shm_open("/c", O_RDWR, 0));
    TRY(rename(D "b", D "c"));
    tell_listing("/dev/shm");
    TRY(unlink(D "b"));
    TRY(unlink(D "c"));
    tell_file("without a name", fd);
}

CASE(other_file_systems) {
    make(D "a", "contents");
    TRY(rename(D "a", "/run/a"));
    TRY(link(D "a", "/run/a"));
    int fd = open("/run/b", O_RDWR | O_CREAT, 0600);
    need(fd >= 0, "open");
    TRY(rename("/run/b", D "b"));
    TRY(link("/run/b", D "b"));
    TRY(link("/run/absent", D "b"));
    TRY(renameat2(AT_FDCWD, D "a", AT_FDCWD, "/run/b", RENAME_EXCHANGE));
    tell_listing("/dev/shm");
}

CASE(listing) {
    tell_listing("/dev/shm");
    make(D "file", "x");
    sized("/object", 100);
    tell_listing("/dev/shm");
    tell_listing("/dev/shm/");
    tell_listing("/dev/shm//.");
    tell_listing(D "file");
    tell_listing(D "absent");
    TRY(unlink(D "file"));
    tell_listing("/dev/shm");
}

static int no_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }

CASE(scanning) {
    make(D "b", "x");
    make(D "a", "x");
    make(D "c", "x");
    struct dirent **names;
    int count = TRY(scandir("/dev/shm", &names, no_dots, alphasort));
    for (int i = 0; i < count; i++) say("  %s", names[i]->d_name);
    TRY(scandir(D "a", &names, no_dots, alphasort));
}

CASE(the_directory_itself) {
    struct stat s;
    int fd = FD(open("/dev/shm", O_RDONLY | O_DIRECTORY));
    TRY(fstat(fd, &s));
    say("directory %d, device %d", S_ISDIR(s.st_mode), s.st_dev == dev_shm());
    FD(open("/dev/shm/", O_RDONLY));
    FD(open("/dev/shm", O_RDWR));
    FD(open("/dev/shm", O_RDWR | O_CREAT, 0600));
    FD(open("/dev/shm/.", O_RDONLY | O_PATH));
    TRY(unlink("/dev/shm"));
    TRY(mkdir("/dev/shm", 0700));
    TRY(truncate("/dev/shm", 0));
    make(D "file", "x");
    FD(openat(fd, "file", O_RDONLY));
    FD(openat(fd, "made", O_RDWR | O_CREAT | O_EXCL, 0600));
    TRY(unlinkat(fd, "file", 0));
    tell_listing("/dev/shm");
    FD(shm_open("/made", O_RDWR, 0));
}

CASE(temporary_files) {
    char name[] = D ".org.chromium.XXXXXX";
    int fd = FD(mkstemp(name));
    tell_file("mkstemp", fd);
    say("the name is filled in: %d", strstr(name, "XXXXXX") == NULL && access(name, F_OK) == 0);
    int again = open(name, O_RDONLY);
    struct stat a, b;
    need(fstat(fd, &a) == 0 && fstat(again, &b) == 0, "fstat");
    say("the same file: %d", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    TRY(unlink(name));
    char cloexec[] = D "XXXXXX", suffixed[] = D "aXXXXXX.txt", both[] = D "XXXXXX.t";
    fd = FD(mkostemp(cloexec, O_CLOEXEC | O_APPEND));
    say("flags %#x %d", fcntl(fd, F_GETFL) & O_APPEND, fcntl(fd, F_GETFD));
    FD(mkstemps(suffixed, 4));
    say("%s", strcmp(strchr(suffixed, '.'), ".txt") == 0 ? "keeps its suffix" : suffixed);
    FD(mkostemps(both, 2, 0));
    char few[] = D "XXXXX", wrong[] = D "XXXXXX.txt", below[] = D "absent/XXXXXX";
    FD(mkstemp(few));
    FD(mkstemp(wrong));
    FD(mkstemp(below));
}

static void tell_stream(const char *call, FILE *stream) {
    if (stream == NULL) {
        say("%s: %s", call, error_name(errno));
        return;
    }
    char line[64] = "";
    say("%s: F_GETFL %#o F_GETFD %d", call, fcntl(fileno(stream), F_GETFL) & ~O_LARGEFILE, fcntl(fileno(stream), F_GETFD));
    if (fgets(line, sizeof line, stream)) say("  reads %s", line);
    fclose(stream);
}
#define STREAM(call) tell_stream(#call, call)

CASE(streams) {
    STREAM(fopen(D "stream", "r"));
    FILE *stream = fopen(D "stream", "w");
    need(stream != NULL, "fopen");
    fprintf(stream, "one line");
    fclose(stream);
    tell_path(D "stream");
    STREAM(fopen(D "stream", "r"));
    STREAM(fopen(D "stream", "re"));
    STREAM(fopen64(D "stream", "r+"));
    STREAM(fopen(D "stream", "a+"));
    STREAM(fopen(D "stream", "wx"));
    STREAM(fopen(D "stream", "q"));
    STREAM(fopen("/dev/shm", "w"));
    stream = fopen("/dev/null", "r");
    STREAM(freopen(D "stream", "r", stream));
    stream = fopen("/dev/null", "r");
    STREAM(freopen(D "fresh", "w+", stream));
    stream = fopen("/dev/null", "r");
    STREAM(freopen(D "absent", "r", stream));
    STREAM(fopen(D "stream", "w"));
    tell_path(D "stream");
    tell_listing("/dev/shm");
}

CASE(truncate_by_path) {
    make(D "file", "0123456789");
    TRY(truncate(D "file", 5));
    tell_content(D "file");
    TRY(truncate(D "file", 2 * PAGE));
    tell_path(D "file");
    TRY(truncate64(D "file", 0));
    tell_path(D "file");
    TRY(truncate(D "file", -1));
    TRY(truncate(D "absent", 0));
    TRY(truncate((char *)8, 0));
}

CASE(statfs_of_the_directory_and_its_files) {
    make(D "file", "x");
    struct statfs s;
    struct statvfs v;
    const char *paths[] = {"/dev/shm", D, D "file"};
    for (int i = 0; i < 3; i++) {
        need(statfs(paths[i], &s) == 0 && statvfs(paths[i], &v) == 0, paths[i]);
        say("%s: tmpfs %d, unit %ld, names up to %ld, room %d, free %d", paths[i], s.f_type == TMPFS_MAGIC,
            (long)s.f_bsize, (long)s.f_namelen, s.f_blocks > 1000, s.f_bfree < s.f_blocks);
        say("  the same: %d", v.f_blocks == s.f_blocks && v.f_bsize == (unsigned long)s.f_bsize);
    }
    TRY(statfs(D "absent", &s));
    TRY(statvfs(D "absent", &v));
    TRY(statfs((char *)8, &s));
    int fd = open(D "file", O_RDONLY);
    TRY(fstatfs(fd, &s));
    say("by descriptor: tmpfs %d", s.f_type == TMPFS_MAGIC);
}

CASE(at_functions_with_absolute_paths) {
    int dir = open("/run", O_RDONLY | O_DIRECTORY);
    struct stat s;
    FD(openat(dir, D "file", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(openat(-1, D "file", O_RDWR));
    TRY(fstatat(dir, D "file", &s, 0));
    TRY(faccessat(dir, D "file", R_OK, 0));
    TRY(fchmodat(dir, D "file", 0640, 0));
    TRY(fchownat(dir, D "file", 0, 0, 0));
    TRY(utimensat(dir, D "file", (struct timespec[]){{1000, 0}, {2000, 0}}, 0));
    TRY(stat(D "file", &s));
    say("times %ld %ld", (long)s.st_atime, (long)s.st_mtime);
    TRY(linkat(dir, D "file", -1, D "link", 0));
    TRY(renameat(dir, D "link", -1, D "other"));
    TRY(unlinkat(dir, D "file", 0));
    tell_listing("/dev/shm");
    tell_path("/run/file");
}

/* Made by a system call, such a file is outside the store, and there all the same. The world's own /dev/shm stays
   as it was. */
CASE(names_that_are_outside_too) {
    if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777") < 0) skip("no mounts here");
    TRY(syscall(SYS_mknodat, AT_FDCWD, D "file", S_IFREG | 0600, 0));
    close(object("/file", O_RDWR | O_CREAT, 0600));
    int lowest = dup(1);
    need(lowest >= 0 && close(lowest) == 0, "a number");
    int fd = open(D "file", O_RDONLY);
    say("the lowest: %d", fd == lowest);
    fd = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    say("the next: %d", fd == lowest + 1);
    TRY(syscall(SYS_mknodat, AT_FDCWD, D "fifo", S_IFIFO | 0600, 0));
    object("/fifo", O_RDWR | O_CREAT, 0600);
    fd = open(D "fifo", O_RDONLY);
    say("a FIFO waits for nobody: %d", fd >= 0);
    FILE *stream = fopen(D "fifo", "r");
    say("nor does its stream: %d", stream != NULL);
}

CASE(streams_opened_again) {
    make(D "file", "contents");
    char text[20] = "";
    close(0);
    say("stdin: %d", freopen(D "file", "r", stdin) == stdin);
    say("%d: %s", fileno(stdin), fgets(text, sizeof text, stdin) ? text : "nothing");
    say("once more: %d", freopen(D "file", "r", stdin) == stdin);
    say("%d: %s", fileno(stdin), fgets(text, sizeof text, stdin) ? text : "nothing");
    FILE *stream = fopen("/run/file", "w");
    need(stream != NULL, "a stream");
    int number = fileno(stream);
    close(number);
    say("written: %d", freopen(D "other", "w", stream) == stream);
    say("its number: %d", fileno(stream) == number);
    fputs("more", stream);
    say("%d", fclose(stream));
    tell_content(D "other");
    say("absent: %d", freopen(D "absent", "r", stdin) == NULL);
    say("%s", error_name(errno));
}

CASE(spellings) {
    FD(open("/dev/shm//twice", O_RDWR | O_CREAT, 0600));
    FD(open("/dev/shm/./dot", O_RDWR | O_CREAT, 0600));
    FD(open("/dev/shm/././//both", O_RDWR | O_CREAT, 0600));
    FD(open(D "..hidden", O_RDWR | O_CREAT, 0600));
    FD(open(D ".hidden", O_RDWR | O_CREAT, 0600));
    FD(open("/dev/shmx", O_RDWR));
    FD(open("/dev/shm/../null", O_RDWR));
    FD(open(D "..", O_RDONLY));
    struct stat s;
    TRY(stat("/dev/shm/.//dot", &s));
    TRY(stat("/dev/shm/../shm", &s));
    TRY(unlink("/dev/shm/./..hidden"));
    tell_listing("/dev/shm");
}

CASE(spellings_of_the_directory) {
    const char *directories[] = {"//dev//shm//", "/./dev/./shm/", "/dev/../dev/shm/", "/../dev/shm/",
                                 "/dev/shm/../shm/", "/dev/shm/../../dev/./shm//./", "/dev/shm/../../../dev/shm/"};
    char path[100], other[100], room[PATH_MAX] = "";
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        struct stat s;
        snprintf(path, sizeof path, "%sfile", directories[i]);
        snprintf(other, sizeof other, "%sother", directories[i]);
        say("%s", path);
        FD(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
        tell_path(D "file");
        tell_content(path);
        TRY(rename(path, other));
        TRY(access(other, F_OK));
        say("%s", realpath(other, room));
        TRY(stat(directories[i], &s));
        TRY(mkdir(other, 0700));
        tell_listing(directories[i]);
        TRY(unlink(other));
    }
    FD(shm_open("/file", O_RDWR | O_CREAT, 0600));
    const char *others[] = {"/dev/file", "/dev/shm/../file", "/dev/shmfile", "/dev/.shm/file", "/dev/shm../file",
                            "/dev.//shm/file", "/..dev/shm/file", "dev/shm/file", "./dev/shm/file", "/dev/null/shm/file", "/dev/..", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        errno = UNTOUCHED;
        say("%s: %d %s", others[i], access(others[i], F_OK), error_name(errno));
    }
    need(chdir("/") == 0, "chdir");
    int top = open("/", O_RDONLY | O_DIRECTORY), dir = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    FD(openat(top, "//dev/shm/file", O_RDONLY));
    FD(openat(dir, "./file", O_RDONLY));
    FD(openat(dir, "../shm/file", O_RDONLY));
    FD(openat(dir, "", O_RDONLY));
}

CASE(what_is_no_directory) {
    make(D "file", "x");
    struct stat s;
    FD(open(D "file", O_RDONLY | O_DIRECTORY));
    FD(open(D "file/", O_RDONLY));
    FD(open(D "file/", O_RDWR | O_CREAT, 0600));
    FD(open(D "absent/", O_RDWR | O_CREAT, 0600));
    FD(open(D "absent/", O_RDONLY));
    FD(open(D "file/below", O_RDWR | O_CREAT, 0600));
    FD(open(D "absent/below", O_RDWR | O_CREAT, 0600));
    FD(open(D "absent/below", O_RDONLY));
    FD(open(D "file/..", O_RDONLY));
    TRY(stat(D "file/", &s));
    TRY(stat(D "file/.", &s));
    TRY(stat(D "absent/below", &s));
    TRY(access(D "file/", F_OK));
    TRY(unlink(D "file/"));
    TRY(unlink(D "absent/"));
    TRY(unlink(D "file/below"));
    TRY(rename(D "file/", D "other"));
    TRY(rename(D "absent/below", D "other"));
    TRY(rmdir(D "absent"));
    TRY(mkdir(D "file", 0700));
    TRY(mkdir(D "absent/below", 0700));
    TRY(mkdir(D "file/below", 0700));
}

CASE(symbolic_links_are_not_there) {
    make(D "file", "x");
    char target[100];
    TRY(readlink(D "file", target, sizeof target));
    TRY(readlink(D "absent", target, sizeof target));
    TRY(readlinkat(AT_FDCWD, D "file", target, sizeof target));
    FD(open(D "file", O_RDWR | O_NOFOLLOW));
    FD(open(D "fresh", O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL, 0600));
}

CASE(long_names) {
    char path[400], other[400];
    for (int len = 254; len <= 257; len++) {
        memset(path, 'n', sizeof path);
        memcpy(path, D, strlen(D));
        path[strlen(D) + (size_t)len] = 0;
        strcpy(other, path);
        other[strlen(D)] = 'm';
        struct stat s;
        say("%d letters", len);
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        say("open: %s", fd < 0 ? error_name(errno) : "fine");
        say("stat: %s", stat(path, &s) < 0 ? error_name(errno) : "fine");
        say("rename: %s", rename(path, other) < 0 ? error_name(errno) : "fine");
        say("unlink: %s", unlink(other) < 0 ? error_name(errno) : "fine");
    }
}

CASE(bad_pointers) {
    struct stat s;
    /* What a first call maps must not lie in the vacancy. */
    TRY(stat(D "a", &s));
    char *page = vacancy(2), *volatile none = NULL;
    FD(open(page, O_RDWR | O_CREAT, 0600));
    FD(open(page, O_RDWR | O_TRUNC, 0600));
    TRY(stat(page, &s));
    TRY(unlink(page));
    TRY(rename(page, D "a"));
    TRY(rename(D "a", page));
    TRY(link(page, D "a"));
    TRY(chmod(page, 0600));
    TRY(truncate(page, 0));
    TRY(mkdir(page, 0700));
    TRY(access(none, F_OK));
    TRY(unlink(none));
    TRY(chown(none, 0, 0));
    TRY(utimensat(AT_FDCWD, none, NULL, 0));
    tell_listing("/dev/shm");
}

CASE(attributes) {
    make(D "file", "x");
    char value[100];
    TRY(getxattr(D "file", "user.none", value, sizeof value));
    TRY(lgetxattr(D "file", "system.posix_acl_access", value, sizeof value));
    TRY(getxattr(D "absent", "user.none", value, sizeof value));
    TRY(lgetxattr(D "absent", "user.none", value, sizeof value));
}

static void tell_times(const char *path) {
    struct stat s;
    need(lstat(path, &s) == 0, "lstat");
    say("accessed %ld.%09ld changed %ld.%09ld", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec,
        s.st_mtim.tv_nsec);
}

CASE(times_in_all_their_forms) {
    make(D "file", "x");
    struct timeval pair[2] = {{1000, 1}, {2000, 999999}}, wrong[2] = {{1, 0}, {1, 1000000}};
    TRY(utime(D "file", &(struct utimbuf){3000, 4000}));
    tell_times(D "file");
    TRY(utimes(D "file", pair));
    tell_times(D "file");
    TRY(lutimes(D "file", (struct timeval[]){{5000, 0}, {6000, 7}}));
    tell_times(D "file");
    TRY(futimesat(AT_FDCWD, D "file", pair));
    tell_times(D "file");
    TRY(utimes(D "file", wrong));
    tell_times(D "file");
    TRY(utime(D "file", NULL));
    tell_path(D "file");
    TRY(utimes(D "file", NULL));
    TRY(lutimes(D "file", NULL));
    TRY(futimesat(AT_FDCWD, D "file", NULL));
    TRY(utime(D "absent", NULL));
    TRY(utimes(D "absent", pair));
    TRY(lutimes(D "file/beyond", pair));
    TRY(futimesat(-1, D "absent", pair));
    TRY(utime("/run/absent", NULL));
    TRY(utimes(vacancy(1), pair));
    int dir = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    TRY(futimesat(dir, "file", pair));
    tell_times(D "file");
}

static void set_attribute(void) {
    TRY(setxattr(D "file", "user.b", "x", 1, 0));
    TRY(removexattr(D "file", "user.b"));
}

CASE(setting_attributes) {
    make(D "file", "x");
    char value[100] = "";
    TRY(setxattr(D "file", "user.a", "one", 4, 0));
    TRY(setxattr(D "file", "user.a", "one", 4, XATTR_CREATE));
    TRY(lsetxattr(D "file", "user.b", "second", 7, XATTR_CREATE));
    TRY(getxattr(D "file", "user.a", value, sizeof value));
    say("%s", value);
    TRY(lgetxattr(D "file", "user.b", value, sizeof value));
    say("%s", value);
    TRY(getxattr(D "file", "user.b", value, 2));
    TRY(listxattr(D "file", NULL, 0));
    TRY(fgetxattr(open(D "file", O_RDONLY), "user.a", value, sizeof value));
    TRY(removexattr(D "file", "user.a"));
    TRY(lremovexattr(D "file", "user.a"));
    TRY(llistxattr(D "file", NULL, 0));
    TRY(setxattr(D "file", "none", "x", 1, 0));
    TRY(setxattr(D "absent", "user.a", "x", 1, 0));
    TRY(removexattr(D "absent", "user.a"));
    TRY(lsetxattr(vacancy(1), "user.a", "x", 1, 0));
    need_users();
    chmod(D "file", 0600);
    as_stranger(set_attribute);
}

static void tell_resolved(const char *path) {
    char room[PATH_MAX] = "untouched";
    errno = UNTOUCHED;
    char *given = realpath(path, room);
    say("%s: %s, %s, errno %s", path, given ? "resolved" : "not", room, given ? "untouched" : error_name(errno));
    char *fresh = canonicalize_file_name(path);
    say("  %s", fresh ? fresh : error_name(errno));
    free(fresh);
}

CASE(resolved_paths) {
    make(D "file", "x");
    tell_resolved(D "file");
    tell_resolved("/dev/shm/.//file");
    tell_resolved("/dev/shm");
    tell_resolved(D);
    tell_resolved(D "absent");
    tell_resolved(D "file/");
    tell_resolved(D "file/beyond");
    tell_resolved(D "absent/beyond");
    tell_resolved("/dev/null");
    tell_resolved("/run/absent");
    char *(*volatile checked)(const char *, char *, size_t) = __realpath_chk;
    char room[PATH_MAX];
    say("%s", checked(D "file", room, sizeof room));
}

CASE(keys_of_paths) {
    make(D "file", "x");
    const char *paths[] = {D "file", "/dev/./shm/file", "/dev/shm", "/dev/null"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat s;
        need(stat(paths[i], &s) == 0, "stat");
        unsigned expected = (unsigned)(s.st_ino & 0xffff) | (unsigned)(s.st_dev & 0xff) << 16 | 0xf7000000U;
        say("%s: as expected %d", paths[i], (unsigned)ftok(paths[i], 0x1f7) == expected);
    }
    TRY(ftok(D "absent", 1));
    TRY(ftok(vacancy(1), 1));
    int id = shmget(ftok(D "file", 1), 100, IPC_CREAT | 0600);
    say("by key: %d", id >= 0 && shmget(ftok(D "file", 1), 0, 0) == id);
}

CASE(limits_of_paths) {
    make(D "file", "x");
    int names[] = {_PC_LINK_MAX, _PC_NAME_MAX, _PC_PATH_MAX, _PC_PIPE_BUF, _PC_CHOWN_RESTRICTED, _PC_NO_TRUNC,
                   _PC_FILESIZEBITS, _PC_REC_XFER_ALIGN, _PC_ASYNC_IO, _PC_2_SYMLINKS, -1};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say("%d", names[i]);
        TRY(pathconf(D "file", names[i]));
        TRY(pathconf(D "absent", names[i]));
        TRY(pathconf("/dev/shm", names[i]));
    }
}

CASE(descriptors_closed_by_the_program) {
    make(D "file", "0123456789");
    closefrom(3);
    tell_content(D "file");
    tell_path(D "file");
    int fd = FD(open(D "other", O_RDWR | O_CREAT, 0600));
    tell_file("other", fd);
    closefrom(3);
    /* Other files under every number that was in use. */
    for (int i = 3; i < 1024; i++) open("/dev/null", O_RDONLY);
    struct stat s;
    closefrom(900);
    TRY(stat(D "file", &s));
    TRY(unlink(D "other"));
    tell_listing("/dev/shm");
}

CASE(children) {
    make(D "file", "0123456789");
    pid_t c = start("child");
    if (c == 0) {
        tell_content(D "file");
        make(D "by the child", "x");
        TRY(unlink(D "file"));
        _exit(0);
    }
    finish(c);
    tell_listing("/dev/shm");
    c = vfork();
    if (c == 0) {
        int fd = open(D "by the child", O_RDONLY);
        _exit(fd >= 0 ? 5 : 6);
    }
    known(c, "vforked");
    finish(c);
}
