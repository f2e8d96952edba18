// sysv ROUNDS alone|pair: the life of a segment; in a pair another process attaches it and reads.
#include "measure.h"
#include <sys/shm.h>

static int reads(int id, int round) {
    unsigned char *at = shmat(id, NULL, SHM_RDONLY);
    if (at == (void *)-1)
        return 0;
    int good = 1;
    for (int i = 0; i < WRITTEN; i++)
        good &= at[i] == (unsigned char)round;
    return shmdt(at) == 0 && good;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    int pair = argc > 2 && strcmp(argv[2], "pair") == 0;
    struct peer peer;
    if (pair)
        peer_start(&peer, reads);
    for (int round = 0; round < rounds; round++) {
        uint64_t start = now();
        int id = shmget(IPC_PRIVATE, OBJECT, IPC_CREAT | 0600);
        check(id >= 0, "shmget");
        void *at = shmat(id, NULL, 0);
        check(at != (void *)-1, "shmat");
        memset(at, round, WRITTEN);
        if (pair)
            peer_turn(&peer, id, round);
        check(shmdt(at) == 0, "shmdt");
        check(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
    if (pair)
        peer_end(&peer);
    return 0;
}
