/* Reading directories: readdir(3), getdents64(2), seekdir(3). */
#include "mounted.h"

static void make_many(int count) {
    for (int i = 0; i < count; i++) {
        char name[20];
        snprintf(name, sizeof name, "n%05d", i);
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
        need(fd >= 0, name);
        close(fd);
    }
}

/* Which of n00000... are found, and how often. */
static void tell_found(DIR *dir, int count) {
    char *times = calloc(count, 1);
    int other = 0, twice = 0, found = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int number;
        if (sscanf(entry->d_name, "n%d", &number) == 1 && number < count) {
            if (times[number]++) twice++;
            else found++;
        } else other++;
    }
    say("%d found, %d twice, %d others", found, twice, other);
    free(times);
}

CASE(empty) {
    folder("d", 0755);
    names("d");
    DIR *dir = opendir("d");
    say("first %s", readdir(dir)->d_name);
    say("second %s", readdir(dir)->d_name);
    say("third %s", readdir(dir) ? "there" : "none");
    say("again %s", readdir(dir) ? "there" : "none");
    rewinddir(dir);
    say("rewound %s", readdir(dir)->d_name);
}

CASE(types) {
    make("file", ""), folder("dir", 0755);
    need(symlink("x", "symlink") == 0 && mkfifo("fifo", 0644) == 0 && mknod("socket", S_IFSOCK | 0644, 0) == 0, "nodes");
    need(mknod("char", S_IFCHR | 0644, makedev(1, 3)) == 0 && mknod("block", S_IFBLK | 0644, makedev(7, 1)) == 0, "nodes");
    names(".");
}

CASE(five_thousand) {
    make_many(5000);
    DIR *dir = opendir(".");
    tell_found(dir, 5000);
    rewinddir(dir);
    tell_found(dir, 5000);
    show_file(".");
    for (int i = 0; i < 5000; i += 2) {
        char name[20];
        snprintf(name, sizeof name, "n%05d", i);
        need(unlink(name) == 0, name);
    }
    rewinddir(dir);
    tell_found(dir, 5000);
    show_file(".");
}

CASE(long_names) {
    for (int i = 0; i < 60; i++) {
        char *name = long_name(255, 'x');
        name[0] = '0' + i % 10, name[1] = '0' + i / 10;
        make(name, "");
    }
    DIR *dir = opendir(".");
    int count = 0, whole = 0;
    for (struct dirent *entry; (entry = readdir(dir));) count++, whole += strlen(entry->d_name) == 255;
    say("%d, %d whole", count, whole);
}

CASE(deletion_while_reading) {
    make_many(1000);
    DIR *dir = opendir(".");
    int deleted = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] == 'n') deleted += unlink(entry->d_name) == 0;
    say("%d deleted", deleted);
    rewinddir(dir);
    tell_found(dir, 1000);
    names(".");
}

CASE(deletion_by_another_while_reading) {
    make_many(1000);
    DIR *dir = opendir(".");
    for (int i = 0; i < 10; i++) readdir(dir);
    CHILD("remover") {
        for (int i = 0; i < 1000; i++) {
            char name[20];
            snprintf(name, sizeof name, "n%05d", i);
            unlink(name);
        }
        say("removed");
    }
    rewinddir(dir);
    tell_found(dir, 1000);
}

CASE(creation_while_reading) {
    make_many(500);
    DIR *dir = opendir(".");
    for (int i = 0; i < 5; i++) readdir(dir);
    for (int i = 0; i < 100; i++) {
        char name[20];
        snprintf(name, sizeof name, "z%d", i);
        make(name, "");
    }
    char *times = calloc(500, 1);
    int twice = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int number;
        if (sscanf(entry->d_name, "n%d", &number) == 1) twice += times[number]++ > 0;
    }
    say("%d twice", twice);
    rewinddir(dir);
    tell_found(dir, 500);
}

CASE(renaming_while_reading) {
    make_many(300);
    DIR *dir = opendir(".");
    int seen = 0;
    for (struct dirent *entry; seen < 5000 && (entry = readdir(dir)); seen++)
        if (entry->d_name[0] == 'n') {
            char to[300];
            snprintf(to, sizeof to, "m%s", entry->d_name + 1);
            rename(entry->d_name, to);
        }
    say("ended: %d", seen < 5000);
    int done = 0;
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir));) done += entry->d_name[0] == 'm';
    say("%d renamed", done);
}

CASE(positions) {
    make_many(100);
    DIR *dir = opendir(".");
    long at[102];
    char names_[102][20];
    int count = 0, wrong = 0;
    at[0] = telldir(dir);
    for (struct dirent *entry; count < 102 && (entry = readdir(dir)); count++) {
        snprintf(names_[count], 20, "%.19s", entry->d_name);
        if (count < 101) at[count + 1] = telldir(dir);
    }
    say("%d entries", count);
    for (int i = 0; i < count; i += 7) {
        seekdir(dir, at[i]);
        struct dirent *entry = readdir(dir);
        if (!entry || strcmp(entry->d_name, names_[i])) wrong++;
    }
    for (int i = count - 1; i >= 0; i -= 5) {
        seekdir(dir, at[i]);
        struct dirent *entry = readdir(dir);
        if (!entry || strcmp(entry->d_name, names_[i])) wrong++;
    }
    say("%d wrong", wrong);
}

