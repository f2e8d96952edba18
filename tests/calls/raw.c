/* The raw system calls of System V, through syscall(2). */
#include "case.h"

CASE(a_whole_life) {
    int id = (int)TRY(syscall(SYS_shmget, KEY, 5000, IPC_CREAT | 0600)) == -1 ? -1 : shmget(KEY, 0, 0);
    char *p = (char *)syscall(SYS_shmat, id, NULL, 0);
    say("attached: %d", (long)p > 0);
    strcpy(p, "raw");
    show(id);
    char *q = AT(shmat(id, NULL, SHM_RDONLY));
    say("reads: %s", q);
    TRY(syscall(SYS_shmdt, p));
    struct shmid_ds ds;
    TRY(syscall(SYS_shmctl, id, IPC_STAT, &ds));
    say("nattch %lu", (unsigned long)ds.shm_nattch);
    TRY(syscall(SYS_shmctl, id, IPC_RMID, NULL));
    TRY(syscall(SYS_shmdt, q));
    TRY(syscall(SYS_shmctl, id, IPC_STAT, &ds));
}

CASE(refusals) {
    TRY(syscall(SYS_shmget, KEY, 10, 0));
    TRY(syscall(SYS_shmget, KEY, 0, IPC_CREAT | 0600));
    TRY(syscall(SYS_shmat, -1, NULL, 0));
    TRY(syscall(SYS_shmdt, NULL));
    TRY(syscall(SYS_shmctl, 5, IPC_RMID, NULL));
    TRY(syscall(SYS_shmctl, 5, 77, NULL));
}
