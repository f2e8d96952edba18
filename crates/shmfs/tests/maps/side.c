/*
 * The kernel's side of the map cases: reads one command a line, makes the system calls that it names and nothing else, and
 * answers in one line, "= " and what came of it. Errors go by their names. A page that is gone ends it by SIGBUS.
 *
 * The same commands by the library are in library.rs; what they mean is in main.rs. Files, mappings and sockets go by one
 * letter. The "other" process of a case is this program too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define LIMIT_SECONDS 60
#define WORDS 16

struct file { int fd; int kind; char name[300]; };
struct map { volatile unsigned char *at; size_t len; off_t offset; int fd; };

enum { MEMFD, SHM, DISK, HUGE, GIVEN };

static struct file files[26];
static struct map maps[26];
static int sockets[26];
static const char *folder;

static void answer(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("= ", stdout);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* What a call that returns -1 for an error has returned. */
static void outcome(long result) {
    if (result == -1)
        answer("%s", strerrorname_np(errno));
    else
        answer("ok");
}

static int letter(const char *word) {
    if (!word || word[0] < 'a' || word[0] > 'z' || word[1]) {
        fprintf(stderr, "not a letter: %s\n", word ? word : "nothing");
        exit(3);
    }
    return word[0] - 'a';
}

static struct file *file_of(const char *word) { return &files[letter(word)]; }

static struct map *map_of(const char *word) { return &maps[letter(word)]; }

static off_t size_of(int fd) {
    struct stat stat;
    return fstat(fd, &stat) ? -1 : stat.st_size;
}

/* Bytes in words: letters and digits as they are, others as \xx, NUL as a dot; more than three of a kind once, with their
   number. */
static void tell(const unsigned char *bytes, size_t len) {
    fputs("= \"", stdout);
    for (size_t at = 0; at < len;) {
        size_t run = 1;
        while (at + run < len && bytes[at + run] == bytes[at])
            run++;
        size_t shown = run > 3 ? 1 : run;
        for (size_t i = 0; i < shown; i++) {
            unsigned char c = bytes[at];
            if (c == 0)
                putchar('.');
            else if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
                putchar(c);
            else
                printf("\\%02x", c);
        }
        if (run > 3)
            printf("{%zu}", run);
        at += run;
    }
    puts("\"");
    fflush(stdout);
}

/* ---- files ---- */

