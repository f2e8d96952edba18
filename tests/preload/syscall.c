/* syscall(2): six arguments go in, the result and errno come out. */
#include "say.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(void) {
    int file = memfd_create("pages", 0);
    for (int page = 0; page < 3; page++) {
        char content[PAGE];
        memset(content, 'a' + page, PAGE);
        if (write(file, content, PAGE) != PAGE) return 99;
    }
    /* The fifth argument is the descriptor, the sixth the offset. */
    char *second = (char *)syscall(SYS_mmap, NULL, (size_t)PAGE, PROT_READ, MAP_SHARED, file, (off_t)PAGE);
    printf("mapped %c\n", second == MAP_FAILED ? '-' : second[0]);
    SAY(syscall(SYS_mmap, NULL, (size_t)PAGE, PROT_READ, MAP_SHARED, file, (off_t)1));
    SAY(syscall(SYS_mmap, NULL, (size_t)PAGE, PROT_READ, MAP_SHARED, -1, (off_t)0));
    SAY(syscall(SYS_getpid) == getpid());
    SAY(syscall(SYS_close, -1));
    SAY(syscall(-1L));
    SAY(syscall(100000L, 1L, 2L, 3L, 4L, 5L, 6L));
    SAY(opened(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0)));
    /* A result above 2^32 is not cut. */
    SAY((unsigned long)syscall(SYS_mmap, (void *)0x700000000000, (size_t)PAGE, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, (off_t)0) == 0x700000000000);
    SAY(syscall(SYS_lseek, file, (off_t)0x123456789a, SEEK_SET) == 0x123456789a);

    fflush(stdout);
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) _exit(7);
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    return 0;
}
