/* POSIX access control lists, as the bytes of system.posix_acl_access and system.posix_acl_default (acl(5)). */
#include "mounted.h"

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, REST = 32 };
#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct acl {
    uint32_t version;
    struct { uint16_t tag, perm; uint32_t id; } entry[12];
};

/* "u::6 u:65534:4 g::4 m::4 o::0" */
static size_t parse(const char *text, struct acl *acl) {
    char copy[200], *at;
    snprintf(copy, sizeof copy, "%s", text);
    int count = 0;
    acl->version = 2;
    for (char *word = strtok_r(copy, " ", &at); word; word = strtok_r(NULL, " ", &at), count++) {
        char kind = word[0];
        bool named = word[2] != ':';
        int tag = kind == 'u' ? USER_OBJ : kind == 'g' ? GROUP_OBJ : kind == 'm' ? MASK : REST;
        acl->entry[count].tag = named ? tag * 2 : tag;
        acl->entry[count].id = named ? (uint32_t)atol(word + 2) : 0xffffffffu;
        acl->entry[count].perm = (uint16_t)(word[strlen(word) - 1] - '0');
    }
    return 4 + 8 * count;
}

static int set_acl(const char *path, const char *which, const char *text) {
    struct acl acl;
    size_t size = parse(text, &acl);
    return setxattr(path, which, &acl, size, 0);
}

static void show_acl(const char *path, const char *which) {
    struct acl acl;
    char line[300] = "";
    int at = 0;
    ssize_t n = getxattr(path, which, &acl, sizeof acl);
    if (n < 0) {
        say("%s of %s: %s", which + 17, path, error_name(errno));
        return;
    }
    for (int i = 0; i < (n - 4) / 8; i++) {
        int tag = acl.entry[i].tag;
        char kind = tag == MASK ? 'm' : tag == REST ? 'o' : tag & (USER_OBJ | USER) ? 'u' : 'g';
        char *end = line + at;
        size_t room = sizeof line - at;
        if (tag == USER || tag == GROUP) at += snprintf(end, room, " %c:%u:%d", kind, acl.entry[i].id, acl.entry[i].perm);
        else at += snprintf(end, room, " %c::%d", kind, acl.entry[i].perm);
    }
    say("%s of %s:%s", which + 17, path, line);
}

static void show_all(const char *path) {
    show_mode(path), show_acl(path, ACCESS);
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) show_acl(path, DEFAULT);
}

CASE(set_and_get) {
    make("a", "text");
    show_all("a");
    TRY(set_acl("a", ACCESS, "u::6 u:65534:4 g::4 m::4 o::0"));
    show_all("a");
    TRY(set_acl("a", ACCESS, "u::7 u:65534:6 u:65533:1 g::5 g:4242:7 m::7 o::1"));
    show_all("a");
    TRY(removexattr("a", ACCESS));
    show_all("a");
    TRY(removexattr("a", ACCESS));
}

CASE(what_modes_can_say) {
    make("a", "text");
    TRY(set_acl("a", ACCESS, "u::6 g::2 o::1"));
    show_all("a");
    TRY(listxattr("a", NULL, 0));
    TRY(set_acl("a", ACCESS, "u::6 u:1:4 g::4 m::4 o::0"));
    TRY(listxattr("a", NULL, 0));
}

CASE(refused) {
    make("a", "text");
    TRY(set_acl("a", ACCESS, "u::6 u:65534:4 g::4 o::0"));
    TRY(set_acl("a", ACCESS, "u::6 g::4"));
    TRY(set_acl("a", ACCESS, "g::4 u::6 o::0"));
    TRY(set_acl("a", ACCESS, "u::8 g::4 o::0"));
    TRY(set_acl("a", DEFAULT, "u::6 g::4 o::0"));
    TRY(setxattr("a", ACCESS, "x", 1, 0));
    TRY(setxattr("a", ACCESS, "\1\0\0\0", 4, 0));
    TRY(setxattr("a", ACCESS, "\2\0\0\0", 4, 0));
    TRY(setxattr("a", ACCESS, NULL, 0, 0));
    need(symlink("a", "s") == 0, "symlink");
    TRY(lsetxattr("s", ACCESS, "\2\0\0\0", 4, 0));
    TRY(lgetxattr("s", ACCESS, NULL, 0));
    TRY(getxattr("a", DEFAULT, NULL, 0));
    show_all("a");
}