static void make(char **word) {
    struct file *file = file_of(word[1]);
    off_t len = atoll(word[3]);
    if (!strcmp(word[2], "memfd")) {
        file->kind = MEMFD;
        file->fd = memfd_create("map", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    } else if (!strcmp(word[2], "huge")) {
        file->kind = HUGE;
        file->fd = memfd_create("map", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | (21U << 26));
    } else if (!strcmp(word[2], "shm")) {
        file->kind = SHM;
        snprintf(file->name, sizeof file->name, "/shmfs-maps-%d-%s", getpid(), word[1]);
        file->fd = shm_open(file->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    } else {
        file->kind = DISK;
        snprintf(file->name, sizeof file->name, "%s/%d-%s", folder, getpid(), word[1]);
        file->fd = open(file->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    outcome(file->fd == -1 ? -1 : ftruncate(file->fd, len));
}

static void open_again(char **word) {
    struct file *file = file_of(word[1]);
    char path[64];
    int mode = strcmp(word[3], "ro") ? strcmp(word[3], "wo") ? O_RDWR : O_WRONLY : O_RDONLY;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file_of(word[2])->fd);
    file->kind = GIVEN;
    file->fd = open(path, mode | O_CLOEXEC);
    outcome(file->fd);
}

static void unlink_file(struct file *file) {
    outcome(file->kind == SHM ? shm_unlink(file->name) : unlink(file->name));
}

static unsigned seals_of(char *words) {
    static const struct { const char *name; unsigned bit; } seals[] = {
        {"seal", F_SEAL_SEAL}, {"shrink", F_SEAL_SHRINK}, {"grow", F_SEAL_GROW},
        {"write", F_SEAL_WRITE}, {"future", F_SEAL_FUTURE_WRITE},
    };
    unsigned bits = 0;
    for (char *word = strtok(words, "|"); word; word = strtok(NULL, "|"))
        for (size_t i = 0; i < sizeof seals / sizeof *seals; i++)
            if (!strcmp(word, seals[i].name))
                bits |= seals[i].bit;
    return bits;
}

static void read_file(char **word) {
    size_t len = (size_t)atoll(word[3]);
    unsigned char *bytes = malloc(len + 1);
    ssize_t got = pread(file_of(word[1])->fd, bytes, len, atoll(word[2]));
    if (got < 0)
        outcome(got);
    else
        tell(bytes, (size_t)got);
    free(bytes);
}

/* ---- mappings ---- */

static void map(char **word) {
    struct map *map = map_of(word[1]);
    struct file *file = file_of(word[2]);
    int protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED;
    bool locked = false;
    void *at = NULL;
    off_t offset = atoll(word[3]);
    size_t len = strcmp(word[4], "-") ? (size_t)strtoull(word[4], NULL, 0) : (size_t)(size_of(file->fd) - offset);
    for (char **option = word + 5; *option; option++) {
        if (!strcmp(*option, "ro"))
            protection = PROT_READ;
        else if (!strcmp(*option, "private"))
            flags = (flags & ~MAP_SHARED) | MAP_PRIVATE;
        else if (!strcmp(*option, "populate"))
            flags |= MAP_POPULATE;
        else if (!strcmp(*option, "locked"))
            locked = true;
        else if (!strncmp(*option, "at=", 3)) {
            /* at=LETTER+BYTES: so far behind the start of another mapping. */
            at = (void *)(maps[(*option)[3] - 'a'].at + atoll(*option + 4));
            flags |= MAP_FIXED_NOREPLACE;
        }
    }
    void *start = mmap(at, len, protection, flags, file->fd, offset);
    if (start == MAP_FAILED) {
        outcome(-1);
        return;
    }
    *map = (struct map){.at = start, .len = len, .offset = offset, .fd = file->fd};
    outcome(locked ? mlock(start, len) : 0);
}

static void view(char **word) {
    struct map *map = map_of(word[1]);
    struct file *file = file_of(word[2]);
    int access = fcntl(file->fd, F_GETFL) & O_ACCMODE;
    size_t len = (size_t)size_of(file->fd);
    void *start = mmap(NULL, len, PROT_READ | (access == O_RDWR ? PROT_WRITE : 0), MAP_SHARED, file->fd, 0);
    if (start != MAP_FAILED)
        *map = (struct map){.at = start, .len = len, .fd = file->fd};
    outcome(start == MAP_FAILED ? -1 : 0);
}

/* The mapping is as long as its file. */
static void refresh(struct map *map) {
    size_t len = (size_t)size_of(map->fd);
    void *start = mremap((void *)map->at, map->len, len, MREMAP_MAYMOVE);
    if (start != MAP_FAILED) {
        map->at = start;
        map->len = len;
    }
    outcome(start == MAP_FAILED ? -1 : 0);
}

static void get(char **word) {
    struct map *map = map_of(word[1]);
    size_t offset = (size_t)atoll(word[2]), len = (size_t)atoll(word[3]);
    unsigned char *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = map->at[offset + i];
    tell(bytes, len);
    free(bytes);
}

static void put(char **word) {
    struct map *map = map_of(word[1]);
    size_t offset = (size_t)atoll(word[2]);
    for (const char *c = word[3]; *c; c++)
        map->at[offset++] = (unsigned char)*c;
    answer("ok");
}

static void fill(char **word) {
    struct map *map = map_of(word[1]);
    size_t offset = (size_t)atoll(word[2]), len = (size_t)atoll(word[3]);
    for (size_t i = 0; i < len; i++)
        map->at[offset + i] = (unsigned char)word[4][0];
    answer("ok");
}

static int advice_of(const char *word) {
    static const struct { const char *name; int advice; } all[] = {
        {"normal", MADV_NORMAL}, {"random", MADV_RANDOM}, {"sequential", MADV_SEQUENTIAL},
        {"willneed", MADV_WILLNEED}, {"dontneed", MADV_DONTNEED}, {"populate-read", MADV_POPULATE_READ},
        {"populate-write", MADV_POPULATE_WRITE}, {"dontdump", MADV_DONTDUMP},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(word, all[i].name))
            return all[i].advice;
    return -1;
}

static void *start_of(char **word) { return (void *)(map_of(word[1])->at + atoll(word[2])); }

static size_t len_of(char **word) {
    return strcmp(word[3], "-") ? (size_t)strtoull(word[3], NULL, 0) : map_of(word[1])->len - (size_t)atoll(word[2]);
}

static void resident(struct map *map) {
    size_t pages = (map->len + PAGE - 1) / PAGE, count = 0;
    unsigned char *in = calloc(pages, 1);
    if (mincore((void *)map->at, map->len, in)) {
        outcome(-1);
    } else {
        for (size_t i = 0; i < pages; i++)
            count += in[i] & 1;
        answer("%zu", count);
    }
    free(in);
}

/* ---- processes ---- */

static void fork_here(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        answer("child");
        return;
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status))
        answer("parent, child exited %d", WEXITSTATUS(status));
    else
        answer("parent, child died by SIG%s", sigabbrev_np(WTERMSIG(status)));
}

static void socket_at(char **word, bool listens) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, word[2], sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets[letter(word[1])] = fd;
    if (!listens)
        outcome(connect(fd, (struct sockaddr *)&address, sizeof address));
    else
        outcome(bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1) ? -1 : 0);
}

