/* shm_open(3): flags, names, modes. */
#include "objects.h"

CASE(create) {
    int fd = FD(shm_open("/object", O_RDWR | O_CREAT, 0600));
    tell_file("fresh", fd);
    fd = FD(shm_open("/object", O_RDWR, 0));
    tell_file("again", fd);
}

CASE(absent) {
    FD(shm_open("/object", O_RDWR, 0600));
    FD(shm_open("/object", O_RDONLY, 0));
    FD(shm_open("/object", O_RDWR | O_TRUNC, 0600));
    FD(shm_open("/object", O_RDWR | O_EXCL, 0600));
}

CASE(exclusive) {
    FD(shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/object", O_RDONLY | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/object", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/object", O_RDWR | O_EXCL, 0600));
}

CASE(creation_keeps_what_is_there) {
    int fd = object("/object", O_RDWR | O_CREAT, 0640);
    TRY(write(fd, "contents", 8));
    int again = FD(shm_open("/object", O_RDWR | O_CREAT, 0777));
    tell_file("again", again);
    tell_bytes(again, 0, 20);
}

CASE(mode_and_umask) {
    umask(022);
    tell_file("0666 & 022", object("/a", O_RDWR | O_CREAT, 0666));
    umask(0);
    tell_file("0666 & 0", object("/b", O_RDWR | O_CREAT, 0666));
    umask(077);
    tell_file("0777 & 077", object("/c", O_RDWR | O_CREAT, 0777));
    umask(0777);
    tell_file("0777 & 0777", object("/d", O_RDWR | O_CREAT, 0777));
    umask(0);
    tell_file("0", object("/e", O_RDWR | O_CREAT, 0));
    tell_file("0421", object("/f", O_RDWR | O_CREAT, 0421));
}

CASE(mode_beyond_nine_bits) {
    umask(0);
    tell_file("01777", object("/a", O_RDWR | O_CREAT, 01777));
    tell_file("06755", object("/b", O_RDWR | O_CREAT, 06755));
}

CASE(mode_without_rights_for_the_creator) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        int fd = FD(shm_open("/object", O_RDWR | O_CREAT, 0));
        TRY(ftruncate(fd, 100));
        FD(shm_open("/object", O_RDWR, 0));
        FD(shm_open("/object", O_RDONLY, 0));
        TRY(shm_unlink("/object"));
        _exit(0);
    }
    finish(c);
}

CASE(umask_of_a_child) {
    pid_t c = start("child");
    if (c == 0) {
        umask(027);
        object("/object", O_RDWR | O_CREAT, 0666);
        _exit(0);
    }
    finish(c);
    tell_file("made by the child", object("/object", O_RDWR, 0));
    tell_file("made by main", object("/other", O_RDWR | O_CREAT, 0666));
}

CASE(read_only) {
    int fd = sized("/object", 4096), ro = FD(shm_open("/object", O_RDONLY, 0));
    TRY(write(ro, "x", 1));
    TRY(ftruncate(ro, 10));
    TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) != MAP_FAILED);
    say("%s", error_name(errno));
    char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
    TRY(mprotect(p, 4096, PROT_READ | PROT_WRITE));
    TRY(write(fd, "seen", 4));
    say("reads: %s", p);
    char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
    strcpy(q, "mine");
    tell_bytes(ro, 0, 4);
}

CASE(write_only) {
    int fd = FD(shm_open("/object", O_WRONLY | O_CREAT, 0600));
    TRY(write(fd, "text", 4));
    char c;
    TRY(read(fd, &c, 1));
    TRY(ftruncate(fd, 100));
    tell_bytes(object("/object", O_RDONLY, 0), 0, 10);
}

