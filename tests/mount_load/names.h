/*
 * The roles that look at names: a model of an own folder, a race for the same names, a folder that nobody changes.
 */
#pragma once
#include "load.h"
#include <dirent.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define NAMES 48
#define GONE 0

enum kind { FILE_, FOLDER, SYMLINK };

/* What stands under each name; names with one number are links of one file. */
struct node {
    uint64_t number;
    enum kind kind;
    uint64_t mark; /* of `user.mark`, or 0 */
};
static struct node nodes[NAMES];
static uint64_t last_number;

static const char *name_of(unsigned i) { return named("name", i); }

static struct node fresh(enum kind kind) { return (struct node){++last_number, kind, 0}; }

static unsigned links_of(uint64_t number) {
    unsigned links = 0;
    for (unsigned i = 0; i < NAMES; i++) links += nodes[i].number == number;
    return links;
}

static void set_mark(uint64_t number, uint64_t mark) {
    for (unsigned i = 0; i < NAMES; i++)
        if (nodes[i].number == number) nodes[i].mark = mark;
}

static void make(unsigned i) {
    int there = nodes[i].number ? EEXIST : 0;
    switch (roll(3)) {
    case 0: {
        struct node node = fresh(FILE_);
        int fd = TIMED("create", open(name_of(i), O_RDWR | O_CREAT | O_EXCL, 0600));
        if (there ? fd != -1 || errno != EEXIST : fd < 0) bad("open O_EXCL of %s gave %d", name_of(i), fd);
        if (fd < 0) return;
        if (WANT("write", write(fd, &node.number, 8)) != 8) bad("a short write");
        EXPECT(0, "close", close(fd));
        nodes[i] = node;
        return;
    }
    case 1:
        EXPECT(there, "mkdir", mkdir(name_of(i), 0700));
        if (!there) nodes[i] = fresh(FOLDER);
        return;
    default: {
        struct node node = fresh(SYMLINK);
        EXPECT(there, "symlink", symlink(named("to", node.number), name_of(i)));
        if (!there) nodes[i] = node;
    }
    }
}

static void drop(unsigned i) {
    struct node node = nodes[i];
    if (roll(2)) {
        EXPECT(!node.number ? ENOENT : node.kind == FOLDER ? EISDIR : 0, "unlink", unlink(name_of(i)));
        if (node.number && node.kind != FOLDER) nodes[i].number = GONE;
    } else {
        EXPECT(!node.number ? ENOENT : node.kind != FOLDER ? ENOTDIR : 0, "rmdir", rmdir(name_of(i)));
        if (node.number && node.kind == FOLDER) nodes[i].number = GONE;
    }
}

static void move(unsigned a, unsigned b) {
    struct node from = nodes[a], to = nodes[b];
    int error = !from.number ? ENOENT : 0;
    switch (roll(4)) {
    case 0:
        error = error ? error : to.number ? EEXIST : 0;
        EXPECT(error, "norepl", renameat2(AT_FDCWD, name_of(a), AT_FDCWD, name_of(b), RENAME_NOREPLACE));
        break;
    case 1:
        error = error ? error : !to.number ? ENOENT : 0;
        EXPECT(error, "exchange", renameat2(AT_FDCWD, name_of(a), AT_FDCWD, name_of(b), RENAME_EXCHANGE));
        if (!error) {
            nodes[a] = to;
            nodes[b] = from;
        }
        return;
    default:
        if (!error && a != b && to.number && from.number != to.number && (from.kind == FOLDER) != (to.kind == FOLDER))
            error = from.kind == FOLDER ? ENOTDIR : EISDIR;
        EXPECT(error, "rename", rename(name_of(a), name_of(b)));
    }
    /* Two names of one file stay both (rename(2)). */
    if (!error && a != b && from.number != to.number) {
        nodes[b] = from;
        nodes[a].number = GONE;
    }
}

static void join(unsigned a, unsigned b) {
    int error = !nodes[a].number ? ENOENT : nodes[b].number ? EEXIST : nodes[a].kind == FOLDER ? EPERM : 0;
    EXPECT(error, "link", link(name_of(a), name_of(b)));
    if (!error) nodes[b] = nodes[a];
}

static void mark(unsigned i) {
    if (!nodes[i].number || nodes[i].kind == SYMLINK) return;
    uint64_t next = nodes[i].mark + 1, none = nodes[i].mark == 0;
    if (roll(2)) {
        EXPECT(none ? 0 : EEXIST, "setxattr", setxattr(name_of(i), "user.mark", &next, 8, XATTR_CREATE));
        if (none) set_mark(nodes[i].number, next);
    } else {
        EXPECT(none ? ENODATA : 0, "rmxattr", removexattr(name_of(i), "user.mark"));
        set_mark(nodes[i].number, 0);
    }
}

