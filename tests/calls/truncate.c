/* Sizes of POSIX objects: ftruncate(2), fallocate(2), posix_fallocate(3), reads and writes at the end. */
#include "objects.h"

CASE(grow) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(ftruncate(fd, 0));
    tell_file("0", fd);
    TRY(ftruncate(fd, 1));
    tell_file("1", fd);
    TRY(ftruncate(fd, 4097));
    tell_file("4097", fd);
    TRY(ftruncate(fd, 4097));
    TRY(ftruncate64(fd, 1 << 30));
    tell_file("1 GiB", fd);
    tell_bytes(fd, (1 << 30) - 3, 10);
}

CASE(shrink) {
    int fd = sized("/object", 3 * PAGE);
    char *p = map(fd, 3 * PAGE);
    memset(p, 'x', 3 * PAGE);
    tell_file("full", fd);
    TRY(ftruncate(fd, 5000));
    tell_file("5000", fd);
    say("page 0: %s, page 1: %s, page 2: %s", access_to(p, 'w'), access_to(p + PAGE, 'w'), access_to(p + 2 * PAGE, 'r'));
    TRY(ftruncate(fd, 3 * PAGE));
    say("page 2: %s", access_to(p + 2 * PAGE, 'r'));
    tell_bytes(fd, 4998, 5);
    tell_bytes(fd, 2 * PAGE, 5);
    TRY(ftruncate(fd, 0));
    tell_file("0", fd);
}

CASE(impossible_sizes) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(ftruncate(fd, -1));
    TRY(ftruncate(fd, LONG_MIN));
    tell_file("afterwards", fd);
}

CASE(sizes_beyond_memory) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(ftruncate(fd, 1L << 45));
    tell_file("32 TiB", fd);
    TRY(ftruncate(fd, LONG_MAX));
    TRY(ftruncate(fd, 100));
    tell_file("100", fd);
}

CASE(descriptors_that_cannot) {
    int fd = sized("/object", 100);
    (void)fd;
    int ro = object("/object", O_RDONLY, 0);
    TRY(ftruncate(ro, 50));
    TRY(fallocate(ro, 0, 0, 50));
    TRY(posix_fallocate(ro, 0, 50));
    TRY(ftruncate(-1, 50));
    TRY(ftruncate(777, 50));
    TRY(fallocate(777, 0, 0, 50));
    TRY(posix_fallocate(777, 0, 50));
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    TRY(ftruncate(ends[1], 50));
    TRY(fallocate(ends[1], 0, 0, 50));
    TRY(posix_fallocate(ends[1], 0, 50));
}

CASE(files_of_others_are_left_alone) {
    object("/object", O_RDWR | O_CREAT, 0600);
    int fd = memfd_create("own", MFD_ALLOW_SEALING);
    TRY(ftruncate(fd, 1L << 40));
    TRY(ftruncate(fd, 10));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    TRY(ftruncate(fd, 20));
    TRY(ftruncate(fd, 5));
    FILE *file = tmpfile();
    TRY(ftruncate(fileno(file), 12345));
    TRY(posix_fallocate(fileno(file), 0, 20000));
    tell_file("a file", fileno(file));
}

CASE(allocate) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(posix_fallocate(fd, 0, 10000));
    tell_file("10000", fd);
    TRY(posix_fallocate(fd, 0, 100));
    tell_file("again", fd);
    TRY(posix_fallocate64(fd, 20000, 1));
    tell_file("one byte further on", fd);
    tell_bytes(fd, 19998, 10);
}

CASE(allocate_by_mode) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(fallocate(fd, 0, 0, 8192));
    tell_file("plain", fd);
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 8192));
    tell_file("keep size", fd);
    TRY(fallocate64(fd, 0, 0, 100));
    tell_file("within", fd);
}

