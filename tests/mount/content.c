/* Reading, writing, sizes: read(2), write(2), truncate(2) and their kin. */
#include "mounted.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

CASE(read_and_write) {
    int fd = opened("a", O_RDWR | O_CREAT);
    char bytes[20];
    TRY(read(fd, bytes, 20));
    TRY(write(fd, "0123456789", 10));
    TRY(read(fd, bytes, 20));
    TRY(lseek(fd, 3, SEEK_SET));
    TRY(read(fd, bytes, 4));
    tell_text("read", bytes, 4);
    TRY(write(fd, "xy", 2));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(pread(fd, bytes, 20, 8));
    TRY(pread(fd, bytes, 20, 10));
    TRY(pread(fd, bytes, 20, 1000));
    TRY(write(fd, "", 0));
    content("a");
}

CASE(positions) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    TRY(lseek(fd, -1, SEEK_SET));
    TRY(lseek(fd, 100, SEEK_SET));
    TRY(read(fd, (char[4]){0}, 4));
    TRY(lseek(fd, -5, SEEK_END));
    TRY(lseek(fd, -5, SEEK_CUR));
    TRY(lseek(fd, -1, SEEK_CUR));
    TRY(lseek(fd, 0, 99));
    TRY(lseek(fd, LONG_MAX, SEEK_SET));
    TRY(lseek(fd, 1, SEEK_CUR));
    TRY(pread(fd, (char[4]){0}, 4, -1));
    TRY(pwrite(fd, "x", 1, -1));
    TRY(lseek(fd, 20, SEEK_END));
    TRY(write(fd, "end", 3));
    show_fd("a", fd);
}

CASE(vectors) {
    int fd = opened("a", O_RDWR | O_CREAT);
    char one[4] = {0}, two[4] = {0};
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defg", 4}}, in[2] = {{one, 2}, {two, 3}};
    TRY(writev(fd, out, 3));
    TRY(preadv(fd, in, 2, 1));
    say("%s %s", one, two);
    TRY(pwritev(fd, out, 3, 10));
    TRY(pwritev2(fd, out, 1, 0, RWF_APPEND));
    TRY(pwritev2(fd, out, 1, 0, RWF_DSYNC | RWF_SYNC));
    TRY(preadv2(fd, in, 2, -1, 0));
    TRY(preadv2(fd, in, 2, 0, 0x40000000));
    TRY(pwritev2(fd, out, 1, 0, RWF_HIPRI));
    content("a");
}

CASE(nowait) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char bytes[4];
    struct iovec in = {bytes, 4};
    TRY(preadv2(fd, &in, 1, 0, RWF_NOWAIT));
}

CASE(bad_addresses) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    char *page = reserve(1);
    TRY(read(fd, page, 4));
    TRY(write(fd, page, 4));
    TRY(pread(fd, page, 0, 0));
    content("a"), show_fd("a", fd);
}

CASE(append_from_two_processes) {
    make("a", "");
    pid_t players[2];
    for (int p = 0; p < 2; p++)
        if ((players[p] = start("writer")) == 0) {
            int fd = opened("a", O_WRONLY | O_APPEND);
            char line[64];
            memset(line, 'a' + p, 63), line[63] = '\n';
            for (int i = 0; i < 500; i++) need(write(fd, line, 64) == 64, "write");
            _exit(0);
        }
    for (int p = 0; p < 2; p++) finish_quietly(players[p]);
    show_file("a");
    int fd = opened("a", O_RDONLY), whole = 0, counts[2] = {0};
    char line[64];
    while (read(fd, line, 64) == 64) {
        bool same = line[63] == '\n';
        for (int i = 1; i < 63; i++) same = same && line[i] == line[0];
        whole += same, counts[line[0] == 'b'] += 1;
    }
    say("%d whole lines, %d and %d", whole, counts[0], counts[1]);
}

CASE(writes_are_seen_at_once) {
    make("a", "0000");
    struct gate go = gate(), done = gate();
    int mine = opened("a", O_RDONLY);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, mine, 0);
    pid_t writer = start("writer");
    if (writer == 0) {
        int fd = opened("a", O_RDWR);
        for (int i = 0; i < 3; i++) {
            char digit = '1' + i;
            pass(go);
            need(pwrite(fd, &digit, 1, i) == 1, "write");
            open_gate(done);
        }
        _exit(0);
    }
    for (int i = 0; i < 3; i++) {
        open_gate(go), pass(done);
        tell_range("read", mine, 0, 4);
        tell_text("mapped", p, 4);
    }
    finish(writer);
}