static void look_at(unsigned i) {
    struct node node = nodes[i];
    struct stat st;
    EXPECT(node.number ? 0 : ENOENT, "lstat", lstat(name_of(i), &st));
    if (!node.number) return;
    static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFLNK};
    if ((st.st_mode & S_IFMT) != types[node.kind]) bad("%s has mode %o", name_of(i), st.st_mode);
    if (node.kind != FOLDER && st.st_nlink != links_of(node.number))
        bad("%s has %lu links and not %u", name_of(i), (unsigned long)st.st_nlink, links_of(node.number));
    if (node.kind == SYMLINK) {
        char goal[64] = "";
        WANT("readlink", readlink(name_of(i), goal, sizeof goal - 1));
        if (strcmp(goal, named("to", node.number))) bad("%s leads to %s", name_of(i), goal);
    }
    uint64_t there = 0;
    if (node.kind == FILE_) {
        int fd = (int)WANT("open", open(name_of(i), O_RDONLY));
        if (WANT("read", read(fd, &there, 8)) != 8 || there != node.number || st.st_size != 8)
            bad("%s is file %llu and not %llu", name_of(i), (unsigned long long)there, (unsigned long long)node.number);
        EXPECT(0, "close", close(fd));
    }
    if (node.kind != SYMLINK) {
        there = 0;
        long got = TIMED("getxattr", getxattr(name_of(i), "user.mark", &there, 8));
        if (node.mark ? got != 8 || there != node.mark : got != -1 || errno != ENODATA)
            bad("user.mark of %s: %ld, %llu and not %llu", name_of(i), got, (unsigned long long)there, (unsigned long long)node.mark);
    }
}

/* The names of the folder here that begin with `word`, each once, as bits of `seen`; fails at others. */
static void listed(const char *word, unsigned char *seen, unsigned bound) {
    memset(seen, 0, bound);
    begins("readdir");
    DIR *open = opendir(".");
    if (!open) bad("opendir");
    errno = 0;
    for (struct dirent *entry; (entry = readdir(open));) {
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        char *end;
        unsigned long number = strtoul(name + strlen(word), &end, 10);
        if (strncmp(name, word, strlen(word)) || *end || number >= bound) bad("a name that nobody made: %s", name);
        if (seen[number]++) bad("%s is listed twice", name);
    }
    if (errno) bad("readdir");
    closedir(open);
    ends();
}

static void list(void) {
    unsigned char seen[NAMES];
    listed("name", seen, NAMES);
    for (unsigned i = 0; i < NAMES; i++)
        if (seen[i] != (nodes[i].number != GONE)) bad("%s is%s listed", name_of(i), seen[i] ? "" : " not");
}

static void role_names(void) {
    const char *folder = named("names", which);
    EXPECT(0, "mkdir", mkdir(folder, 0755));
    EXPECT(0, "chdir", chdir(folder));
    while (!stopped()) {
        unsigned a = (unsigned)roll(NAMES), b = (unsigned)roll(NAMES), turn = (unsigned)roll(100);
        if (turn < 25)
            make(a);
        else if (turn < 40)
            drop(a);
        else if (turn < 60)
            move(a, b);
        else if (turn < 68)
            join(a, b);
        else if (turn < 75)
            mark(a);
        else if (turn < 98)
            look_at(a);
        else
            list();
    }
    for (unsigned i = 0; i < NAMES; i++) look_at(i);
    list();
}

/* Several processes want the same names: what is made less what is removed is what is there. */
static void role_race(void) {
    if (TIMED("mkdir", mkdir("race", 0755)) != 0 && errno != EEXIST) bad("mkdir race");
    EXPECT(0, "chdir", chdir("race"));
    while (!stopped()) {
        unsigned i = (unsigned)roll(RACE_NAMES);
        const char *name = named("race", i);
        int made = 0;
        switch (roll(4)) {
        case 0: {
            int fd = TIMED("create", open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
            if (fd < 0 && errno != EEXIST) bad("create %s", name);
            if (fd >= 0) EXPECT(0, "close", close(fd));
            made = fd >= 0;
            break;
        }
        case 1:
            made = TIMED("symlink", symlink("race", name)) == 0;
            if (!made && errno != EEXIST) bad("symlink %s", name);
            break;
        default:
            made = -(TIMED("unlink", unlink(name)) == 0);
            if (!made && errno != ENOENT) bad("unlink %s", name);
        }
        mine->names[i] += made;
    }
}

#define STILL 300

/* Made before the load begins; nobody changes it. */
static void role_prepare(void) {
    EXPECT(0, "mkdir", mkdir("still", 0755));
    EXPECT(0, "chdir", chdir("still"));
    for (unsigned i = 0; i < STILL; i++) {
        int fd = (int)WANT("open", open(named("still", i), O_WRONLY | O_CREAT | O_EXCL, 0600));
        EXPECT(0, "truncate", ftruncate(fd, i * 100));
        EXPECT(0, "fchmod", fchmod(fd, 0400 | (i & 0377)));
        EXPECT(0, "close", close(fd));
    }
}

static void role_look(void) {
    struct stat st;
    struct statvfs vfs;
    unsigned char seen[STILL];
    EXPECT(0, "chdir", chdir("still"));
    while (!stopped()) {
        unsigned i = (unsigned)roll(STILL);
        EXPECT(0, "stat", stat(named("still", i), &st));
        if (st.st_size != i * 100 || (st.st_mode & 0777) != (0400 | (i & 0377)) || st.st_nlink != 1)
            bad("still%u: size %lld, mode %o", i, (long long)st.st_size, st.st_mode);
        EXPECT(ENOENT, "stat", stat(named("absent", i), &st));
        if (roll(20) == 0) EXPECT(0, "access", access(named("still", i), F_OK));
        if (roll(50) == 0) {
            EXPECT(0, "statvfs", statvfs(".", &vfs));
            if (vfs.f_bavail > vfs.f_blocks) bad("more blocks are free than there are");
        }
        if (roll(100) == 0) {
            listed("still", seen, STILL);
            for (unsigned at = 0; at < STILL; at++)
                if (!seen[at]) bad("still%u is not listed", at);
        }
    }
}
