/*
 * Runs a program to which the kernel refuses its own System V shared memory: a seccomp filter answers shmget, shmat,
 * shmdt and shmctl with EPERM. `deny PROGRAM ARGUMENTS...`
 */
#include "filter.h"

int main(int argc, char **argv) {
    RUN_FILTERED(argc, argv, REFUSE(SYS_shmget, EPERM), REFUSE(SYS_shmat, EPERM), REFUSE(SYS_shmdt, EPERM),
                 REFUSE(SYS_shmctl, EPERM));
}
