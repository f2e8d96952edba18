/* inotify(7): what a process sees of what another does. */
#include "mounted.h"
#include <sys/inotify.h>

static const struct {
    uint32_t bit;
    const char *name;
} kinds[] = {{IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
    {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_UNMOUNT, "UNMOUNT"}, {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}};

static void tell_events(int fd) {
    char bytes[16384] __attribute__((aligned(8)));
    uint32_t cookie = 0;
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < n;) {
            struct inotify_event *event = (struct inotify_event *)(bytes + at);
            char line[300] = "";
            for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (event->mask & kinds[i].bit) strcat(line, " "), strcat(line, kinds[i].name);
            say("  %d%s %s%s", event->wd, line, event->len ? event->name : "",
                event->cookie ? (event->cookie == cookie ? ", the same move" : ", a move") : "");
            cookie = event->cookie;
            at += sizeof *event + event->len;
        }
    if (n < 0 && errno != EAGAIN) say("events: %s", error_name(errno));
}

static int watching(const char *path) {
    int fd = inotify_init1(IN_NONBLOCK);
    need(fd >= 0 && inotify_add_watch(fd, path, IN_ALL_EVENTS) >= 0, "inotify");
    return fd;
}

#define EVENTS(watch, ...)                                                                                   \
    do {                                                                                                     \
        CHILD("child") { __VA_ARGS__; }                                                                      \
        say("%s", #__VA_ARGS__);                                                                             \
        tell_events(watch);                                                                                  \
    } while (0)

CASE(names_in_a_directory) {
    int watch = watching(".");
    EVENTS(watch, close(open("a", O_RDWR | O_CREAT, 0644)));
    EVENTS(watch, mkdir("d", 0755));
    EVENTS(watch, symlink("x", "s"));
    EVENTS(watch, link("a", "b"));
    EVENTS(watch, rename("a", "c"));
    EVENTS(watch, rename("c", "b"));
    EVENTS(watch, rename("b", "d/b"));
    EVENTS(watch, rename("d/b", "b"));
    EVENTS(watch, unlink("b"));
    EVENTS(watch, rmdir("d"));
    EVENTS(watch, mkfifo("f", 0644));
}

CASE(contents_of_a_file) {
    make("a", "text");
    int watch = watching("a");
    EVENTS(watch, int fd = open("a", O_RDWR); write(fd, "x", 1); close(fd));
    EVENTS(watch, int fd = open("a", O_RDONLY); char c; read(fd, &c, 1); close(fd));
    EVENTS(watch, truncate("a", 2));
    EVENTS(watch, close(open("a", O_WRONLY | O_TRUNC)));
    EVENTS(watch, int fd = open("a", O_RDWR); ftruncate(fd, 100); close(fd));
    EVENTS(watch, int fd = open("a", O_RDWR); fallocate(fd, 0, 0, 1000); close(fd));
}

CASE(attributes_of_a_file) {
    make("a", "text");
    int watch = watching("a");
    EVENTS(watch, chmod("a", 0600));
    EVENTS(watch, chown("a", 1, 1));
    EVENTS(watch, utimensat(AT_FDCWD, "a", NULL, 0));
    EVENTS(watch, setxattr("a", "user.x", "1", 1, 0));
    EVENTS(watch, removexattr("a", "user.x"));
    EVENTS(watch, link("a", "b"));
    EVENTS(watch, unlink("b"));
}

CASE(end_of_a_file) {
    make("a", "text"), make("b", "text");
    folder("d", 0755);
    int a = watching("a"), b = watching("b"), d = watching("d");
    EVENTS(a, unlink("a"));
    EVENTS(b, rename("b", "c"));
    make("e", "over");
    EVENTS(b, rename("e", "c"));
    EVENTS(d, rmdir("d"));
}

CASE(end_of_an_open_file) {
    make("a", "text");
    int watch = watching("a"), fd = opened("a", O_RDONLY);
    say("opened"), tell_events(watch);
    EVENTS(watch, unlink("a"));
    close(fd);
    say("closed"), tell_events(watch);
}

CASE(moved_directory) {
    folder("d", 0755);
    make("d/a", "text");
    int watch = watching("d");
    EVENTS(watch, rename("d", "e"));
    EVENTS(watch, close(open("e/a", O_RDONLY)));
    EVENTS(watch, close(open("e/new", O_RDWR | O_CREAT, 0644)));
}

CASE(reading_a_directory) {
    folder("d", 0755);
    int watch = watching("d");
    EVENTS(watch, names("d"));
}

CASE(exchange) {
    make("a", "text"), folder("d", 0755);
    int watch = watching(".");
    EVENTS(watch, renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE));
    EVENTS(watch, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
}

CASE(refused_calls_are_not_told) {
    make("a", "text"), make("b", "text");
    int watch = watching(".");
    EVENTS(watch, link("a", "b"));
    EVENTS(watch, mkdir("a", 0755));
    EVENTS(watch, open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    EVENTS(watch, unlink("absent"));
    EVENTS(watch, rename("absent", "a"));
}

CASE(stores_in_a_map_are_not_told) {
    make("a", "text");
    int watch = watching("a");
    EVENTS(watch, int fd = open("a", O_RDWR);
           char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
           p[0] = 'x'; msync(p, PAGE, MS_SYNC); munmap(p, PAGE); close(fd));
}

CASE(copies) {
    make("a", "text"), make("b", "");
    int watch = watching(".");
    EVENTS(watch, int a = open("a", O_RDONLY); int b = open("b", O_WRONLY); copy_file_range(a, NULL, b, NULL, 4, 0));
}

CASE(watches_refused) {
    need_users();
    make_mode("secret", "text", 0600);
    int fd = inotify_init1(IN_NONBLOCK);
    TRY(inotify_add_watch(fd, "absent", IN_ALL_EVENTS));
    TRY(inotify_add_watch(fd, "secret", IN_ALL_EVENTS | IN_ONLYDIR));
    AS(STRANGER, STRANGER) {
        int mine = inotify_init1(IN_NONBLOCK);
        need(mine >= 0, "inotify");
        TRY(inotify_add_watch(mine, "secret", IN_ALL_EVENTS));
    }
}

CASE(watched_in_the_root) {
    int watch = watching(ROOT);
    EVENTS(watch, close(open(ROOT "/a", O_RDWR | O_CREAT, 0644)));
    EVENTS(watch, rename(ROOT "/a", ROOT "/b"));
    EVENTS(watch, unlink(ROOT "/b"));
}
