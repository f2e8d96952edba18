/* link(2), unlink(2), mkdir(2), rmdir(2), symlink(2), readlink(2). */
#include "mounted.h"

CASE(link_count) {
    make("a", "text");
    TRY(link("a", "b"));
    TRY(link("b", "c"));
    show_file("a"), show_file("c");
    say("one file: %d", inode("a") == inode("c"));
    TRY(unlink("a"));
    show_file("b");
    TRY(unlink("b")), TRY(unlink("c"));
    show_file("c");
}

CASE(link_refused) {
    make("a", "text"), make("b", "text");
    folder("dir", 0755);
    TRY(link("a", "b"));
    TRY(link("a", "a"));
    TRY(link("dir", "dir2"));
    TRY(link("a", "dir"));
    TRY(link("absent", "c"));
    TRY(link("a", "absent/c"));
    TRY(link("a", "b/c"));
    TRY(link("a/", "c"));
    TRY(link("a", "c/"));
    TRY(link("a", ""));
    TRY(link("", "c"));
    TRY(link("a", "."));
    names(".");
}

CASE(link_to_a_symlink) {
    make("a", "text");
    need(symlink("a", "s") == 0, "symlink");
    TRY(link("s", "hard"));
    TRY(linkat(AT_FDCWD, "s", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    show_file("hard"), show_file("followed"), show_file("a");
    TRY(linkat(AT_FDCWD, "s", AT_FDCWD, "x", 0x8000));
}

CASE(link_of_other_kinds) {
    need(mkfifo("fifo", 0644) == 0 && mknod("socket", S_IFSOCK | 0644, 0) == 0, "nodes");
    TRY(link("fifo", "fifo2")), TRY(link("socket", "socket2"));
    show_file("fifo2"), show_file("socket2");
}

CASE(many_links) {
    make("a", "text");
    folder("dir", 0755);
    for (int i = 0; i < 300; i++) {
        char name[30];
        snprintf(name, sizeof name, "dir/l%d", i);
        need(link("a", name) == 0, "link");
    }
    show_file("a"), show_file("dir");
    for (int i = 0; i < 300; i += 2) {
        char name[30];
        snprintf(name, sizeof name, "dir/l%d", i);
        need(unlink(name) == 0, "unlink");
    }
    show_file("a"), show_file("dir");
}

CASE(link_of_an_unlinked_file) {
    make("a", "text");
    int fd = opened("a", O_RDWR);
    (void)fd;
    TRY(unlink("a"));
    TRY(linkat(AT_FDCWD, "/proc/self/fd/3", AT_FDCWD, "b", AT_SYMLINK_FOLLOW));
    names(".");
}

CASE(link_by_descriptor) {
    make("a", "text");
    int fd = opened("a", O_RDONLY), path = opened("a", O_PATH);
    TRY(linkat(fd, "", AT_FDCWD, "b", AT_EMPTY_PATH));
    TRY(linkat(path, "", AT_FDCWD, "c", AT_EMPTY_PATH));
    TRY(linkat(fd, "", AT_FDCWD, "d", 0));
    show_file("a");
}

CASE(unlink_refused) {
    make("a", "text");
    folder("dir", 0755);
    TRY(unlink("absent"));
    TRY(unlink("dir"));
    TRY(unlink("dir/"));
    TRY(unlink("a/"));
    TRY(unlink("a/x"));
    TRY(unlink("."));
    TRY(unlink(".."));
    TRY(unlink(""));
    TRY(unlinkat(AT_FDCWD, "a", AT_REMOVEDIR));
    TRY(unlinkat(AT_FDCWD, "a", 0x8000));
    names(".");
}

CASE(rmdir_refused) {
    make("a", "text");
    folder("dir", 0755);
    make("dir/x", "");
    TRY(rmdir("dir"));
    TRY(rmdir("a"));
    TRY(rmdir("absent"));
    TRY(rmdir("."));
    TRY(rmdir("dir/."));
    TRY(rmdir("dir/.."));
    TRY(rmdir(".."));
    TRY(rmdir(""));
    TRY(rmdir(ROOT));
    need(unlink("dir/x") == 0, "unlink");
    TRY(rmdir("dir/"));
    names(".");
}

CASE(mkdir_refused) {
    make("a", "text");
    need(symlink("absent", "dangling") == 0, "symlink");
    TRY(mkdir("a", 0755));
    TRY(mkdir("a/", 0755));
    TRY(mkdir("a/x", 0755));
    TRY(mkdir("absent/x", 0755));
    TRY(mkdir("dangling", 0755));
    TRY(mkdir("dangling/", 0755));
    TRY(mkdir(".", 0755));
    TRY(mkdir("..", 0755));
    TRY(mkdir("", 0755));
    TRY(mkdir("new/", 0755));
    TRY(mkdir("new", 0755));
    TRY(mkdir(ROOT, 0755));
    names(".");
}

CASE(directory_link_counts) {
    folder("dir", 0755);
    show_file("dir");
    folder("dir/a", 0755), folder("dir/b", 0755), make("dir/c", "");
    show_file("dir"), show_file("dir/a");
    TRY(rmdir("dir/a"));
    show_file("dir");
    TRY(unlink("dir/c")), TRY(rmdir("dir/b"));
    show_file("dir");
}

CASE(directory_sizes) {
    folder("dir", 0755);
    show_file("dir");
    make("dir/a", "");
    show_file("dir");
    char path[300] = "dir/";
    strcat(path, long_name(255, 'n'));
    make(path, "");
    show_file("dir");
    need(symlink("x", "dir/s") == 0 && link("dir/a", "dir/l") == 0 && mkfifo("dir/f", 0644) == 0, "entries");
    show_file("dir");
    TRY(rename("dir/a", "dir/b"));
    show_file("dir");
    TRY(rename("dir/b", "dir/f"));
    show_file("dir");
    TRY(rename("dir/s", "s"));
    show_file("dir"), show_file(".");
}

CASE(symlink_text) {
    TRY(symlink("target", "s"));
    show_file("s"), link_text("s");
    TRY(symlink("/absolute/path", "t"));
    show_file("t"), link_text("t");
    TRY(symlink("odd \x01\xff bytes", "u"));
    char text[40];
    ssize_t n = readlink("u", text, sizeof text);
    tell_text("u", text, n);
    char three[3];
    TRY(readlink("s", three, 3));
    tell_text("cut", three, 3);
    TRY(readlink("s", three, 0));
    show_mode("s");
}

CASE(symlink_lengths) {
    size_t lengths[] = {1, 59, 60, 61, 127, 128, 129, 255, 256, 1023, 4094, 4095, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int result = symlink(long_name(lengths[i], 't'), "s");
        say("%zu: %s", lengths[i], result < 0 ? error_name(errno) : "fine");
        char text[5000];
        if (result == 0) say("read: %ld", (long)readlink("s", text, sizeof text)), show_file("s"), unlink("s");
    }
    TRY(symlink("", "s"));
}

CASE(symlink_refused) {
    make("a", "text");
    folder("dir", 0755);
    TRY(symlink("x", "a"));
    TRY(symlink("x", "dir"));
    TRY(symlink("x", "dir/"));
    TRY(symlink("x", "new/"));
    TRY(symlink("x", "absent/s"));
    TRY(symlink("x", "."));
    TRY(symlink("x", ""));
    char text[10];
    TRY(readlink("a", text, 10));
    TRY(readlink("dir", text, 10));
    TRY(readlink("absent", text, 10));
    TRY(readlink("", text, 10));
}

CASE(symlink_loops) {
    need(symlink("b", "a") == 0 && symlink("a", "b") == 0, "symlink");
    FD(open("a", O_RDONLY));
    TRY(chmod("a", 0644));
    TRY(truncate("a", 0));
    TRY(chdir("a"));
    TRY(access("a", F_OK));
    show_file("a");
    make("l0", "text");
    for (int i = 1; i <= 45; i++) {
        char from[20], to[20];
        snprintf(from, sizeof from, "l%d", i - 1), snprintf(to, sizeof to, "l%d", i);
        need(symlink(from, to) == 0, "symlink");
    }
    content("l39"), content("l40"), content("l41");
}

CASE(symlinks_are_followed) {
    folder("dir", 0755);
    make("dir/x", "text");
    need(symlink("dir", "s") == 0 && symlink("s/x", "t") == 0 && symlink("../here/dir", "up") == 0, "symlink");
    need(symlink(ROOT "/here/dir", "absolute") == 0, "symlink");
    content("s/x"), content("t"), content("up/x"), content("absolute/x");
    TRY(truncate("t", 2));
    TRY(chmod("t", 0600));
    show_file("dir/x");
    names("s");
    TRY(unlink("s/x"));
    names("dir");
    content("t");
    TRY(rmdir("s"));
    TRY(rmdir("s/"));
    TRY(unlink("s/"));
}

CASE(symlink_can_be_owned) {
    need(symlink("x", "s") == 0, "symlink");
    TRY(lchown("s", STRANGER, OTHER));
    show_file("s");
    TRY(fchmodat(AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_fchmodat2, AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
    show_mode("s");
}

CASE(protected_symlinks) {
    need_users();
    folder("tmp", 01777);
    make_mode("tmp/a", "text", 0666);
    AS(STRANGER, STRANGER) TRY(symlink("a", "tmp/s"));
    AS(OTHER, OTHER) content("tmp/s"), link_text("tmp/s");
    AS(STRANGER, STRANGER) content("tmp/s");
    content("tmp/s");
}

CASE(link_counts_by_another_process) {
    make("a", "text");
    folder("dir", 0755);
    struct gate ready = gate(), linked = gate(), gone = gate(), seen = gate();
    pid_t watcher = start("watcher");
    if (watcher == 0) {
        int fd = opened("a", O_RDONLY), dir = opened("dir", O_RDONLY);
        show_fd("a", fd), show_fd("dir", dir);
        open_gate(ready), pass(linked);
        show_fd("a", fd), show_fd("dir", dir), show_file("b");
        open_gate(seen), pass(gone);
        show_fd("a", fd), show_fd("dir", dir), show_file("b"), show_file("dir");
        _exit(0);
    }
    pass(ready);
    need(link("a", "b") == 0 && mkdir("dir/sub", 0755) == 0, "link, mkdir");
    open_gate(linked), pass(seen);
    need(unlink("a") == 0 && unlink("b") == 0 && rmdir("dir/sub") == 0 && rmdir("dir") == 0, "removing");
    open_gate(gone);
    finish(watcher);
}

CASE(tree_made_and_removed) {
    for (int i = 0; i < 5; i++) {
        char path[100];
        snprintf(path, sizeof path, "d%d", i);
        folder(path, 0755);
        for (int j = 0; j < 5; j++) {
            snprintf(path, sizeof path, "d%d/e%d", i, j);
            folder(path, 0755);
            snprintf(path, sizeof path, "d%d/e%d/file", i, j);
            make(path, path);
        }
    }
    show_file("."), show_file("d3");
    content("d4/e2/file");
    pid_t pid = start("rm");
    if (pid == 0) {
        execlp("rm", "rm", "-r", "d0", "d1", "d2", "d3", "d4", (char *)NULL);
        _exit(1);
    }
    finish(pid);
    names("."), show_file(".");
}
