/* stat(2), statx(2), chmod(2), chown(2): what is told and what is cleared. */
#include "mounted.h"

CASE(kinds) {
    make("file", "text");
    folder("dir", 0755);
    need(symlink("file", "symlink") == 0 && mkfifo("fifo", 0600) == 0, "nodes");
    show_file("file"), show_file("dir"), show_file("symlink"), show_file("fifo"), show_file(".");
    show_file(ROOT);
}

CASE(block_counts) {
    int fd = opened("a", O_RDWR | O_CREAT);
    show_fd("empty", fd);
    TRY(pwrite(fd, "x", 1, 0));
    show_fd("one byte", fd);
    TRY(pwrite(fd, "x", 1, 4096));
    show_fd("two pages", fd);
    TRY(pwrite(fd, "x", 1, 1 << 20));
    show_fd("sparse", fd);
    TRY(ftruncate(fd, 1 << 22));
    show_fd("grown", fd);
    TRY(ftruncate(fd, 4097));
    show_fd("cut", fd);
    TRY(ftruncate(fd, 0));
    show_fd("empty", fd);
}

CASE(block_sizes) {
    make("file", "text");
    struct stat s;
    need(stat("file", &s) == 0, "stat");
    say("file: blksize %ld", (long)s.st_blksize);
    need(stat(".", &s) == 0, "stat");
    say("directory: blksize %ld", (long)s.st_blksize);
}

CASE(devices_and_inodes) {
    make("a", ""), make("b", "");
    struct stat a, b, root, dir;
    need(stat("a", &a) == 0 && stat("b", &b) == 0 && stat(ROOT, &root) == 0 && stat(".", &dir) == 0, "stat");
    say("one device: %d", a.st_dev == b.st_dev && a.st_dev == root.st_dev);
    say("inodes differ: %d", a.st_ino != b.st_ino && a.st_ino != dir.st_ino && dir.st_ino != root.st_ino);
    DIR *d = opendir(".");
    for (struct dirent *entry; (entry = readdir(d));)
        if (strcmp(entry->d_name, "a") == 0) say("readdir's is stat's: %d", entry->d_ino == a.st_ino);
        else if (strcmp(entry->d_name, ".") == 0) say("and for .: %d", entry->d_ino == dir.st_ino);
        else if (strcmp(entry->d_name, "..") == 0) say("and for ..: %d", entry->d_ino == root.st_ino);
    closedir(d);
}

