/* rename(2), renameat2(2). */
#include "mounted.h"

#define MOVE(from, to, flags) TRY(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags))

CASE(plain) {
    make("a", "text");
    ino_t was = inode("a");
    TRY(rename("a", "b"));
    TRY(rename("a", "c"));
    TRY(rename("b", "b"));
    say("same file: %d", inode("b") == was);
    names("."), content("b");
}

CASE(over_a_file) {
    make("a", "a's"), make("b", "b's");
    int fd = opened("b", O_RDONLY);
    TRY(rename("a", "b"));
    content("b"), names(".");
    show_fd("the old b", fd);
    tell_range("the old b", fd, 0, 10);
}

CASE(over_another_name_of_the_same_file) {
    make("a", "text");
    need(link("a", "b") == 0, "link");
    TRY(rename("a", "b"));
    names("."), show_file("a");
    MOVE("a", "b", RENAME_NOREPLACE);
    MOVE("a", "b", RENAME_EXCHANGE);
    names(".");
}

CASE(directories) {
    folder("a", 0755), folder("empty", 0755), folder("full", 0755);
    make("a/x", "text"), make("full/y", "text");
    TRY(rename("a", "full"));
    TRY(rename("a", "empty"));
    names("empty"), names(".");
    TRY(rename("empty", "new/"));
    TRY(rename("new/", "newer"));
    names(".");
}

CASE(files_and_directories) {
    folder("dir", 0755), make("a", "text");
    TRY(rename("a", "dir"));
    TRY(rename("dir", "a"));
    TRY(rename("a", "dir/"));
    TRY(rename("a", "b/"));
    TRY(rename("a/", "b"));
    TRY(rename("a", "dir/inside"));
    names("."), names("dir");
}

CASE(into_itself) {
    folder("a", 0755), folder("a/b", 0755), folder("a/b/c", 0755);
    TRY(rename("a", "a/b"));
    TRY(rename("a", "a/b/c"));
    TRY(rename("a", "a/new"));
    TRY(rename("a", "a/b/c/new"));
    TRY(rename("a/b/c", "a"));
    TRY(rename("a/b", "a"));
    MOVE("a", "a/b", RENAME_EXCHANGE);
    MOVE("a/b/c", "a", RENAME_EXCHANGE);
    TRY(rename("a/b/c", "c"));
    names("."), names("a/b");
}

CASE(dots) {
    folder("a", 0755), folder("a/b", 0755);
    TRY(rename("a/.", "x"));
    TRY(rename("a/b/..", "x"));
    TRY(rename("a/b", "a/."));
    TRY(rename("a/b", "a/.."));
    TRY(rename(".", "x"));
    TRY(rename("..", "x"));
    TRY(rename("a", "."));
    TRY(rename("a", ".."));
    TRY(rename("", "x"));
    TRY(rename("a", ""));
    names(".");
}

CASE(absent) {
    make("a", "text");
    TRY(rename("absent", "b"));
    TRY(rename("absent", "a"));
    TRY(rename("a", "absent/b"));
    TRY(rename("absent/a", "b"));
    TRY(rename("a/x", "b"));
    TRY(rename("a", "a/x"));
}

CASE(no_replace) {
    make("a", "a's"), make("b", "b's");
    folder("dir", 0755);
    need(symlink("absent", "dangling") == 0, "symlink");
    MOVE("a", "b", RENAME_NOREPLACE);
    MOVE("a", "dir", RENAME_NOREPLACE);
    MOVE("a", "dangling", RENAME_NOREPLACE);
    MOVE("a", "c", RENAME_NOREPLACE);
    MOVE("dir", "c", RENAME_NOREPLACE);
    MOVE("dir", "dir2", RENAME_NOREPLACE);
    MOVE("c", "dir2/c", RENAME_NOREPLACE);
    names("."), names("dir2");
}

CASE(exchange) {
    make("a", "a's"), make("b", "b's");
    folder("dir", 0755), make("dir/x", "x's");
    MOVE("a", "b", RENAME_EXCHANGE);
    content("a"), content("b");
    MOVE("a", "dir", RENAME_EXCHANGE);
    content("dir"), names("a");
    MOVE("a", "absent", RENAME_EXCHANGE);
    MOVE("absent", "a", RENAME_EXCHANGE);
    MOVE("a/x", "b", RENAME_EXCHANGE);
    content("a/x"), content("b");
    names(".");
}

CASE(exchange_of_directories) {
    folder("one", 0755), folder("one/sub", 0755), folder("two", 0755);
    make("one/sub/x", "x's"), make("two/y", "y's");
    MOVE("one/sub", "two", RENAME_EXCHANGE);
    names("one"), names("one/sub"), names("two");
    show_file("one"), show_file("two"), show_file("one/sub");
    MOVE("one", "two/x", RENAME_EXCHANGE);
    names("."), names("two");
    show_file("."), show_file("two");
}

