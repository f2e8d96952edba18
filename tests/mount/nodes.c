/* mknod(2), fifos, sockets and devices. */
#include "mounted.h"
#include <sys/un.h>

CASE(by_root) {
    TRY(mknod("file", S_IFREG | 0640, 0));
    TRY(mknod("file0", 0600, 0));
    TRY(mknod("fifo", S_IFIFO | 0644, 0));
    TRY(mknod("socket", S_IFSOCK | 0644, 0));
    TRY(mknod("char", S_IFCHR | 0644, makedev(1, 3)));
    TRY(mknod("block", S_IFBLK | 0644, makedev(7, 200)));
    TRY(mknod("big", S_IFCHR | 0644, makedev(300, 70000)));
    TRY(mknod("dir", S_IFDIR | 0755, 0));
    TRY(mknod("link", S_IFLNK | 0755, 0));
    TRY(mknod("odd", 0170000 | 0755, 0));
    TRY(mknod("file", S_IFREG | 0640, 0));
    TRY(mknod("absent/x", S_IFREG | 0640, 0));
    TRY(mknod("file/x", S_IFREG | 0640, 0));
    TRY(mknod("slash/", S_IFREG | 0640, 0));
    show_file("file"), show_file("file0"), show_file("fifo"), show_file("socket");
    show_file("char"), show_file("block"), show_file("big");
    names(".");
}

CASE(by_a_user) {
    need_users();
    folder("open", 0777);
    need(chdir("open") == 0, "chdir");
    AS(STRANGER, STRANGER) {
        TRY(mknod("file", S_IFREG | 0640, 0));
        TRY(mknod("fifo", S_IFIFO | 0644, 0));
        TRY(mknod("socket", S_IFSOCK | 0644, 0));
        TRY(mknod("char", S_IFCHR | 0644, makedev(1, 3)));
        TRY(mknod("block", S_IFBLK | 0644, makedev(7, 200)));
        TRY(mknod("whiteout", S_IFCHR | 0644, makedev(0, 0)));
    }
    names("."), show_mode("fifo");
}

CASE(devices_work) {
    need(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0 && mknod("zero", S_IFCHR | 0666, makedev(1, 5)) == 0, "mknod");
    int null = FD(open("null", O_RDWR)), zero = FD(open("zero", O_RDONLY));
    TRY(write(null, "text", 4));
    TRY(read(null, (char[4]){0}, 4));
    char bytes[4] = "xxxx";
    TRY(read(zero, bytes, 4));
    tell_text("zero", bytes, 4);
    show_file("null");
    FD(open("null", O_RDWR | O_TRUNC | O_CREAT, 0644));
}

CASE_ON(devices_refused_by_nodev, "mode=0755,size=1m,nodev") {
    need(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0, "mknod");
    FD(open("null", O_RDWR));
    show_file("null");
}

CASE(device_by_mode) {
    need_users();
    need(mknod("null", S_IFCHR | 0644, makedev(1, 3)) == 0 && chmod("null", 0644) == 0, "mknod");
    AS(STRANGER, STRANGER) FD(open("null", O_RDONLY)), FD(open("null", O_WRONLY));
}

CASE(fifo_between_processes) {
    need(mkfifo("fifo", 0644) == 0, "mkfifo");
    pid_t writer = start("writer");
    if (writer == 0) {
        int fd = opened("fifo", O_WRONLY);
        fill(fd, "through the fifo");
        _exit(0);
    }
    int fd = FD(open("fifo", O_RDONLY));
    char bytes[100];
    ssize_t at = 0, n;
    while ((n = read(fd, bytes + at, sizeof bytes - at)) > 0) at += n;
    tell_text("read", bytes, at);
    finish(writer);
    show_file("fifo");
}

CASE(fifo_without_the_other_end) {
    need(mkfifo("fifo", 0644) == 0, "mkfifo");
    FD(open("fifo", O_WRONLY | O_NONBLOCK));
    int r = FD(open("fifo", O_RDONLY | O_NONBLOCK));
    TRY(read(r, (char[4]){0}, 4));
    int w = FD(open("fifo", O_WRONLY | O_NONBLOCK));
    TRY(write(w, "text", 4));
    TRY(read(r, (char[4]){0}, 4));
    TRY(read(r, (char[4]){0}, 4));
    TRY(lseek(r, 0, SEEK_SET));
    TRY(ftruncate(w, 0));
    TRY(truncate("fifo", 0));
    signal(SIGPIPE, SIG_IGN);
    close(r);
    TRY(write(w, "text", 4));
}

