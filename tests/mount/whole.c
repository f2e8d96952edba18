/* The file system as a whole: statfs(2), its limits, read-only mounts. */
#include "mounted.h"
#include <sys/mount.h>

static struct statfs room(void) {
    struct statfs s;
    need(statfs(ROOT, &s) == 0, "statfs");
    return s;
}

/* What is closed or removed may be given back a moment later: until at least so many inodes are free. */
static void wait_for_inodes(long free_inodes) {
    for (int i = 0; i < 3000 && (long)room().f_ffree < free_inodes; i++) usleep(1000);
}

/* The same for blocks. */
static void wait_for(long free_blocks) {
    for (int i = 0; i < 3000 && (long)room().f_bfree < free_blocks; i++) usleep(1000);
}

CASE_ON(sizes_told, "mode=0755,size=3m") {
    struct statfs s = room();
    say("bsize %ld frsize %ld namelen %ld blocks %ld", (long)s.f_bsize, (long)s.f_frsize, (long)s.f_namelen, (long)s.f_blocks);
    say("free %ld available %ld", (long)s.f_bfree, (long)s.f_bavail);
    struct statvfs v;
    need(statvfs(".", &v) == 0, "statvfs");
    say("blocks %ld namemax %ld", (long)v.f_blocks, (long)v.f_namemax);
    struct statfs by_fd;
    make("a", "");
    need(fstatfs(opened("a", O_RDONLY), &by_fd) == 0, "fstatfs");
    say("the same by descriptor: %d", by_fd.f_blocks == s.f_blocks);
}

CASE_ON(size_is_rounded_up, "mode=0755,size=1000001") {
    struct statfs s = room();
    say("blocks %ld of %ld", (long)s.f_blocks, (long)s.f_bsize);
}

CASE_ON(inodes_told, "mode=0755,size=3m,nr_inodes=50") {
    struct statfs s = room();
    say("files %ld", (long)s.f_files);
    long before = (long)s.f_ffree;
    make("a", ""), folder("d", 0755);
    need(symlink("x", "s") == 0 && link("a", "b") == 0, "names");
    say("taken by four names: %ld", before - (long)room().f_ffree);
    need(unlink("a") == 0 && rmdir("d") == 0 && unlink("s") == 0, "removing");
    wait_for_inodes(before - 1);
    say("taken: %ld", before - (long)room().f_ffree);
    need(unlink("b") == 0, "unlink");
    wait_for_inodes(before);
    say("taken: %ld", before - (long)room().f_ffree);
}

CASE(free_room_follows) {
    struct statfs before = room();
    int fd = opened("a", O_RDWR | O_CREAT);
    char page[PAGE] = {0};
    for (int i = 0; i < 10; i++) need(write(fd, page, PAGE) == PAGE, "write");
    say("written: %ld", (long)(before.f_bfree - room().f_bfree));
    need(ftruncate(fd, 1 << 20) == 0, "ftruncate");
    say("grown: %ld", (long)(before.f_bfree - room().f_bfree));
    char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[100 * PAGE] = p[101 * PAGE] = 'x';
    say("stored: %ld", (long)(before.f_bfree - room().f_bfree));
    need(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE) == 0, "punch");
    say("punched: %ld", (long)(before.f_bfree - room().f_bfree));
    need(ftruncate(fd, 0) == 0, "ftruncate");
    say("cut: %ld", (long)(before.f_bfree - room().f_bfree));
}

static int filled(const char *path, size_t step) {
    int fd = opened(path, O_RDWR | O_CREAT | O_APPEND);
    char *bytes = malloc(step);
    memset(bytes, 'f', step);
    for (;;) {
        ssize_t n = write(fd, bytes, step);
        if (n < 0) {
            say("%s: %s", path, error_name(errno));
            break;
        }
    }
    free(bytes);
    return fd;
}

CASE_ON(no_space, "mode=0755,size=1m") {
    make("precious", "kept");
    long before = (long)room().f_bfree;
    int fd = filled("a", PAGE);
    show_fd("a", fd);
    say("free %ld", (long)room().f_bfree);
    make("empty", "");
    FD(open("b", O_RDWR | O_CREAT, 0644));
    int b = opened("b", O_RDWR);
    TRY(write(b, "x", 1));
    TRY(pwrite(fd, "inside", 6, 0));
    TRY(ftruncate(b, 1 << 24));
    TRY(fallocate(b, 0, 0, PAGE));
    TRY(mkdir("d", 0755));
    content("precious");
    close(fd);
    TRY(unlink("a"));
    wait_for(before);
    say("given back: %ld", before - (long)room().f_bfree);
    TRY(write(b, "x", 1));
    content("precious");
}

