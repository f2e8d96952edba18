/* Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2). */
#include "mounted.h"

static void listed(const char *path) {
    char list[5000], *found[64], line[900] = "";
    ssize_t n = llistxattr(path, list, sizeof list);
    if (n < 0) {
        say("%s has %s", path, error_name(errno));
        return;
    }
    int count = 0, at = 0;
    for (char *name = list; name < list + n && count < 64; name += strlen(name) + 1) found[count++] = name;
    qsort(found, count, sizeof *found, in_order);
    for (int i = 0; i < count && at < 700; i++) at += snprintf(line + at, sizeof line - at, " %.100s", found[i]);
    say("%s has%s", path, line);
}

static void value(const char *path, const char *name) {
    char bytes[200];
    ssize_t n = lgetxattr(path, name, bytes, sizeof bytes);
    if (n < 0) say("%s of %s: %s", name, path, error_name(errno));
    else tell_text(name, bytes, n);
}

CASE(set_and_get) {
    make("a", "text");
    TRY(setxattr("a", "user.one", "value", 5, 0));
    TRY(setxattr("a", "user.two", "", 0, 0));
    TRY(setxattr("a", "user.three", "\0\1\xff", 3, 0));
    value("a", "user.one"), value("a", "user.two"), value("a", "user.three"), value("a", "user.four");
    listed("a");
    TRY(setxattr("a", "user.one", "other", 5, 0));
    value("a", "user.one");
    TRY(removexattr("a", "user.one"));
    TRY(removexattr("a", "user.one"));
    listed("a");
}

CASE(create_and_replace) {
    make("a", "text");
    TRY(setxattr("a", "user.x", "1", 1, XATTR_REPLACE));
    TRY(setxattr("a", "user.x", "1", 1, XATTR_CREATE));
    TRY(setxattr("a", "user.x", "2", 1, XATTR_CREATE));
    TRY(setxattr("a", "user.x", "3", 1, XATTR_REPLACE));
    TRY(setxattr("a", "user.x", "4", 1, XATTR_CREATE | XATTR_REPLACE));
    TRY(setxattr("a", "user.x", "5", 1, 4));
    value("a", "user.x");
}

CASE(sizes_asked_for) {
    make("a", "text");
    need(setxattr("a", "user.x", "0123456789", 10, 0) == 0, "setxattr");
    static char bytes[70000];
    TRY(getxattr("a", "user.x", NULL, 0));
    TRY(getxattr("a", "user.x", bytes, 9));
    TRY(getxattr("a", "user.x", bytes, 10));
    TRY(getxattr("a", "user.x", bytes, 70000));
    TRY(listxattr("a", NULL, 0));
    TRY(listxattr("a", bytes, 6));
    TRY(listxattr("a", bytes, 7));
}

CASE(lengths_of_values) {
    make("a", "text");
    static char bytes[70000];
    memset(bytes, 'v', sizeof bytes);
    TRY(setxattr("a", "user.x", bytes, 4096, 0));
    TRY(getxattr("a", "user.x", NULL, 0));
    TRY(setxattr("a", "user.y", bytes, 65536, 0));
    TRY(getxattr("a", "user.y", bytes, sizeof bytes));
    TRY(setxattr("a", "user.z", bytes, 65537, 0));
    TRY(setxattr("a", "trusted.t", bytes, 65536, 0));
    TRY(getxattr("a", "trusted.t", bytes, 65536));
    listed("a");
}

CASE(lengths_of_names) {
    make("a", "text");
    char name[300];
    size_t lengths[] = {6, 254, 255, 256};
    for (int i = 0; i < 4; i++) {
        memset(name, 'n', sizeof name), memcpy(name, "user.", 5), name[lengths[i]] = 0;
        int result = setxattr("a", name, "1", 1, 0);
        say("%zu: %s", lengths[i], result < 0 ? error_name(errno) : "fine");
        say("get: %ld", (long)getxattr("a", name, NULL, 0));
    }
    TRY(setxattr("a", "user.", "1", 1, 0));
    TRY(setxattr("a", "user", "1", 1, 0));
    TRY(setxattr("a", "", "1", 1, 0));
    TRY(getxattr("a", "", NULL, 0));
    TRY(listxattr("a", NULL, 0));
}

