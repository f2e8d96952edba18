/*
 * The frame of a case: a C program that makes calls and says what came of them, one line each.
 *
 * The runner (tests/calls.rs) runs every case on the kernel and under `shm run` and compares the lines, so a
 * line holds nothing that differs from run to run: ids are `id0`, `id1` by first sight, processes go by the
 * names given to them, errors by their names, times are `0` or `recent`.
 *
 *     CASE(create) { int id = ID(shmget(IPC_PRIVATE, 100, 0600)); show(id); }
 *
 * Every process that a case starts ends by itself after LIMIT_SECONDS.
 */
#ifndef CASE_H
#define CASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_SECONDS 40
#define SKIPPED 77
#define PAGE 4096
#define KEY 0x53484d46 /* "SHMF" */
#define UNTOUCHED 7777 /* errno before a call */

/* ---- saying ---- */

/* One line, in one write: children and parents never cut each other's lines. */
static void say(const char *format, ...) {
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (n < 0 || n > (int)sizeof line - 2) n = sizeof line - 2;
    line[n] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)n + 1) < 0) _exit(99);
}

static const char *error_name(int error) {
    const char *name = strerrorname_np(error);
    return name ? name : "?";
}

/* A step that the case itself needs has failed: say so and end. */
static void need(bool fine, const char *what) {
    if (fine) return;
    say("NOT POSSIBLE: %s: %s", what, error_name(errno));
    _exit(98);
}

static void skip(const char *reason) {
    say("SKIP: %s", reason);
    _exit(SKIPPED);
}

static long tell(const char *text, long value) {
    int error = errno;
    if (value == -1) say("%s = -1 %s", text, error_name(error));
    else say("%s = %ld%s", text, value, error == UNTOUCHED ? "" : ", errno changed");
    return value;
}

static int id_numbers[8192], id_count;

static const char *id_name(int id) {
    static char name[4][24];
    static int turn;
    int i = 0;
    while (i < id_count && id_numbers[i] != id) i++;
    if (i == id_count && id_count < 8192) id_numbers[id_count++] = id;
    turn = (turn + 1) % 4;
    snprintf(name[turn], sizeof name[turn], "id%d", i);
    return name[turn];
}

static int tell_id(const char *text, int id) {
    int error = errno;
    if (id == -1) say("%s = -1 %s", text, error_name(error));
    else say("%s = %s%s", text, id_name(id), error == UNTOUCHED ? "" : ", errno changed");
    return id;
}

static void *tell_address(const char *text, void *address) {
    int error = errno;
    if (address == (void *)-1) say("%s = -1 %s", text, error_name(error));
    else say("%s = %s%s", text, address ? "an address" : "NULL", error == UNTOUCHED ? "" : ", errno changed");
    return address;
}

static int tell_fd(const char *text, int fd) {
    int error = errno;
    if (fd == -1) say("%s = -1 %s", text, error_name(error));
    else say("%s = a descriptor", text);
    return fd;
}

/* The call and what it gave: a number, a segment's id, an address, a descriptor. */
#define TRY(call) tell(#call, (errno = UNTOUCHED, (long)(call)))
#define ID(call) tell_id(#call, (errno = UNTOUCHED, (call)))
#define AT(call) tell_address(#call, (errno = UNTOUCHED, (void *)(call)))
#define FD(call) tell_fd(#call, (errno = UNTOUCHED, (call)))

/* ---- cases ---- */

struct entry {
    const char *name;
    void (*run)(void);
};
static struct entry cases[256];
static int case_count;

#define CASE(name)                                                                                           \
    static void case_##name(void);                                                                           \
    __attribute__((constructor)) static void enter_##name(void) {                                            \
        cases[case_count++] = (struct entry){#name, case_##name};                                            \
    }                                                                                                        \
    static void case_##name(void)

/* What a program does that a case has started by exec: `program role NAME ARGUMENT`. */
struct role {
    const char *name;
    void (*run)(const char *argument);
};
static struct role roles[32];
static int role_count;

#define ROLE(name)                                                                                           \
    static void role_##name(const char *argument);                                                           \
    __attribute__((constructor)) static void enter_role_##name(void) {                                       \
        roles[role_count++] = (struct role){#name, role_##name};                                             \
    }                                                                                                        \
    static void role_##name(const char *argument)

static const char *self_path(void) {
    static char path[PATH_MAX];
    if (path[0] == 0) need(readlink("/proc/self/exe", path, sizeof path - 1) > 0, "readlink /proc/self/exe");
    return path;
}

static void exec_role(const char *name, const char *argument) {
    execl(self_path(), self_path(), "role", name, argument, (char *)NULL);
}

/* ---- processes ---- */

static struct {
    pid_t pid;
    const char *name;
} people[64];
static int people_count;

static void known(pid_t pid, const char *name) {
    if (people_count < 64) {
        people[people_count].pid = pid;
        people[people_count++].name = name;
    }
}

static const char *who(pid_t pid) {
    if (pid == 0) return "0";
    for (int i = people_count - 1; i >= 0; i--)
        if (people[i].pid == pid) return people[i].name;
    return "a stranger";
}

/* fork; 0 in the child, which ends by itself in the end. */
static pid_t start(const char *name) {
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        alarm(LIMIT_SECONDS);
        known(getpid(), name);
        return 0;
    }
    known(pid, name);
    return pid;
}

static void tell_status(const char *name, int status) {
    if (WIFEXITED(status)) say("%s: exit %d", name, WEXITSTATUS(status));
    else say("%s: killed by SIG%s", name, sigabbrev_np(WTERMSIG(status)));
}