CASE(truncate) {
    int fd = sized("/object", 10000);
    tell_file("before", fd);
    int again = FD(shm_open("/object", O_RDWR | O_TRUNC, 0));
    tell_file("truncated", again);
    tell_file("through the first", fd);
    TRY(ftruncate(fd, 5000));
    FD(shm_open("/object", O_RDWR | O_CREAT | O_TRUNC, 0600));
    tell_file("truncated", fd);
}

CASE(truncate_read_only) {
    int fd = sized("/object", 10000);
    FD(shm_open("/object", O_RDONLY | O_TRUNC, 0));
    tell_file("afterwards", fd);
}

CASE(append) {
    int fd = FD(shm_open("/object", O_RDWR | O_CREAT | O_APPEND, 0600));
    TRY(write(fd, "one", 3));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(write(fd, "two", 3));
    tell_bytes(fd, 0, 10);
    TRY(pwrite(fd, "three", 5, 0));
    tell_bytes(fd, 0, 20);
}

CASE(flags_of_the_descriptor) {
    int flags[] = {O_RDWR | O_CREAT, O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_RDWR | O_NONBLOCK, O_RDWR | O_CLOEXEC};
    for (int i = 0; i < 6; i++) {
        int fd = object("/object", flags[i], 0600);
        int got = fcntl(fd, F_GETFL);
        say("%d: access %d append %d nonblock %d cloexec %d", i, got & O_ACCMODE, !!(got & O_APPEND),
            !!(got & O_NONBLOCK), fcntl(fd, F_GETFD));
    }
}

CASE(offsets_are_apart) {
    int a = object("/object", O_RDWR | O_CREAT, 0600), b = object("/object", O_RDWR, 0);
    TRY(write(a, "abcdef", 6));
    char c[4] = "";
    TRY(read(b, c, 3));
    say("%s", c);
    TRY(lseek(a, 0, SEEK_CUR));
    TRY(lseek(b, 0, SEEK_CUR));
    int d = dup(b);
    TRY(lseek(d, 1, SEEK_SET));
    TRY(lseek(b, 0, SEEK_CUR));
    TRY(lseek(b, 0, SEEK_END));
    TRY(lseek(b, -1, SEEK_SET));
}

CASE(same_object) {
    struct stat a, b, c;
    need(fstat(object("/a", O_RDWR | O_CREAT, 0600), &a) == 0, "fstat");
    need(fstat(object("//a", O_RDONLY, 0), &b) == 0, "fstat");
    need(fstat(object("/b", O_RDWR | O_CREAT, 0600), &c) == 0, "fstat");
    say("same inode: %d, other inode: %d, same device: %d", a.st_ino == b.st_ino, a.st_ino != c.st_ino,
        a.st_dev == c.st_dev);
}

