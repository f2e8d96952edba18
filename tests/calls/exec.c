/* nattch through exec, vfork, posix_spawn and system(), and calls of the programs so started. */
#include "case.h"

#include <spawn.h>

extern char **environ;

ROLE(end) { (void)argument; }

ROLE(stat) {
    known(getpid(), "child");
    known(getppid(), "main");
    count(atoi(argument), "in the program");
}

ROLE(call) {
    int id = atoi(argument);
    known(getpid(), "child");
    char *p = AT(shmat(id, NULL, 0));
    say("reads: %s", p);
    strcpy(p, "from the program");
    count(id, "in the program");
    ID(shmget(KEY, 100, IPC_CREAT | 0600));
}

static char *number(int n) {
    static char text[16];
    snprintf(text, sizeof text, "%d", n);
    return text;
}

CASE(exec_ends_attaches) {
    int id = segment(4096, 0600);
    attach(id);
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        count(id, "before exec");
        exec_role("stat", number(id));
        _exit(1);
    }
    finish(c);
    show(id);
}

CASE(exec_ends_the_last_attach_of_a_removed_one) {
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        attach(id);
        need(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
        show(id);
        exec_role("stat", number(id));
        _exit(1);
    }
    finish(c);
    show(id);
}

CASE(exec_then_calls) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    strcpy(p, "from main");
    pid_t c = start("child");
    if (c == 0) {
        exec_role("call", number(id));
        _exit(1);
    }
    finish(c);
    say("reads: %s", p);
    count(id, "in the end");
    ID(shmget(KEY, 0, 0));
}

CASE(exec_that_fails) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = start("child");
    if (c == 0) {
        TRY(execl("/nonexistent/program", "program", (char *)NULL));
        count(id, "in the child");
        TRY(shmdt(p));
        count(id, "after its shmdt");
        _exit(0);
    }
    finish(c);
    count(id, "in the end");
}

CASE(main_execs_itself) {
    int id = segment(4096, 0600);
    strcpy(attach(id), "before exec");
    count(id, "before exec");
    exec_role("call", number(id));
}

CASE(vfork_exit) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = vfork();
    if (c == 0) _exit(5);
    known(c, "child");
    finish(c);
    count(id, "after vfork and _exit");
    TRY(shmdt(p));
    count(id, "after shmdt");
}

CASE(vfork_exec) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    const char *path = self_path(), *text = number(id);
    pid_t c = vfork();
    if (c == 0) {
        execl(path, path, "role", "stat", text, (char *)NULL);
        _exit(1);
    }
    known(c, "child");
    finish(c);
    count(id, "after vfork and exec");
    TRY(shmdt(p));
    show(id);
}

CASE(spawn) {
    int id = segment(4096, 0600);
    attach(id);
    pid_t c = 0;
    char *args[] = {(char *)self_path(), "role", "stat", number(id), NULL};
    need(posix_spawn(&c, self_path(), NULL, NULL, args, environ) == 0, "posix_spawn");
    known(c, "child");
    finish(c);
    count(id, "afterwards");
}

CASE(spawn_then_calls) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    strcpy(p, "from main");
    pid_t c = 0;
    char *args[] = {(char *)self_path(), "role", "call", number(id), NULL};
    need(posix_spawn(&c, self_path(), NULL, NULL, args, environ) == 0, "posix_spawn");
    known(c, "child");
    finish(c);
    say("reads: %s", p);
    count(id, "afterwards");
}

CASE(spawn_before_the_first_call) {
    pid_t c = 0;
    char *args[] = {(char *)self_path(), "role", "end", "0", NULL};
    need(posix_spawn(&c, self_path(), NULL, NULL, args, environ) == 0, "posix_spawn");
    known(c, "child");
    finish(c);
    show(ID(shmget(KEY, 10, IPC_CREAT | 0600)));
}

CASE(shell) {
    int id = segment(4096, 0600);
    char *p = attach(id), command[PATH_MAX + 64];
    strcpy(p, "from main");
    snprintf(command, sizeof command, "exec %s role call %d", self_path(), id);
    TRY(system(command));
    say("reads: %s", p);
    count(id, "after system()");
    FILE *pipe = popen(command, "r");
    char line[100];
    int lines = 0;
    while (pipe && fgets(line, sizeof line, pipe)) lines++;
    say("lines %d, status %d", lines, pclose(pipe));
    count(id, "after popen()");
}

/* LD_PRELOAD and the rest of the environment must reach a program started with another one's remains. */
CASE(exec_in_a_chain) {
    int id = segment(4096, 0600);
    char *p = attach(id), command[PATH_MAX + 100];
    strcpy(p, "from main");
    snprintf(command, sizeof command, "sh -c 'sh -c \"exec %s role call %d\"'", self_path(), id);
    TRY(system(command));
    say("reads: %s", p);
    count(id, "in the end");
}