static void tell_statx(const char *path, unsigned mask, int flags) {
    struct statx x;
    memset(&x, 0, sizeof x);
    if (statx(AT_FDCWD, path, flags, mask, &x) < 0) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    unsigned asked = mask | STATX_BTIME;
    say("%s: basic %d btime %d mode %o nlink %u uid %u gid %u size %llu blocks %llu", path,
        (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, mask & STATX_BTIME ? (x.stx_mask & STATX_BTIME) != 0 : -1,
        x.stx_mode, x.stx_nlink, x.stx_uid, x.stx_gid, (unsigned long long)x.stx_size, (unsigned long long)x.stx_blocks);
    (void)asked;
}

CASE(statx_masks) {
    make("a", "text");
    tell_statx("a", STATX_BASIC_STATS, 0);
    tell_statx("a", STATX_ALL, 0);
    tell_statx("a", STATX_BASIC_STATS | STATX_BTIME, AT_STATX_FORCE_SYNC);
    tell_statx("a", STATX_BASIC_STATS, AT_STATX_DONT_SYNC);
    tell_statx("a", 0x80000000u, 0);
    tell_statx("absent", STATX_BASIC_STATS, 0);
    tell_statx("a", STATX_BASIC_STATS, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC);
    tell_statx(".", STATX_BASIC_STATS | STATX_BTIME, 0);
    tell_statx(ROOT, STATX_BASIC_STATS | STATX_BTIME, 0);
}

CASE(statx_attributes) {
    make("a", "text");
    struct statx x;
    need(statx(AT_FDCWD, ROOT, 0, STATX_BASIC_STATS, &x) == 0, "statx");
    say("root: mount root %d", (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
    need(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x) == 0, "statx");
    say("a: mount root %d", (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
    say("a: blksize %u", x.stx_blksize);
}

CASE(birth) {
    make("a", "text");
    struct statx first, later;
    need(statx(AT_FDCWD, "a", 0, STATX_ALL, &first) == 0, "statx");
    say("born %s", when(first.stx_btime.tv_sec));
    tick();
    need(chmod("a", 0600) == 0 && truncate("a", 0) == 0 && rename("a", "b") == 0, "changes");
    need(statx(AT_FDCWD, "b", 0, STATX_ALL, &later) == 0, "statx");
    say("birth stays: %d", first.stx_btime.tv_sec == later.stx_btime.tv_sec && first.stx_btime.tv_nsec == later.stx_btime.tv_nsec);
    say("ctime moved: %d", first.stx_ctime.tv_sec != later.stx_ctime.tv_sec || first.stx_ctime.tv_nsec != later.stx_ctime.tv_nsec);
}

CASE(times_at_birth) {
    tick();
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME_COARSE, &before);
    make("a", "");
    folder("d", 0755);
    need(symlink("x", "s") == 0, "symlink");
    clock_gettime(CLOCK_REALTIME, &after);
    const char *paths[] = {"a", "d", "s"};
    for (int i = 0; i < 3; i++) {
        struct stat s;
        need(lstat(paths[i], &s) == 0, "stat");
        struct timespec times[3] = {s.st_atim, s.st_mtim, s.st_ctim};
        for (int j = 0; j < 3; j++) {
            bool early = times[j].tv_sec < before.tv_sec || (times[j].tv_sec == before.tv_sec && times[j].tv_nsec < before.tv_nsec);
            bool late = times[j].tv_sec > after.tv_sec || (times[j].tv_sec == after.tv_sec && times[j].tv_nsec > after.tv_nsec);
            say("%s %c: %s", paths[i], "amc"[j], early ? "too early" : late ? "too late" : "between");
        }
    }
}

CASE(chmod_kinds) {
    make("file", "text");
    folder("dir", 0755);
    need(symlink("file", "symlink") == 0 && mkfifo("fifo", 0600) == 0, "nodes");
    TRY(chmod("file", 06711));
    TRY(chmod("dir", 03750));
    TRY(chmod("symlink", 0640));
    TRY(chmod("fifo", 0));
    TRY(chmod("absent", 0));
    TRY(chmod("file/x", 0));
    TRY(chmod("", 0));
    show_mode("file"), show_mode("dir"), show_mode("symlink"), show_mode("fifo");
}

CASE(chmod_by_descriptor) {
    make("file", "text");
    int fd = opened("file", O_RDONLY);
    TRY(fchmod(fd, 0600));
    show_mode("file");
    TRY(unlink("file"));
    TRY(fchmod(fd, 0644));
    TRY(fchown(fd, STRANGER, OTHER));
    show_fd("unlinked", fd);
    int dir = opened(".", O_RDONLY | O_DIRECTORY);
    TRY(fchmod(dir, 0711));
    show_mode(".");
}

static void owned(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    need(chmod(path, mode) == 0, "chmod");
    int result = chown(path, uid, gid);
    say("%04o, chown %d:%d %s", mode, (int)uid, (int)gid, result < 0 ? error_name(errno) : "fine");
    show_mode(path);
}

CASE(chown_clears_suid_and_sgid) {
    make("file", "text");
    owned("file", 06755, STRANGER, -1);
    owned("file", 06755, -1, OTHER);
    owned("file", 06755, -1, -1);
    owned("file", 06744, STRANGER, OTHER);
    owned("file", 02745, STRANGER, OTHER);
    owned("file", 04000, 0, 0);
    owned("file", 07777, 0, 0);
    folder("dir", 0755);
    owned("dir", 06755, STRANGER, OTHER);
    owned("dir", 03755, 0, -1);
}

CASE(chown_clears_by_a_user) {
    need_users();
    make_for("file", "text", 06755, STRANGER, STRANGER);
    AS_MEMBER(STRANGER, STRANGER, 4242) TRY(chown("file", -1, 4242));
    show_mode("file");
    make_for("same", "text", 06755, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) TRY(chown("same", -1, -1)), TRY(chown("same", STRANGER, STRANGER));
    show_mode("same");
    make_for("no_x", "text", 02644, STRANGER, STRANGER);
    AS_MEMBER(STRANGER, STRANGER, 4242) TRY(chown("no_x", -1, 4242));
    show_mode("no_x");
}

CASE(chown_of_nothing_by_others) {
    need_users();
    make_for("plain", "text", 0755, STRANGER, STRANGER), make_for("suid", "text", 06755, STRANGER, STRANGER);
    AS(OTHER, OTHER) TRY(chown("plain", -1, -1)), TRY(chown("suid", -1, -1));
    show_mode("plain"), show_mode("suid");
}

CASE(chown_variants) {
    make("file", "text");
    need(symlink("file", "symlink") == 0, "symlink");
    TRY(chown("symlink", 1, 2));
    show_mode("file"), show_mode("symlink");
    TRY(lchown("symlink", 3, 4));
    show_mode("file"), show_mode("symlink");
    TRY(fchownat(AT_FDCWD, "symlink", 5, 6, AT_SYMLINK_NOFOLLOW));
    show_mode("symlink");
    int fd = opened("file", O_RDONLY);
    TRY(fchownat(fd, "", 7, 8, AT_EMPTY_PATH));
    show_mode("file");
    TRY(fchownat(AT_FDCWD, "file", 0, 0, 0x8000));
    TRY(chown("file", 4000000000u, 4000000001u));
    show_mode("file");
    TRY(chown("absent", 0, 0));
}

CASE(writing_clears_suid_and_sgid) {
    need_users();
    struct { const char *name; mode_t mode; } files[] = {{"a", 06777}, {"b", 04666}, {"c", 02766}, {"d", 02777}, {"e", 01777}};
    for (int i = 0; i < 5; i++) {
        make_for(files[i].name, "text", files[i].mode, STRANGER, STRANGER);
        AS(OTHER, OTHER) {
            int fd = opened(files[i].name, O_WRONLY);
            TRY(write(fd, "x", 1));
        }
        show_mode(files[i].name);
    }
}

CASE(writing_by_root_and_the_owner) {
    need_users();
    make_for("root", "text", 06777, STRANGER, STRANGER);
    int fd = opened("root", O_WRONLY);
    TRY(write(fd, "x", 1));
    TRY(ftruncate(fd, 1));
    show_mode("root");
    make_for("owner", "text", 06777, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        int mine = opened("owner", O_WRONLY);
        TRY(write(mine, "x", 1));
    }
    show_mode("owner");
    make_for("empty", "text", 06777, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        int mine = opened("empty", O_WRONLY);
        TRY(write(mine, "", 0));
    }
    show_mode("empty");
}

CASE(truncating_clears_suid_and_sgid) {
    need_users();
    make_for("a", "text", 06777, STRANGER, STRANGER);
    AS(OTHER, OTHER) TRY(truncate("a", 2));
    show_mode("a");
    make_for("b", "text", 06777, STRANGER, STRANGER);
    AS(OTHER, OTHER) close(FD(open("b", O_WRONLY | O_TRUNC)));
    show_mode("b");
    make_for("c", "text", 06777, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        int fd = opened("c", O_RDWR);
        TRY(ftruncate(fd, 4));
    }
    show_mode("c");
    make_for("d", "text", 06777, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        int fd = opened("d", O_RDWR);
        TRY(fallocate(fd, 0, 0, 10000));
    }
    show_mode("d");
}

CASE(storing_through_a_map_keeps_suid) {
    need_users();
    make_for("a", "text", 06777, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        int fd = opened("a", O_RDWR);
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        p[0] = 'X';
        say("stored");
    }
    show_mode("a"), content("a");
}

CASE(seen_by_another_process) {
    make("a", "text");
    struct gate ready = gate(), changed = gate();
    pid_t watcher = start("watcher");
    if (watcher == 0) {
        int fd = opened("a", O_RDONLY);
        show_fd("before", fd);
        open_gate(ready), pass(changed);
        show_fd("after", fd), show_file("a");
        _exit(0);
    }
    pass(ready);
    need(chmod("a", 0604) == 0 && chown("a", 11, 12) == 0 && truncate("a", 70000) == 0, "changes");
    open_gate(changed);
    finish(watcher);
}

CASE(size_after_a_write_by_another_process) {
    make("a", "text");
    struct gate ready = gate(), changed = gate();
    pid_t watcher = start("watcher");
    if (watcher == 0) {
        int fd = opened("a", O_RDONLY);
        show_fd("before", fd);
        open_gate(ready), pass(changed);
        show_fd("after", fd);
        TRY(lseek(fd, 0, SEEK_END));
        show_file("a");
        _exit(0);
    }
    pass(ready);
    int fd = opened("a", O_WRONLY | O_APPEND);
    char page[PAGE] = {0};
    for (int i = 0; i < 10; i++) fill(fd, "more text "), need(write(fd, page, PAGE) == PAGE, "write");
    open_gate(changed);
    finish(watcher);
}
