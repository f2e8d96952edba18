/* nattch through fork and the ends of processes: _exit, exit, kill -9, orphans, daemon(), raw clone. */
#include "case.h"

#include <sys/syscall.h>

CASE(fork_counts) {
    int id = segment(4096, 0600);
    attach(id);
    struct gate seen = gate(), go = gate();
    pid_t c = start("child");
    if (c == 0) {
        open_gate(seen);
        pass(go);
        _exit(0);
    }
    pass(seen);
    show(id);
    open_gate(go);
    finish(c);
    show(id);
}

CASE(fork_before_the_first_call) {
    pid_t c = start("child");
    if (c == 0) {
        int id = ID(shmget(KEY, 4096, IPC_CREAT | 0600));
        strcpy(attach(id), "from the child");
        show(id);
        _exit(0);
    }
    finish(c);
    int id = ID(shmget(KEY, 0, 0));
    show(id);
    say("reads: %s", (char *)attach(id));
}

CASE(fork_with_several_attaches) {
    int a = segment(4096, 0600), b = segment(4096, 0600);
    char *p = attach(a);
    attach(a);
    attach(b);
    pid_t c = start("child");
    if (c == 0) {
        count(a, "of a in the child");
        count(b, "of b in the child");
        TRY(shmdt(p));
        count(a, "of a after the child's shmdt");
        attach(b);
        count(b, "of b after the child's shmat");
        _exit(0);
    }
    finish(c);
    count(a, "of a");
    count(b, "of b");
}

CASE(double_fork) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = start("child");
    if (c == 0) {
        pid_t g = start("grandchild");
        if (g == 0) {
            count(id, "in the grandchild");
            strcpy(p, "from the grandchild");
            _exit(0);
        }
        finish(g);
        count(id, "in the child");
        _exit(0);
    }
    finish(c);
    count(id, "in the end");
    say("reads: %s", p);
}

CASE(deep_line_of_forks) {
    int id = segment(4096, 0600);
    attach(id);
    for (int depth = 1; depth <= 6; depth++) {
        pid_t c = start("descendant");
        if (c != 0) {
            int status = finish_quietly(c);
            if (depth > 1) _exit(WEXITSTATUS(status));
            count(id, "in the end");
            return;
        }
        say("depth %d: nattch %ld", depth, nattch(id));
    }
    _exit(0);
}

CASE(twenty_children) {
    int id = segment(4096, 0600);
    attach(id);
    struct gate ready = gate(), go = gate();
    pid_t c[20];
    for (int i = 0; i < 20; i++)
        if ((c[i] = start("child")) == 0) {
            attach(id);
            open_gate(ready);
            pass(go);
            _exit(0);
        }
    for (int i = 0; i < 20; i++) pass(ready);
    count(id, "with twenty children");
    for (int i = 0; i < 20; i++) open_gate(go);
    for (int i = 0; i < 20; i++) finish_quietly(c[i]);
    count(id, "without");
}

CASE(exit_without_shmdt) {
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        attach(id);
        show(id);
        exit(3);
    }
    finish(c);
    show(id);
}

CASE(killed_while_attached) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    struct gate seen = gate();
    pid_t c = start("child");
    if (c == 0) {
        strcpy(attach(id), "last words");
        open_gate(seen);
        for (;;) pause();
    }
    pass(seen);
    count(id, "while it lives");
    kill_and_finish(c);
    show(id);
    say("reads: %s", p);
}

CASE(killed_while_removed) {
    int id = segment(4096, 0600);
    struct gate seen = gate();
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        open_gate(seen);
        for (;;) pause();
    }
    pass(seen);
    TRY(shmctl(id, IPC_RMID, NULL));
    show(id);
    kill_and_finish(c);
    show(id);
}

CASE(killed_by_a_fault) {
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        raise(SIGSEGV);
    }
    finish(c);
    count(id, "afterwards");
}

/* The parent dies; its attaches go, the child's stay. */
CASE(parent_killed_child_lives) {
    need(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "subreaper");
    int id = segment(4096, 0600), fd[2];
    struct gate go = gate(), attached = gate(), done = gate();
    need(pipe(fd) == 0, "pipe");
    pid_t c = start("middle");
    if (c == 0) {
        attach(id);
        pid_t g = start("orphan");
        if (g == 0) {
            g = getpid();
            need(write(fd[1], &g, sizeof g) == sizeof g, "write");
            pass(go);
            count(id, "in the orphan");
            attach(id);
            count(id, "after its own shmat");
            open_gate(attached);
            pass(done);
            _exit(0);
        }
        for (;;) pause();
    }
    pid_t g;
    need(read(fd[0], &g, sizeof g) == sizeof g, "read");
    known(g, "orphan");
    count(id, "of both");
    kill_and_finish(c);
    count(id, "of the orphan");
    open_gate(go);
    pass(attached);
    open_gate(done);
    finish(g);
    show(id);
}

