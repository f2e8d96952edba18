/* Which times each call changes (atime, mtime, ctime), and utimensat(2). */
#include "mounted.h"

CASE(create) { CHANGES(close(opened("a", O_RDWR | O_CREAT | O_EXCL)), "."); }
CASE(open_only) { make("a", "text"); CHANGES(close(opened("a", O_RDWR | O_CREAT)), "a", "."); }
CASE(open_and_truncate) {
    make("a", "text"), make("empty", "");
    CHANGES(close(opened("a", O_RDWR | O_TRUNC)), "a", ".");
    CHANGES(close(opened("empty", O_RDWR | O_TRUNC)), "empty", ".");
}
CASE(reading) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    char byte;
    CHANGES(read(fd, &byte, 1), "a");
    CHANGES(pread(fd, &byte, 1, 0), "a");
    CHANGES(pread(fd, &byte, 1, 100), "a");
    CHANGES(read(fd, &byte, 0), "a");
}
CASE(reading_twice) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    char byte;
    CHANGES(pread(fd, &byte, 1, 0), "a");
    struct stat first, second, third;
    need(fstat(fd, &first) == 0, "stat");
    tick();
    need(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &second) == 0, "read");
    say("atime moves again: %d", differ(first.st_atim, second.st_atim));
    need(pwrite(fd, "x", 1, 0) == 1, "write");
    tick();
    need(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &third) == 0, "read");
    say("and after a write: %d", differ(second.st_atim, third.st_atim));
}
CASE_ON(reading_with_strictatime, "mode=0755,size=1m,strictatime") {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    char byte;
    struct stat first, second;
    need(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &first) == 0, "read");
    tick();
    need(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &second) == 0, "read");
    say("atime moves each time: %d", differ(first.st_atim, second.st_atim));
}
CASE_ON(reading_with_noatime, "mode=0755,size=1m,noatime") {
    make("a", "text");
    folder("d", 0755);
    need(symlink("x", "s") == 0, "symlink");
    int fd = opened("a", O_RDWR);
    char byte;
    CHANGES(pread(fd, &byte, 1, 0), "a");
    CHANGES(pwrite(fd, &byte, 1, 0), "a");
    CHANGES((names("d"), 0), "d");
    CHANGES(readlink("s", &byte, 1), "s");
}
CASE_ON(reading_with_nodiratime, "mode=0755,size=1m,nodiratime") {
    make("a", "text");
    folder("d", 0755);
    int fd = opened("a", O_RDWR);
    char byte;
    CHANGES(pread(fd, &byte, 1, 0), "a");
    CHANGES((names("d"), 0), "d");
}
CASE(reading_without_atime) {
    make("a", "text");
    int fd = opened("a", O_RDWR | O_NOATIME);
    char byte;
    CHANGES(pread(fd, &byte, 1, 0), "a");
}
CASE(writing) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    CHANGES(write(fd, "x", 1), "a", ".");
    CHANGES(pwrite(fd, "x", 1, 100000), "a", ".");
    CHANGES(write(fd, "x", 0), "a", ".");
}
CASE(truncating) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    CHANGES(ftruncate(fd, 2), "a", ".");
    CHANGES(ftruncate(fd, 2), "a", ".");
    CHANGES(ftruncate(fd, 100), "a", ".");
    CHANGES(truncate("a", 50), "a", ".");
    CHANGES(truncate("a", 50), "a", ".");
}
CASE(allocating) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    CHANGES(fallocate(fd, 0, 0, 10000), "a");
    CHANGES(fallocate(fd, FALLOC_FL_KEEP_SIZE, 20000, 10000), "a");
    CHANGES(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), "a");
    CHANGES(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), "a");
}
CASE(storing_through_a_map) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHANGES((p[0] = 'x', 0), "a");
    CHANGES(msync(p, PAGE, MS_SYNC), "a");
    CHANGES(p[1] == 'e' ? 0 : 1, "a");
    CHANGES(munmap(p, PAGE), "a");
}
CASE(mapping) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    CHANGES((mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), 0), "a");
    CHANGES((mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), 0), "a");
}
CASE(chmod_and_chown) {
    make("a", "text");
    CHANGES(chmod("a", 0600), "a", ".");
    CHANGES(chmod("a", 0600), "a", ".");
    CHANGES(chown("a", 1, 1), "a", ".");
    CHANGES(chown("a", -1, -1), "a", ".");
    folder("d", 0755);
    CHANGES(chmod("d", 0700), "d", ".");
}
CASE(linking) {
    make("a", "text");
    folder("d", 0755);
    CHANGES(link("a", "d/b"), "a", "d", ".");
    CHANGES(unlink("d/b"), "a", "d", ".");
    CHANGES(link("a", "a"), "a", ".");
}
CASE(renaming) {
    make("a", "text"), make("b", "text");
    folder("d", 0755), folder("e", 0755);
    CHANGES(rename("a", "c"), ".");
    CHANGES(rename("c", "d/c"), ".", "d", "b");
    CHANGES(rename("d/c", "b"), ".", "d");
    CHANGES(rename("d", "e/d"), ".", "e");
    CHANGES(rename("b", "b"), ".", "b");
}
CASE(renamed_file_itself) {
    make("a", "text"), make("b", "text");
    folder("d", 0755), folder("e", 0755), folder("e/sub", 0755);
    int a = opened("a", O_RDONLY), b = opened("b", O_RDONLY), sub = opened("e/sub", O_RDONLY);
    struct stat before[3], after[3];
    tick();
    need(fstat(a, &before[0]) == 0 && fstat(b, &before[1]) == 0 && fstat(sub, &before[2]) == 0, "stat");
    tick();
    need(rename("a", "b") == 0 && rename("e/sub", "d/sub") == 0, "rename");
    need(fstat(a, &after[0]) == 0 && fstat(b, &after[1]) == 0 && fstat(sub, &after[2]) == 0, "stat");
    const char *who_[] = {"moved", "replaced", "directory"};
    for (int i = 0; i < 3; i++)
        say("%s: mtime %d ctime %d", who_[i], differ(before[i].st_mtim, after[i].st_mtim),
            differ(before[i].st_ctim, after[i].st_ctim));
}
CASE(exchanging) {
    make("a", "text");
    folder("d", 0755);
    make("d/b", "text");
    CHANGES(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE), "a", "d/b", "d", ".");
}
CASE(removing) {
    make("a", "text"), folder("d", 0755);
    int a = opened("a", O_RDONLY);
    struct stat before, after;
    need(fstat(a, &before) == 0, "stat");
    tick();
    CHANGES(unlink("a"), ".");
    need(fstat(a, &after) == 0, "stat");
    say("unlinked: mtime %d ctime %d", differ(before.st_mtim, after.st_mtim), differ(before.st_ctim, after.st_ctim));
    CHANGES(rmdir("d"), ".");
}
CASE(making_others) {
    CHANGES(mkdir("d", 0755), ".");
    CHANGES(symlink("x", "s"), ".");
    CHANGES(mkfifo("f", 0644), ".");
    CHANGES(mkdir("d/e", 0755), ".", "d");
    CHANGES(close(opened("d", O_TMPFILE | O_RDWR)), "d");
}
CASE(reading_a_directory) {
    folder("d", 0755);
    make("d/a", "text");
    CHANGES((names("d"), 0), "d");
    CHANGES(close(opened("d", O_RDONLY)), "d");
    CHANGES(access("d/a", F_OK), "d");
}
CASE(reading_a_symlink) {
    make("a", "text");
    need(symlink("a", "s") == 0, "symlink");
    char text[10];
    CHANGES(readlink("s", text, 10), "s");
    CHANGES(access("s", F_OK), "s", "a");
}
CASE(extended_attributes) {
    make("a", "text");
    char value[10];
    CHANGES(setxattr("a", "user.x", "1", 1, 0), "a");
    CHANGES(setxattr("a", "user.x", "1", 1, 0), "a");
    CHANGES(getxattr("a", "user.x", value, 10), "a");
    CHANGES(listxattr("a", value, 10), "a");
    CHANGES(removexattr("a", "user.x"), "a");
    CHANGES(removexattr("a", "user.x"), "a");
}
CASE(refused_calls_change_nothing) {
    make("a", "text"), make("b", "text");
    CHANGES(link("a", "b"), "a", "b", ".");
    CHANGES(rmdir("a"), "a", ".");
    CHANGES(mkdir("a", 0755), "a", ".");
    CHANGES(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), "a", "b", ".");
    CHANGES(truncate("a", -1), "a");
}
CASE(executing) {
    make_mode("program", "#!/bin/sh\nexit 3\n", 0755);
    CHANGES(system("./program") >> 8, "program");
}
CASE(copying) {
    make("a", "some text"), make("b", "");
    int a = opened("a", O_RDONLY), b = opened("b", O_WRONLY);
    CHANGES(copy_file_range(a, NULL, b, NULL, 4, 0), "a", "b");
}

