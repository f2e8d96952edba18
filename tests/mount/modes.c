/* The modes and owners of what is created: umask, setgid directories, sticky directories. */
#include "mounted.h"

CASE(umask_applies) {
    for (mode_t mask = 0; mask <= 0777; mask = mask * 8 + 7) {
        umask(mask);
        say("umask %03o", mask);
        close(FD(open("file", O_RDWR | O_CREAT, 0777)));
        TRY(mkdir("dir", 0777));
        TRY(mkfifo("fifo", 0777));
        TRY(mknod("socket", S_IFSOCK | 0777, 0));
        show_mode("file"), show_mode("dir"), show_mode("fifo"), show_mode("socket");
        unlink("file"), rmdir("dir"), unlink("fifo"), unlink("socket");
    }
}

CASE(all_twelve_bits) {
    umask(0);
    close(FD(open("file", O_RDWR | O_CREAT, 07777)));
    TRY(mkdir("dir", 07777));
    TRY(mknod("fifo", S_IFIFO | 07777, 0));
    TRY(mknod("plain", S_IFREG | 07777, 0));
    show_mode("file"), show_mode("dir"), show_mode("fifo"), show_mode("plain");
}

CASE(all_twelve_bits_by_a_user) {
    need_users();
    folder("open", 0777);
    umask(0);
    AS(STRANGER, STRANGER) {
        close(FD(open("open/file", O_RDWR | O_CREAT, 07777)));
        TRY(mkdir("open/dir", 07777));
        TRY(mknod("open/plain", S_IFREG | 07777, 0));
    }
    show_mode("open/file"), show_mode("open/dir"), show_mode("open/plain");
}

CASE(modes_beyond_twelve_bits) {
    umask(0);
    close(FD(open("file", O_RDWR | O_CREAT, 0xffff)));
    TRY(mkdir("dir", 0xffff));
    TRY(mkdir("other", 01777));
    show_mode("file"), show_mode("dir"), show_mode("other");
    TRY(chmod("file", 0xffff));
    show_mode("file");
}

CASE(nothing_for_the_creator) {
    need_users();
    folder("open", 0777);
    AS(STRANGER, STRANGER) {
        int fd = FD(open("open/file", O_RDWR | O_CREAT, 0));
        TRY(write(fd, "text", 4));
        FD(open("open/file", O_RDWR | O_CREAT, 0));
        FD(open("open/file", O_RDONLY));
        FD(creat("open/read_only", 0444));
        FD(open("open/read_only", O_WRONLY));
    }
    show_file("open/file");
}

CASE(owner_is_the_creator) {
    need_users();
    folder("open", 0777);
    AS(STRANGER, OTHER) {
        make("open/file", "");
        TRY(mkdir("open/dir", 0755));
        TRY(symlink("file", "open/symlink"));
        TRY(mkfifo("open/fifo", 0644));
        TRY(link("open/file", "open/link"));
    }
    show_file("open/file"), show_file("open/dir"), show_file("open/symlink"), show_file("open/fifo");
}

CASE(effective_owner) {
    need_users();
    folder("open", 0777);
    CHILD("effective") {
        need(setresgid(-1, OTHER, -1) == 0 && setresuid(-1, STRANGER, -1) == 0, "effective user");
        make("open/file", "");
        TRY(mkdir("open/dir", 0755));
    }
    show_mode("open/file"), show_mode("open/dir");
}

CASE(file_system_owner) {
    need_users();
    folder("open", 0777);
    make_mode("root_only", "x", 0600);
    CHILD("fsuid") {
        syscall(SYS_setfsgid, OTHER), syscall(SYS_setfsuid, STRANGER);
        make("open/file", "");
        FD(open("root_only", O_RDONLY));
        TRY(access("root_only", R_OK));
    }
    show_mode("open/file");
}

CASE(setgid_directory) {
    folder_for("dir", 02775, 0, OTHER);
    make("dir/file", "");
    TRY(mkdir("dir/sub", 0755));
    TRY(mkdir("dir/sub/sub", 0700));
    TRY(symlink("file", "dir/symlink"));
    TRY(mkfifo("dir/fifo", 0644));
    TRY(mknod("dir/null", S_IFCHR | 0644, makedev(1, 3)));
    show_file("dir"), show_file("dir/file"), show_file("dir/sub"), show_file("dir/sub/sub");
    show_file("dir/symlink"), show_file("dir/fifo"), show_file("dir/null");
}

