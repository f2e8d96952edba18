/*
 * Files by their paths, with nothing but open, write, read, rename and unlink: linked statically, no preload reaches it.
 * `by_path put PATH TEXT`, `by_path get PATH`, `by_path rename FROM TO`, `by_path unlink PATH`
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int failed(const char *what) { return perror(what), 1; }

int main(int argc, char **argv) {
    char text[64] = {0};
    const char *act = argc > 2 ? argv[1] : "";
    if (strcmp(act, "put") == 0 && argc > 3) {
        int fd = open(argv[2], O_RDWR | O_CREAT, 0600);
        if (fd < 0) return failed("open");
        if (ftruncate(fd, 4096) != 0) return failed("ftruncate");
        char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) return failed("mmap");
        strncpy(map, argv[3], sizeof text - 1);
        return 0;
    }
    if (strcmp(act, "get") == 0) {
        int fd = open(argv[2], O_RDONLY);
        if (fd < 0) return failed("open");
        if (read(fd, text, sizeof text - 1) < 0) return failed("read");
        return puts(text) < 0;
    }
    if (strcmp(act, "rename") == 0 && argc > 3) return rename(argv[2], argv[3]) == 0 ? 0 : failed("rename");
    if (strcmp(act, "unlink") == 0) return unlink(argv[2]) == 0 ? 0 : failed("unlink");
    return 2;
}
