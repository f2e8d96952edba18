/* Several threads and processes at once: sharing, atomics, counts that come out even. */
#include "case.h"
#include <dirent.h>
#include <semaphore.h>
#include <sys/statvfs.h>

#define THREADS 8

static int shared_id;
static pthread_barrier_t meeting;
static atomic_int failures;

static void *attach_and_detach(void *unused) {
    (void)unused;
    for (int i = 0; i < 50; i++) {
        char *p = shmat(shared_id, NULL, 0);
        if (p == (void *)-1 || shmdt(p) != 0) failures++;
    }
    char *p = shmat(shared_id, NULL, 0);
    if (p == (void *)-1) failures++;
    pthread_barrier_wait(&meeting);
    pthread_barrier_wait(&meeting);
    if (shmdt(p) != 0) failures++;
    return NULL;
}

CASE(attach_at_once) {
    pthread_t t[THREADS];
    shared_id = segment(4096, 0600);
    pthread_barrier_init(&meeting, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, attach_and_detach, NULL);
    pthread_barrier_wait(&meeting);
    count(shared_id, "with all threads");
    pthread_barrier_wait(&meeting);
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    count(shared_id, "without");
    say("failures %d", failures);
}

static void *create_many(void *unused) {
    (void)unused;
    for (int i = 0; i < 50; i++) {
        int id = shmget(IPC_PRIVATE, 4096, 0600);
        char *p = shmat(id, NULL, 0);
        if (p == (void *)-1) failures++;
        else p[0] = 1;
        if (shmctl(id, IPC_RMID, NULL) != 0 || shmdt(p) != 0 || shmctl(id, IPC_RMID, NULL) != -1) failures++;
    }
    return NULL;
}

CASE(whole_lives_at_once) {
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, create_many, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    struct shm_info info;
    TRY(shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info));
    say("failures %d, segments %d", failures, info.used_ids);
}

static void *fork_and_call(void *unused) {
    (void)unused;
    for (int i = 0; i < 5; i++) {
        pid_t c = fork();
        if (c == 0) {
            alarm(LIMIT_SECONDS);
            char *p = shmat(shared_id, NULL, 0);
            _exit(p != (void *)-1 && shmdt(p) == 0 ? 0 : 1);
        }
        int status = 1;
        if (c < 0 || waitpid(c, &status, 0) != c || status != 0) failures++;
    }
    return NULL;
}

CASE(forks_of_threads) {
    pthread_t t[4], u[2];
    shared_id = segment(4096, 0600);
    attach(shared_id);
    pthread_barrier_init(&meeting, NULL, 3);
    for (int i = 0; i < 2; i++) pthread_create(&u[i], NULL, attach_and_detach, NULL);
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, fork_and_call, NULL);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    pthread_barrier_wait(&meeting);
    pthread_barrier_wait(&meeting);
    for (int i = 0; i < 2; i++) pthread_join(u[i], NULL);
    say("failures %d", failures);
    count(shared_id, "in the end");
}

static void *detach(void *address) { return (void *)(intptr_t)shmdt(address); }

CASE(detach_in_another_thread) {
    pthread_t t;
    shared_id = segment(4096, 0600);
    char *p = attach(shared_id);
    void *result = (void *)1;
    pthread_create(&t, NULL, detach, p);
    pthread_join(t, &result);
    say("shmdt elsewhere: %ld", (long)(intptr_t)result);
    show(shared_id);
}

/* A count in shared pages, raised by two unrelated attaches of it. */
CASE(atomics_of_two_processes) {
    int id = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
    pid_t c[2];
    for (int i = 0; i < 2; i++)
        if ((c[i] = start("adder")) == 0) {
            _Atomic long *n = attach(shmget(KEY, 0, 0600));
            for (int k = 0; k < 200000; k++) atomic_fetch_add(n, 1);
            _exit(0);
        }
    finish(c[0]);
    finish(c[1]);
    say("sum %ld", *(long *)attach(id));
}

CASE(mutex_shared_by_processes) {
    int id = segment(4096, 0600);
    struct {
        pthread_mutex_t mutex;
        long sum;
    } *shared = attach(id);
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &kind);
    pid_t c[4];
    for (int i = 0; i < 4; i++)
        if ((c[i] = start("adder")) == 0) {
            for (int k = 0; k < 5000; k++) {
                pthread_mutex_lock(&shared->mutex);
                shared->sum++;
                pthread_mutex_unlock(&shared->mutex);
            }
            _exit(0);
        }
    for (int i = 0; i < 4; i++) finish(c[i]);
    say("sum %ld", shared->sum);
}

CASE(ping_pong) {
    int id = segment(4096, 0600);
    _Atomic int *turn = attach(id);
    pid_t c = start("child");
    if (c == 0) {
        _Atomic int *mine = attach(id);
        for (int i = 0; i < 1000; i++) {
            while (atomic_load(mine) != 2 * i + 1) sched_yield();
            atomic_store(mine, 2 * i + 2);
        }
        _exit(0);
    }
    for (int i = 0; i < 1000; i++) {
        atomic_store(turn, 2 * i + 1);
        while (atomic_load(turn) != 2 * i + 2) sched_yield();
    }
    finish(c);
    say("turns %d", atomic_load(turn));
}