CASE(setgid_directory_by_a_member) {
    need_users();
    folder_for("dir", 02777, 0, 4242);
    umask(0);
    AS_MEMBER(STRANGER, STRANGER, 4242) {
        close(FD(open("dir/member", O_RDWR | O_CREAT, 02755)));
        TRY(mkdir("dir/member_dir", 0755));
        TRY(mknod("dir/member_node", S_IFREG | 02755, 0));
    }
    AS(STRANGER, STRANGER) {
        close(FD(open("dir/stranger", O_RDWR | O_CREAT, 02755)));
        close(FD(open("dir/stranger_without_x", O_RDWR | O_CREAT, 02744)));
        TRY(mkdir("dir/stranger_dir", 0755));
        TRY(mknod("dir/stranger_node", S_IFREG | 02755, 0));
    }
    show_mode("dir/member"), show_mode("dir/member_dir"), show_mode("dir/member_node");
    show_mode("dir/stranger"), show_mode("dir/stranger_without_x");
    show_mode("dir/stranger_dir"), show_mode("dir/stranger_node");
}

CASE(setgid_directory_and_unnamed_files) {
    need_users();
    folder_for("dir", 02777, 0, 4242);
    umask(0);
    AS(STRANGER, STRANGER) {
        int fd = FD(open("dir", O_TMPFILE | O_RDWR, 02755));
        show_fd("unnamed", fd);
    }
}

CASE(setgid_is_not_taken_by_moved_files) {
    folder_for("dir", 02775, 0, OTHER);
    folder("plain", 0755);
    make("file", "");
    TRY(rename("file", "dir/file"));
    TRY(rename("plain", "dir/plain"));
    show_mode("dir/file"), show_mode("dir/plain");
}

CASE(sticky_directory_and_two_users) {
    need_users();
    folder("tmp", 01777);
    make_for("tmp/his", "text", 0666, STRANGER, STRANGER);
    make_for("tmp/his2", "text", 0666, STRANGER, STRANGER);
    folder_for("tmp/hisdir", 0777, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        TRY(unlink("tmp/his"));
        TRY(rmdir("tmp/hisdir"));
        TRY(rename("tmp/his", "tmp/mine"));
        make("tmp/own", "");
        TRY(rename("tmp/own", "tmp/his"));
        TRY(renameat2(AT_FDCWD, "tmp/own", AT_FDCWD, "tmp/his", RENAME_EXCHANGE));
        TRY(rename("tmp/own", "tmp/own2"));
        TRY(unlink("tmp/own2"));
        make("tmp/hisdir/inside", "");
        TRY(unlink("tmp/hisdir/inside"));
    }
    AS(STRANGER, STRANGER) {
        TRY(rename("tmp/his", "tmp/his3"));
        TRY(unlink("tmp/his2"));
        TRY(rmdir("tmp/hisdir"));
    }
    names("tmp");
}

CASE(sticky_directory_of_a_user) {
    need_users();
    folder_for("tmp", 01777, STRANGER, STRANGER);
    make_for("tmp/other", "text", 0644, OTHER, OTHER);
    make_for("tmp/roots", "text", 0644, 0, 0);
    AS(STRANGER, STRANGER) {
        TRY(unlink("tmp/other"));
        TRY(rename("tmp/roots", "tmp/renamed"));
        TRY(unlink("tmp/renamed"));
    }
    names("tmp");
}

CASE(sticky_directory_and_links) {
    need_users();
    folder("tmp", 01777);
    make_for("tmp/his", "text", 0666, STRANGER, STRANGER);
    make_for("tmp/secret", "text", 0600, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        TRY(link("tmp/his", "tmp/link"));
        TRY(unlink("tmp/link"));
        TRY(link("tmp/secret", "tmp/link2"));
    }
    show_file("tmp/his");
}

CASE(sticky_root_of_the_mount) {
    need_users();
    need(chmod(ROOT, 01777) == 0, "chmod");
    show_mode(ROOT);
    AS(STRANGER, STRANGER) make(ROOT "/his", "text");
    AS(OTHER, OTHER) {
        TRY(unlink(ROOT "/his"));
        TRY(rename(ROOT "/his", ROOT "/mine"));
        make(ROOT "/own", "text");
    }
    AS(STRANGER, STRANGER) TRY(unlink(ROOT "/his"));
    names(ROOT);
}

CASE(protected_regular) {
    need_users();
    folder("tmp", 01777);
    make_for("tmp/his", "text", 0666, STRANGER, STRANGER);
    AS(OTHER, OTHER) {
        FD(open("tmp/his", O_RDWR));
        FD(open("tmp/his", O_RDWR | O_CREAT, 0644));
        FD(open("tmp/his", O_RDWR | O_CREAT | O_TRUNC, 0644));
    }
    FD(open("tmp/his", O_RDWR | O_CREAT, 0644));
    content("tmp/his");
}

CASE_ON(root_directory_by_options, "size=1m,mode=0750,uid=65534,gid=65533") {
    show_file(ROOT);
    need_users();
    AS(STRANGER, STRANGER) names(ROOT);
    AS(OTHER, OTHER) names(ROOT);
    AS(OTHER, 4242) names(ROOT);
}

CASE_ON(root_directory_without_options, "size=1m") { show_file(ROOT); }

CASE(directories_inherit_no_sticky) {
    folder("tmp", 01777);
    TRY(mkdir("tmp/sub", 0755));
    show_file("tmp"), show_file("tmp/sub");
}