CASE_ON(no_space_in_large_writes, "mode=0755,size=1m") {
    int fd = opened("a", O_RDWR | O_CREAT);
    char *bytes = calloc(1, 2 << 20);
    TRY(pwrite(fd, bytes, 2 << 20, 0));
    show_fd("a", fd);
    TRY(write(opened("b", O_RDWR | O_CREAT), bytes, 100));
    TRY(truncate("a", PAGE));
    TRY(write(opened("b", O_RDWR | O_CREAT), bytes, 100));
}

CASE_ON(no_space_for_allocation, "mode=0755,size=1m") {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(fallocate(fd, 0, 0, 2 << 20));
    show_fd("a", fd);
    TRY(fallocate(fd, 0, 0, 1 << 19));
    show_fd("a", fd);
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20));
    show_fd("a", fd);
    TRY(ftruncate(fd, 0));
    say("free %ld", (long)room().f_bfree);
}

CASE_ON(no_space_in_a_map, "mode=0755,size=256k") {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(ftruncate(fd, 1 << 20));
    char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int fine = 0;
    while (fine < 256 && strcmp(access_to(p + fine * PAGE, 'w'), "fine") == 0) fine++;
    say("%d pages stored, then %s", fine, access_to(p + fine * PAGE, 'w'));
    show_fd("a", fd);
    TRY(ftruncate(fd, PAGE));
    say("free %ld", (long)room().f_bfree);
    say("again: %s", access_to(p, 'w'));
}

CASE_ON(no_space_for_two, "mode=0755,size=1m") {
    int fd = opened("a", O_RDWR | O_CREAT);
    char *bytes = calloc(1, 1 << 20);
    need(write(fd, bytes, 1 << 19) == 1 << 19, "write");
    CHILD("child") {
        int mine = opened("b", O_RDWR | O_CREAT);
        TRY(write(mine, bytes, 1 << 20));
        TRY(write(mine, bytes, 1));
    }
    TRY(write(fd, bytes, 1));
    CHILD("child") TRY(unlink("b"));
    wait_for(128);
    TRY(write(fd, bytes, PAGE));
}

CASE_ON(no_space_for_copies, "mode=0755,size=1m") {
    int a = opened("a", O_RDWR | O_CREAT), b = opened("b", O_RDWR | O_CREAT);
    char *bytes = calloc(1, 700 << 10);
    need(write(a, bytes, 700 << 10) == 700 << 10, "write");
    off_t from = 0, to = 0;
    ssize_t n;
    while ((n = copy_file_range(a, &from, b, &to, 700 << 10, 0)) > 0) continue;
    say("copied %ld, then %s", (long)to, n < 0 ? error_name(errno) : "nothing");
}

CASE_ON(no_inodes, "mode=0755,size=4m,nr_inodes=20") {
    make("precious", "kept");
    int made = 0;
    char name[20];
    for (;; made++) {
        snprintf(name, sizeof name, "n%d", made);
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
        if (fd < 0) break;
        close(fd);
    }
    say("%d made, then %s", made, error_name(errno));
    TRY(mkdir("d", 0755));
    TRY(symlink("x", "s"));
    TRY(mkfifo("f", 0644));
    TRY(link("precious", "hard"));
    FD(open(".", O_TMPFILE | O_RDWR, 0600));
    TRY(rename("n0", "renamed"));
    content("precious");
    TRY(unlink("n1"));
    wait_for_inodes(1);
    TRY(mkdir("d", 0755));
    names(".");
}

CASE_ON(links_take_inodes, "mode=0755,size=4m,nr_inodes=10") {
    make("a", "");
    int made = 0;
    char name[20];
    for (;; made++) {
        snprintf(name, sizeof name, "l%d", made);
        if (link("a", name) < 0) break;
    }
    say("%d links, then %s", made, error_name(errno));
}

