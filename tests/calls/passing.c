/* Descriptors of objects that travel: SCM_RIGHTS, /proc/PID/fd, to processes that never asked for a name. */
#include "objects.h"

static void send_fd(int socket, int fd) {
    char byte = 'x', control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    need(sendmsg(socket, &message, 0) == 1, "sendmsg");
}

static int receive_fd(int socket) {
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    need(recvmsg(socket, &message, 0) == 1, "recvmsg");
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

CASE(unlinked_object_to_another_process) {
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t c = start("receiver");
    if (c == 0) {
        int fd = receive_fd(pair[1]);
        tell_file("received", fd);
        char *p = map(fd, 4096);
        say("receiver reads: %s", p);
        strcpy(p, "from the receiver");
        TRY(ftruncate(fd, 8192));
        FD(shm_open("/object", O_RDWR, 0));
        _exit(0);
    }
    int fd = sized("/object", 4096);
    char *p = map(fd, 4096);
    strcpy(p, "from the sender");
    TRY(shm_unlink("/object"));
    send_fd(pair[0], fd);
    finish(c);
    say("sender reads: %s", p);
    tell_file("afterwards", fd);
}

/* The receiver outlives the sender: the pages are the receiver's then. */
CASE(sender_killed) {
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t c = start("sender");
    if (c == 0) {
        int fd = sized("/object", 4096);
        need(write(fd, "legacy", 6) == 6 && shm_unlink("/object") == 0, "write");
        send_fd(pair[1], fd);
        for (;;) pause();
    }
    int fd = receive_fd(pair[0]);
    kill_and_finish(c);
    tell_file("received", fd);
    tell_bytes(fd, 0, 6);
    TRY(ftruncate(fd, 10000));
    TRY(pwrite(fd, "grown", 5, 9000));
    tell_bytes(fd, 9000, 5);
}

CASE(read_only_descriptor_passed) {
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    sized("/object", 4096);
    pid_t c = start("receiver");
    if (c == 0) {
        int fd = receive_fd(pair[1]);
        TRY(write(fd, "x", 1));
        TRY(ftruncate(fd, 1));
        say("shared writable mapping: %d",
            mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
        _exit(0);
    }
    send_fd(pair[0], object("/object", O_RDONLY, 0));
    finish(c);
}

CASE(reopened_through_proc) {
    char path[64];
    int fd = sized("/object", 100);
    need(write(fd, "bytes", 5) == 5, "write");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = FD(open(path, O_RDWR));
    tell_bytes(again, 0, 5);
    TRY(ftruncate(again, 200));
    tell_file("first", fd);
    struct stat s;
    TRY(stat(path, &s));
    say("size %ld", (long)s.st_size);
}

CASE(truncated_by_path_of_the_descriptor) {
    char path[64];
    int fd = sized("/object", 100);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    TRY(truncate(path, 50));
    tell_file("afterwards", fd);
}

CASE(mapping_inherited_by_fork) {
    int fd = sized("/object", 8192);
    _Atomic int *n = (_Atomic int *)(void *)map(fd, 8192);
    close(fd);
    pid_t c[3];
    for (int i = 0; i < 3; i++)
        if ((c[i] = start("adder")) == 0) {
            for (int k = 0; k < 100000; k++) atomic_fetch_add(n, 1);
            _exit(0);
        }
    for (int i = 0; i < 3; i++) finish(c[i]);
    say("sum %d", *n);
}

CASE(locks_on_a_descriptor) {
    int fd = sized("/object", 100);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    TRY(fcntl(fd, F_SETLK, &lock));
    pid_t c = start("child");
    if (c == 0) {
        int mine = object("/object", O_RDWR, 0);
        TRY(fcntl(mine, F_SETLK, &lock));
        lock.l_start = 50;
        TRY(fcntl(mine, F_SETLK, &lock));
        _exit(0);
    }
    finish(c);
}

CASE(copied_by_sendfile_and_splice) {
    int a = sized("/a", 100), b = sized("/b", 100);
    need(pwrite(a, "payload", 7, 0) == 7, "write");
    off_t from = 0, to = 10;
    TRY(copy_file_range(a, &from, b, &to, 7, 0));
    tell_bytes(b, 10, 7);
    TRY(fsync(a));
    TRY(fdatasync(b));
    TRY(posix_fadvise(a, 0, 100, POSIX_FADV_WILLNEED));
}