static void set(const char *path, time_t a, long an, time_t m, long mn) {
    struct timespec times[2] = {{a, an}, {m, mn}};
    if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0) say("utimensat: %s", error_name(errno));
    struct stat s;
    need(lstat(path, &s) == 0, "stat");
    say("%s: atime %ld.%09ld mtime %ld.%09ld", path, s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

CASE(setting_times) {
    make("a", "text");
    need(symlink("a", "s") == 0, "symlink");
    set("a", 1, 2, 3, 4);
    set("a", 0, 0, 0, 0);
    set("a", -1, 999999999, -1000, 1);
    set("a", 1L << 33, 1, 1L << 34, 2);
    set("a", 5, UTIME_OMIT, 7, 8);
    set("a", 9, 10, 5, UTIME_OMIT);
    set("a", 1, 1000000000, 1, 1);
    set("s", 11, 12, 13, 14);
    set("a", LONG_MAX, 0, 1, 1);
    folder("d", 0755);
    set("d", 21, 22, 23, 24);
}

CASE(setting_times_now) {
    make("a", "text");
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, half[2] = {{0, UTIME_NOW}, {100, 5}};
    struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    CHANGES(utimensat(AT_FDCWD, "a", now, 0), "a");
    CHANGES(utimensat(AT_FDCWD, "a", NULL, 0), "a");
    CHANGES(utimensat(AT_FDCWD, "a", half, 0), "a");
    CHANGES(utimensat(AT_FDCWD, "a", none, 0), "a");
    TRY(utimensat(AT_FDCWD, "absent", none, 0));
    TRY(utimensat(AT_FDCWD, "a", now, 0x8000));
    int fd = opened("a", O_RDONLY);
    CHANGES(futimens(fd, NULL), "a");
}

CASE(setting_times_by_a_user) {
    need_users();
    make_mode("readable", "text", 0644), make_mode("writable", "text", 0666);
    make_for("his", "text", 0444, STRANGER, STRANGER);
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, set_[2] = {{5, 5}, {6, 6}};
    struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    AS(STRANGER, STRANGER) {
        TRY(utimensat(AT_FDCWD, "readable", now, 0));
        TRY(utimensat(AT_FDCWD, "readable", NULL, 0));
        TRY(utimensat(AT_FDCWD, "readable", set_, 0));
        TRY(utimensat(AT_FDCWD, "readable", none, 0));
        TRY(utimensat(AT_FDCWD, "writable", now, 0));
        TRY(utimensat(AT_FDCWD, "writable", NULL, 0));
        TRY(utimensat(AT_FDCWD, "writable", set_, 0));
        TRY(utimensat(AT_FDCWD, "writable", half, 0));
        TRY(utimensat(AT_FDCWD, "his", now, 0));
        TRY(utimensat(AT_FDCWD, "his", set_, 0));
        TRY(utimensat(AT_FDCWD, "his", half, 0));
    }
}

static bool younger(struct timespec a, struct timespec b) {
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

CASE(order_of_changes) {
    make("a", "text");
    tick();
    make("b", "text");
    struct stat a, b;
    need(stat("a", &a) == 0 && stat("b", &b) == 0, "stat");
    say("b is younger: %d", younger(b.st_mtim, a.st_mtim));
    tick();
    int fd = opened("a", O_WRONLY);
    need(write(fd, "x", 1) == 1 && stat("a", &a) == 0, "write");
    say("then a is: %d", younger(a.st_mtim, b.st_mtim));
    say("mtime is ctime: %d", !differ(a.st_mtim, a.st_ctim));
}

CASE(changes_by_another_process) {
    make("a", "text");
    const char *const paths[] = {"a", ".", NULL};
    struct looks looks = look(paths);
    CHILD("writer") {
        int fd = opened("a", O_WRONLY);
        TRY(write(fd, "x", 1));
    }
    tell_changes(paths, &looks);
    looks = look(paths);
    CHILD("maker") make("b", "text");
    tell_changes(paths, &looks);
    looks = look(paths);
    CHILD("reader") content("a");
    tell_changes(paths, &looks);
}
