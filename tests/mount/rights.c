/* What another user may not: the errors of each call, by owner, group and mode. */
#include "mounted.h"

CASE(opening_by_mode) {
    need_users();
    for (mode_t mode = 0; mode < 8; mode++) {
        char path[32];
        snprintf(path, sizeof path, "o%o", mode);
        make_mode(path, "text", mode);
        AS(STRANGER, STRANGER) {
            int r = open(path, O_RDONLY), re = errno, w = open(path, O_WRONLY), we = errno;
            say("%s: read %s write %s", path, r < 0 ? error_name(re) : "fine", w < 0 ? error_name(we) : "fine");
        }
    }
}

CASE(owner_before_group_before_others) {
    need_users();
    make_for("owner_none", "text", 0077, STRANGER, 4242);
    make_for("group_none", "text", 0707, OTHER, 4242);
    make_for("others_none", "text", 0770, OTHER, 4242);
    AS(STRANGER, 4242) {
        FD(open("owner_none", O_RDONLY));
        FD(open("group_none", O_RDONLY));
        FD(open("others_none", O_RDONLY));
    }
    AS(STRANGER, STRANGER) {
        FD(open("group_none", O_RDONLY));
        FD(open("others_none", O_RDONLY));
    }
}

CASE(supplementary_groups) {
    need_users();
    make_for("group", "text", 0640, 0, 4242);
    folder_for("dir", 0770, 0, 4242);
    AS(STRANGER, STRANGER) {
        FD(open("group", O_RDONLY));
        TRY(mkdir("dir/mine", 0755));
    }
    AS_MEMBER(STRANGER, STRANGER, 4242) {
        FD(open("group", O_RDONLY));
        FD(open("group", O_WRONLY));
        TRY(mkdir("dir/mine", 0755));
        TRY(access("group", R_OK));
        TRY(access("group", W_OK));
    }
    show_mode("dir/mine");
}

CASE(many_supplementary_groups) {
    need_users();
    make_for("last", "text", 0040, 0, 7040);
    make_for("beyond", "text", 0040, 0, 7041);
    CHILD("member of many") {
        gid_t groups[41];
        for (int i = 0; i < 41; i++) groups[i] = 7000 + i;
        need(setgroups(41, groups) == 0 && setresgid(OTHER, OTHER, OTHER) == 0 && setresuid(OTHER, OTHER, OTHER) == 0, "groups");
        FD(open("last", O_RDONLY));
        FD(open("beyond", O_RDONLY));
        TRY(access("last", R_OK));
        TRY(truncate("last", 0));
    }
}

CASE(in_a_directory_without_write) {
    need_users();
    folder("dir", 0755);
    make("dir/file", "text");
    folder("dir/sub", 0755);
    folder("open", 0777);
    AS(STRANGER, STRANGER) {
        make("open/own", "x");
        FD(open("dir/new", O_RDWR | O_CREAT, 0644));
        FD(open("dir", O_RDWR | O_TMPFILE, 0644));
        TRY(mkdir("dir/new", 0755));
        TRY(mkdir("dir/sub", 0755));
        TRY(rmdir("dir/sub"));
        TRY(rmdir("dir/absent"));
        TRY(unlink("dir/file"));
        TRY(unlink("dir/absent"));
        TRY(symlink("x", "dir/new"));
        TRY(symlink("x", "dir/file"));
        TRY(link("open/own", "dir/new"));
        TRY(rename("open/own", "dir/new"));
        TRY(rename("dir/file", "open/taken"));
        TRY(rename("dir/file", "dir/other"));
        TRY(mkfifo("dir/fifo", 0644));
        TRY(mknod("dir/node", S_IFREG | 0644, 0));
    }
    names("dir");
}

CASE(in_a_directory_without_search) {
    need_users();
    folder("dir", 0744);
    make("dir/file", "text");
    folder("dir/sub", 0755);
    AS(STRANGER, STRANGER) {
        names("dir");
        show_file("dir/file");
        FD(open("dir/file", O_RDONLY));
        FD(open("dir/sub/x", O_RDONLY));
        TRY(chdir("dir"));
        TRY(access("dir/file", F_OK));
        TRY(unlink("dir/file"));
        TRY(truncate("dir/file", 0));
        TRY(chmod("dir/file", 0777));
        TRY(readlink("dir/file", (char[10]){0}, 10));
        TRY(getxattr("dir/file", "user.x", NULL, 0));
    }
}