CASE(name_spaces) {
    make("a", "text");
    TRY(setxattr("a", "trusted.x", "1", 1, 0));
    TRY(setxattr("a", "security.x", "2", 1, 0));
    TRY(setxattr("a", "system.x", "3", 1, 0));
    TRY(setxattr("a", "other.x", "4", 1, 0));
    TRY(setxattr("a", "x", "5", 1, 0));
    TRY(setxattr("a", "trusted.", "1", 1, 0));
    TRY(setxattr("a", "security.", "1", 1, 0));
    TRY(setxattr("a", "USER.x", "1", 1, 0));
    TRY(getxattr("a", "system.x", NULL, 0));
    TRY(getxattr("a", "other.x", NULL, 0));
    TRY(removexattr("a", "system.x"));
    TRY(removexattr("a", "other.x"));
    value("a", "trusted.x"), value("a", "security.x");
    listed("a");
}

CASE(name_spaces_by_a_user) {
    need_users();
    make_for("a", "text", 0644, STRANGER, STRANGER);
    need(setxattr("a", "trusted.x", "1", 1, 0) == 0 && setxattr("a", "security.x", "2", 1, 0) == 0, "setxattr");
    AS(STRANGER, STRANGER) {
        TRY(setxattr("a", "user.x", "1", 1, 0));
        TRY(setxattr("a", "trusted.y", "1", 1, 0));
        TRY(setxattr("a", "security.y", "1", 1, 0));
        TRY(removexattr("a", "trusted.x"));
        TRY(removexattr("a", "security.x"));
        value("a", "trusted.x"), value("a", "security.x");
        listed("a");
    }
    listed("a");
}

CASE(kinds_of_files) {
    folder("dir", 0755);
    make("a", "text");
    need(symlink("a", "symlink") == 0 && mkfifo("fifo", 0666) == 0 && mknod("socket", S_IFSOCK | 0666, 0) == 0, "nodes");
    const char *paths[] = {"dir", "symlink", "fifo", "socket", ROOT};
    for (int i = 0; i < 5; i++) {
        const char *path = paths[i];
        say("%s", path);
        TRY(lsetxattr(path, "user.x", "1", 1, 0));
        TRY(lsetxattr(path, "trusted.x", "2", 1, 0));
        TRY(lsetxattr(path, "security.x", "3", 1, 0));
        value(path, "user.x"), value(path, "trusted.x"), value(path, "user.absent");
        listed(path);
    }
    TRY(setxattr("symlink", "user.y", "1", 1, 0));
    listed("a"), listed("symlink");
}

CASE(by_descriptor) {
    make("a", "text");
    int fd = opened("a", O_RDONLY), dir = opened(".", O_RDONLY), path = opened("a", O_PATH);
    char bytes[20];
    TRY(fsetxattr(fd, "user.x", "1", 1, 0));
    TRY(fgetxattr(fd, "user.x", bytes, 20));
    TRY(flistxattr(fd, bytes, 20));
    TRY(fremovexattr(fd, "user.x"));
    TRY(fsetxattr(dir, "user.x", "1", 1, 0));
    TRY(fsetxattr(path, "user.x", "1", 1, 0));
    TRY(flistxattr(path, bytes, 20));
    TRY(unlink("a"));
    TRY(fsetxattr(fd, "user.y", "1", 1, 0));
    TRY(fgetxattr(fd, "user.y", bytes, 20));
}

CASE(on_a_sticky_directory) {
    need_users();
    folder("tmp", 01777);
    AS(STRANGER, STRANGER) TRY(setxattr("tmp", "user.x", "1", 1, 0));
    folder_for("his", 01777, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) TRY(setxattr("his", "user.x", "1", 1, 0));
    AS(OTHER, OTHER) value("his", "user.x");
}

CASE(write_permission) {
    need_users();
    make_mode("writable", "text", 0666), make_for("his", "text", 0444, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        TRY(setxattr("writable", "user.x", "1", 1, 0));
        TRY(setxattr("his", "user.x", "1", 1, 0));
        TRY(removexattr("writable", "user.x"));
    }
}

