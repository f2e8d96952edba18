/* Named semaphores: sem_open(3), sem_close(3), sem_unlink(3), and what is done with them. */
#include "case.h"

#include <semaphore.h>

static sem_t *tell_sem(const char *text, sem_t *s) {
    int error = errno;
    if (s == SEM_FAILED) say("%s = SEM_FAILED %s", text, error_name(error));
    else say("%s = a semaphore", text);
    return s;
}
#define SEM(call) tell_sem(#call, (errno = UNTOUCHED, (call)))

static void tell_value(sem_t *s) {
    int value = -7;
    if (sem_getvalue(s, &value) != 0) say("value: %s", error_name(errno));
    else say("value: %d", value);
}

static sem_t *made(const char *name, unsigned value) {
    sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, value);
    need(s != SEM_FAILED, "sem_open");
    return s;
}

CASE(create) {
    sem_t *s = SEM(sem_open("/sem", O_CREAT, 0600, 3));
    tell_value(s);
    TRY(sem_wait(s));
    tell_value(s);
    TRY(sem_post(s));
    TRY(sem_post(s));
    tell_value(s);
    TRY(sem_close(s));
}

CASE(absent) {
    SEM(sem_open("/sem", 0));
    SEM(sem_open("/sem", O_RDWR));
    SEM(sem_open("/sem", O_EXCL));
    TRY(sem_unlink("/sem"));
}

CASE(exclusive) {
    SEM(sem_open("/sem", O_CREAT | O_EXCL, 0600, 1));
    SEM(sem_open("/sem", O_CREAT | O_EXCL, 0600, 1));
    SEM(sem_open("/sem", O_CREAT, 0600, 1));
    SEM(sem_open("/sem", O_EXCL));
}

CASE(existing_keeps_its_value) {
    tell_value(made("/sem", 5));
    sem_t *s = SEM(sem_open("/sem", O_CREAT, 0600, 9));
    tell_value(s);
    s = SEM(sem_open("/sem", 0));
    tell_value(s);
}

CASE(one_address_per_name) {
    sem_t *a = made("/sem", 1), *b = SEM(sem_open("/sem", 0)), *c = SEM(sem_open("/sem", O_CREAT, 0600, 1)),
          *d = SEM(sem_open("/sem", O_RDWR)), *other = made("/other", 1);
    say("same: %d %d %d, other: %d", a == b, a == c, a == d, a != other);
    TRY(sem_close(a));
    TRY(sem_close(b));
    TRY(sem_close(c));
    TRY(sem_post(d));
    tell_value(d);
    TRY(sem_close(d));
}

CASE(one_semaphore_by_several_spellings) {
    sem_t *a = made("/sem", 1), *b = SEM(sem_open("//sem", 0)), *c = SEM(sem_open("sem", O_CREAT, 0600, 9));
    TRY(sem_post(b));
    TRY(sem_post(c));
    tell_value(a);
}

CASE(closed_and_opened_again) {
    sem_t *s = made("/sem", 2);
    TRY(sem_wait(s));
    TRY(sem_close(s));
    s = SEM(sem_open("/sem", 0));
    tell_value(s);
}

CASE(close_of_no_semaphore) {
    static sem_t own;
    sem_init(&own, 0, 1);
    TRY(sem_close(&own));
    sem_t *s = made("/sem", 1);
    TRY(sem_close(s));
    TRY(sem_close(s));
}

CASE(values) {
    tell_value(SEM(sem_open("/a", O_CREAT, 0600, 0)));
    tell_value(SEM(sem_open("/b", O_CREAT, 0600, INT_MAX)));
    SEM(sem_open("/c", O_CREAT, 0600, (unsigned)INT_MAX + 1));
    SEM(sem_open("/d", O_CREAT, 0600, UINT_MAX));
    SEM(sem_open("/a", O_CREAT, 0600, UINT_MAX));
    SEM(sem_open("/c", 0));
}

CASE(post_beyond_the_largest) {
    sem_t *s = made("/sem", INT_MAX);
    TRY(sem_post(s));
    tell_value(s);
}