CASE(in_a_directory_without_read) {
    need_users();
    folder("dir", 0711);
    make("dir/file", "text");
    AS(STRANGER, STRANGER) {
        names("dir");
        content("dir/file");
        TRY(chdir("dir"));
        show_file("file");
        FD(open(".", O_RDONLY | O_DIRECTORY));
        FD(open(".", O_PATH | O_DIRECTORY));
    }
}

CASE(changing_the_mode) {
    need_users();
    make("roots", "text");
    make_for("his", "text", 0644, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        TRY(chmod("roots", 0666));
        TRY(chmod("his", 0600));
        int fd = opened("roots", O_RDONLY);
        TRY(fchmod(fd, 0666));
        TRY(fchmodat(AT_FDCWD, "roots", 0666, 0));
        TRY(chmod(".", 0777));
    }
    show_mode("roots"), show_mode("his");
}

CASE(changing_the_owner) {
    need_users();
    make("roots", "text");
    make_for("his", "text", 0644, STRANGER, STRANGER);
    AS_MEMBER(STRANGER, STRANGER, 4242) {
        TRY(chown("roots", STRANGER, -1));
        TRY(chown("his", OTHER, -1));
        TRY(chown("his", STRANGER, -1));
        TRY(chown("his", -1, 4242));
        TRY(chown("his", -1, 4343));
        TRY(chown("his", -1, -1));
        TRY(chown("roots", -1, -1));
        TRY(lchown("roots", STRANGER, STRANGER));
    }
    show_mode("roots"), show_mode("his");
}

CASE(setting_setgid_for_a_group_of_others) {
    need_users();
    make_for("his", "text", 0644, STRANGER, 4242);
    AS(STRANGER, STRANGER) TRY(chmod("his", 02755));
    show_mode("his");
    AS_MEMBER(STRANGER, STRANGER, 4242) TRY(chmod("his", 02755));
    show_mode("his");
    folder_for("dir", 0755, STRANGER, 4242);
    AS(STRANGER, STRANGER) TRY(chmod("dir", 03777));
    show_mode("dir");
}

CASE(sticky_bit_on_a_file) {
    need_users();
    make_for("his", "text", 0644, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) TRY(chmod("his", 07755));
    show_mode("his");
}

CASE(truncating) {
    need_users();
    make("roots", "text");
    make_mode("shared", "text", 0666);
    AS(STRANGER, STRANGER) {
        TRY(truncate("roots", 0));
        TRY(truncate("shared", 1));
        FD(open("roots", O_RDONLY | O_TRUNC));
        FD(open("shared", O_RDONLY | O_TRUNC));
        int fd = opened("roots", O_RDONLY);
        TRY(ftruncate(fd, 0));
    }
    content("roots"), content("shared");
}

CASE(extended_attributes) {
    need_users();
    make("roots", "text");
    make_mode("secret", "text", 0600);
    need(setxattr("roots", "user.name", "value", 5, 0) == 0, "setxattr");
    need(setxattr("secret", "user.name", "value", 5, 0) == 0, "setxattr");
    AS(STRANGER, STRANGER) {
        char value[20];
        TRY(getxattr("roots", "user.name", value, 20));
        TRY(setxattr("roots", "user.name", "v", 1, 0));
        TRY(removexattr("roots", "user.name"));
        TRY(getxattr("secret", "user.name", value, 20));
        TRY(listxattr("secret", value, 20));
        TRY(listxattr("roots", NULL, 0));
    }
}

CASE(reading_symlinks) {
    need_users();
    folder("dir", 0700);
    make("dir/file", "text");
    need(symlink("dir/file", "into") == 0 && symlink("target", "dir/link") == 0, "symlink");
    AS(STRANGER, STRANGER) {
        link_text("into");
        content("into");
        link_text("dir/link");
        TRY(lchown("into", STRANGER, -1));
        TRY(fchmodat(AT_FDCWD, "into", 0600, AT_SYMLINK_NOFOLLOW));
    }
}

CASE(hard_links_to_files_of_others) {
    need_users();
    folder("open", 0777);
    make_mode("readable", "text", 0644);
    make_mode("writable", "text", 0666);
    make_for("suid", "text", 04755, OTHER, OTHER);
    make_for("own", "text", 0400, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        TRY(link("readable", "open/a"));
        TRY(link("writable", "open/b"));
        TRY(link("suid", "open/c"));
        TRY(link("own", "open/d"));
    }
    names("open");
}

