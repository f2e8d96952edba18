// library open ROUNDS | first | in BYTES ROUNDS | out BYTES ROUNDS: what a program that calls the kernel itself pays to
// open and map an object that is there, for the first time and again, and to copy bytes into it and out of it.
#include "measure.h"
#include <fcntl.h>
#include <sys/mman.h>

static char name[64];

static void *open_and_map(size_t bytes, int *fd) {
    *fd = shm_open(name, O_RDWR, 0);
    check(*fd >= 0, "shm_open");
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    check(at != MAP_FAILED, "mmap");
    return at;
}

static void create(size_t bytes) {
    snprintf(name, sizeof name, "/shmfs-bench-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(fd >= 0, "shm_open");
    check(ftruncate(fd, (off_t)bytes) == 0, "ftruncate");
    close(fd);
}

static void opens(int rounds) {
    for (int round = 0; round < rounds; round++) {
        int fd;
        uint64_t start = now();
        void *at = open_and_map(OBJECT, &fd);
        munmap(at, OBJECT);
        close(fd);
        printf("%llu\n", (unsigned long long)(now() - start));
    }
}

static void copies(int in, size_t bytes, int rounds) {
    int fd;
    unsigned char *at = open_and_map(bytes, &fd), *own = malloc(bytes);
    check(own != NULL, "malloc");
    memset(at, 1, bytes);
    memset(own, 2, bytes);
    for (int round = 0; round < rounds; round++) {
        uint64_t start = now();
        memcpy(in ? at : own, in ? own : at, bytes);
        // The copy must be made although nobody looks at it.
        __asm__ volatile("" : : "r"(own), "r"(at) : "memory");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    size_t bytes = argc > 3 ? strtoul(argv[2], NULL, 10) : OBJECT;
    int rounds = argc > 2 ? atoi(argv[argc - 1]) : 1;
    create(bytes);
    if (strcmp(what, "in") == 0 || strcmp(what, "out") == 0)
        copies(what[0] == 'i', bytes, rounds);
    else
        opens(rounds);
    check(shm_unlink(name) == 0, "shm_unlink");
    return 0;
}