CASE(sparse) {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(pwrite(fd, "x", 1, 1L << 33));
    show_fd("a", fd);
    tell_range("hole", fd, 1L << 32, 4);
    tell_range("end", fd, (1L << 33) - 2, 10);
    show_fd("a", fd);
}

CASE(reading_a_hole_allocates_nothing) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(ftruncate(fd, 1 << 20) == 0, "ftruncate");
    char *bytes = malloc(1 << 20);
    TRY(read(fd, bytes, 1 << 20));
    show_fd("a", fd);
}

CASE(truncate_grow_and_shrink) {
    make("a", "0123456789");
    TRY(truncate("a", 5));
    content("a");
    TRY(truncate("a", 10));
    content("a");
    TRY(truncate("a", 100000));
    show_file("a");
    TRY(truncate("a", 0));
    TRY(truncate("a", 3));
    content("a");
}

CASE(truncate_refused) {
    make("a", "0123456789");
    folder("dir", 0755);
    TRY(truncate("a", -1));
    TRY(truncate("dir", 0));
    TRY(truncate("dir", -1));
    TRY(truncate("absent", 0));
    TRY(truncate("a/x", 0));
    TRY(truncate("", 0));
    TRY(truncate("a", LONG_MAX));
    int ro = opened("a", O_RDONLY), dir = opened("dir", O_RDONLY);
    TRY(ftruncate(ro, 0));
    TRY(ftruncate(dir, 0));
    show_file("a");
}

/* Far beyond what a case says: its lines go to a file too. */
enum { SIZE_LIMIT = 1 << 20 };

CASE(size_limits) {
    signal(SIGXFSZ, SIG_IGN);
    make("a", "0123456789");
    struct rlimit limit = {SIZE_LIMIT, RLIM_INFINITY};
    need(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    int fd = opened("a", O_RDWR);
    TRY(ftruncate(fd, SIZE_LIMIT + 1));
    TRY(ftruncate(fd, SIZE_LIMIT));
    TRY(pwrite(fd, "0123456789", 10, SIZE_LIMIT - 5));
    TRY(pwrite(fd, "0123456789", 10, SIZE_LIMIT));
    TRY(fallocate(fd, 0, SIZE_LIMIT, 100));
    TRY(truncate("a", SIZE_LIMIT + 1));
    show_fd("a", fd);
}

CASE(size_limit_kills) {
    make("a", "0123456789");
    pid_t pid = start("writer");
    if (pid == 0) {
        struct rlimit limit = {SIZE_LIMIT, SIZE_LIMIT};
        need(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
        int fd = opened("a", O_RDWR);
        TRY(pwrite(fd, "x", 1, SIZE_LIMIT));
        _exit(0);
    }
    finish(pid);
}

CASE(largest_sizes) {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(ftruncate(fd, 1L << 62));
    show_fd("a", fd);
    TRY(ftruncate(fd, LONG_MAX));
    show_fd("a", fd);
    TRY(pwrite(fd, "x", 1, LONG_MAX));
    TRY(pwrite(fd, "xy", 2, LONG_MAX - 1));
    TRY(pread(fd, (char[4]){0}, 4, LONG_MAX - 10));
}

CASE(holes_and_data) {
    int fd = opened("a", O_RDWR | O_CREAT);
    need(pwrite(fd, "x", 1, 4 * PAGE) == 1 && pwrite(fd, "x", 1, 8 * PAGE) == 1 && ftruncate(fd, 20 * PAGE) == 0, "content");
    TRY(lseek(fd, 0, SEEK_DATA));
    TRY(lseek(fd, 4 * PAGE + 5, SEEK_DATA));
    TRY(lseek(fd, 5 * PAGE, SEEK_DATA));
    TRY(lseek(fd, 9 * PAGE, SEEK_DATA));
    TRY(lseek(fd, 0, SEEK_HOLE));
    TRY(lseek(fd, 4 * PAGE, SEEK_HOLE));
    TRY(lseek(fd, 8 * PAGE + 1, SEEK_HOLE));
    TRY(lseek(fd, 20 * PAGE, SEEK_HOLE));
    TRY(lseek(fd, 20 * PAGE, SEEK_DATA));
    TRY(lseek(fd, -1, SEEK_DATA));
    TRY(lseek(fd, 19 * PAGE, SEEK_HOLE));
    TRY(lseek(fd, 0, SEEK_CUR));
    int dir = opened(".", O_RDONLY);
    TRY(lseek(dir, 0, SEEK_HOLE));
}

CASE(allocate) {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(fallocate(fd, 0, 0, 10000));
    show_fd("a", fd);
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 20000, 10000));
    show_fd("a", fd);
    TRY(fallocate(fd, 0, 5000, 100));
    TRY(posix_fallocate(fd, 100000, 1));
    show_fd("a", fd);
    need(ftruncate(fd, 10) == 0, "ftruncate");
    show_fd("a", fd);
}