CASE_ON(long_symlinks_take_inodes_only, "mode=0755,size=64k") {
    long before = (long)room().f_bfree;
    need(symlink(long_name(100, 'x'), "short") == 0, "symlink");
    say("short: %ld", before - (long)room().f_bfree);
    need(symlink(long_name(4000, 'x'), "long") == 0, "symlink");
    say("long: %ld", before - (long)room().f_bfree);
    need(unlink("long") == 0, "unlink");
    wait_for(before);
    say("removed: %ld", before - (long)room().f_bfree);
}

static void tell_read_only(void) {
    FD(open("a", O_RDONLY));
    FD(open("a", O_WRONLY));
    FD(open("a", O_RDONLY | O_TRUNC));
    FD(open("new", O_RDWR | O_CREAT, 0644));
    FD(open("a", O_RDONLY | O_CREAT, 0644));
    FD(open(".", O_TMPFILE | O_RDWR, 0644));
    TRY(mkdir("new", 0755));
    TRY(mkdir("d", 0755));
    TRY(rmdir("d"));
    TRY(rmdir("absent"));
    TRY(unlink("a"));
    TRY(unlink("absent"));
    TRY(rename("a", "b"));
    TRY(link("a", "b"));
    TRY(symlink("x", "s"));
    TRY(mkfifo("f", 0644));
    TRY(truncate("a", 0));
    TRY(chmod("a", 0600));
    TRY(chown("a", 1, 1));
    TRY(utimensat(AT_FDCWD, "a", NULL, 0));
    TRY(setxattr("a", "user.x", "1", 1, 0));
    TRY(removexattr("a", "user.x"));
    TRY(access("a", W_OK));
    TRY(access("a", R_OK));
    TRY(access("fifo", W_OK));
    FD(open("fifo", O_RDWR));
    struct statvfs v;
    need(statvfs(".", &v) == 0, "statvfs");
    say("told: %d", (v.f_flag & ST_RDONLY) != 0);
    content("a"), names(".");
}

CASE(read_only_by_remount) {
    make("a", "text"), folder("d", 0755);
    need(mkfifo("fifo", 0666) == 0, "mkfifo");
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL));
    tell_read_only();
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT, NULL));
    TRY(mkdir("new", 0755));
}

CASE(read_only_mount_of_a_part) {
    make("a", "text"), folder("d", 0755);
    need(mkfifo("fifo", 0666) == 0, "mkfifo");
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    tell_read_only();
}

CASE(remount_with_writers) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL));
    TRY(write(fd, "x", 1));
    close(fd);
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

CASE_ON(read_only_from_the_start, "mode=0755,size=1m,ro") {
    FD(open(ROOT "/a", O_RDWR | O_CREAT, 0644));
    TRY(mkdir(ROOT "/d", 0755));
    TRY(chmod(ROOT, 0700));
    show_mode(ROOT);
    names(ROOT);
}

CASE(mounts_on_and_of_parts) {
    folder("d", 0755), folder("e", 0755);
    make("d/a", "text");
    TRY(mount("d", "e", NULL, MS_BIND, NULL));
    content("e/a");
    make("e/b", "by the other place");
    content("d/b");
    TRY(rename("d/a", "e/c"));
    TRY(link("d/a", "e/c"));
    TRY(rmdir("e"));
    TRY(rename("e", "f"));
    TRY(umount2("e", 0));
    names("e"), names("d");
}

CASE(busy) {
    make("a", "text");
    int fd = opened("a", O_RDONLY);
    TRY(umount2(ROOT, 0));
    (void)fd;
    need(chdir("/") == 0, "chdir");
    TRY(umount2(ROOT, 0));
    content(ROOT "/here/a");
}

CASE(quota_calls) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    TRY(syscall(SYS_quotactl_fd, fd, 0, 0, NULL));
    TRY(ioctl(fd, _IOWR('X', 119, int), 0)); /* FIFREEZE */
}

static void tell_flags(void) {
    struct statvfs v;
    need(statvfs(".", &v) == 0, "statvfs");
    say("nosuid %d nodev %d noexec %d noatime %d", !!(v.f_flag & ST_NOSUID), !!(v.f_flag & ST_NODEV),
        !!(v.f_flag & ST_NOEXEC), !!(v.f_flag & ST_NOATIME));
}

CASE(mount_flags_are_told) {
    TRY(mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, NULL));
    tell_flags();
}

CASE_ON(mounted_with_flags, "mode=0755,size=1m,nosuid,nodev,noexec,noatime") {
    tell_flags();
}

CASE_ON(mounted_without_flags, "mode=0755,size=1m") {
    tell_flags();
}
