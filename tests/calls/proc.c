/* /proc/sysvipc/shm and the limits under /proc/sys/kernel, as programs read them. */
#include "case.h"

static void tell_line(const char *line) {
    unsigned key, mode, cpid, lpid, uid, gid, cuid, cgid;
    int id;
    unsigned long size, n, rss, swap;
    long long atime, dtime, ctime;
    int got = sscanf(line, "%d %d %o %lu %u %u %lu %u %u %u %u %lld %lld %lld %lu %lu", (int *)&key, &id, &mode, &size,
                     &cpid, &lpid, &n, &uid, &gid, &cuid, &cgid, &atime, &dtime, &ctime, &rss, &swap);
    if (got != 16) {
        say("%s", line);
        return;
    }
    say("key %#x %s mode %o size %lu cpid %s lpid %s nattch %lu %u:%u %u:%u atime %s dtime %s ctime %s rss %lu swap %lu",
        key, id_name(id), mode, size, who((pid_t)cpid), who((pid_t)lpid), n, uid, gid, cuid, cgid, when(atime),
        when(dtime), when(ctime), rss, swap);
}

static void tell_lines(FILE *file) {
    char line[400];
    if (file == NULL) {
        say("no file: %s", error_name(errno));
        return;
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        tell_line(line);
    }
    fclose(file);
}

static void read_whole(int fd, char *text, size_t size) {
    size_t total = 0;
    ssize_t n;
    while (total < size - 1 && (n = read(fd, text + total, size - 1 - total)) > 0) total += (size_t)n;
    text[total] = 0;
    close(fd);
}

CASE(empty) { tell_lines(fopen("/proc/sysvipc/shm", "r")); }

CASE(segments) {
    shmget(KEY, 12345, IPC_CREAT | 0640);
    int id = segment(4096, 0600);
    strcpy(attach(id), "touched");
    tell_lines(fopen("/proc/sysvipc/shm", "r"));
}

CASE(removed_segments) {
    int id = segment(4096, 0600), other = segment(8192, 0600);
    attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmctl(other, IPC_RMID, NULL));
    tell_lines(fopen("/proc/sysvipc/shm", "re"));
}

CASE(by_open) {
    static char text[4096], again[4096];
    segment(4096, 0600);
    segment(4096, 0400);
    read_whole(FD(open("/proc/sysvipc/shm", O_RDONLY)), text, sizeof text);
    read_whole(FD(open("/proc/sysvipc/shm", O_RDONLY | O_CLOEXEC)), again, sizeof again);
    say("same text: %d, length %zu", strcmp(text, again) == 0, strlen(text));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) say("%zu characters", strlen(line));
}

CASE(by_openat) {
    static char text[4096];
    segment(4096, 0600);
    read_whole(FD(openat(AT_FDCWD, "/proc/sysvipc/shm", O_RDONLY)), text, sizeof text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) tell_line(line);
}

CASE(in_pieces) {
    static char whole[4096], pieces[4096];
    for (int i = 0; i < 5; i++) segment(4096, 0600);
    read_whole(open("/proc/sysvipc/shm", O_RDONLY), whole, sizeof whole);
    int fd = open("/proc/sysvipc/shm", O_RDONLY);
    size_t total = 0;
    ssize_t n;
    while (total < sizeof pieces - 8 && (n = read(fd, pieces + total, 7)) > 0) total += (size_t)n;
    say("same text: %d", strcmp(whole, pieces) == 0);
    TRY(lseek(fd, 0, SEEK_SET));
    memset(pieces, 0, sizeof pieces);
    TRY(read(fd, pieces, 10));
    say("begins: %.10s", pieces);
}

CASE(shows_other_peoples_segments) {
    need_users();
    segment(4096, 0600);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        segment(100, 0);
        tell_lines(fopen("/proc/sysvipc/shm", "r"));
        _exit(0);
    }
    finish(c);
}

CASE(limits) {
    const char *names[] = {"shmmax", "shmall", "shmmni"};
    for (int i = 0; i < 3; i++) {
        char path[64], text[64] = "";
        snprintf(path, sizeof path, "/proc/sys/kernel/%s", names[i]);
        read_whole(FD(open(path, O_RDONLY)), text, sizeof text);
        text[strcspn(text, "\n")] = 0;
        say("%s: %s", names[i], text);
        FILE *file = fopen(path, "r");
        unsigned long number = 0;
        int got = file ? fscanf(file, "%lu", &number) : -1;
        say("%d %lu", got, number);
    }
}

static void tell_what(const char *how, const struct stat *of, const struct stat *s) {
    say("%s: same file %d, mode %o, size %ld, owner %u:%u", how, of->st_dev == s->st_dev && of->st_ino == s->st_ino,
        s->st_mode, (long)s->st_size, s->st_uid, s->st_gid);
}

CASE(descriptors_look_like_the_files) {
    const char *paths[] = {"/proc/sysvipc/shm", "/proc/sys/kernel/shmmax", "/proc/sys/kernel/shm_rmid_forced"};
    segment(4096, 0600);
    for (int i = 0; i < 3; i++) {
        struct stat of, s;
        struct statx x;
        say("%s", paths[i]);
        need(stat(paths[i], &of) == 0, "stat");
        tell_what("by path", &of, &of);
        int fd = FD(open(paths[i], O_RDONLY));
        TRY(fstat(fd, &s));
        tell_what("fstat", &of, &s);
        memset(&s, 0, sizeof s);
        TRY(fstatat(fd, "", &s, AT_EMPTY_PATH));
        tell_what("fstatat", &of, &s);
        TRY(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
        say("statx: same file %d, mode %o, size %lu", x.stx_ino == of.st_ino, x.stx_mode, (unsigned long)x.stx_size);
        FILE *file = fopen(paths[i], "r");
        need(file && fstat(fileno(file), &s) == 0, "a stream");
        tell_what("a stream", &of, &s);
    }
}

CASE(copied_by_cp) {
    segment(4096, 0600);
    TRY(system("cp /proc/sysvipc/shm /run/copy && cat /proc/sysvipc/shm | cmp - /run/copy"));
    TRY(system("cp /proc/sys/kernel/shmmax /run/copy && cat /run/copy"));
}

CASE(other_files_are_the_kernels) {
    char text[4096];
    FILE *file = fopen("/proc/sysvipc/sem", "r");
    say("%s", file && fgets(text, sizeof text, file) ? text : "nothing");
    FD(open("/proc/sysvipc/none", O_RDONLY));
    FD(open("/proc/sys/kernel/ostype", O_RDONLY));
    say("%d", fopen("/proc/sysvipc/none", "r") != NULL);
}