CASE(punch) {
    int fd = sized("/object", 4 * PAGE);
    char *p = map(fd, 4 * PAGE);
    memset(p, 'x', 4 * PAGE);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 2 * PAGE));
    tell_file("punched", fd);
    say("bytes %d %d %d %d", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE]);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 10));
    tell_bytes(fd, 8, 16);
    TRY(lseek(fd, 0, SEEK_HOLE));
    TRY(lseek(fd, PAGE, SEEK_DATA));
    TRY(madvise(p + 3 * PAGE, PAGE, MADV_REMOVE));
    tell_file("removed", fd);
}

CASE(allocate_refused) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(fallocate(fd, 0, 0, 0));
    TRY(fallocate(fd, 0, -1, 10));
    TRY(fallocate(fd, 0, 0, -1));
    TRY(fallocate(fd, 0, LONG_MAX, 10));
    TRY(posix_fallocate(fd, 0, 0));
    TRY(posix_fallocate(fd, -1, 10));
    TRY(posix_fallocate(fd, LONG_MAX, 10));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
    TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10));
    TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE));
    TRY(fallocate(fd, 0x40000000, 0, 10));
    tell_file("afterwards", fd);
}

CASE(allocate_beyond_the_limit) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(posix_fallocate(fd, 0, 1L << 40));
    TRY(fallocate(fd, 0, 0, 1L << 40));
    tell_file("afterwards", fd);
    TRY(posix_fallocate(fd, 0, 100));
    tell_file("100", fd);
}

CASE(write_at_the_end) {
    int fd = sized("/object", 10);
    TRY(pwrite(fd, "abc", 3, 9));
    tell_file("12", fd);
    TRY(pwrite(fd, "x", 1, 20000));
    tell_file("20001", fd);
    tell_bytes(fd, 8, 6);
    tell_bytes(fd, 19999, 10);
    TRY(pwrite(fd, "x", 1, -1));
    TRY(pwrite(fd, "", 0, 50000));
    tell_file("afterwards", fd);
}

CASE(read_at_the_end) {
    int fd = sized("/object", 10);
    char bytes[100];
    TRY(pread(fd, bytes, 100, 0));
    TRY(pread(fd, bytes, 100, 9));
    TRY(pread(fd, bytes, 100, 10));
    TRY(pread(fd, bytes, 100, 10000));
    TRY(pread(fd, bytes, 100, -1));
}

CASE(map_beyond_the_end) {
    int fd = sized("/object", 100);
    char *p = map(fd, 3 * PAGE);
    say("byte 99: %s, byte 100: %s, byte 4096: %s", access_to(p + 99, 'w'), access_to(p + 100, 'w'),
        access_to(p + PAGE, 'r'));
    p[200] = 'x';
    TRY(ftruncate(fd, 3 * PAGE));
    say("byte 4096: %s", access_to(p + PAGE, 'w'));
    int empty = object("/empty", O_RDWR | O_CREAT, 0600);
    char *q = map(empty, PAGE);
    say("of an empty one: %s", access_to(q, 'r'));
}

CASE(seen_by_others) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    struct gate grown = gate(), seen = gate();
    pid_t c = start("child");
    if (c == 0) {
        int mine = object("/object", O_RDWR, 0);
        tell_file("child before", mine);
        open_gate(seen);
        pass(grown);
        tell_file("child after", mine);
        TRY(ftruncate(mine, 50));
        _exit(0);
    }
    pass(seen);
    TRY(ftruncate(fd, 5000));
    open_gate(grown);
    finish(c);
    tell_file("in the end", fd);
}

CASE(through_a_duplicate) {
    int fd = object("/object", O_RDWR | O_CREAT, 0600), copy = dup(fd);
    close(fd);
    TRY(shm_unlink("/object"));
    TRY(ftruncate(copy, 777));
    int high = fcntl(copy, F_DUPFD, 100);
    TRY(ftruncate(high, 888));
    tell_file("afterwards", copy);
}

CASE(file_size_limit) {
    struct rlimit limit = {10000, 10000};
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    signal(SIGXFSZ, SIG_IGN);
    need(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    TRY(ftruncate(fd, 10000));
    TRY(ftruncate(fd, 10001));
    TRY(posix_fallocate(fd, 0, 20000));
    TRY(fallocate(fd, 0, 0, 20000));
    tell_file("afterwards", fd);
}