CASE(whiteout) {
    make("a", "a's"), make("b", "b's");
    MOVE("a", "c", RENAME_WHITEOUT);
    show_file("a"), content("c");
    MOVE("b", "c", RENAME_WHITEOUT | RENAME_NOREPLACE);
    MOVE("b", "d", RENAME_WHITEOUT | RENAME_NOREPLACE);
    show_file("b");
    MOVE("c", "d", RENAME_WHITEOUT | RENAME_EXCHANGE);
    names(".");
}

CASE(whiteout_by_a_user) {
    need_users();
    folder("open", 0777);
    AS(STRANGER, STRANGER) {
        make("open/a", "text");
        MOVE("open/a", "open/b", RENAME_WHITEOUT);
    }
    names("open");
    show_file("open/a");
}

CASE(unknown_flags) {
    make("a", "text");
    MOVE("a", "b", 8);
    MOVE("a", "b", 0x80000000u);
    MOVE("a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE);
    names(".");
}

CASE(link_counts) {
    folder("a", 0755), folder("b", 0755), folder("a/sub", 0755);
    show_file("a"), show_file("b");
    TRY(rename("a/sub", "b/sub"));
    show_file("a"), show_file("b");
    folder("a/sub", 0755);
    TRY(rename("a/sub", "b/sub"));
    show_file("a"), show_file("b");
    make("a/file", "");
    TRY(rename("a/file", "b/file"));
    show_file("a"), show_file("b");
}

CASE(parent_follows) {
    folder("a", 0755), folder("b", 0755), folder("a/sub", 0755);
    make("b/mark", "in b");
    need(chdir("a/sub") == 0, "chdir");
    TRY(rename("../../a/sub", "../../b/sub"));
    content("../mark");
    char path[PATH_MAX];
    say("at %s", getcwd(path, sizeof path));
    TRY(rename("../../b", "../../c"));
    say("at %s", getcwd(path, sizeof path));
    names("..");
}

CASE(symlinks) {
    make("a", "text");
    need(symlink("a", "link") == 0, "symlink");
    TRY(rename("link", "link2"));
    link_text("link2");
    make("b", "b's");
    TRY(rename("b", "link2"));
    names("."), content("link2"), content("a");
    need(symlink("dir", "to_dir") == 0 && mkdir("dir", 0755) == 0, "symlink");
    TRY(rename("to_dir/", "x"));
    TRY(rename("a", "to_dir/a"));
    names("dir");
}

CASE(open_files_go_along) {
    folder("a", 0755), folder("b", 0755);
    make("a/x", "text");
    int fd = opened("a/x", O_RDWR), dir = opened("a", O_RDONLY);
    TRY(rename("a/x", "b/y"));
    TRY(write(fd, "TEXT", 4));
    content("b/y");
    TRY(rename("a", "b/a"));
    FD(openat(dir, "new", O_RDWR | O_CREAT, 0644));
    names("b/a");
    FD(openat(dir, "../y", O_RDONLY));
}

CASE(other_kinds) {
    need(mkfifo("fifo", 0644) == 0 && mknod("socket", S_IFSOCK | 0644, 0) == 0, "nodes");
    need(mknod("null", S_IFCHR | 0644, makedev(1, 3)) == 0, "mknod");
    TRY(rename("fifo", "fifo2"));
    TRY(rename("socket", "socket2"));
    TRY(rename("null", "null2"));
    make("a", "text");
    TRY(rename("a", "fifo2"));
    names(".");
}

CASE(across_users_and_directories) {
    need_users();
    folder_for("his", 0755, STRANGER, STRANGER), folder("open", 0777);
    make_for("his/a", "text", 0644, STRANGER, STRANGER);
    folder_for("his/dir", 0755, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        TRY(rename("his/a", "open/a"));
        make("open/own", "text");
        TRY(rename("open/own", "his/own"));
    }
    AS(STRANGER, STRANGER) {
        TRY(rename("his/a", "open/a"));
        TRY(rename("his/dir", "open/dir"));
        TRY(rename("open/own", "his/own"));
    }
    names("his"), names("open");
}

CASE(directory_that_cannot_be_written) {
    need_users();
    folder("open", 0777), folder("open2", 0777);
    folder_for("open/roots", 0755, 0, 0);
    AS(STRANGER, STRANGER) {
        TRY(rename("open/roots", "open/renamed"));
        TRY(rename("open/renamed", "open2/renamed"));
    }
    names("open"), names("open2");
}

CASE(sticky_directories) {
    need_users();
    folder("tmp", 01777), folder("tmp2", 01777);
    make_for("tmp/his", "his", 0644, STRANGER, STRANGER);
    make_for("tmp/other", "other's", 0644, OTHER, OTHER);
    make_for("tmp2/his", "his", 0644, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        TRY(rename("tmp/other", "tmp/his"));
        TRY(rename("tmp/other", "tmp2/his"));
        TRY(rename("tmp/his", "tmp2/new"));
        MOVE("tmp/other", "tmp/his", RENAME_EXCHANGE);
        MOVE("tmp/other", "tmp/his", RENAME_NOREPLACE);
        TRY(rename("tmp/other", "tmp2/other"));
    }
    names("tmp"), names("tmp2");
}

CASE(to_another_file_system) {
    make("a", "text");
    TRY(rename("a", "/run/a"));
    TRY(rename("/proc/self/stat", "b"));
    TRY(link("a", "/run/a"));
}

CASE(the_root_and_mount_points) {
    TRY(rename(ROOT, "/run/elsewhere"));
    TRY(rename("../here", "../there"));
    TRY(rename("../there", "../here"));
    names("..");
}

CASE(another_process_sees_it) {
    make("a", "text");
    struct gate ready = gate(), done = gate();
    pid_t watcher = start("watcher");
    if (watcher == 0) {
        show_file("a"), show_file("b");
        open_gate(ready), pass(done);
        show_file("a"), show_file("b");
        content("b");
        _exit(0);
    }
    pass(ready);
    TRY(rename("a", "b"));
    open_gate(done);
    finish(watcher);
}

/* Four processes rename and link at random places; the result is checked against what each has achieved. */
static void storm(bool links) {
    enum { NAMES = 40, STEPS = 600 };
    pid_t players[4];
    for (int i = 0; i < NAMES; i++) {
        char name[20];
        snprintf(name, sizeof name, "n%02d", i);
        if (i % 2 == 0) make(name, name);
    }
    for (int p = 0; p < 4; p++)
        if ((players[p] = start("player")) == 0) {
            unsigned seed = 77 + p;
            for (int step = 0; step < STEPS; step++) {
                char from[20], to[20];
                snprintf(from, sizeof from, "n%02d", rand_r(&seed) % NAMES);
                snprintf(to, sizeof to, "n%02d", rand_r(&seed) % NAMES);
                int result = 0;
                switch (rand_r(&seed) % 4) {
                case 0: result = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE); break;
                case 1: result = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE); break;
                case 2: result = links ? link(from, to) : renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE); break;
                default: {
                    struct stat s;
                    result = lstat(from, &s);
                }
                }
                if (result < 0 && errno != ENOENT && errno != EEXIST) say("step: %s", error_name(errno));
            }
            _exit(0);
        }
    for (int p = 0; p < 4; p++) finish_quietly(players[p]);
    /* Nothing was replaced: every file is there still, with as many names as it counts. */
    int files = 0, wrong = 0;
    unsigned long total = 0, entries = 0;
    ino_t seen[NAMES];
    for (int i = 0; i < NAMES; i++) {
        char name[20];
        struct stat s;
        snprintf(name, sizeof name, "n%02d", i);
        if (lstat(name, &s) < 0) continue;
        entries++;
        int j = 0;
        while (j < files && seen[j] != s.st_ino) j++;
        if (j == files) seen[files++] = s.st_ino, total += s.st_nlink;
        if (s.st_size != 3) wrong++;
    }
    say("%d files, links as names: %d, wrong sizes: %d", files, total == entries, wrong);
    if (!links) say("%lu names", entries);
}