CASE(punch) {
    int fd = opened("a", O_RDWR | O_CREAT);
    char page[PAGE];
    memset(page, 'p', PAGE);
    for (int i = 0; i < 8; i++) need(write(fd, page, PAGE) == PAGE, "write");
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE, 3 * PAGE));
    show_fd("a", fd);
    tell_range("edge", fd, 2 * PAGE - 2, 4);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 50));
    show_fd("a", fd);
    tell_range("inside", fd, 98, 4);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 7 * PAGE, 100 * PAGE));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE, PAGE));
    show_fd("a", fd);
    TRY(lseek(fd, 0, SEEK_HOLE));
}

CASE(allocate_refused) {
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE));
    TRY(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, PAGE));
    TRY(fallocate(fd, 0x1000, 0, PAGE));
    TRY(fallocate(fd, 0, -1, PAGE));
    TRY(fallocate(fd, 0, 0, 0));
    TRY(fallocate(fd, 0, 0, -1));
    TRY(fallocate(fd, 0, LONG_MAX - 10, 100));
    int ro = opened("a", O_RDONLY), dir = opened(".", O_RDONLY), append = opened("a", O_WRONLY | O_APPEND);
    TRY(fallocate(ro, 0, 0, PAGE));
    TRY(fallocate(dir, 0, 0, PAGE));
    TRY(fallocate(append, 0, 0, PAGE));
    show_fd("a", fd);
}

CASE(copy_range) {
    make("a", "0123456789"), make("b", "");
    int a = opened("a", O_RDWR), b = opened("b", O_RDWR);
    off_t from = 2, to = 4;
    TRY(copy_file_range(a, &from, b, &to, 5, 0));
    say("from %ld to %ld", (long)from, (long)to);
    content("b"), show_fd("b", b);
    TRY(copy_file_range(a, NULL, b, NULL, 100, 0));
    TRY(lseek(a, 0, SEEK_CUR)), TRY(lseek(b, 0, SEEK_CUR));
    content("b");
    TRY(copy_file_range(a, NULL, b, NULL, 100, 0));
    from = 0, to = 5;
    TRY(copy_file_range(a, &from, a, &to, 5, 0));
    content("a");
    from = 0, to = 2;
    TRY(copy_file_range(a, &from, a, &to, 5, 0));
    TRY(copy_file_range(a, NULL, b, NULL, 1, 1));
}

CASE(copy_range_refused) {
    make("a", "0123456789"), make("b", "");
    int a = opened("a", O_RDWR), ro = opened("b", O_RDONLY), append = opened("b", O_WRONLY | O_APPEND);
    int wo = opened("a", O_WRONLY), dir = opened(".", O_RDONLY);
    TRY(copy_file_range(a, NULL, ro, NULL, 5, 0));
    TRY(copy_file_range(a, NULL, append, NULL, 5, 0));
    TRY(copy_file_range(wo, NULL, append, NULL, 5, 0));
    TRY(copy_file_range(dir, NULL, wo, NULL, 5, 0));
    TRY(copy_file_range(a, NULL, dir, NULL, 5, 0));
    int other = open("/run/other", O_RDWR | O_CREAT, 0644);
    TRY(copy_file_range(a, NULL, other, NULL, 5, 0));
}

CASE(copy_range_large) {
    enum { SIZE = 3 << 20 };
    char *bytes = malloc(SIZE), *copied = malloc(SIZE);
    for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 7 + i / 999);
    int a = opened("a", O_RDWR | O_CREAT), b = opened("b", O_RDWR | O_CREAT);
    need(write(a, bytes, SIZE) == SIZE, "write");
    off_t from = 0, to = 0;
    while (to < SIZE && copy_file_range(a, &from, b, &to, SIZE - to, 0) > 0) continue;
    say("copied %ld", (long)to);
    need(pread(b, copied, SIZE, 0) == SIZE, "read");
    say("same: %d", memcmp(bytes, copied, SIZE) == 0);
}

