/*
 * A descriptor of an unlinked object passed to a process that knows nothing of its store.
 * `pass receive SOCKET` awaits it, reads, writes and grows the object; `pass send SOCKET` makes it and looks afterwards.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct msghdr message;
static char byte, control[CMSG_SPACE(sizeof(int))];
static struct iovec part = {&byte, 1};

static int fail(const char *what) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return 1;
}

static int receive(int listener) {
    int socket = accept(listener, NULL, NULL), fd;
    struct stat s;
    if (recvmsg(socket, &message, 0) != 1) return fail("recvmsg");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    if (fstat(fd, &s) != 0) return fail("fstat");
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return fail("mmap");
    printf("received %s, %ld bytes, %lu links\n", p, (long)s.st_size, (unsigned long)s.st_nlink);
    strcpy(p, "from outside");
    if (pwrite(fd, "grown", 6, 8000) != 6) return fail("pwrite");
    return write(socket, "x", 1) != 1;
}

static int transmit(int socket) {
    int fd = shm_open("/passed", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ftruncate(fd, 4096) != 0 || shm_unlink("/passed") != 0) return fail("shm_open");
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), more[6] = "";
    strcpy(p, "from inside");
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(socket, &message, 0) != 1 || read(socket, &byte, 1) != 1) return fail("sendmsg");
    if (pread(fd, more, 6, 8000) != 6) return fail("pread");
    printf("sent, now %s and %s\n", p, more);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, argv[2], sizeof address.sun_path - 1);
    message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strcmp(argv[1], "send") == 0)
        return connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ? fail("connect") : transmit(fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) return fail("listen");
    return receive(fd);
}