CASE(named_users_and_groups) {
    need_users();
    make_mode("a", "text", 0600);
    need(set_acl("a", ACCESS, "u::6 u:65534:4 g::0 g:4242:6 m::6 o::0") == 0, "acl");
    show_all("a");
    AS(STRANGER, STRANGER) FD(open("a", O_RDONLY)), FD(open("a", O_WRONLY)), TRY(access("a", R_OK)), TRY(access("a", W_OK));
    AS(OTHER, OTHER) FD(open("a", O_RDONLY)), FD(open("a", O_WRONLY));
    AS(OTHER, 4242) FD(open("a", O_RDONLY)), FD(open("a", O_WRONLY));
    AS_MEMBER(OTHER, OTHER, 4242) FD(open("a", O_RDWR));
    AS_MEMBER(STRANGER, STRANGER, 4242) FD(open("a", O_WRONLY));
}

CASE(mask_limits) {
    need_users();
    make_mode("a", "text", 0600);
    need(set_acl("a", ACCESS, "u::6 u:65534:6 g::6 m::4 o::0") == 0, "acl");
    AS(STRANGER, STRANGER) FD(open("a", O_RDONLY)), FD(open("a", O_WRONLY));
    TRY(chmod("a", 0660));
    show_all("a");
    AS(STRANGER, STRANGER) FD(open("a", O_WRONLY));
    TRY(chmod("a", 0600));
    show_all("a");
    AS(STRANGER, STRANGER) FD(open("a", O_RDONLY));
    TRY(chmod("a", 0707));
    show_all("a");
}

CASE(others_are_refused_by_name) {
    need_users();
    make_mode("a", "text", 0644);
    need(set_acl("a", ACCESS, "u::6 u:65534:0 g::4 m::4 o::4") == 0, "acl");
    AS(STRANGER, STRANGER) FD(open("a", O_RDONLY));
    AS(OTHER, OTHER) FD(open("a", O_RDONLY));
}

CASE(directories) {
    need_users();
    folder("d", 0700);
    need(set_acl("d", ACCESS, "u::7 u:65534:5 u:65533:3 g::0 m::7 o::0") == 0, "acl");
    make("d/a", "text");
    AS(STRANGER, STRANGER) names("d"), content("d/a"), TRY(mkdir("d/s", 0755));
    AS(OTHER, OTHER) names("d"), content("d/a"), TRY(mkdir("d/o", 0755)), TRY(unlink("d/a"));
    names("d");
}

CASE(inheritance) {
    folder("d", 0755);
    TRY(set_acl("d", DEFAULT, "u::7 u:65534:6 g::5 m::7 o::0"));
    show_all("d");
    close(opened("d/file", O_RDWR | O_CREAT));
    folder("d/made", 0755);
    TRY(mkdir("d/sub", 0777));
    TRY(mkdir("d/sub/sub", 0700));
    TRY(mkfifo("d/fifo", 0666));
    TRY(symlink("x", "d/symlink"));
    TRY(mknod("d/node", S_IFREG | 0666, 0));
    show_all("d/file"), show_all("d/made"), show_all("d/sub"), show_all("d/sub/sub"), show_all("d/fifo");
    show_mode("d/symlink"), show_all("d/node");
}

CASE(inheritance_and_umask) {
    umask(077);
    folder("d", 0755);
    TRY(set_acl("d", DEFAULT, "u::7 g::7 o::7"));
    close(FD(open("d/a", O_RDWR | O_CREAT, 0666)));
    TRY(mkdir("d/s", 0777));
    TRY(mknod("d/n", S_IFREG | 0640, 0));
    int fd = FD(open("d", O_TMPFILE | O_RDWR, 0666));
    show_all("d/a"), show_all("d/s"), show_all("d/n"), show_fd("unnamed", fd);
    close(FD(open("a", O_RDWR | O_CREAT, 0666)));
    show_all("a");
}

CASE(inheritance_and_modes) {
    folder("d", 0755);
    need(set_acl("d", DEFAULT, "u::7 u:65534:7 g::7 m::7 o::7") == 0, "acl");
    mode_t modes[] = {0, 0600, 0640, 0666, 0777, 0400, 0070, 0007, 06755};
    for (int i = 0; i < 9; i++) {
        char name[20];
        snprintf(name, sizeof name, "d/f%o", modes[i]);
        close(open(name, O_RDWR | O_CREAT, modes[i]));
        show_all(name);
        snprintf(name, sizeof name, "d/d%o", modes[i]);
        TRY(mkdir(name, modes[i]));
        show_mode(name);
    }
}

CASE(inherited_rights_are_enforced) {
    need_users();
    folder("d", 0755);
    need(set_acl("d", DEFAULT, "u::7 u:65534:6 g::0 m::6 o::0") == 0, "acl");
    close(FD(open("d/a", O_RDWR | O_CREAT, 0666)));
    AS(STRANGER, STRANGER) FD(open("d/a", O_RDWR));
    AS(OTHER, OTHER) FD(open("d/a", O_RDONLY));
    close(FD(open("d/b", O_RDWR | O_CREAT, 0600)));
    AS(STRANGER, STRANGER) FD(open("d/b", O_RDWR));
}

