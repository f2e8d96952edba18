/* Files and directories that have lost their names, and are still in use. */
#include "mounted.h"

CASE(open_file) {
    make("a", "0123456789");
    int fd = opened("a", O_RDWR);
    TRY(unlink("a"));
    show_fd("a", fd);
    TRY(write(fd, "XX", 2));
    TRY(ftruncate(fd, 5));
    tell_range("a", fd, 0, 10);
    TRY(fchmod(fd, 0600));
    TRY(fchown(fd, 1, 2));
    TRY(futimens(fd, NULL));
    TRY(fsetxattr(fd, "user.x", "1", 1, 0));
    TRY(fgetxattr(fd, "user.x", (char[4]){0}, 4));
    TRY(fallocate(fd, 0, 0, 5000));
    TRY(fsync(fd));
    show_fd("a", fd);
    AT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

CASE(opened_again_by_its_descriptor) {
    make("a", "0123456789");
    opened("a", O_RDONLY);
    TRY(unlink("a"));
    int again = FD(open("/proc/self/fd/3", O_RDWR));
    TRY(write(again, "X", 1));
    tell_range("a", again, 0, 10);
    close(3);
    tell_range("a", again, 0, 10);
}

CASE(replaced_by_rename) {
    make("a", "old"), make("b", "new");
    int old = opened("a", O_RDWR);
    TRY(rename("b", "a"));
    tell_range("old", old, 0, 10);
    TRY(write(old, "OLD", 3));
    content("a");
    show_fd("old", old);
}

CASE(removed_by_another_process) {
    make("a", "0123456789");
    struct gate ready = gate(), gone = gate();
    pid_t pid = start("holder");
    if (pid == 0) {
        int fd = opened("a", O_RDWR);
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        open_gate(ready), pass(gone);
        show_fd("a", fd);
        p[0] = 'X';
        tell_range("a", fd, 0, 10);
        content("a");
        _exit(0);
    }
    pass(ready);
    TRY(unlink("a"));
    make("a", "another");
    open_gate(gone);
    finish(pid);
    content("a");
}

CASE(descriptor_in_a_dead_process) {
    make("a", "0123456789");
    struct gate ready = gate();
    pid_t pid = start("holder");
    if (pid == 0) {
        opened("a", O_RDWR);
        open_gate(ready);
        pause();
    }
    pass(ready);
    TRY(unlink("a"));
    kill_and_finish(pid);
    names(".");
}

CASE(working_directory) {
    folder("d", 0755);
    need(chdir("d") == 0, "chdir");
    char path[PATH_MAX];
    TRY(rmdir("../d"));
    TRY(syscall(SYS_getcwd, path, sizeof path));
    FD(open("a", O_RDWR | O_CREAT, 0644));
    TRY(mkdir("e", 0755));
    TRY(symlink("x", "s"));
    TRY(mkfifo("f", 0644));
    TRY(link("/proc/self/cmdline", "l"));
    FD(open(".", O_RDONLY | O_DIRECTORY));
    names(".");
    show_file(".");
    TRY(chdir("."));
    TRY(chdir(".."));
    names(".");
}

CASE(working_directory_and_its_parent) {
    folder("d", 0755);
    need(chdir("d") == 0, "chdir");
    TRY(rmdir("../d"));
    TRY(access("..", F_OK));
    show_mode("..");
    make("../a", "text");
    content("../a");
    TRY(rename("../a", "a"));
    FD(open(".", O_TMPFILE | O_RDWR, 0600));
}

CASE(removed_directory_by_descriptor) {
    folder("d", 0755);
    int fd = opened("d", O_RDONLY | O_DIRECTORY);
    TRY(rmdir("d"));
    show_fd("d", fd);
    TRY(fchmod(fd, 0700));
    FD(openat(fd, "a", O_RDWR | O_CREAT, 0644));
    FD(openat(fd, ".", O_RDONLY));
    FD(openat(fd, "..", O_RDONLY));
    TRY(fchdir(fd));
    TRY(mkdirat(fd, "x", 0755));
    char bytes[4096];
    TRY(syscall(SYS_getdents64, fd, bytes, sizeof bytes));
    TRY(fsetxattr(fd, "trusted.x", "1", 1, 0));
    folder("../d2", 0755);
}

CASE(directory_removed_by_another_process) {
    folder("d", 0755);
    struct gate ready = gate(), gone = gate();
    pid_t pid = start("dweller");
    if (pid == 0) {
        need(chdir("d") == 0, "chdir");
        make("a", "text");
        TRY(unlink("a"));
        open_gate(ready), pass(gone);
        FD(open("a", O_RDWR | O_CREAT, 0644));
        show_file(".");
        names(".");
        _exit(0);
    }
    pass(ready);
    TRY(rmdir("d"));
    folder("d", 0755);
    make("d/new", "text");
    open_gate(gone);
    finish(pid);
    names("d");
}

CASE(directory_replaced_by_rename) {
    folder("old", 0755), folder("new", 0755);
    make("new/a", "text");
    int fd = opened("old", O_RDONLY | O_DIRECTORY);
    TRY(rename("new", "old"));
    names("old");
    show_fd("replaced", fd);
    FD(openat(fd, "a", O_RDONLY));
    FD(openat(fd, "b", O_RDWR | O_CREAT, 0644));
}

CASE(space_is_given_back_at_the_last_close) {
    struct statfs before, held, after;
    need(statfs(".", &before) == 0, "statfs");
    int fd = opened("a", O_RDWR | O_CREAT);
    need(fallocate(fd, 0, 0, 1 << 20) == 0, "fallocate");
    TRY(unlink("a"));
    need(statfs(".", &held) == 0, "statfs");
    say("held: %ld blocks", (long)(before.f_bfree - held.f_bfree));
    close(fd);
    /* A close is told to a file system without waiting for it. */
    for (int i = 0; i < 2000; i++) {
        need(statfs(".", &after) == 0, "statfs");
        if (after.f_bfree == before.f_bfree) break;
        usleep(1000);
    }
    say("given back: %d", after.f_bfree == before.f_bfree);
}

CASE(many_unlinked_files) {
    int sum = 0;
    int fds[100];
    for (int i = 0; i < 100; i++) {
        char text[20];
        snprintf(text, sizeof text, "file %d", i);
        make("a", text);
        fds[i] = opened("a", O_RDONLY);
        need(unlink("a") == 0, "unlink");
    }
    for (int i = 0; i < 100; i++) {
        char text[20] = "", expected[20];
        snprintf(expected, sizeof expected, "file %d", i);
        need(pread(fds[i], text, 19, 0) > 0, "read");
        sum += strcmp(text, expected) == 0;
    }
    say("%d files have kept their content", sum);
    names(".");
}