CASE(position_of_a_deleted_name) {
    make_many(50);
    DIR *dir = opendir(".");
    for (int i = 0; i < 20; i++) readdir(dir);
    long at = telldir(dir);
    struct dirent *next = readdir(dir);
    char name[300];
    snprintf(name, sizeof name, "%s", next->d_name);
    struct dirent *after = readdir(dir);
    char expected[300];
    snprintf(expected, sizeof expected, "%s", after->d_name);
    need(unlink(name) == 0, "unlink");
    seekdir(dir, at);
    struct dirent *entry = readdir(dir);
    say("goes on with the one behind: %d", entry && strcmp(entry->d_name, expected) == 0);
}

CASE(order_of_creation) {
    make("one", ""), make("two", ""), make("three", ""), folder("four", 0755);
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));) say("%s", entry->d_name);
}

CASE(small_buffers) {
    make_many(20);
    int fd = opened(".", O_RDONLY | O_DIRECTORY);
    char bytes[64];
    int calls = 0, entries = 0;
    long n;
    TRY(syscall(SYS_getdents64, fd, bytes, 10));
    while ((n = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0) {
        calls++;
        for (long at = 0; at < n; at += ((struct dirent64 *)(bytes + at))->d_reclen) entries++;
    }
    say("%d calls, %d entries, end %ld", calls, entries, n);
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(syscall(SYS_getdents64, fd, bytes, sizeof bytes) > 0);
    TRY(syscall(SYS_getdents64, fd, reserve(1), sizeof bytes));
}

CASE(on_other_files) {
    make("a", "text");
    int fd = opened("a", O_RDONLY), path = opened(".", O_PATH);
    char bytes[200];
    TRY(syscall(SYS_getdents64, fd, bytes, sizeof bytes));
    TRY(syscall(SYS_getdents64, path, bytes, sizeof bytes));
    names("a"), names("absent");
}

CASE(two_readers) {
    make_many(200);
    DIR *one = opendir("."), *two = opendir(".");
    int same = 0;
    for (int i = 0; i < 100; i++) same += strcmp(readdir(one)->d_name, readdir(two)->d_name) == 0;
    say("%d in the same order", same);
    CHILD("child") tell_found(opendir("."), 200);
    rewinddir(one);
    tell_found(one, 200);
}

CASE(shared_position) {
    make_many(100);
    int fd = opened(".", O_RDONLY | O_DIRECTORY);
    char bytes[1000];
    int mine = 0, its = 0;
    long n = syscall(SYS_getdents64, fd, bytes, sizeof bytes);
    for (long at = 0; at < n; at += ((struct dirent64 *)(bytes + at))->d_reclen) mine++;
    struct gate counted = gate();
    CHILD("child") {
        while ((n = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0)
            for (long at = 0; at < n; at += ((struct dirent64 *)(bytes + at))->d_reclen) its++;
        need(write(counted.fd[1], &its, sizeof its) == sizeof its, "write");
    }
    need(read(counted.fd[0], &its, sizeof its) == sizeof its, "read");
    say("together %d", mine + its);
    TRY(syscall(SYS_getdents64, fd, bytes, sizeof bytes));
}

CASE(deep) {
    for (int i = 0; i < 300; i++) need(mkdir("d", 0755) == 0 && chdir("d") == 0, "mkdir");
    char path[PATH_MAX];
    need(getcwd(path, sizeof path), "getcwd");
    say("%zu bytes of path", strlen(path));
    make("bottom", "text");
    content("bottom");
    for (int i = 0; i < 300; i++) need(chdir("..") == 0, "chdir");
    names(".");
    char deep[PATH_MAX] = "";
    for (int i = 0; i < 300; i++) strcat(deep, "d/");
    strcat(deep, "bottom");
    content(deep);
    need(chdir(ROOT) == 0, "chdir");
    pid_t pid = start("rm");
    if (pid == 0) {
        execlp("rm", "rm", "-r", "here/d", (char *)NULL);
        _exit(1);
    }
    finish(pid);
    names("here");
}

CASE(names_in_the_root) {
    make(ROOT "/a", ""), folder(ROOT "/d", 0755);
    names(ROOT);
    show_file(ROOT);
    need(unlink(ROOT "/a") == 0, "unlink");
    names(ROOT);
    show_file(ROOT);
}

CASE(changes_of_others_are_seen) {
    names(".");
    struct gate made = gate(), seen = gate(), gone = gate();
    pid_t pid = start("maker");
    if (pid == 0) {
        make("a", ""), folder("b", 0755);
        open_gate(made), pass(seen);
        need(unlink("a") == 0 && rename("b", "c") == 0, "changes");
        open_gate(gone);
        _exit(0);
    }
    pass(made);
    names(".");
    open_gate(seen), pass(gone);
    names(".");
    finish(pid);
}