CASE(names_refused) {
    SEM(sem_open("", O_CREAT, 0600, 1));
    SEM(sem_open("/", O_CREAT, 0600, 1));
    SEM(sem_open("/a/b", O_CREAT, 0600, 1));
    SEM(sem_open("a/", O_CREAT, 0600, 1));
    TRY(sem_unlink(""));
    TRY(sem_unlink("/"));
    TRY(sem_unlink("/a/b"));
}

CASE(names_with_dots) {
    SEM(sem_open("/.", O_CREAT, 0600, 1));
    SEM(sem_open("/..", O_CREAT, 0600, 1));
    SEM(sem_open("/sem.x", O_CREAT, 0600, 1));
    TRY(sem_unlink("/."));
    TRY(sem_unlink("/.."));
    TRY(sem_unlink("/sem.x"));
}

CASE(names_by_length) {
    static char name[6000];
    int lengths[] = {1, 247, 248, 249, 250, 251, 252, 256, 5000};
    for (int i = 0; i < 9; i++) {
        memset(name, 'n', sizeof name);
        name[0] = '/';
        name[1 + lengths[i]] = 0;
        say("%d", lengths[i]);
        SEM(sem_open(name, O_CREAT | O_EXCL, 0600, 1));
        SEM(sem_open(name, 0));
        TRY(sem_unlink(name));
    }
}

CASE(try_and_timed_wait) {
    sem_t *s = made("/sem", 1);
    struct timespec past = {1, 0}, wrong = {1, 2000000000}, soon;
    TRY(sem_trywait(s));
    TRY(sem_trywait(s));
    TRY(sem_timedwait(s, &past));
    TRY(sem_timedwait(s, &wrong));
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    TRY(sem_timedwait(s, &soon));
    TRY(sem_post(s));
    TRY(sem_timedwait(s, &wrong));
    tell_value(s);
}

static void nothing(int number) { (void)number; }

CASE(wait_interrupted) {
    sem_t *s = made("/sem", 0);
    struct sigaction act = {.sa_handler = nothing};
    struct gate over = gate();
    sigaction(SIGUSR1, &act, NULL);
    pid_t me = getpid(), c = start("child");
    if (c == 0) {
        fcntl(over.fd[0], F_SETFL, O_NONBLOCK);
        char byte;
        while (read(over.fd[0], &byte, 1) != 1) {
            kill(me, SIGUSR1);
            usleep(1000);
        }
        _exit(0);
    }
    TRY(sem_wait(s));
    open_gate(over);
    finish(c);
}

CASE(two_processes) {
    sem_t *ping = made("/ping", 0), *pong = made("/pong", 0);
    pid_t c = start("child");
    if (c == 0) {
        sem_t *a = sem_open("/ping", 0), *b = sem_open("/pong", 0);
        for (int i = 0; i < 500; i++) {
            need(sem_wait(a) == 0, "sem_wait");
            need(sem_post(b) == 0, "sem_post");
        }
        _exit(0);
    }
    for (int i = 0; i < 500; i++) {
        need(sem_post(ping) == 0, "sem_post");
        need(sem_wait(pong) == 0, "sem_wait");
    }
    finish(c);
    tell_value(ping);
    tell_value(pong);
}

ROLE(post) {
    sem_t *s = SEM(sem_open(argument, 0));
    TRY(sem_post(s));
}

CASE(between_programs) {
    sem_t *s = made("/sem", 0);
    pid_t c = start("child");
    if (c == 0) {
        exec_role("post", "/sem");
        _exit(1);
    }
    need(sem_wait(s) == 0, "sem_wait");
    finish(c);
    tell_value(s);
}

CASE(unlink_while_open) {
    sem_t *s = made("/sem", 1);
    TRY(sem_unlink("/sem"));
    TRY(sem_unlink("/sem"));
    TRY(sem_wait(s));
    tell_value(s);
    SEM(sem_open("/sem", 0));
    sem_t *other = SEM(sem_open("/sem", O_CREAT | O_EXCL, 0600, 7));
    say("another one: %d", s != other);
    tell_value(s);
    tell_value(other);
}

CASE(shared_with_a_child) {
    sem_t *s = made("/sem", 0);
    pid_t c = start("child");
    if (c == 0) {
        sem_t *again = sem_open("/sem", 0);
        say("same address in the child: %d", again == s);
        TRY(sem_post(s));
        TRY(sem_close(again));
        _exit(0);
    }
    finish(c);
    tell_value(s);
}

