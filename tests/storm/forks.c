/*
 * forks SECONDS: three threads of one program make children at the same time, one of them by raw clone, while a signal
 * of every millisecond interrupts them, whose handler makes calls. At the end every count is exact. Prints how many
 * children there were; a complaint is a line that begins with BAD, and status 99.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY 0x464f524b
#define THREADS 3

static int segment;
static char *inherited;
static volatile int handled, over;
static int children[THREADS];

__attribute__((noreturn)) static void bad(const char *what, long number) {
    char line[128];
    int n = snprintf(line, sizeof line, "BAD %s: %ld (errno %d)\n", what, number, errno);
    if (write(2, line, (size_t)n) != n) _exit(98);
    _exit(99);
}

static long nattch(void) {
    struct shmid_ds d;
    if (shmctl(segment, IPC_STAT, &d) != 0) bad("IPC_STAT", segment);
    return (long)d.shm_nattch;
}

static void interrupt(int signal) {
    (void)signal;
    int kept = errno;
    if (shmget(KEY, 0, 0) != segment) bad("shmget in a handler", segment);
    if (nattch() < 1) bad("nattch in a handler", 0);
    handled++;
    errno = kept;
}

/* A child: it is counted, reads what it has inherited, and attaches once more. */
static void child_life(int which) {
    if (strcmp(inherited, "inherited") != 0) bad("content in a child", which);
    if (nattch() < 1) bad("nattch in a child", which);
    char *again = shmat(segment, NULL, SHM_RDONLY);
    if (again == (void *)-1 || strcmp(again, "inherited") != 0) bad("shmat in a child", which);
    if (nattch() < 2) bad("nattch of a child attached twice", which);
    if (shmdt(again) != 0) bad("shmdt in a child", which);
    _exit(0);
}

static void *thread(void *number) {
    int which = (int)(long)number;
    while (!over) {
        pid_t child = which == 2 ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
        if (child == 0) child_life(which);
        if (child < 0) bad("fork", which);
        char *more = shmat(segment, NULL, 0);
        if (more == (void *)-1) bad("shmat", which);
        int how;
        while (waitpid(child, &how, 0) != child)
            if (errno != EINTR) bad("waitpid", child);
        if (how != 0) bad("a child's end", how);
        if (shmdt(more) != 0) bad("shmdt", which);
        children[which]++;
    }
    return NULL;
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 3;
    segment = shmget(KEY, 4096, IPC_CREAT | IPC_EXCL | 0600);
    if (segment < 0 || (inherited = shmat(segment, NULL, 0)) == (void *)-1) bad("the segment", segment);
    strcpy(inherited, "inherited");
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &often, NULL) != 0) bad("the timer", 0);
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, thread, (void *)i) != 0) bad("pthread_create", i);
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < seconds);
    over = 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    if (nattch() != 1) bad("nattch at the end", nattch());
    if (!handled) bad("the handler's calls", handled);
    for (int i = 0; i < THREADS; i++)
        if (children[i] == 0) bad("no child of thread", i);
    if (shmdt(inherited) != 0 || nattch() != 0 || shmctl(segment, IPC_RMID, NULL) != 0) bad("the end", nattch());
    printf("children %d, of these by raw clone %d, calls of the handler %d\n", children[0] + children[1] + children[2],
           children[2], 2 * handled);
    return 0;
}
