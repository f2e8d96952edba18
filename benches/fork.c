// fork ROUNDS: fork, _exit and wait, in a process with one segment attached.
#include "measure.h"
#include <sys/shm.h>

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    int id = shmget(IPC_PRIVATE, OBJECT, IPC_CREAT | 0600);
    check(id >= 0, "shmget");
    char *at = shmat(id, NULL, 0);
    check(at != (void *)-1, "shmat");
    check(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
    memset(at, 1, WRITTEN);
    for (int round = 0; round < rounds; round++) {
        int status;
        uint64_t start = now();
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0)
            _exit(at[0] == 1 ? 0 : 1);
        check(waitpid(pid, &status, 0) == pid && status == 0, "the child");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
    return 0;
}