CASE(names_that_are_one) {
    FD(shm_open("name", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/name", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("///name", O_RDWR | O_CREAT | O_EXCL, 0600));
    TRY(shm_unlink("//name"));
    FD(shm_open("name", O_RDWR, 0));
}

CASE(names_refused) {
    FD(shm_open("", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/", O_RDWR | O_CREAT, 0600));
    FD(shm_open("///", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/a/b", O_RDWR | O_CREAT, 0600));
    FD(shm_open("a/", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/./a", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/.", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/..", O_RDWR | O_CREAT, 0600));
    FD(shm_open("/.", O_RDWR, 0));
    FD(shm_open("..", O_RDWR, 0));
}

CASE(names_allowed) {
    FD(shm_open("/ with spaces ", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/\xff\xfe\x01", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/...", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/.hidden", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/Name", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/name", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/line\nend", O_RDWR | O_CREAT | O_EXCL, 0600));
    FD(shm_open("/\xff\xfe\x01", O_RDWR, 0));
}

CASE(names_by_length) {
    static char name[6000];
    int lengths[] = {1, 200, 252, 253, 254, 255, 256, 4000, 5000};
    for (int i = 0; i < 9; i++) {
        memset(name, 'n', sizeof name);
        name[0] = '/';
        name[1 + lengths[i]] = 0;
        say("%d", lengths[i]);
        FD(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
        TRY(shm_unlink(name));
    }
}

CASE(one_winner) {
    struct gate ready = gate();
    pid_t c[8];
    for (int i = 0; i < 8; i++)
        if ((c[i] = start("racer")) == 0) {
            pass(ready);
            _exit(shm_open("/object", O_RDWR | O_CREAT | O_EXCL, 0600) >= 0 ? 1 : errno == EEXIST ? 2 : 3);
        }
    for (int i = 0; i < 8; i++) open_gate(ready);
    int won = 0, lost = 0;
    for (int i = 0; i < 8; i++) {
        int status = WEXITSTATUS(finish_quietly(c[i]));
        won += status == 1;
        lost += status == 2;
    }
    say("won %d lost %d", won, lost);
}

CASE(many) {
    char name[32];
    int wrong = 0;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "/object-%d", i);
        int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || ftruncate(fd, i) != 0 || close(fd) != 0) wrong++;
    }
    for (int i = 0; i < 500; i++) {
        struct stat s;
        snprintf(name, sizeof name, "/object-%d", i);
        int fd = shm_open(name, O_RDONLY, 0);
        if (fd < 0 || fstat(fd, &s) != 0 || s.st_size != i || close(fd) != 0 || shm_unlink(name) != 0) wrong++;
    }
    say("wrong %d", wrong);
}

CASE(too_many_descriptors) {
    object("/object", O_RDWR | O_CREAT, 0600);
    struct rlimit limit = {32, 32};
    need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    while (dup(STDOUT_FILENO) >= 0) {}
    FD(shm_open("/object", O_RDWR, 0));
    FD(shm_open("/another", O_RDWR | O_CREAT, 0600));
    close(20);
    int fd = FD(shm_open("/object", O_RDWR, 0));
    say("the free number: %d", fd == 20);
    close(21);
    FD(shm_open("/another", O_RDWR, 0600));
}

CASE(contents_of_two_processes) {
    char *p = map(sized("/object", 8192), 8192);
    pid_t c = start("child");
    if (c == 0) {
        char *q = map(object("/object", O_RDWR, 0), 8192);
        strcpy(q + 5000, "from the child");
        _exit(0);
    }
    finish(c);
    say("reads: %s", p + 5000);
}

CASE(outlives_its_creator) {
    pid_t c = start("child");
    if (c == 0) {
        int fd = sized("/object", 100);
        need(write(fd, "left behind", 11) == 11, "write");
        _exit(0);
    }
    finish(c);
    int fd = FD(shm_open("/object", O_RDONLY, 0));
    tell_file("later", fd);
    tell_bytes(fd, 0, 11);
}

CASE(inherited_by_fork) {
    int fd = sized("/object", 100);
    TRY(lseek(fd, 10, SEEK_SET));
    pid_t c = start("child");
    if (c == 0) {
        TRY(write(fd, "child", 5));
        TRY(ftruncate(fd, 200));
        _exit(0);
    }
    finish(c);
    TRY(lseek(fd, 0, SEEK_CUR));
    tell_bytes(fd, 10, 5);
    tell_file("afterwards", fd);
}

ROLE(write_to) {
    int fd = atoi(argument);
    TRY(write(fd, "program", 7));
    TRY(ftruncate(fd, 300));
    tell_file("in the program", fd);
}

CASE(inherited_by_exec) {
    int fd = sized("/object", 100);
    pid_t c = start("child");
    if (c == 0) {
        need(dup2(fd, 50) == 50, "dup2");
        exec_role("write_to", "50");
        _exit(1);
    }
    finish(c);
    tell_bytes(fd, 0, 7);
    pid_t d = start("child");
    if (d == 0) {
        need(dup3(fd, 50, O_CLOEXEC) == 50, "dup3");
        exec_role("write_to", "50");
        _exit(1);
    }
    finish(d);
}