static int finish_quietly(pid_t pid) {
    int status = 0;
    pid_t got;
    do got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    need(got == pid, "waitpid");
    return status;
}

static void finish(pid_t pid) { tell_status(who(pid), finish_quietly(pid)); }

static void kill_and_finish(pid_t pid) {
    need(kill(pid, SIGKILL) == 0, "kill");
    finish(pid);
}

/* One process waits at the gate until another opens it. */
struct gate {
    int fd[2];
};

static struct gate gate(void) {
    struct gate g;
    need(pipe(g.fd) == 0, "pipe");
    return g;
}
static void open_gate(struct gate g) { need(write(g.fd[1], "", 1) == 1, "open a gate"); }
static void pass(struct gate g) {
    char c;
    ssize_t n;
    do n = read(g.fd[0], &c, 1);
    while (n < 0 && errno == EINTR);
    need(n == 1, "pass a gate");
}

/* ---- users ---- */

#define STRANGER 65534
#define OTHER 65533

static void become(uid_t uid, gid_t gid) {
    need(setgroups(0, NULL) == 0, "setgroups");
    need(setresgid(gid, gid, gid) == 0, "setresgid");
    need(setresuid(uid, uid, uid) == 0, "setresuid");
}

/* Two users: root of a namespace in which both numbers exist. */
static void need_users(void) {
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) || setresgid(STRANGER, STRANGER, STRANGER) || setresuid(OTHER, OTHER, OTHER)) _exit(1);
        _exit(0);
    }
    if (finish_quietly(pid) != 0) skip("becoming another user needs root");
}

/* ---- memory ---- */

static sigjmp_buf after_fault;
static void on_fault(int number) { siglongjmp(after_fault, number); }

/* What an access to memory does: 'r' reads a byte, 'w' writes it back, 'x' calls it. */
static const char *access_to(volatile void *address, char how) {
    struct sigaction act = {.sa_handler = on_fault}, segv, bus;
    sigaction(SIGSEGV, &act, &segv);
    sigaction(SIGBUS, &act, &bus);
    int number = sigsetjmp(after_fault, 1);
    if (number == 0) {
        volatile char *byte = address;
        char value = how == 'x' ? 0 : *byte;
        if (how == 'w') *byte = value;
        if (how == 'x') ((void (*)(void))(uintptr_t)address)();
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return number == 0 ? "fine" : number == SIGBUS ? "SIGBUS" : "SIGSEGV";
}

/* A run of reserved addresses with nothing behind it. */
static char *reserve(size_t pages) {
    void *p = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    need(p != MAP_FAILED, "mmap");
    return p;
}

/* Free addresses: reserved, then given up. */
static char *vacancy(size_t pages) {
    char *p = reserve(pages);
    munmap(p, pages * PAGE);
    return p;
}

/* ---- segments ---- */

static const char *when(time_t t) {
    time_t now = time(NULL);
    return t == 0 ? "0" : t > now - 120 && t <= now + 1 ? "recent" : "odd";
}

static void tell_segment(const char *name, int id, const struct shmid_ds *d) {
    say("%s: key %#x size %zu mode %o owner %u:%u creator %u:%u nattch %lu", name, (unsigned)d->shm_perm.__key,
        d->shm_segsz, (unsigned)d->shm_perm.mode, d->shm_perm.uid, d->shm_perm.gid, d->shm_perm.cuid,
        d->shm_perm.cgid, (unsigned long)d->shm_nattch);
    say("%s: cpid %s lpid %s atime %s dtime %s ctime %s seq %s", name, who(d->shm_cpid), who(d->shm_lpid),
        when(d->shm_atime), when(d->shm_dtime), when(d->shm_ctime),
        d->shm_perm.__seq == (unsigned short)(id >> 15) ? "of the id" : "other");
}

/* Everything that IPC_STAT tells. */
static void show(int id) {
    struct shmid_ds d;
    memset(&d, 0xa5, sizeof d);
    if (shmctl(id, IPC_STAT, &d) < 0) say("stat %s = -1 %s", id_name(id), error_name(errno));
    else tell_segment(id_name(id), id, &d);
}

static long nattch(int id) {
    struct shmid_ds d;
    return shmctl(id, IPC_STAT, &d) < 0 ? -errno : (long)d.shm_nattch;
}

static void count(int id, const char *at) {
    long n = nattch(id);
    if (n < 0) say("nattch %s: %s", at, error_name((int)-n));
    else say("nattch %s: %ld", at, n);
}

static int segment(size_t size, int mode) {
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | mode);
    need(id >= 0, "shmget");
    return id;
}

static void *attach(int id) {
    void *p = shmat(id, NULL, 0);
    need(p != (void *)-1, "shmat");
    return p;
}

/* ---- main ---- */

int main(int argc, char **argv) {
    alarm(LIMIT_SECONDS);
    umask(022);
    if (argc == 4 && strcmp(argv[1], "role") == 0) {
        for (int i = 0; i < role_count; i++)
            if (strcmp(roles[i].name, argv[2]) == 0) {
                roles[i].run(argv[3]);
                return 0;
            }
        return 97;
    }
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (int i = 0; i < case_count; i++) puts(cases[i].name);
        return 0;
    }
    for (int i = 0; argc == 2 && i < case_count; i++)
        if (strcmp(cases[i].name, argv[1]) == 0) {
            known(getpid(), "main");
            cases[i].run();
            return 0;
        }
    return 96;
}

#endif