static void on_alarm(int number) {
    (void)number;
    failures++;
}

/* Signals arrive in the middle of calls; no call fails or is done twice. */
CASE(signals_during_calls) {
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGUSR1, &act, NULL);
    int id = segment(4096, 0600), wrong = 0;
    pid_t me = getpid(), c = start("nagger");
    if (c == 0) {
        for (;;) {
            if (kill(me, SIGUSR1) != 0) _exit(0);
            usleep(100);
        }
    }
    for (int i = 0; i < 2000; i++) {
        char *p = shmat(id, NULL, 0);
        if (p == (void *)-1 || shmdt(p) != 0) wrong++;
        int other = shmget(IPC_PRIVATE, 1, 0600);
        if (other < 0 || shmctl(other, IPC_RMID, NULL) != 0) wrong++;
    }
    kill_and_finish(c);
    say("wrong %d", wrong);
    count(id, "in the end");
}

/* What calls gave, said later: where the stack is small nothing is printed. */
static struct {
    const char *text;
    int error;
} given[64];
static int givens;

static void note(const char *text, bool failed) {
    if (givens == 64) _exit(96);
    given[givens].error = failed ? errno : 0;
    given[givens++].text = text;
}

#define NOTE(call) note(#call, (call) == -1)
#define NOTE_NULL(call) note(#call, (call) == NULL)

static void say_notes(void) {
    for (int i = 0; i < givens; i++) say("%s: %s", given[i].text, given[i].error ? error_name(given[i].error) : "fine");
}

static void calls_on_objects(void) {
    int fd;
    sem_t *sem;
    NOTE(fd = shm_open("/small", O_RDWR | O_CREAT | O_EXCL, 0600));
    NOTE(shm_open("/small", O_RDWR | O_CREAT | O_EXCL, 0600));
    NOTE(shm_open("/absent", O_RDWR, 0600));
    NOTE(ftruncate(fd, 9999));
    NOTE(posix_fallocate(fd, 0, 99999));
    close(fd);
    NOTE_NULL(sem = sem_open("/small", O_CREAT, 0600, 1));
    NOTE_NULL(sem_open("/absent", 0));
    NOTE(sem_close(sem));
    NOTE(sem_unlink("/small"));
    NOTE(sem_unlink("/absent"));
    NOTE(shm_unlink("/absent"));
}

static void calls_on_paths(void) {
    struct stat status;
    struct statvfs system;
    FILE *file;
    DIR *dir;
    int fd;
    static char template[] = "/dev/shm/small-XXXXXX";
    NOTE(stat("/dev/shm/small", &status));
    NOTE(statvfs("/dev/shm", &system));
    NOTE(truncate("/dev/shm/small", 99));
    NOTE(chmod("/dev/shm/small", 0640));
    NOTE(fd = open("/dev/shm/small", O_RDWR));
    close(fd);
    NOTE(fd = open("/dev/shm/other", O_RDWR | O_CREAT | O_EXCL, 0600));
    close(fd);
    NOTE_NULL(file = fopen("/dev/shm/other", "w"));
    fclose(file);
    NOTE_NULL(dir = opendir("/dev/shm"));
    closedir(dir);
    NOTE(link("/dev/shm/small", "/dev/shm/linked"));
    NOTE(rename("/dev/shm/linked", "/dev/shm/renamed"));
    NOTE(rename("/dev/shm/absent", "/dev/shm/renamed"));
    NOTE(unlink("/dev/shm/renamed"));
    NOTE(unlink("/dev/shm/other"));
    NOTE(fd = mkstemp(template));
    close(fd);
    NOTE(unlink(template));
    NOTE(mkfifo("/dev/shm/small", 0600));
    NOTE(shm_unlink("/small"));
}

static void calls_on_segments(void) {
    struct shmid_ds state;
    int id;
    void *p;
    NOTE(id = shmget(IPC_PRIVATE, 4096, 0600));
    NOTE((long)(p = shmat(id, NULL, 0)));
    NOTE(shmctl(id, IPC_STAT, &state));
    NOTE(shmdt(p));
    NOTE(shmctl(id, IPC_RMID, NULL));
    NOTE(shmget(KEY, 0, 0));
}

static void *calls_of_all_kinds(void *unused) {
    (void)unused;
    calls_on_objects();
    calls_on_paths();
    calls_on_segments();
    return NULL;
}

/* The smallest stack that a thread can have, from the process's first call on. */
CASE(smallest_stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    need(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0, "pthread_attr_setstacksize");
    need(pthread_create(&thread, &attributes, calls_of_all_kinds, NULL) == 0, "pthread_create");
    pthread_join(thread, NULL);
    say_notes();
}

static void on_own_stack(int number) {
    (void)number;
    calls_of_all_kinds(NULL);
}

/* A handler's own stack, with little more than the kernel puts there and a page below it that nobody may touch. */
CASE(small_signal_stack) {
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 6144, pages = size / PAGE + 2;
    char *low = reserve(pages) + PAGE;
    need(mprotect(low, (pages - 1) * PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
    stack_t stack = {.ss_sp = low, .ss_size = size};
    struct sigaction act = {.sa_handler = on_own_stack, .sa_flags = SA_ONSTACK};
    need(sigaltstack(&stack, NULL) == 0, "sigaltstack");
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    say_notes();
}