static void accept_at(char **word) {
    int fd = accept(sockets[letter(word[1])], NULL, NULL);
    sockets[letter(word[1])] = fd;
    outcome(fd);
}

union control { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; };

static void send_file(char **word) {
    char byte = '+';
    struct iovec iovec = {&byte, 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &iovec, .msg_iovlen = 1};
    if (strcmp(word[2], "nothing")) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &file_of(word[2])->fd, sizeof(int));
    }
    outcome(sendmsg(sockets[letter(word[1])], &message, MSG_NOSIGNAL));
}

static void receive_file(char **word) {
    char byte;
    struct iovec iovec = {&byte, 1};
    union control control;
    struct msghdr message = {
        .msg_iov = &iovec, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(sockets[letter(word[1])], &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (got < 0) {
        outcome(-1);
    } else if (got == 0) {
        answer("ECONNRESET");
    } else if (!header) {
        answer("ENODATA");
    } else {
        struct file *file = file_of(word[2]);
        file->kind = GIVEN;
        memcpy(&file->fd, CMSG_DATA(header), sizeof(int));
        answer("ok");
    }
}

static void limit(char **word) {
    struct rlimit rlimit = {strtoull(word[2], NULL, 0), strtoull(word[2], NULL, 0)};
    outcome(setrlimit(strcmp(word[1], "memlock") ? RLIMIT_FSIZE : RLIMIT_MEMLOCK, &rlimit));
}

/* ---- the loop ---- */

static bool files_command(char **word) {
    const char *what = word[0];
    if (!strcmp(what, "file")) {
        make(word);
    } else if (!strcmp(what, "reopen")) {
        open_again(word);
    } else if (!strcmp(what, "open")) {
        struct file *file = file_of(word[1]);
        file->kind = GIVEN;
        file->fd = open(word[2], (strcmp(word[3], "ro") ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        outcome(file->fd);
    } else if (!strcmp(what, "where")) {
        answer("/proc/%d/fd/%d", getpid(), file_of(word[1])->fd);
    } else if (!strcmp(what, "close")) {
        outcome(close(file_of(word[1])->fd));
    } else if (!strcmp(what, "len")) {
        answer("%lld", (long long)size_of(file_of(word[1])->fd));
    } else if (!strcmp(what, "resize")) {
        outcome(ftruncate(file_of(word[1])->fd, atoll(word[2])));
    } else if (!strcmp(what, "hole")) {
        outcome(fallocate(file_of(word[1])->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, atoll(word[2]),
                          atoll(word[3])));
    } else if (!strcmp(what, "blocks")) {
        struct stat stat;
        fstat(file_of(word[1])->fd, &stat);
        answer("%lld", (long long)stat.st_blocks);
    } else if (!strcmp(what, "seal")) {
        outcome(fcntl(file_of(word[1])->fd, F_ADD_SEALS, seals_of(word[2])));
    } else if (!strcmp(what, "seals")) {
        int seals = fcntl(file_of(word[1])->fd, F_GET_SEALS);
        if (seals == -1)
            outcome(-1);
        else
            answer("%d", seals);
    } else if (!strcmp(what, "pread")) {
        read_file(word);
    } else if (!strcmp(what, "pwrite")) {
        outcome(pwrite(file_of(word[1])->fd, word[3], strlen(word[3]), atoll(word[2])));
    } else if (!strcmp(what, "unlink")) {
        unlink_file(file_of(word[1]));
    } else {
        return false;
    }
    return true;
}

static bool maps_command(char **word) {
    const char *what = word[0];
    if (!strcmp(what, "map")) {
        map(word);
    } else if (!strcmp(what, "view")) {
        view(word);
    } else if (!strcmp(what, "grow")) {
        struct map *map = map_of(word[1]);
        if (size_of(map->fd) < atoll(word[2]) && ftruncate(map->fd, atoll(word[2])))
            outcome(-1);
        else
            refresh(map);
    } else if (!strcmp(what, "refresh")) {
        refresh(map_of(word[1]));
    } else if (!strcmp(what, "unmap")) {
        outcome(munmap((void *)map_of(word[1])->at, map_of(word[1])->len));
    } else if (!strcmp(what, "same")) {
        answer(map_of(word[1])->at == map_of(word[2])->at ? "same place" : "two places");
    } else if (!strcmp(what, "get")) {
        get(word);
    } else if (!strcmp(what, "put")) {
        put(word);
    } else if (!strcmp(what, "fill")) {
        fill(word);
    } else if (!strcmp(what, "flush")) {
        outcome(msync(start_of(word), len_of(word), strcmp(word[4], "async") ? MS_SYNC : MS_ASYNC));
    } else if (!strcmp(what, "advise")) {
        outcome(madvise(start_of(word), len_of(word), advice_of(word[4])));
    } else if (!strcmp(what, "lock")) {
        outcome(mlock(start_of(word), len_of(word)));
    } else if (!strcmp(what, "unlock")) {
        outcome(munlock(start_of(word), len_of(word)));
    } else if (!strcmp(what, "resident")) {
        resident(map_of(word[1]));
    } else {
        return false;
    }
    return true;
}

static bool processes_command(char **word) {
    const char *what = word[0];
    if (!strcmp(what, "fork")) {
        fork_here();
    } else if (!strcmp(what, "exit")) {
        _exit(atoi(word[1]));
    } else if (!strcmp(what, "listen") || !strcmp(what, "connect")) {
        socket_at(word, !strcmp(what, "listen"));
    } else if (!strcmp(what, "accept")) {
        accept_at(word);
    } else if (!strcmp(what, "hangup")) {
        outcome(close(sockets[letter(word[1])]));
    } else if (!strcmp(what, "send")) {
        send_file(word);
    } else if (!strcmp(what, "receive")) {
        receive_file(word);
    } else if (!strcmp(what, "limit")) {
        limit(word);
    } else if (!strcmp(what, "guard")) {
        /* The kernel has none. */
        answer("ok");
    } else if (!strcmp(what, "nobody")) {
        outcome(syscall(SYS_setresuid, 65534, 65534, 65534));
    } else {
        return false;
    }
    return true;
}

int main(int count, char **arguments) {
    static char line[8192];
    struct rlimit none = {0, 0};
    folder = count > 1 ? arguments[1] : "/tmp";
    setrlimit(RLIMIT_CORE, &none);
    alarm(LIMIT_SECONDS);
    setvbuf(stdin, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        char *word[WORDS + 1] = {0};
        int words = 0;
        for (char *next = strtok(line, " \n"); next && words < WORDS; next = strtok(NULL, " \n"))
            word[words++] = next;
        if (words && !files_command(word) && !maps_command(word) && !processes_command(word)) {
            fprintf(stderr, "not a command: %s\n", word[0]);
            return 3;
        }
    }
    return 0;
}
