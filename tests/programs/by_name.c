/*
 * Objects by their names, with shm_open and shm_unlink; the preload serves it, or the C library.
 * `by_name put NAME TEXT`, `by_name get NAME`, `by_name unlink NAME`
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int failed(const char *what) { return perror(what), 1; }

int main(int argc, char **argv) {
    const char *act = argc > 2 ? argv[1] : "";
    if (strcmp(act, "unlink") == 0) return shm_unlink(argv[2]) == 0 ? 0 : failed("shm_unlink");
    int put = strcmp(act, "put") == 0 && argc > 3;
    if (!put && strcmp(act, "get") != 0) return 2;
    int fd = shm_open(argv[2], put ? O_RDWR | O_CREAT : O_RDWR, 0600);
    if (fd < 0) return failed("shm_open");
    if (put && ftruncate(fd, 4096) != 0) return failed("ftruncate");
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return failed("mmap");
    if (put) strncpy(map, argv[3], 63);
    else puts(map);
    return 0;
}