CASE(default_removed) {
    folder("d", 0755);
    need(set_acl("d", DEFAULT, "u::7 u:65534:6 g::5 m::7 o::0") == 0, "acl");
    TRY(removexattr("d", DEFAULT));
    show_all("d");
    TRY(removexattr("d", DEFAULT));
    make("d/a", "");
    show_all("d/a");
    need(set_acl("d", DEFAULT, "u::7 g::5 o::0") == 0, "acl");
    show_acl("d", DEFAULT);
    TRY(setxattr("d", DEFAULT, "\2\0\0\0", 4, 0));
    show_acl("d", DEFAULT);
}

CASE(set_by_users) {
    need_users();
    make("roots", "text"), make_mode("writable", "text", 0666);
    make_for("his", "text", 0600, STRANGER, STRANGER);
    AS(STRANGER, STRANGER) {
        TRY(set_acl("roots", ACCESS, "u::6 u:65534:6 g::4 m::6 o::4"));
        TRY(set_acl("writable", ACCESS, "u::6 u:65534:6 g::4 m::6 o::4"));
        TRY(set_acl("his", ACCESS, "u::6 u:65533:4 g::0 m::4 o::0"));
        show_all("his");
    }
    AS(OTHER, OTHER) FD(open("his", O_RDONLY)), TRY(removexattr("his", ACCESS)), show_acl("his", ACCESS);
    AS(STRANGER, STRANGER) TRY(removexattr("his", ACCESS));
    AS(OTHER, OTHER) FD(open("his", O_RDONLY));
}

CASE(setgid_is_cleared_for_others) {
    need_users();
    make_for("his", "text", 02755, STRANGER, 4242);
    AS(STRANGER, STRANGER) TRY(set_acl("his", ACCESS, "u::7 u:65533:7 g::5 m::7 o::5"));
    show_all("his");
    make_for("hers", "text", 02755, STRANGER, 4242);
    AS_MEMBER(STRANGER, STRANGER, 4242) TRY(set_acl("hers", ACCESS, "u::7 u:65533:7 g::5 m::7 o::5"));
    show_all("hers");
}

CASE(times) {
    make("a", "text"), folder("d", 0755);
    CHANGES(set_acl("a", ACCESS, "u::6 u:65534:4 g::4 m::4 o::0"), "a");
    CHANGES(set_acl("d", DEFAULT, "u::7 g::5 o::0"), "d");
    CHANGES(removexattr("a", ACCESS), "a");
}

CASE(go_with_the_file) {
    make("a", "text");
    need(set_acl("a", ACCESS, "u::6 u:65534:4 g::4 m::4 o::0") == 0, "acl");
    TRY(rename("a", "b"));
    show_all("b");
    TRY(chown("b", 1, 2));
    show_all("b");
    folder("d", 0755);
    need(set_acl("d", DEFAULT, "u::7 u:65534:6 g::5 m::7 o::0") == 0, "acl");
    TRY(rename("b", "d/b"));
    show_all("d/b");
}

CASE(seen_by_another_process) {
    need_users();
    make_mode("a", "text", 0600);
    struct gate ready = gate(), set = gate(), seen = gate();
    pid_t pid = start("watcher");
    if (pid == 0) {
        become(STRANGER, STRANGER);
        FD(open("a", O_RDONLY));
        open_gate(ready), pass(set);
        FD(open("a", O_RDONLY));
        show_acl("a", ACCESS);
        open_gate(seen), pass(set);
        FD(open("a", O_RDONLY));
        _exit(0);
    }
    pass(ready);
    need(set_acl("a", ACCESS, "u::6 u:65534:4 g::0 m::4 o::0") == 0, "acl");
    open_gate(set), pass(seen);
    need(removexattr("a", ACCESS) == 0 && chmod("a", 0600) == 0, "removing the acl");
    open_gate(set);
    finish(pid);
}

CASE(in_the_root_of_the_mount) {
    need_users();
    TRY(set_acl(ROOT, ACCESS, "u::7 u:65534:7 g::5 m::7 o::5"));
    TRY(set_acl(ROOT, DEFAULT, "u::7 u:65533:6 g::5 m::7 o::0"));
    show_all(ROOT);
    AS(STRANGER, STRANGER) close(opened(ROOT "/his", O_RDWR | O_CREAT));
    AS(OTHER, OTHER) FD(open(ROOT "/his", O_WRONLY)), TRY(mkdir(ROOT "/d", 0755));
    show_all(ROOT "/his");
}
