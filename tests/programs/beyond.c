/*
 * `beyond`: writes past what its object was promised, with plain write(2), until somebody stops it; then says what
 * stopped it, and whether others can still use the store.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

int main(void) {
    static char piece[1 << 20];
    memset(piece, 7, sizeof piece);
    int fd = shm_open("/beyond", O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 1 << 20)) return 1;
    long written = 0;
    ssize_t n;
    while (written < 1L << 30 && (n = write(fd, piece, sizeof piece)) > 0) written += n;
    printf("stopped by %s after %s than 64 MiB\n", strerrorname_np(errno), written <= 64L << 20 ? "no more" : "more");
    /* A write stopped in its middle leaves a file of whole pages; what is in it can be read without a bus error. */
    off_t size = lseek(fd, 0, SEEK_END);
    char *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return 2;
    long sum = 0;
    for (off_t i = 0; i < size; i += 4096) sum += p[i];
    printf("every page read: %d\n", sum > 0);
    /* What others ask for now is refused, and not granted without pages behind it. */
    errno = 0;
    int other = shm_open("/other", O_RDWR | O_CREAT, 0600);
    printf("an object's size: %s\n", ftruncate(other, 4096) ? strerrorname_np(errno) : "granted");
    printf("a segment: %s\n", shmget(IPC_PRIVATE, 4096, 0600) < 0 ? strerrorname_np(errno) : "granted");
    printf("a semaphore: %s\n", sem_open("/gate", O_CREAT, 0600, 1) == SEM_FAILED ? strerrorname_np(errno) : "granted");
    shm_unlink("/other");
    munmap(p, (size_t)size);
    close(fd);
    shm_unlink("/beyond");
    sem_t *gate = sem_open("/gate", O_CREAT, 0600, 1);
    printf("with room again: %d\n", gate != SEM_FAILED && sem_wait(gate) == 0);
    return 0;
}
