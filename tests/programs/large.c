/*
 * `large sysv|posix|allocate BYTES`: makes an object, fills every page, and lets another program (itself, by exec)
 * read them through its own attach or mapping. Says `shared BYTES`, or which call refused and how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static int refused(const char *call, int error) {
    printf("%s: %s\n", call, strerrorname_np(error));
    shm_unlink("/large");
    return 1;
}

static int check(const unsigned char *p, size_t size) {
    for (size_t i = 0; i < size; i += PAGE)
        if (p[i] != (unsigned char)(i / PAGE % 251 + 1)) return 1;
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int sysv = strcmp(argv[1], "sysv") == 0, reads = argc == 4, id = -1, fd = -1;
    size_t size = strtoul(argv[2], NULL, 0);
    unsigned char *p;
    if (sysv) {
        id = shmget(0x4c41, size, reads ? 0600 : IPC_CREAT | 0600);
        if (id < 0) return refused("shmget", errno);
        p = shmat(id, NULL, 0);
        if (p == (void *)-1) return refused("shmat", errno);
    } else {
        fd = shm_open("/large", reads ? O_RDWR : O_RDWR | O_CREAT, 0600);
        if (fd < 0) return refused("shm_open", errno);
        int error = strcmp(argv[1], "allocate") == 0 ? posix_fallocate(fd, 0, (off_t)size)
                                                     : ftruncate(fd, (off_t)size) ? errno : 0;
        if (error) return refused(strcmp(argv[1], "allocate") == 0 ? "posix_fallocate" : "ftruncate", error);
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) return refused("mmap", errno);
    }
    if (reads) return check(p, size);
    for (size_t i = 0; i < size; i += PAGE) p[i] = (unsigned char)(i / PAGE % 251 + 1);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "large", argv[1], argv[2], "read", (char *)NULL);
        _exit(9);
    }
    int status = 9;
    waitpid(child, &status, 0);
    if (sysv) shmctl(id, IPC_RMID, NULL);
    else shm_unlink("/large");
    if (status != 0) return printf("not shared: %#x\n", (unsigned)status), 3;
    printf("shared %zu\n", size);
    return 0;
}
