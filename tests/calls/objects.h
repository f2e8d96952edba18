/* What the cases of POSIX objects share. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "case.h"

static int object(const char *name, int flags, mode_t mode) {
    int fd = shm_open(name, flags, mode);
    need(fd >= 0, "shm_open");
    return fd;
}

/* An object of a size, open for both. */
static int sized(const char *name, off_t size) {
    int fd = object(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    need(ftruncate(fd, size) == 0, "ftruncate");
    return fd;
}

static char *map(int fd, size_t size) {
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    need(p != MAP_FAILED, "mmap");
    return p;
}

/* What fstat tells. */
static void tell_file(const char *name, int fd) {
    struct stat s;
    memset(&s, 0xa5, sizeof s);
    if (fstat(fd, &s) < 0) say("%s: fstat %s", name, error_name(errno));
    else
        say("%s: mode %o size %ld blocks %ld links %lu owner %u:%u mtime %s", name, s.st_mode, (long)s.st_size,
            (long)s.st_blocks, (unsigned long)s.st_nlink, s.st_uid, s.st_gid, when(s.st_mtime));
}

/* `size` bytes from `offset`, as text with `.` for zero. */
static void tell_bytes(int fd, off_t offset, size_t size) {
    char bytes[200];
    ssize_t n = pread(fd, bytes, size < 199 ? size : 199, offset);
    if (n < 0) {
        say("pread at %ld: %s", (long)offset, error_name(errno));
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] == 0) bytes[i] = '.';
    say("%zd bytes at %ld: %.*s", n, (long)offset, (int)n, bytes);
}

#endif
