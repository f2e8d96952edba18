/* shm_unlink(3): names go, objects stay while somebody has them. */
#include "objects.h"

CASE(absent) {
    TRY(shm_unlink("/object"));
    object("/object", O_RDWR | O_CREAT, 0600);
    TRY(shm_unlink("/object"));
    TRY(shm_unlink("/object"));
    FD(shm_open("/object", O_RDWR, 0));
}

CASE(names_refused) {
    TRY(shm_unlink(""));
    TRY(shm_unlink("/"));
    TRY(shm_unlink("/a/b"));
    TRY(shm_unlink("/."));
    TRY(shm_unlink("/.."));
}

CASE(while_open) {
    int fd = sized("/object", 100);
    TRY(shm_unlink("/object"));
    tell_file("nameless", fd);
    TRY(write(fd, "works", 5));
    TRY(ftruncate(fd, 9000));
    tell_file("grown", fd);
    tell_bytes(fd, 0, 5);
}

CASE(while_mapped) {
    int fd = sized("/object", 4096);
    char *p = map(fd, 4096);
    close(fd);
    TRY(shm_unlink("/object"));
    strcpy(p, "still mapped");
    pid_t c = start("child");
    if (c == 0) {
        say("child reads: %s", p);
        strcpy(p, "from the child");
        _exit(0);
    }
    finish(c);
    say("reads: %s", p);
}

CASE(name_made_again) {
    int old = sized("/object", 100);
    need(write(old, "old", 3) == 3, "write");
    TRY(shm_unlink("/object"));
    int fd = FD(shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600));
    tell_file("old", old);
    tell_file("again", fd);
    struct stat a, b;
    fstat(old, &a);
    fstat(fd, &b);
    say("other inode: %d", a.st_ino != b.st_ino);
    TRY(write(fd, "new", 3));
    tell_bytes(old, 0, 3);
    tell_bytes(fd, 0, 3);
}

CASE(by_another_process) {
    int fd = sized("/object", 100);
    pid_t c = start("child");
    if (c == 0) {
        TRY(shm_unlink("/object"));
        _exit(0);
    }
    finish(c);
    tell_file("nameless", fd);
    FD(shm_open("/object", O_RDWR, 0));
}

/* /dev/shm is sticky: a name is its owner's. */
CASE(by_others) {
    need_users();
    umask(0);
    object("/of-root", O_RDWR | O_CREAT, 0666);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        TRY(shm_unlink("/of-root"));
        object("/own", O_RDWR | O_CREAT, 0);
        object("/of-stranger", O_RDWR | O_CREAT, 0666);
        TRY(shm_unlink("/own"));
        _exit(0);
    }
    finish(c);
    c = start("other");
    if (c == 0) {
        become(OTHER, OTHER);
        TRY(shm_unlink("/of-stranger"));
        TRY(shm_unlink("/none"));
        _exit(0);
    }
    finish(c);
    TRY(shm_unlink("/of-stranger"));
    TRY(shm_unlink("/of-root"));
}

CASE(many_rounds) {
    int wrong = 0;
    for (int i = 0; i < 500; i++) {
        int fd = shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || ftruncate(fd, 1 << 20) != 0 || write(fd, "x", 1) != 1) wrong++;
        if (shm_unlink("/object") != 0 || close(fd) != 0) wrong++;
    }
    say("wrong %d", wrong);
}