CASE(access_and_effective_users) {
    need_users();
    make_mode("roots", "text", 0600);
    make_for("his", "text", 0600, STRANGER, STRANGER);
    make_mode("script", "text", 0744);
    CHILD("effective") {
        need(setresuid(-1, STRANGER, -1) == 0, "effective user");
        TRY(access("roots", R_OK));
        TRY(faccessat(AT_FDCWD, "roots", R_OK, AT_EACCESS));
        TRY(access("his", R_OK | W_OK));
        TRY(faccessat(AT_FDCWD, "his", R_OK | W_OK, AT_EACCESS));
        TRY(faccessat(AT_FDCWD, "script", X_OK, AT_EACCESS));
        TRY(access("script", X_OK));
    }
}

CASE(access_by_root) {
    make_mode("nothing", "text", 0);
    make_mode("one_x", "text", 0001);
    folder("dir", 0);
    TRY(access("nothing", R_OK | W_OK));
    TRY(access("nothing", X_OK));
    TRY(access("one_x", X_OK));
    TRY(access("dir", R_OK | W_OK | X_OK));
    TRY(access("absent", F_OK));
    TRY(access("nothing", 8));
    TRY(access("nothing/x", F_OK));
}

CASE(access_without_following) {
    TRY(symlink("absent", "dangling"));
    TRY(faccessat(AT_FDCWD, "dangling", F_OK, 0));
    TRY(faccessat(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_faccessat2, AT_FDCWD, "dangling", R_OK, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_faccessat2, AT_FDCWD, "dangling", R_OK, 0x8000));
    int fd = opened(".", O_PATH | O_DIRECTORY);
    TRY(faccessat(fd, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    TRY(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
}

CASE(rights_change_while_open) {
    need_users();
    make_mode("file", "text", 0666);
    struct gate ready = gate(), changed = gate();
    pid_t user = start("user");
    if (user == 0) {
        become(STRANGER, STRANGER);
        int fd = FD(open("file", O_RDWR));
        open_gate(ready);
        pass(changed);
        TRY(write(fd, "more", 4));
        TRY(pread(fd, (char[4]){0}, 4, 0));
        TRY(ftruncate(fd, 2));
        TRY(fchmod(fd, 0666));
        FD(open("file", O_RDONLY));
        FD(open("/proc/self/fd/3", O_RDONLY));
        _exit(0);
    }
    pass(ready);
    need(chmod("file", 0600) == 0, "chmod");
    open_gate(changed);
    finish(user);
    content("file");
}

CASE(rights_given_while_refused) {
    need_users();
    make_mode("file", "text", 0600);
    folder("dir", 0700);
    make("dir/file", "text");
    AS(STRANGER, STRANGER) FD(open("file", O_RDONLY)), FD(open("dir/file", O_RDONLY));
    need(chmod("file", 0644) == 0 && chmod("dir", 0755) == 0, "chmod");
    AS(STRANGER, STRANGER) FD(open("file", O_RDONLY)), FD(open("dir/file", O_RDONLY));
    need(chown("file", STRANGER, 0) == 0 && chmod("file", 0077) == 0, "chown");
    AS(STRANGER, STRANGER) FD(open("file", O_RDONLY)), TRY(chmod("file", 0400)), FD(open("file", O_RDONLY));
}

CASE(capabilities_dropped_by_root) {
    make_mode("secret", "text", 0);
    make_for("his", "text", 0600, STRANGER, STRANGER);
    CHILD("root without capabilities") {
        struct { uint32_t version; int pid; } head = {0x20080522, 0};
        struct { uint32_t effective, permitted, inheritable; } data[2] = {{0}};
        need(syscall(SYS_capset, &head, data) == 0, "capset");
        FD(open("secret", O_RDONLY));
        FD(open("his", O_RDONLY));
        TRY(chmod("secret", 0400));
        FD(open("secret", O_RDONLY));
        TRY(chown("secret", STRANGER, -1));
        TRY(chmod("his", 0644));
        TRY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
        TRY(setxattr("secret", "trusted.x", "1", 1, 0));
        TRY(unlink("his"));
    }
}

CASE(user_in_the_root_of_the_mount) {
    need_users();
    AS(STRANGER, STRANGER) {
        TRY(mkdir(ROOT "/mine", 0755));
        FD(open(ROOT "/mine", O_RDWR | O_CREAT, 0644));
        TRY(chmod(ROOT, 0777));
        TRY(rename(ROOT "/here", ROOT "/there"));
        names(ROOT);
    }
}

CASE(execute_only_program_is_not_read) {
    need_users();
    make_mode("program", "#!/bin/sh\necho ran\n", 0711);
    AS(STRANGER, STRANGER) {
        content("program");
        TRY(access("program", X_OK));
    }
}
