/* Names: their lengths, their bytes, slashes, paths. */
#include "mounted.h"

CASE(lengths) {
    size_t lengths[] = {1, 14, 254, 255, 256, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const char *name = long_name(lengths[i], 'n');
        int fd = open(name, O_RDWR | O_CREAT, 0644);
        say("create %zu: %s", lengths[i], fd < 0 ? error_name(errno) : "fine");
        struct stat s;
        say("stat: %s", lstat(name, &s) < 0 ? error_name(errno) : "fine");
        say("unlink: %s", unlink(name) < 0 ? error_name(errno) : "fine");
        say("mkdir: %s", mkdir(name, 0755) < 0 ? error_name(errno) : "fine");
        say("rmdir: %s", rmdir(name) < 0 ? error_name(errno) : "fine");
        say("symlink: %s", symlink("x", name) < 0 ? error_name(errno) : "fine");
        unlink(name);
    }
}

CASE(lengths_in_other_calls) {
    char *most = long_name(255, 'a'), *more = long_name(256, 'b');
    make("a", "text");
    TRY(rename("a", more));
    TRY(rename("a", most));
    TRY(link(most, more));
    TRY(rename(more, "a"));
    TRY(mknod(more, S_IFIFO | 0644, 0));
    TRY(truncate(more, 0));
    TRY(chmod(more, 0));
    TRY(readlink(more, (char[4]){0}, 4));
    TRY(getxattr(more, "user.x", NULL, 0));
    TRY(rename(most, "b"));
    names(".");
}

CASE(every_byte) {
    int made = 0, refused = 0;
    for (int byte = 1; byte < 256; byte++) {
        char name[3] = {'n', (char)byte, 0};
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
        if (fd >= 0) made++, close(fd);
        else refused++, say("%d: %s", byte, error_name(errno));
    }
    say("%d made, %d refused", made, refused);
    int listed = 0, sum = 0;
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] == 'n') listed++, sum += (unsigned char)entry->d_name[1];
    say("%d listed, sum of bytes %d", listed, sum);
    closedir(dir);
}

CASE(odd_names) {
    const char *odd[] = {" ",        "\n",       "\t",  "...", "-rf",     "*",     "a:b",
                         "a\\b",     "\xc3\xa4", "\xff\xfe", "CON", "a.", ".hidden", ".sysv2"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        make(odd[i], odd[i]);
        content(odd[i]);
    }
    show_file(".");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) need(unlink(odd[i]) == 0, odd[i]);
    names(".");
}

CASE(case_matters) {
    make("name", "small"), make("NAME", "large"), make("Name", "mixed");
    content("name"), content("NAME"), content("Name");
    make("\xc3\xa4", "composed"), make("a\xcc\x88", "decomposed");
    content("\xc3\xa4"), content("a\xcc\x88");
}

CASE(long_paths) {
    char path[2 * PATH_MAX];
    for (size_t len = 4094; len <= 4097; len++) {
        strcpy(path, "./");
        while (strlen(path) < len - 1) strcat(path, strlen(path) % 2 ? "/" : ".");
        path[len - 1] = 'x', path[len] = 0;
        path[len - 2] = '/';
        int fd = open(path, O_RDWR | O_CREAT, 0644);
        say("%zu bytes: %s", len, fd < 0 ? error_name(errno) : "fine");
    }
    names(".");
}

CASE(slashes) {
    folder("dir", 0755);
    make("dir/a", "text");
    content("dir//a"), content("dir///a"), content("./dir/./a"), content("dir/../dir/a");
    show_file("dir/"), show_file("dir//"), show_file("dir/."), show_file("dir/a/.");
    content("//run//mount//here//dir//a");
}

CASE(parent_of_the_root) {
    show_mode(ROOT "/..");
    say("the root's parent is another file system: %d", inode(ROOT) != inode("/run"));
    content(ROOT "/../mount/here/absent");
    make("a", "text");
    content(ROOT "/../mount/here/a");
}

CASE(dot_and_dot_dot) {
    folder("a", 0755), folder("a/b", 0755);
    say(". %d .. %d", inode("a/b/.") == inode("a/b"), inode("a/b/..") == inode("a"));
    say("../.. %d", inode("a/b/../..") == inode("."));
    say(".. of here %d", inode("..") == inode(ROOT));
}

CASE(cwd_is_named) {
    folder("a", 0755), folder("a/b", 0755);
    char path[PATH_MAX];
    need(chdir("a/b") == 0, "chdir");
    say("%s", getcwd(path, sizeof path));
    need(rename("../../a", "../../other") == 0, "rename");
    say("%s", getcwd(path, sizeof path));
    int fd = opened("../../other", O_RDONLY | O_DIRECTORY);
    need(fchdir(fd) == 0, "fchdir");
    say("%s", getcwd(path, sizeof path));
}

CASE(names_of_descriptors) {
    make("a", "text");
    opened("a", O_RDONLY);
    link_text("/proc/self/fd/3");
    need(rename("a", "b") == 0, "rename");
    link_text("/proc/self/fd/3");
    need(unlink("b") == 0, "unlink");
    link_text("/proc/self/fd/3");
    make("b", "other");
    link_text("/proc/self/fd/3");
}

CASE(names_used_again) {
    ino_t last = 0;
    int same = 0;
    for (int i = 0; i < 50; i++) {
        make("a", i % 2 ? "odd" : "even");
        if (inode("a") == last) same++;
        last = inode("a");
        need(unlink("a") == 0, "unlink");
        folder("a", 0755);
        if (inode("a") == last) same++;
        last = inode("a");
        need(rmdir("a") == 0, "rmdir");
    }
    say("inode numbers seen twice in a row: %d", same);
    make("a", "last"), content("a");
}

CASE(absent_names_are_looked_up_again) {
    show_file("a");
    struct gate go = gate(), made = gate();
    pid_t maker = start("maker");
    if (maker == 0) {
        pass(go);
        make("a", "text");
        open_gate(made);
        _exit(0);
    }
    content("a");
    open_gate(go), pass(made);
    content("a");
    finish(maker);
    CHILD("remover") TRY(unlink("a"));
    content("a");
    CHILD("maker again") TRY(mkdir("a", 0700));
    show_file("a");
}