/* A semaphore knows no owner: what a killed process took stays taken. */
CASE(holder_killed) {
    sem_t *s = made("/sem", 1);
    struct gate taken = gate();
    pid_t c = start("child");
    if (c == 0) {
        need(sem_wait(s) == 0, "sem_wait");
        open_gate(taken);
        for (;;) pause();
    }
    pass(taken);
    kill_and_finish(c);
    tell_value(s);
    TRY(sem_trywait(s));
}

CASE(modes_and_users) {
    need_users();
    umask(0);
    made("/closed", 1);
    need(sem_open("/open", O_CREAT, 0666, 1) != SEM_FAILED && sem_open("/readable", O_CREAT, 0644, 1) != SEM_FAILED,
         "sem_open");
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        SEM(sem_open("/closed", 0));
        SEM(sem_open("/readable", 0));
        sem_t *s = SEM(sem_open("/open", 0));
        TRY(sem_wait(s));
        TRY(sem_unlink("/open"));
        SEM(sem_open("/closed", O_CREAT | O_EXCL, 0600, 1));
        SEM(sem_open("/closed", O_CREAT, 0600, 1));
        SEM(sem_open("/own", O_CREAT, 0600, 1));
        TRY(sem_unlink("/own"));
        _exit(0);
    }
    finish(c);
}

/* A semaphore is the object `sem.NAME` beside the others. */
CASE(seen_as_an_object) {
    umask(022);
    need(sem_open("/sem", O_CREAT, 0666, 1) != SEM_FAILED, "sem_open");
    int fd = FD(shm_open("/sem.sem", O_RDWR, 0));
    struct stat s;
    TRY(fstat(fd, &s));
    say("mode %o size %ld links %lu", s.st_mode, (long)s.st_size, (unsigned long)s.st_nlink);
    FD(shm_open("/sem", O_RDWR, 0));
    TRY(shm_unlink("/sem.sem"));
    SEM(sem_open("/sem", 0));
}

CASE(object_that_is_too_small) {
    FD(shm_open("/sem.small", O_RDWR | O_CREAT, 0600));
    SEM(sem_open("/small", 0));
    SEM(sem_open("/small", O_CREAT, 0600, 1));
}

CASE(one_winner) {
    struct gate ready = gate();
    pid_t c[8];
    for (int i = 0; i < 8; i++)
        if ((c[i] = start("racer")) == 0) {
            pass(ready);
            _exit(sem_open("/sem", O_CREAT | O_EXCL, 0600, 1) != SEM_FAILED ? 1 : errno == EEXIST ? 2 : 3);
        }
    for (int i = 0; i < 8; i++) open_gate(ready);
    int won = 0, lost = 0;
    for (int i = 0; i < 8; i++) {
        int status = WEXITSTATUS(finish_quietly(c[i]));
        won += status == 1;
        lost += status == 2;
    }
    say("won %d lost %d", won, lost);
}

static void *open_and_post(void *unused) {
    (void)unused;
    sem_t *s = sem_open("/sem", O_CREAT, 0600, 0);
    if (s != SEM_FAILED) sem_post(s);
    return s;
}

CASE(threads_open_at_once) {
    pthread_t t[8];
    void *s[8];
    int same = 1;
    for (int i = 0; i < 8; i++) pthread_create(&t[i], NULL, open_and_post, NULL);
    for (int i = 0; i < 8; i++) pthread_join(t[i], &s[i]);
    for (int i = 1; i < 8; i++) same &= s[i] == s[0];
    say("one address: %d", same);
    tell_value(s[0]);
}

CASE(many) {
    char name[32];
    int wrong = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "/sem-%d", i);
        sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, i);
        int value = -1;
        if (s == SEM_FAILED || sem_getvalue(s, &value) != 0 || value != i) wrong++;
        else if (sem_unlink(name) != 0 || sem_close(s) != 0) wrong++;
    }
    say("wrong %d", wrong);
}

CASE(descriptors_used_up) {
    sem_t *s = made("/open", 1);
    struct rlimit limit = {32, 32};
    need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    while (dup(STDOUT_FILENO) >= 0) {}
    SEM(sem_open("/another", O_CREAT, 0600, 1));
    SEM(sem_open("/none", 0));
    TRY(sem_post(s));
    tell_value(s);
}