CASE(parent_killed_removed_segment_lives) {
    need(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "subreaper");
    int id = segment(4096, 0600), fd[2];
    need(pipe(fd) == 0, "pipe");
    pid_t c = start("middle");
    if (c == 0) {
        attach(id);
        need(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
        pid_t g = start("orphan");
        if (g == 0) {
            g = getpid();
            need(write(fd[1], &g, sizeof g) == sizeof g, "write");
        }
        for (;;) pause();
    }
    pid_t g;
    need(read(fd[0], &g, sizeof g) == sizeof g, "read");
    known(g, "orphan");
    kill_and_finish(c);
    show(id);
    kill_and_finish(g);
    show(id);
}

CASE(daemon_keeps_its_attaches) {
    need(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "subreaper");
    int id = segment(4096, 0600), fd[2];
    struct gate go = gate();
    need(pipe(fd) == 0, "pipe");
    pid_t c = start("forerunner");
    if (c == 0) {
        char *p = attach(id);
        need(daemon(1, 1) == 0, "daemon");
        alarm(LIMIT_SECONDS);
        pid_t g = getpid();
        strcpy(p, "from the daemon");
        need(write(fd[1], &g, sizeof g) == sizeof g, "write");
        pass(go);
        count(id, "in the daemon");
        attach(id);
        count(id, "after its shmat");
        _exit(0);
    }
    finish(c);
    pid_t g;
    need(read(fd[0], &g, sizeof g) == sizeof g, "read");
    known(g, "daemon");
    count(id, "while it runs");
    open_gate(go);
    finish(g);
    show(id);
    say("reads: %s", (char *)attach(id));
}

/* A process that no library saw being made. */
CASE(raw_clone) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (c == 0) {
        alarm(LIMIT_SECONDS);
        known(getpid(), "clone");
        count(id, "in the clone");
        char *q = AT(shmat(id, NULL, 0));
        strcpy(q, "from the clone");
        count(id, "after its shmat");
        TRY(shmdt(q));
        TRY(shmdt(p));
        TRY(shmdt(p));
        ID(shmget(KEY, 10, IPC_CREAT | 0600));
        _exit(0);
    }
    known(c, "clone");
    finish(c);
    count(id, "in the end");
    say("reads: %s", p);
    ID(shmget(KEY, 0, 0));
}

CASE(raw_clone_killed) {
    int id = segment(4096, 0600);
    attach(id);
    struct gate seen = gate();
    pid_t c = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (c == 0) {
        alarm(LIMIT_SECONDS);
        attach(id);
        open_gate(seen);
        for (;;) pause();
    }
    known(c, "clone");
    pass(seen);
    count(id, "while it lives");
    kill_and_finish(c);
    count(id, "afterwards");
}

CASE(fork_without_handlers) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = _Fork();
    if (c == 0) {
        alarm(LIMIT_SECONDS);
        known(getpid(), "child");
        count(id, "in the child");
        TRY(shmdt(p));
        count(id, "after its shmdt");
        _exit(0);
    }
    known(c, "child");
    finish(c);
    count(id, "in the end");
}

/* Parents and children count on their own from the fork on. */
CASE(both_detach) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    struct gate go = gate(), done = gate();
    pid_t c = start("child");
    if (c == 0) {
        pass(go);
        TRY(shmdt(p));
        show(id);
        open_gate(done);
        _exit(0);
    }
    TRY(shmdt(p));
    show(id);
    open_gate(go);
    pass(done);
    finish(c);
    show(id);
}

CASE(forks_in_turn) {
    int id = segment(4096, 0600);
    attach(id);
    for (int round = 0; round < 20; round++) {
        pid_t a = start("child");
        if (a == 0) {
            pid_t b = start("grandchild");
            if (b == 0) _exit(nattch(id) >= 2 ? 0 : 1);
            _exit(WEXITSTATUS(finish_quietly(b)));
        }
        if (WEXITSTATUS(finish_quietly(a)) != 0) say("round %d: wrong", round);
    }
    count(id, "after the rounds");
}

/* A fork after a detach that nobody has looked at: both leave their times. */
CASE(detach_then_fork) {
    int id = segment(4096, 0600);
    attach(id);
    char *q = attach(id);
    TRY(shmdt(q));
    pid_t c = start("child");
    if (c == 0) {
        pause();
        _exit(0);
    }
    show(id);
    kill(c, SIGKILL);
    finish(c);
}
