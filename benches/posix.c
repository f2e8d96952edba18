// posix ROUNDS alone|pair: the life of an object; in a pair another process opens it and reads.
#include "measure.h"
#include <fcntl.h>
#include <sys/mman.h>

static char name[64];

static void *map(int fd, int protection) {
    void *at = mmap(NULL, OBJECT, protection, MAP_SHARED, fd, 0);
    check(at != MAP_FAILED, "mmap");
    close(fd);
    return at;
}

static int reads(int number, int round) {
    (void)number;
    int fd = shm_open(name, O_RDONLY, 0);
    if (fd < 0)
        return 0;
    unsigned char *at = map(fd, PROT_READ);
    int good = 1;
    for (int i = 0; i < WRITTEN; i++)
        good &= at[i] == (unsigned char)round;
    munmap(at, OBJECT);
    return good;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    int pair = argc > 2 && strcmp(argv[2], "pair") == 0;
    struct peer peer;
    snprintf(name, sizeof name, "/shmfs-bench-%d", (int)getpid());
    if (pair)
        peer_start(&peer, reads);
    for (int round = 0; round < rounds; round++) {
        uint64_t start = now();
        int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        check(fd >= 0, "shm_open");
        check(ftruncate(fd, OBJECT) == 0, "ftruncate");
        void *at = map(fd, PROT_READ | PROT_WRITE);
        memset(at, round, WRITTEN);
        if (pair)
            peer_turn(&peer, 0, round);
        munmap(at, OBJECT);
        check(shm_unlink(name) == 0, "shm_unlink");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
    if (pair)
        peer_end(&peer);
    return 0;
}