CASE(storm_of_renames) { storm(false); }
CASE(storm_of_renames_and_links) { storm(true); }

CASE(storm_between_directories) {
    folder("a", 0755), folder("b", 0755);
    for (int i = 0; i < 20; i++) {
        char name[20];
        snprintf(name, sizeof name, "a/f%d", i);
        make(name, "text");
        snprintf(name, sizeof name, "a/d%d", i);
        folder(name, 0755);
    }
    pid_t players[4];
    for (int p = 0; p < 4; p++)
        if ((players[p] = start("player")) == 0) {
            unsigned seed = 5 + p;
            for (int step = 0; step < 500; step++) {
                char from[20], to[20];
                int kind = rand_r(&seed) % 2 ? 'f' : 'd', which = rand_r(&seed) % 20, side = rand_r(&seed) % 2;
                snprintf(from, sizeof from, "%c/%c%d", side ? 'a' : 'b', kind, which);
                snprintf(to, sizeof to, "%c/%c%d", side ? 'b' : 'a', kind, which);
                if (rename(from, to) < 0 && errno != ENOENT) say("step: %s", error_name(errno));
            }
            _exit(0);
        }
    for (int p = 0; p < 4; p++) finish_quietly(players[p]);
    struct stat a, b;
    need(stat("a", &a) == 0 && stat("b", &b) == 0, "stat");
    say("together: nlink %lu size %ld", (unsigned long)(a.st_nlink + b.st_nlink), (long)(a.st_size + b.st_size));
    for (int i = 0; i < 20; i++) {
        char names_[4][20];
        snprintf(names_[0], 20, "a/f%d", i), snprintf(names_[1], 20, "b/f%d", i);
        snprintf(names_[2], 20, "a/d%d", i), snprintf(names_[3], 20, "b/d%d", i);
        bool one = (inode(names_[0]) != 0) != (inode(names_[1]) != 0), two = (inode(names_[2]) != 0) != (inode(names_[3]) != 0);
        if (!one || !two) say("%d is lost or doubled", i);
    }
}
