/* open(2): every flag, on every kind of file; unnamed files. */
#include "mounted.h"

CASE(absent) {
    FD(open("absent", O_RDONLY));
    FD(open("absent/x", O_RDONLY));
    FD(open("", O_RDONLY));
    FD(open("absent", O_RDWR | O_TRUNC));
    FD(open("absent", O_RDONLY | O_DIRECTORY));
    FD(open("absent/x", O_RDWR | O_CREAT, 0644));
}

CASE(create_and_exclusive) {
    FD(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    FD(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    FD(open("a", O_RDWR | O_CREAT, 0600));
    show_file("a");
    TRY(symlink("absent", "dangling"));
    TRY(symlink("a", "good"));
    FD(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    FD(open("good", O_RDWR | O_CREAT | O_EXCL, 0644));
    FD(open("good", O_RDWR | O_CREAT, 0644));
    FD(open("dangling", O_RDWR | O_CREAT, 0644));
    names(".");
}

CASE(create_over_other_kinds) {
    folder("dir", 0755);
    need(mkfifo("fifo", 0644) == 0 && mknod("socket", S_IFSOCK | 0644, 0) == 0, "nodes");
    FD(open("dir", O_RDWR | O_CREAT, 0644));
    FD(open("dir", O_RDONLY | O_CREAT, 0644));
    FD(open("dir", O_RDONLY | O_CREAT | O_EXCL, 0644));
    FD(open("dir/", O_RDWR | O_CREAT, 0644));
    FD(open("new/", O_RDWR | O_CREAT, 0644));
    FD(open("fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0644));
    FD(open("socket", O_RDWR));
    FD(open("socket", O_RDWR | O_CREAT, 0644));
    FD(open(".", O_RDWR | O_CREAT, 0644));
    FD(open("..", O_RDWR | O_CREAT | O_EXCL, 0644));
}

CASE(truncate) {
    make("a", "some text");
    close(FD(open("a", O_RDWR | O_TRUNC)));
    show_file("a");
    unlink("a"), make("a", "some text");
    close(FD(open("a", O_RDONLY | O_TRUNC)));
    show_file("a");
    unlink("a"), make("a", "some text");
    close(FD(open("a", O_RDWR | O_CREAT | O_TRUNC, 0600)));
    show_file("a");
    folder("dir", 0755);
    FD(open("dir", O_RDONLY | O_TRUNC));
    FD(open("dir", O_WRONLY));
    FD(open("dir", O_RDWR));
}

CASE(truncate_while_another_has_it_open) {
    make("a", "some text");
    struct gate ready = gate(), cut = gate();
    pid_t reader = start("reader");
    if (reader == 0) {
        int fd = opened("a", O_RDWR);
        tell_range("before", fd, 0, 20);
        open_gate(ready), pass(cut);
        tell_range("after", fd, 0, 20);
        show_fd("after", fd);
        TRY(pwrite(fd, "zz", 2, 4));
        _exit(0);
    }
    pass(ready);
    close(opened("a", O_WRONLY | O_TRUNC));
    open_gate(cut);
    finish(reader);
    content("a");
}

CASE(append) {
    make("a", "one");
    int fd = FD(open("a", O_RDWR | O_APPEND));
    TRY(write(fd, "two", 3));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(write(fd, "three", 5));
    TRY(pwrite(fd, "four", 4, 0));
    TRY(read(fd, (char[4]){0}, 4));
    content("a");
    TRY(fcntl(fd, F_SETFL, 0));
    TRY(pwrite(fd, "ONE", 3, 0));
    content("a");
    int plain = opened("a", O_WRONLY);
    TRY(fcntl(plain, F_SETFL, O_APPEND));
    TRY(write(plain, "five", 4));
    content("a");
}

CASE(access_modes) {
    make("a", "text");
    int r = FD(open("a", O_RDONLY)), w = FD(open("a", O_WRONLY)), none = FD(open("a", 3));
    char byte = 'x';
    TRY(write(r, &byte, 1));
    TRY(read(r, &byte, 1));
    TRY(read(w, &byte, 1));
    TRY(write(w, "X", 1));
    TRY(read(none, &byte, 1));
    TRY(write(none, &byte, 1));
    TRY(fcntl(none, F_GETFL) & 3);
    content("a");
}

CASE(flags_as_shown) {
    make("a", "text");
    int flags[] = {O_RDONLY,         O_RDWR | O_APPEND,     O_WRONLY | O_NONBLOCK,      O_RDWR | O_SYNC,
                   O_RDWR | O_DSYNC, O_RDONLY | O_NOATIME, O_RDWR | O_TRUNC | O_CREAT};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = opened("a", flags[i]);
        say("%#o shows %#o", flags[i], fcntl(fd, F_GETFL));
        close(fd);
    }
}

CASE(directory) {
    make("a", "text");
    folder("dir", 0755);
    need(symlink("dir", "to_dir") == 0 && symlink("a", "to_a") == 0, "symlink");
    FD(open("a", O_RDONLY | O_DIRECTORY));
    FD(open("dir", O_RDONLY | O_DIRECTORY));
    FD(open("to_dir", O_RDONLY | O_DIRECTORY));
    FD(open("to_a", O_RDONLY | O_DIRECTORY));
    FD(open("to_dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    FD(open("new", O_RDONLY | O_DIRECTORY | O_CREAT, 0755));
    int fd = FD(open("dir", O_RDONLY));
    TRY(read(fd, (char[4]){0}, 4));
    TRY(write(fd, "x", 1));
    TRY(pread(fd, (char[4]){0}, 4, 0));
    names(".");
}

CASE(no_follow) {
    make("a", "text");
    folder("dir", 0755);
    make("dir/inside", "text");
    need(symlink("a", "to_a") == 0 && symlink("dir", "to_dir") == 0 && symlink("loop", "loop") == 0, "symlink");
    FD(open("to_a", O_RDONLY | O_NOFOLLOW));
    FD(open("to_dir", O_RDONLY | O_NOFOLLOW));
    FD(open("to_dir/inside", O_RDONLY | O_NOFOLLOW));
    FD(open("to_dir/", O_RDONLY | O_NOFOLLOW));
    FD(open("loop", O_RDONLY));
    FD(open("loop", O_RDONLY | O_NOFOLLOW));
    FD(open("to_a", O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
}

CASE(path_only) {
    make("a", "text");
    folder("dir", 0755);
    make("dir/inside", "text");
    need(symlink("a", "to_a") == 0, "symlink");
    int fd = FD(open("a", O_PATH)), link = FD(open("to_a", O_PATH | O_NOFOLLOW)), dir = FD(open("dir", O_PATH));
    char bytes[10];
    TRY(read(fd, bytes, 1));
    TRY(write(fd, bytes, 1));
    TRY(fchmod(fd, 0600));
    TRY(fchown(fd, 0, 0));
    TRY(ftruncate(fd, 0));
    TRY(ioctl(fd, FIONREAD, bytes));
    TRY(fgetxattr(fd, "user.x", bytes, 1));
    show_fd("a", fd), show_fd("the symlink", link);
    TRY(readlinkat(link, "", bytes, 10));
    FD(openat(dir, "inside", O_RDONLY));
    TRY(fchdir(dir));
    show_file("inside");
    TRY(fcntl(fd, F_GETFL) & O_PATH ? 1 : 0);
    FD(open("/proc/self/fd/3", O_RDWR));
}

CASE(unnamed_file) {
    int fd = FD(open(".", O_TMPFILE | O_RDWR, 0640));
    show_fd("unnamed", fd);
    TRY(write(fd, "text", 4));
    tell_range("unnamed", fd, 0, 10);
    names(".");
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    show_file("named"), content("named");
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
    show_fd("unnamed", fd);
    TRY(unlink("named")), TRY(unlink("again"));
    show_fd("unnamed", fd);
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "third", AT_SYMLINK_FOLLOW));
}

CASE(unnamed_file_by_its_descriptor) {
    int fd = FD(open(".", O_TMPFILE | O_RDWR, 0600));
    TRY(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
    show_file("named");
}

CASE(unnamed_file_exclusive) {
    int fd = FD(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    TRY(write(fd, "text", 4));
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    names(".");
}

CASE(unnamed_file_refused) {
    make("a", "text");
    FD(open(".", O_TMPFILE | O_RDONLY, 0600));
    FD(open("a", O_TMPFILE | O_RDWR, 0600));
    FD(open("absent", O_TMPFILE | O_RDWR, 0600));
    FD(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    FD(open(".", O_TMPFILE | O_WRONLY, 0600));
}

CASE(unnamed_file_is_read_by_another_process) {
    int fd = FD(open(".", O_TMPFILE | O_RDWR, 0600));
    TRY(write(fd, "text", 4));
    CHILD("child") {
        TRY(pwrite(fd, "TE", 2, 0));
        int again = FD(open("/proc/self/fd/3", O_RDONLY));
        tell_range("by its descriptor", again, 0, 10);
    }
    tell_range("by the parent", fd, 0, 10);
}

CASE(without_atime) {
    need_users();
    make("roots", "text");
    make_for("his", "text", 0644, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        FD(open("roots", O_RDONLY | O_NOATIME));
        FD(open("his", O_RDONLY | O_NOATIME));
        int fd = FD(open("roots", O_RDONLY));
        TRY(fcntl(fd, F_SETFL, O_NOATIME));
    }
}

CASE(direct) {
    make("a", "some text");
    int fd = FD(open("a", O_RDWR | O_DIRECT));
    char *page = aligned_alloc(PAGE, PAGE);
    memset(page, 'd', PAGE);
    TRY(pwrite(fd, page, PAGE, PAGE));
    TRY(pread(fd, page, PAGE, 0));
    tell_text("start", page, 12);
    TRY(pread(fd, page, PAGE, 2 * PAGE));
    show_fd("a", fd);
    TRY(fcntl(fd, F_GETFL) & O_DIRECT ? 1 : 0);
}

CASE(direct_unaligned) {
    make("a", "some text");
    int fd = FD(open("a", O_RDWR | O_DIRECT));
    char bytes[20] = {0};
    TRY(pread(fd, bytes + 1, 5, 2));
    tell_text("bytes", bytes + 1, 5);
    TRY(pwrite(fd, "XX", 2, 3));
    content("a");
    int plain = opened("a", O_RDONLY);
    TRY(fcntl(plain, F_SETFL, O_DIRECT));
}

CASE(synchronous) {
    int fd = FD(open("a", O_RDWR | O_CREAT | O_SYNC, 0644));
    TRY(write(fd, "text", 4));
    int d = FD(open("a", O_RDWR | O_DSYNC));
    TRY(write(d, "TEXT", 4));
    content("a");
}

CASE(trailing_slash) {
    make("a", "text");
    FD(open("a/", O_RDONLY));
    FD(open("a/.", O_RDONLY));
    FD(open("a/..", O_RDONLY));
    FD(open("./a", O_RDONLY));
    FD(open(".//a", O_RDONLY));
    FD(open("../here/a", O_RDONLY));
}

CASE(descriptors_of_one_file) {
    make("a", "0123456789");
    int one = opened("a", O_RDWR), two = opened("a", O_RDWR), twin = dup(one);
    TRY(lseek(one, 5, SEEK_SET));
    TRY(lseek(two, 0, SEEK_CUR));
    TRY(lseek(twin, 0, SEEK_CUR));
    TRY(write(twin, "x", 1));
    TRY(lseek(one, 0, SEEK_CUR));
    CHILD("child") TRY(lseek(one, 2, SEEK_SET));
    TRY(lseek(one, 0, SEEK_CUR));
    content("a");
}

CASE(open_the_descriptor_again) {
    make_mode("a", "text", 0444);
    int fd = opened("a", O_RDONLY);
    (void)fd;
    int again = FD(open("/proc/self/fd/3", O_RDWR));
    TRY(write(again, "T", 1));
    content("a");
    TRY(unlink("a"));
    FD(open("/proc/self/fd/3", O_RDONLY));
    FD(open("a", O_RDONLY));
}

CASE(too_many_descriptors) {
    struct rlimit limit = {8, 8};
    need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    for (int i = 0; i < 7; i++) {
        int fd = open("a", O_RDWR | O_CREAT, 0644);
        say("%s", fd < 0 ? error_name(errno) : "fine");
    }
    FD(open("new", O_RDWR | O_CREAT, 0644));
    show_file("new");
}

CASE(create_races_with_create) {
    struct gate go = gate(), won = gate();
    pid_t players[4];
    for (int i = 0; i < 4; i++)
        if ((players[i] = start("player")) == 0) {
            pass(go);
            for (int round = 0; round < 50; round++) {
                char name[20];
                snprintf(name, sizeof name, "r%d", round);
                if (open(name, O_RDWR | O_CREAT | O_EXCL, 0644) >= 0) open_gate(won);
                else if (errno != EEXIST) say("%s", error_name(errno));
            }
            _exit(0);
        }
    for (int i = 0; i < 4; i++) open_gate(go);
    for (int i = 0; i < 4; i++) finish_quietly(players[i]);
    int wins = 0;
    fcntl(won.fd[0], F_SETFL, O_NONBLOCK);
    for (char c; read(won.fd[0], &c, 1) == 1;) wins++;
    say("%d wins", wins);
}

CASE(openat_relative) {
    folder("dir", 0755);
    make("dir/a", "text");
    int dir = opened("dir", O_RDONLY | O_DIRECTORY), file = opened("dir/a", O_RDONLY);
    FD(openat(dir, "a", O_RDONLY));
    FD(openat(dir, "../dir/a", O_RDONLY));
    FD(openat(file, "a", O_RDONLY));
    FD(openat(dir, "new", O_RDWR | O_CREAT, 0600));
    TRY(mkdirat(dir, "sub", 0755));
    TRY(unlinkat(dir, "new", 0));
    TRY(unlinkat(dir, "sub", 0));
    TRY(unlinkat(dir, "sub", AT_REMOVEDIR));
    names("dir");
}
