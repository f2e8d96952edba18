/* The raw system calls of System V, and some with paths, through syscall(2). */
#include "case.h"
#include <dlfcn.h>

#define D "/dev/shm/"

CASE(a_whole_life) {
    int id = (int)TRY(syscall(SYS_shmget, KEY, 5000, IPC_CREAT | 0600)) == -1 ? -1 : shmget(KEY, 0, 0);
    char *p = (char *)syscall(SYS_shmat, id, NULL, 0);
    say("attached: %d", (long)p > 0);
    strcpy(p, "raw");
    show(id);
    char *q = AT(shmat(id, NULL, SHM_RDONLY));
    say("reads: %s", q);
    TRY(syscall(SYS_shmdt, p));
    struct shmid_ds ds;
    TRY(syscall(SYS_shmctl, id, IPC_STAT, &ds));
    say("nattch %lu", (unsigned long)ds.shm_nattch);
    TRY(syscall(SYS_shmctl, id, IPC_RMID, NULL));
    TRY(syscall(SYS_shmdt, q));
    TRY(syscall(SYS_shmctl, id, IPC_STAT, &ds));
}

CASE(refusals) {
    TRY(syscall(SYS_shmget, KEY, 10, 0));
    TRY(syscall(SYS_shmget, KEY, 0, IPC_CREAT | 0600));
    TRY(syscall(SYS_shmat, -1, NULL, 0));
    TRY(syscall(SYS_shmdt, NULL));
    TRY(syscall(SYS_shmctl, 5, IPC_RMID, NULL));
    TRY(syscall(SYS_shmctl, 5, 77, NULL));
}

static void *replaced(int id, const void *address, int flags) {
    static int depth;
    if (++depth > 1) {
        say("it comes back here");
        _exit(1);
    }
    return (void *)syscall(SYS_shmat, id, address, flags);
}

/* As UCX does it: the code of the function itself becomes a jump. */
CASE(code_replaced_in_place) {
#ifdef __x86_64__
    void *hook = (void *)replaced;
    unsigned char *code = dlsym(RTLD_DEFAULT, "shmat");
    char *page = (char *)((uintptr_t)code & ~(uintptr_t)(PAGE - 1));
    need(mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0, "mprotect");
    memcpy(code, "\x49\xbb", 2); /* mov r11, hook */
    memcpy(code + 2, &hook, sizeof hook);
    memcpy(code + 10, "\x41\xff\xe3", 3); /* jmp r11 */
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, 0));
    count(id, "with it");
    TRY(shmdt(p));
#else
    skip("the jump is written for x86-64");
#endif
}

CASE(paths) {
    int made = open(D "file", O_WRONLY | O_CREAT, 0600);
    need(made >= 0 && write(made, "text", 4) == 4 && close(made) == 0, "a file");
    struct statx x = {0};
    TRY(syscall(SYS_statx, AT_FDCWD, D "file", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x));
    say("size %llu mode %o", (unsigned long long)x.stx_size, (unsigned)x.stx_mode);
    struct stat s = {0};
    TRY(syscall(SYS_newfstatat, AT_FDCWD, D "file", &s, 0));
    say("size %ld mode %o", (long)s.st_size, (unsigned)s.st_mode);
    TRY(syscall(SYS_faccessat2, AT_FDCWD, D "file", R_OK, AT_EACCESS));
    TRY(syscall(SYS_faccessat2, AT_FDCWD, D "absent", R_OK, AT_EACCESS));
    TRY(syscall(SYS_renameat2, AT_FDCWD, D "file", AT_FDCWD, D "moved", RENAME_NOREPLACE));
    int fd = FD((int)syscall(SYS_openat, AT_FDCWD, D "moved", O_RDWR | O_CREAT | O_EXCL, 0600));
    fd = FD((int)syscall(SYS_openat, AT_FDCWD, D "moved", O_RDWR));
    char text[8] = "";
    TRY(read(fd, text, 4));
    say("reads: %s", text);
    fd = FD((int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR));
    TRY(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &x));
    say("type %o", (unsigned)x.stx_mode & S_IFMT);
    TRY(unlink(D "moved"));
}