CASE(send_file) {
    make("a", "0123456789"), make("b", "");
    int a = opened("a", O_RDONLY), b = opened("b", O_RDWR), ends[2];
    off_t from = 3;
    TRY(sendfile(b, a, &from, 4));
    content("b");
    need(pipe(ends) == 0, "pipe");
    TRY(sendfile(ends[1], a, NULL, 100));
    char bytes[20];
    tell_text("piped", bytes, read(ends[0], bytes, 20));
    int append = opened("b", O_WRONLY | O_APPEND);
    TRY(sendfile(append, a, NULL, 4));
}

CASE(splicing) {
    make("a", "0123456789"), make("b", "");
    int a = opened("a", O_RDWR), b = opened("b", O_RDWR), ends[2];
    need(pipe(ends) == 0, "pipe");
    off_t from = 2, to = 5;
    TRY(splice(a, &from, ends[1], NULL, 4, 0));
    TRY(splice(ends[0], NULL, b, &to, 4, 0));
    content("b");
    TRY(write(ends[1], "piped", 5));
    TRY(splice(ends[0], NULL, b, NULL, 5, SPLICE_F_MOVE));
    content("b");
    TRY(splice(a, NULL, b, NULL, 4, 0));
    struct iovec part = {"gift", 4};
    TRY(vmsplice(ends[1], &part, 1, 0));
    TRY(splice(ends[0], NULL, a, NULL, 4, 0));
    content("a");
}

CASE(large_file) {
    enum { SIZE = 8 << 20 };
    unsigned char *bytes = malloc(SIZE), *back = malloc(SIZE);
    for (int i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i * 131 + (i >> 9));
    int fd = opened("a", O_RDWR | O_CREAT);
    TRY(write(fd, bytes, SIZE));
    show_fd("a", fd);
    TRY(pread(fd, back, SIZE, 0));
    say("same: %d", memcmp(bytes, back, SIZE) == 0);
    CHILD("reader") {
        int other = opened("a", O_RDONLY);
        need(pread(other, back, SIZE, 0) == SIZE, "read");
        say("same for another: %d", memcmp(bytes, back, SIZE) == 0);
    }
    TRY(pread(fd, back, 1 << 20, SIZE - 1000));
    TRY(pwrite(fd, bytes, 12345, 777));
    TRY(pread(fd, back, 12345, 777));
    say("same: %d", memcmp(bytes, back, 12345) == 0);
}

CASE(read_ahead_and_advice) {
    make("a", "0123456789");
    int fd = opened("a", O_RDONLY);
    TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
    TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    TRY(posix_fadvise(fd, 0, 0, 99));
    TRY(readahead(fd, 0, 10));
    content("a");
}

CASE(syncing) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR), dir = opened(".", O_RDONLY), path = opened("a", O_PATH);
    TRY(fsync(fd));
    TRY(fdatasync(fd));
    TRY(fsync(dir));
    TRY(fdatasync(dir));
    TRY(syncfs(fd));
    TRY(syncfs(dir));
    TRY(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
    TRY(fsync(path));
    sync();
    need(mkfifo("fifo", 0600) == 0, "mkfifo");
    int fifo = opened("fifo", O_RDWR);
    TRY(fsync(fifo));
    TRY(syncfs(fifo));
}

CASE(ioctls) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR), number = -7;
    TRY(ioctl(fd, FIONREAD, &number));
    say("FIONREAD %d", number);
    TRY(ioctl(fd, TCGETS, &number));
    TRY(ioctl(fd, FIOCLEX));
    TRY(ioctl(fd, 0x12345678, &number));
    TRY(isatty(fd));
    int dir = opened(".", O_RDONLY);
    TRY(ioctl(dir, FIONREAD, &number));
    TRY(ioctl(dir, 0x12345678, &number));
}

CASE(polling) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    fd_set r, w;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(fd, &r);
    FD_SET(fd, &w);
    struct timeval now = {0, 0};
    TRY(select(fd + 1, &r, &w, NULL, &now));
    say("readable %d writable %d", FD_ISSET(fd, &r) != 0, FD_ISSET(fd, &w) != 0);
}

CASE(written_by_a_descriptor_of_another) {
    make("a", "0123456789");
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t pid = start("receiver");
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (pid == 0) {
        need(recvmsg(pair[1], &message, 0) == 1, "recvmsg");
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        TRY(pwrite(fd, "PASSED", 6, 2));
        TRY(lseek(fd, 0, SEEK_CUR));
        _exit(0);
    }
    int fd = opened("a", O_RDWR);
    need(lseek(fd, 3, SEEK_SET) == 3, "lseek");
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    need(sendmsg(pair[0], &message, 0) == 1, "sendmsg");
    finish(pid);
    content("a");
}
