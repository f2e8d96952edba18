/*
 * A process that does what it is told: `actor SOCKET NAME` connects to SOCKET, says NAME, and answers each line that
 * comes with one line: a number, a text, or the name of an errno. It ends when the other side hangs up.
 *
 * An actor makes others (fork, clone, exec, spawn, vfork, daemon), which connect by themselves under their own name.
 * Its connection is descriptor 0, so that it can close every other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define ATTACHES 64

extern char **environ;

static char program[4096];
static const char *stage;
static char *attached[ATTACHES];
static sem_t *semaphore;

static void answer(const char *text) {
    char line[4200];
    int n = snprintf(line, sizeof line, "%s\n", text);
    if (send(0, line, (size_t)n, MSG_NOSIGNAL) != n) _exit(0);
}

static void answer_number(long number) {
    char text[32];
    snprintf(text, sizeof text, "%ld", number);
    answer(number < 0 ? strerrorname_np(errno) : text);
}

/* Connects anew, as another process under its own name. */
static void enter(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, stage, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        (fd != 0 && (dup3(fd, 0, O_CLOEXEC) != 0 || close(fd) != 0))) {
        perror("actor");
        _exit(90);
    }
    answer(name);
}

static int free_place(void) {
    for (int i = 0; i < ATTACHES; i++)
        if (!attached[i]) return i;
    _exit(91);
}

static void attach_as(int id, int flags) {
    int i = free_place();
    char *p = shmat(id, NULL, flags);
    if (p == (void *)-1) {
        answer_number(-1);
        return;
    }
    attached[i] = p;
    answer_number(i);
}

static void tell_nattch(int id) {
    struct shmid_ds d;
    answer_number(shmctl(id, IPC_STAT, &d) < 0 ? -1 : (long)d.shm_nattch);
}

/* An object of a size, mapped; it needs no descriptor afterwards. */
static void map_object(const char *name, long size) {
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || (size > 0 && ftruncate(fd, size) != 0)) {
        answer_number(-1);
        return;
    }
    struct stat s;
    fstat(fd, &s);
    int i = free_place();
    attached[i] = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (attached[i] == MAP_FAILED) attached[i] = NULL;
    close(fd);
    answer_number(attached[i] ? i : -1);
}

static void open_semaphore(const char *name, unsigned value) {
    semaphore = sem_open(name, O_CREAT, 0600, value);
    answer_number(semaphore == SEM_FAILED ? -1 : 0);
}

static void tell_value(void) {
    int value = -1;
    sem_getvalue(semaphore, &value);
    answer_number(value);
}

/* Lives and deaths of segments without end, until somebody kills it. */
static void storm(unsigned seed, int key) {
    answer("0");
    for (;;) {
        seed = seed * 1103515245 + 12345;
        int id = shmget(key + (int)(seed >> 16) % 8, 4096 * (1 + (seed >> 20) % 4), IPC_CREAT | 0600);
        char *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
        if (p != (void *)-1) p[0]++;
        if ((seed >> 9) % 4 == 0) shmctl(id, IPC_RMID, NULL);
        if ((seed >> 11) % 8 == 0) {
            pid_t child = fork();
            if (child == 0) _exit(0);
        }
        if (p != (void *)-1 && (seed >> 13) % 4 != 0) shmdt(p);
        if ((seed >> 15) % 16 == 0) {
            int fd = shm_open("/storm", O_RDWR | O_CREAT, 0600);
            if (fd >= 0 && ftruncate(fd, (long)((seed >> 8) % 100000)) == 0) close(fd);
            if ((seed >> 18) % 2) shm_unlink("/storm");
        }
    }
}

static void run_as(const char *how, const char *name) {
    char *arguments[] = {program, (char *)stage, (char *)name, NULL};
    pid_t child;
    if (strcmp(how, "exec") == 0) {
        answer("0");
        execv(program, arguments);
        _exit(92);
    }
    if (strcmp(how, "spawn") == 0) {
        errno = posix_spawn(&child, program, NULL, NULL, arguments, environ);
        answer_number(errno ? -1 : 0);
        return;
    }
    child = vfork();
    if (child == 0) {
        execv(program, arguments);
        _exit(93);
    }
    answer_number(child < 0 ? -1 : 0);
}

static void split_as(const char *how, const char *name) {
    pid_t child = strcmp(how, "clone") == 0 ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
    if (child == 0) {
        if (strcmp(how, "daemon") == 0 && daemon(1, 1) != 0) _exit(94);
        enter(name);
        return;
    }
    answer_number(child < 0 ? -1 : 0);
}

static void obey(char *line) {
    char verb[32] = "", a[3000] = "", b[256] = "";
    long number = 0;
    int parts = sscanf(line, "%31s %2999s %255s %li", verb, a, b, &number);
    long n = strtol(a, NULL, 0), m = strtol(b, NULL, 0);
    if (parts < 1) answer("EINVAL");
    else if (strcmp(verb, "get") == 0) answer_number(shmget((int)n, (size_t)m, (int)number));
    else if (strcmp(verb, "at") == 0) attach_as((int)n, 0);
    else if (strcmp(verb, "dt") == 0) {
        long result = shmdt(attached[n]);
        if (result == 0) attached[n] = NULL;
        answer_number(result);
    } else if (strcmp(verb, "rm") == 0) answer_number(shmctl((int)n, IPC_RMID, NULL));
    else if (strcmp(verb, "nattch") == 0) tell_nattch((int)n);
    else if (strcmp(verb, "put") == 0) strcpy(attached[n], b), answer("0");
    else if (strcmp(verb, "see") == 0) answer(attached[n]);
    else if (strcmp(verb, "map") == 0) map_object(a, m);
    else if (strcmp(verb, "unlink") == 0) answer_number(shm_unlink(a));
    else if (strcmp(verb, "sem") == 0) open_semaphore(a, (unsigned)m);
    else if (strcmp(verb, "wait") == 0) answer_number(sem_trywait(semaphore));
    else if (strcmp(verb, "post") == 0) answer_number(sem_post(semaphore));
    else if (strcmp(verb, "value") == 0) tell_value();
    else if (strcmp(verb, "env") == 0) answer(getenv(a) ? getenv(a) : "");
    else if (strcmp(verb, "close") == 0) answer_number(syscall(SYS_close_range, 3, ~0U, 0));
    else if (strcmp(verb, "storm") == 0) storm((unsigned)n, (int)m);
    else if (strcmp(verb, "exit") == 0) _exit((int)n);
    else if (strcmp(verb, "fork") == 0 || strcmp(verb, "clone") == 0 || strcmp(verb, "daemon") == 0) split_as(verb, a);
    else if (strcmp(verb, "exec") == 0 || strcmp(verb, "spawn") == 0 || strcmp(verb, "vfork") == 0) run_as(verb, a);
    else answer("EINVAL");
}

int main(int argc, char **argv) {
    if (argc != 3 || readlink("/proc/self/exe", program, sizeof program - 1) < 0) return 95;
    stage = argv[1];
    signal(SIGCHLD, SIG_IGN);
    enter(argv[2]);
    char line[4096];
    size_t held = 0;
    for (;;) {
        ssize_t n = recv(0, line + held, sizeof line - 1 - held, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return 0;
        held += (size_t)n;
        line[held] = 0;
        char *end = strchr(line, '\n');
        if (end) {
            *end = 0;
            held = 0;
            obey(line);
        }
    }
}
