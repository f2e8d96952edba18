/* Handles (name_to_handle_at(2)), openat2(2), file attributes (FS_IOC_GETFLAGS). */
#include "mounted.h"
#include <linux/fs.h>
#include <linux/openat2.h>

struct handle {
    unsigned bytes;
    int type;
    unsigned char data[128];
};

static int handle_of(const char *path, struct handle *handle, int flags) {
    int mount_id;
    handle->bytes = sizeof handle->data;
    return (int)syscall(SYS_name_to_handle_at, AT_FDCWD, path, handle, &mount_id, flags);
}

static int open_handle(struct handle *handle, int flags) {
    int root = open(ROOT, O_RDONLY | O_DIRECTORY);
    int fd = (int)syscall(SYS_open_by_handle_at, root, handle, flags), error = errno;
    close(root), errno = error;
    return fd;
}

CASE(handles) {
    make("a", "text"), folder("d", 0755);
    need(symlink("a", "s") == 0, "symlink");
    struct handle a, d, s, again;
    TRY(handle_of("a", &a, 0));
    TRY(handle_of("d", &d, 0));
    TRY(handle_of("s", &s, 0));
    TRY(handle_of("absent", &again, 0));
    int fd = FD(open_handle(&a, O_RDWR));
    tell_range("a", fd, 0, 10);
    int dir = FD(open_handle(&d, O_RDONLY | O_DIRECTORY));
    show_fd("d", dir);
    FD(open_handle(&d, O_RDWR));
    FD(openat(dir, "x", O_RDWR | O_CREAT, 0644));
    TRY(handle_of("a", &again, 0));
    say("the same handle: %d", again.bytes == a.bytes && memcmp(again.data, a.data, a.bytes) == 0);
    TRY(rename("a", "d/b"));
    fd = FD(open_handle(&a, O_RDONLY));
    tell_range("renamed", fd, 0, 10);
    close(fd);
}

CASE(handles_of_what_the_kernel_has_forgotten) {
    need_users();
    make("a", "text"), folder("d", 0755);
    need(mkfifo("d/f", 0600) == 0 && symlink("a", "d/s") == 0, "mkfifo");
    const char *names[] = {"a", "d", "d/f", "d/s"};
    struct handle handle[4];
    for (int i = 0; i < 4; i++) TRY(handle_of(names[i], &handle[i], 0));
    int drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (drop < 0 || write(drop, "2", 1) != 1) skip("caches cannot be dropped");
    for (int i = 0; i < 4; i++) {
        int fd = FD(open_handle(&handle[i], i == 3 ? O_PATH : O_RDONLY | O_NONBLOCK));
        if (fd >= 0) show_fd(names[i], fd);
    }
}

CASE(stale_handles) {
    make("a", "text");
    struct handle a;
    TRY(handle_of("a", &a, 0));
    int fd = opened("a", O_RDONLY);
    TRY(unlink("a"));
    close(fd);
    for (int i = 0; i < 2000; i++) {
        int again = open_handle(&a, O_RDONLY);
        if (again < 0) break;
        close(again);
        usleep(1000);
    }
    FD(open_handle(&a, O_RDONLY));
    make("a", "another");
    FD(open_handle(&a, O_RDONLY));
    memset(a.data, 0xff, sizeof a.data);
    FD(open_handle(&a, O_RDONLY));
}

CASE(handles_refused) {
    need_users();
    make("a", "text");
    struct handle a = {0};
    int mount_id;
    TRY(syscall(SYS_name_to_handle_at, AT_FDCWD, "a", &a, &mount_id, 0));
    say("room is asked for: %d", a.bytes > 0);
    TRY(handle_of("a", &a, 0x8000));
    TRY(handle_of("a", &a, 0));
    AS(STRANGER, STRANGER) FD(open_handle(&a, O_RDONLY));
}

CASE(handle_in_another_process) {
    make("a", "text");
    struct handle a;
    TRY(handle_of("a", &a, 0));
    CHILD("child") {
        int fd = FD(open_handle(&a, O_RDWR));
        TRY(write(fd, "TEXT", 4));
    }
    content("a");
}

/* EAGAIN: somebody has renamed or mounted something somewhere meanwhile (openat2(2)). */
static int open2(const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve, .mode = flags & O_CREAT ? 0644 : 0};
    int fd;
    do fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && !(resolve & RESOLVE_CACHED));
    return fd;
}