CASE(many) {
    make("a", "text");
    for (int i = 0; i < 100; i++) {
        char name[40];
        snprintf(name, sizeof name, "user.number%d", i);
        need(setxattr("a", name, name, strlen(name), 0) == 0, name);
    }
    TRY(listxattr("a", NULL, 0));
    char bytes[4000];
    TRY(listxattr("a", bytes, 100));
    TRY(listxattr("a", bytes, sizeof bytes));
    value("a", "user.number77");
}

CASE(long_lists) {
    make("a", "text");
    char name[256], *list = malloc(70000);
    int made = 0;
    for (int i = 0; i < 300; i++) {
        memset(name, 'n', 255), name[255] = 0;
        memcpy(name, "user.", 5);
        name[5] = '0' + i / 100, name[6] = '0' + i / 10 % 10, name[7] = '0' + i % 10;
        if (setxattr("a", name, "", 0, 0) == 0) made++;
        else {
            say("%d: %s", i, error_name(errno));
            break;
        }
    }
    say("%d made", made);
    TRY(listxattr("a", NULL, 0));
    TRY(listxattr("a", list, 70000));
    TRY(listxattr("a", list, 65536));
}

CASE(go_with_the_file) {
    make("a", "text");
    need(setxattr("a", "user.x", "1", 1, 0) == 0, "setxattr");
    need(link("a", "b") == 0 && rename("a", "c") == 0, "names");
    value("b", "user.x"), value("c", "user.x");
    make("d", "other");
    need(rename("d", "c") == 0, "rename");
    value("c", "user.x");
    need(unlink("b") == 0, "unlink");
    make("b", "again");
    listed("b");
}

CASE(seen_by_another_process) {
    make("a", "text");
    struct gate ready = gate(), set = gate();
    pid_t pid = start("watcher");
    if (pid == 0) {
        value("a", "user.x"), listed("a");
        open_gate(ready), pass(set);
        value("a", "user.x"), listed("a");
        _exit(0);
    }
    pass(ready);
    need(setxattr("a", "user.x", "seen", 4, 0) == 0, "setxattr");
    open_gate(set);
    finish(pid);
}

CASE(file_capabilities) {
    make_mode("program", "x", 0755);
    unsigned char caps[20] = {0, 0, 0, 2, 0, 4};
    TRY(setxattr("program", "security.capability", caps, 20, 0));
    TRY(getxattr("program", "security.capability", NULL, 0));
    TRY(setxattr("program", "security.capability", caps, 3, 0));
    listed("program");
    int fd = opened("program", O_WRONLY);
    TRY(write(fd, "y", 1));
    TRY(getxattr("program", "security.capability", NULL, 0));
    need(setxattr("program", "security.capability", caps, 20, 0) == 0, "setxattr");
    TRY(chown("program", 1, 1));
    TRY(getxattr("program", "security.capability", NULL, 0));
    need(setxattr("program", "security.capability", caps, 20, 0) == 0, "setxattr");
    TRY(truncate("program", 0));
    TRY(getxattr("program", "security.capability", NULL, 0));
}

CASE(file_capabilities_and_set_id_written_by_root) {
    need_users();
    unsigned char caps[20] = {0, 0, 0, 2, 0, 4};
    for (int bits = 0; bits < 3; bits++) {
        make_mode("program", "x", 0755);
        need(chmod("program", (mode_t[]){04755, 02755, 06711}[bits]) == 0, "chmod");
        TRY(setxattr("program", "security.capability", caps, 20, 0));
        int fd = opened("program", O_WRONLY | O_APPEND);
        TRY(write(fd, "y", 1));
        TRY(getxattr("program", "security.capability", NULL, 0));
        show_fd("program", fd);
        close(fd);
        need(unlink("program") == 0, "unlink");
    }
}

CASE(refused) {
    make("a", "text");
    char *nowhere = reserve(1);
    TRY(setxattr("absent", "user.x", "1", 1, 0));
    TRY(getxattr("absent", "user.x", NULL, 0));
    TRY(listxattr("absent", NULL, 0));
    TRY(setxattr("a", "user.x", nowhere, 10, 0));
    TRY(setxattr("a", nowhere, "1", 1, 0));
    TRY(setxattr("a", "user.x", "1", 1, 0));
    TRY(getxattr("a", "user.x", nowhere, 10));
    TRY(setxattr("a/x", "user.x", "1", 1, 0));
}