CASE(fifo_outlives_its_name) {
    need(mkfifo("fifo", 0644) == 0, "mkfifo");
    int fd = FD(open("fifo", O_RDWR));
    TRY(unlink("fifo"));
    TRY(write(fd, "text", 4));
    TRY(read(fd, (char[4]){0}, 4));
    show_fd("fifo", fd);
}

CASE(fifo_by_mode) {
    need_users();
    need(mkfifo("fifo", 0600) == 0, "mkfifo");
    AS(STRANGER, STRANGER) FD(open("fifo", O_RDONLY | O_NONBLOCK));
    need(chmod("fifo", 0644) == 0, "chmod");
    AS(STRANGER, STRANGER) FD(open("fifo", O_RDONLY | O_NONBLOCK)), FD(open("fifo", O_RDWR));
}

CASE(two_fifos_of_one_inode) {
    need(mkfifo("fifo", 0644) == 0 && link("fifo", "twin") == 0, "mkfifo, link");
    int r = opened("fifo", O_RDONLY | O_NONBLOCK), w = FD(open("twin", O_WRONLY | O_NONBLOCK));
    TRY(write(w, "text", 4));
    TRY(read(r, (char[4]){0}, 4));
    TRY(rename("fifo", "moved"));
    int again = FD(open("moved", O_WRONLY | O_NONBLOCK));
    TRY(write(again, "more", 4));
    TRY(read(r, (char[8]){0}, 8));
}

static int bound(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, type, 0);
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    say("bind %s: %s", path, result < 0 ? error_name(errno) : "fine");
    return fd;
}

static int connected(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, type, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    say("connect %s: %s", path, result < 0 ? error_name(errno) : "fine");
    return fd;
}

CASE(socket_between_processes) {
    int server = bound("socket", SOCK_STREAM);
    show_file("socket");
    connected("socket", SOCK_STREAM);
    TRY(listen(server, 5));
    pid_t client = start("client");
    if (client == 0) {
        int fd = connected("socket", SOCK_STREAM);
        fill(fd, "hello");
        _exit(0);
    }
    finish(client);
    int peer = FD(accept(server, NULL, NULL));
    char bytes[20];
    tell_text("said", bytes, read(peer, bytes, sizeof bytes));
    bound("socket", SOCK_STREAM);
    TRY(rename("socket", "moved"));
    connected("socket", SOCK_STREAM);
    connected("moved", SOCK_STREAM);
    TRY(unlink("moved"));
    connected("moved", SOCK_STREAM);
}

CASE(socket_of_datagrams) {
    int server = bound("socket", SOCK_DGRAM);
    CHILD("client") {
        int fd = connected("socket", SOCK_DGRAM);
        TRY(write(fd, "datagram", 8));
    }
    char bytes[20];
    tell_text("said", bytes, read(server, bytes, sizeof bytes));
    connected("socket", SOCK_STREAM);
}

CASE(socket_by_mode) {
    need_users();
    int server = bound("socket", SOCK_STREAM);
    need(listen(server, 5) == 0, "listen");
    AS(STRANGER, STRANGER) connected("socket", SOCK_STREAM);
    need(chmod("socket", 0666) == 0, "chmod");
    AS(STRANGER, STRANGER) connected("socket", SOCK_STREAM);
    AS(STRANGER, STRANGER) bound("other", SOCK_STREAM);
    make("plain", "");
    connected("plain", SOCK_STREAM);
    connected("absent", SOCK_STREAM);
}

CASE(socket_mode_at_birth) {
    umask(027);
    bound("socket", SOCK_STREAM);
    show_mode("socket");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(fchmod(fd, 0600));
    show_mode("socket");
}

CASE(kept_apart_from_files) {
    need(mknod("socket", S_IFSOCK | 0666, 0) == 0 && mkfifo("fifo", 0666) == 0, "nodes");
    TRY(truncate("socket", 0));
    TRY(chmod("socket", 0600));
    TRY(chown("fifo", STRANGER, OTHER));
    show_mode("socket"), show_mode("fifo");
    TRY(setxattr("fifo", "user.x", "1", 1, 0));
    TRY(setxattr("fifo", "trusted.x", "1", 1, 0));
    TRY(chdir("fifo"));
    TRY(rmdir("fifo"));
}