CASE(resolve_beneath) {
    folder("d", 0755), make("a", "text"), make("d/b", "text");
    need(symlink("../a", "d/up") == 0 && symlink("/etc/passwd", "d/absolute") == 0 && symlink("b", "d/here") == 0, "symlink");
    FD(open2("d/b", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("d/../a", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("../here/a", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("/etc/passwd", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("d/up", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("d/absolute", O_RDONLY, RESOLVE_BENEATH));
    FD(open2("d/here", O_RDONLY, RESOLVE_BENEATH));
    need(chdir("d") == 0, "chdir");
    FD(open2("up", O_RDONLY, RESOLVE_BENEATH));
}

CASE(resolve_in_root) {
    folder("d", 0755), make("d/b", "text");
    need(symlink("/b", "d/absolute") == 0 && chdir("d") == 0, "symlink");
    FD(open2("/b", O_RDONLY, RESOLVE_IN_ROOT));
    FD(open2("absolute", O_RDONLY, RESOLVE_IN_ROOT));
    FD(open2("../../b", O_RDONLY, RESOLVE_IN_ROOT));
    FD(open2("../../new", O_RDWR | O_CREAT | O_EXCL, RESOLVE_IN_ROOT));
    names(".");
}

CASE(resolve_without_symlinks_and_crossings) {
    make("a", "text");
    need(symlink("a", "s") == 0, "symlink");
    FD(open2("s", O_RDONLY, RESOLVE_NO_SYMLINKS));
    FD(open2("s", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
    FD(open2("a", O_RDONLY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    FD(open2("../..", O_RDONLY, RESOLVE_NO_XDEV));
    FD(open2("..", O_RDONLY, RESOLVE_NO_XDEV));
    FD(open2("/proc/self/fd/0", O_RDONLY, RESOLVE_NO_MAGICLINKS));
    FD(open2("a", O_RDONLY, 0x1000));
    FD(open2("a", 0x100000000ull, 0));
}

CASE(resolve_from_the_cache) {
    make("a", "text");
    show_file("a");
    int fd = open2("absent", O_RDWR | O_CREAT, RESOLVE_CACHED);
    say("%s", fd < 0 ? error_name(errno) : "fine");
}

static void show_flags(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK), flags = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) say("%s: %s", path, error_name(errno));
    else say("%s: flags %#x", path, flags);
    if (fd >= 0) close(fd);
}

static int set_flags(const char *path, int flags) {
    int fd = open(path, O_RDONLY), result = ioctl(fd, FS_IOC_SETFLAGS, &flags), error = errno;
    close(fd), errno = error;
    return result;
}

CASE(flags) {
    make("a", "text"), folder("d", 0755);
    show_flags("a"), show_flags("d");
    TRY(set_flags("a", FS_NODUMP_FL));
    show_flags("a");
    TRY(set_flags("a", FS_COMPR_FL));
    TRY(set_flags("a", FS_SYNC_FL));
    TRY(set_flags("a", FS_NOATIME_FL));
    TRY(set_flags("d", FS_NODUMP_FL));
    TRY(set_flags("a", 0));
    show_flags("a"), show_flags("d");
}

CASE(immutable) {
    make("a", "text");
    TRY(set_flags("a", FS_IMMUTABLE_FL));
    show_flags("a");
    FD(open("a", O_RDONLY));
    FD(open("a", O_WRONLY));
    FD(open("a", O_RDONLY | O_TRUNC));
    TRY(truncate("a", 0));
    TRY(chmod("a", 0600));
    TRY(chown("a", 1, 1));
    TRY(link("a", "b"));
    TRY(unlink("a"));
    TRY(rename("a", "b"));
    TRY(setxattr("a", "user.x", "1", 1, 0));
    TRY(utimensat(AT_FDCWD, "a", NULL, 0));
    TRY(access("a", W_OK));
    make("c", "text");
    TRY(rename("c", "a"));
    content("a");
    TRY(set_flags("a", 0));
    TRY(unlink("a"));
}

CASE(immutable_while_open) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(set_flags("a", FS_IMMUTABLE_FL));
    TRY(write(fd, "X", 1));
    TRY(ftruncate(fd, 0));
    TRY(fchmod(fd, 0600));
    content("a");
    TRY(set_flags("a", 0));
}

CASE(append_only) {
    make("a", "text");
    TRY(set_flags("a", FS_APPEND_FL));
    FD(open("a", O_WRONLY));
    FD(open("a", O_WRONLY | O_APPEND | O_TRUNC));
    int fd = FD(open("a", O_WRONLY | O_APPEND));
    TRY(write(fd, "more", 4));
    TRY(pwrite(fd, "x", 1, 0));
    TRY(ftruncate(fd, 0));
    TRY(truncate("a", 0));
    TRY(unlink("a"));
    TRY(rename("a", "b"));
    TRY(chmod("a", 0600));
    content("a");
    TRY(fcntl(fd, F_SETFL, 0));
    TRY(set_flags("a", 0));
    TRY(unlink("a"));
}

CASE(flags_of_directories) {
    folder("d", 0755);
    make("d/a", "text");
    TRY(set_flags("d", FS_IMMUTABLE_FL));
    FD(open("d/new", O_RDWR | O_CREAT, 0644));
    TRY(unlink("d/a"));
    TRY(rename("d/a", "b"));
    TRY(mkdir("d/e", 0755));
    FD(open("d/a", O_RDWR));
    TRY(rmdir("d"));
    TRY(set_flags("d", FS_APPEND_FL));
    FD(open("d/new", O_RDWR | O_CREAT, 0644));
    TRY(unlink("d/a"));
    TRY(rename("d/a", "d/b"));
    TRY(set_flags("d", 0));
    names("d");
}

CASE(flags_by_a_user) {
    need_users();
    make("roots", "text");
    make_for("his", "text", 0644, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        TRY(set_flags("roots", FS_NODUMP_FL));
        TRY(set_flags("his", FS_NODUMP_FL));
        TRY(set_flags("his", FS_IMMUTABLE_FL));
        TRY(set_flags("his", FS_APPEND_FL));
        show_flags("roots"), show_flags("his");
    }
}

CASE(flags_in_statx) {
    make("a", "text");
    TRY(set_flags("a", FS_IMMUTABLE_FL | FS_NODUMP_FL));
    struct statx x;
    need(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x) == 0, "statx");
    uint64_t told = x.stx_attributes;
    say("immutable %d append %d nodump %d", !!(told & STATX_ATTR_IMMUTABLE), !!(told & STATX_ATTR_APPEND),
        !!(told & STATX_ATTR_NODUMP));
    TRY(set_flags("a", 0));
}

CASE(extended_flags) {
    make("a", "text");
    int fd = opened("a", O_RDONLY);
    struct fsxattr x = {0};
    TRY(ioctl(fd, FS_IOC_FSGETXATTR, &x));
    say("xflags %#x projid %u extsize %u", x.fsx_xflags, x.fsx_projid, x.fsx_extsize);
    x.fsx_xflags = FS_XFLAG_NODUMP;
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    x.fsx_projid = 5;
    TRY(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    show_flags("a");
    int version = 0;
    TRY(ioctl(fd, FS_IOC_GETVERSION, &version));
}

CASE(case_folding_and_encryption_are_refused) {
    folder("d", 0755), make("a", "text");
    TRY(set_flags("d", FS_CASEFOLD_FL));
    TRY(set_flags("a", FS_ENCRYPT_FL));
    TRY(set_flags("a", FS_VERITY_FL));
    TRY(set_flags("a", FS_DAX_FL));
    int a = opened("a", O_RDWR), b = opened("b", O_RDWR | O_CREAT);
    TRY(ioctl(b, FICLONE, a));
    char label[FSLABEL_MAX];
    TRY(ioctl(a, FS_IOC_GETFSLABEL, label));
}

CASE(seals) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(fcntl(fd, F_GET_SEALS));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(write(fd, "x", 1));
}

CASE(pipes_and_hints) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    uint64_t hint = 2;
    TRY(fcntl(fd, F_SET_RW_HINT, &hint));
    hint = 77;
    TRY(fcntl(fd, F_GET_RW_HINT, &hint));
    say("hint %d", (int)hint);
    TRY(fcntl(fd, F_GETPIPE_SZ));
    TRY(fcntl(fd, F_NOTIFY, DN_CREATE));
}
