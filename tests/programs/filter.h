/*
 * Running a program to which the kernel refuses some of its calls, by a seccomp filter.
 */
#ifndef FILTER_H
#define FILTER_H

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Inside a filter: the call with this number gives this error. */
#define REFUSE(number, error)                                                                                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* Runs argv[1] with its arguments behind a filter of REFUSE(...)s; the exit status when it cannot. */
#define RUN_FILTERED(argc, argv, ...)                                                                                \
    do {                                                                                                             \
        struct sock_filter filter[] = {                                                                              \
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                                   \
            __VA_ARGS__,                                                                                             \
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),                                                            \
        };                                                                                                           \
        struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};                                      \
        return (argc) < 2 ? 2 : run_filtered(&program, (argv) + 1);                                                  \
    } while (0)

static int run_filtered(struct sock_fprog *program, char **arguments) {
    /* Root may filter without giving up what exec could gain; others must. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0)) {
        perror("seccomp");
        return 125;
    }
    execvp(arguments[0], arguments);
    perror(arguments[0]);
    return 127;
}

#endif
