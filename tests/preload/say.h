/*
 * The frame of a program that is run with and without the preload: it says what each call gave, one line each.
 *
 * A line holds nothing that differs from run to run: of a descriptor its flags, and not its number.
 */
#ifndef SAY_H
#define SAY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNTOUCHED 7777 /* errno before a call */
#define PAGE 4096

/* The call's result, and errno as far as the call touched it. */
#define SAY(call)                                                                                                    \
    do {                                                                                                             \
        errno = UNTOUCHED;                                                                                           \
        long result_ = (long)(call);                                                                                 \
        int errno_ = errno;                                                                                          \
        if (errno_ == UNTOUCHED)                                                                                     \
            printf("%s = %ld\n", #call, result_);                                                                    \
        else                                                                                                         \
            printf("%s = %ld, errno %d\n", #call, result_, errno_);                                                  \
        fflush(stdout);                                                                                              \
    } while (0)

/* A page that can be used, before one that cannot. */
static inline char *page_before_a_hole(void) {
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || munmap(pages + PAGE, PAGE) != 0) exit(99);
    return pages;
}

/* A string that ends at the very end of a page before a hole. */
static inline char *at_the_end(const char *text) {
    size_t bytes = strlen(text) + 1;
    return memcpy(page_before_a_hole() + PAGE - bytes, text, bytes);
}

/* What a fresh descriptor is: its flags, its close-on-exec flag; it is closed. */
static inline long opened(int fd) {
    if (fd < 0) return -1;
    int kept = errno;
    long flags = fcntl(fd, F_GETFL) * 10L + fcntl(fd, F_GETFD);
    close(fd);
    errno = kept;
    return flags;
}

#endif
