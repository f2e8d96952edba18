/*
 * The doors without a store: SHMFS_STORE names one that does not exist. Each call fails plainly and none
 * crashes. The program checks its own lines, since the kernel would answer otherwise.
 */
#include "say.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int failures;

#define FAILS(call, number)                                                                                          \
    do {                                                                                                             \
        errno = UNTOUCHED;                                                                                           \
        long result_ = (long)(call);                                                                                 \
        int errno_ = errno;                                                                                          \
        if (result_ != -1 || errno_ != (number)) {                                                                   \
            printf("%s = %ld, errno %d and not %d\n", #call, result_, errno_, number);                               \
            failures++;                                                                                              \
        }                                                                                                            \
    } while (0)

#define HOLE ((void *)8)
#define NONE(pointer) ((pointer) == NULL ? -1L : 0L)

static void pointers(void) {
    char *unended = memset(page_before_a_hole(), 'x', PAGE);
    unended += 100; /* fewer bytes than a name may have, and then no more memory */
    char *longest = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(longest, 'x', 3 * PAGE);
    const struct shmid_ds *fixed = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    FAILS(shm_open(NULL, O_RDWR, 0), EFAULT);
    FAILS(shm_open(HOLE, O_RDWR, 0), EFAULT);
    FAILS(shm_open((char *)-PAGE, O_RDWR, 0), EFAULT);
    FAILS(shm_open(unended, O_RDWR, 0), EFAULT);
    FAILS(shm_open(unended + PAGE - 101, O_RDWR, 0), EFAULT);
    FAILS(shm_open(longest, O_RDWR, 0), EINVAL);
    FAILS(shm_unlink(HOLE), EFAULT);
    FAILS(NONE(sem_open(HOLE, 0)), EFAULT);
    FAILS(NONE(sem_open(unended, O_CREAT, 0600, 1)), EFAULT);
    FAILS(sem_unlink(unended), EFAULT);
    FAILS(shmctl(0, IPC_SET, HOLE), EFAULT);
    FAILS(shmctl(0, IPC_SET, NULL), EFAULT);
    FAILS(shmctl(0, IPC_SET, (void *)(unended + PAGE - 200)), EFAULT);
    FAILS(shmctl(0, IPC_SET, (void *)fixed), EFAULT);
}

static void commands(void) {
    struct shmid_ds state;
    FAILS(shmctl(-1, IPC_STAT, &state), EINVAL);
    FAILS(shmctl(0, -1, &state), EINVAL);
    FAILS(shmctl(0, 99, &state), EINVAL);
    FAILS(shmctl(0, SHM_LOCK, NULL), ECONNREFUSED);
    FAILS(shmctl(0, SHM_UNLOCK, NULL), ECONNREFUSED);
}

static void nobody_there(void) {
    struct shmid_ds state;
    FAILS(shmget(1, 1, 0600 | IPC_CREAT), ECONNREFUSED);
    FAILS(shmget(1, 1, -1), ECONNREFUSED);
    FAILS((long)shmat(0, NULL, 0), ECONNREFUSED);
    FAILS(shmctl(0, IPC_STAT, &state), ECONNREFUSED);
    FAILS(shmctl(0, IPC_RMID, NULL), ECONNREFUSED);
    FAILS(shmctl(0, IPC_INFO, &state), ECONNREFUSED);
    FAILS(shm_open("/name", O_RDWR | O_CREAT, 0600), ECONNREFUSED);
    FAILS(shm_unlink("/name"), ECONNREFUSED);
    FAILS(NONE(sem_open("/name", O_CREAT, 0600, 1)), ECONNREFUSED);
    FAILS(sem_unlink("/name"), ECONNREFUSED);
    FAILS(syscall(SYS_shmget, 1, 1L, 0600), ECONNREFUSED);
    FAILS(syscall(SYS_shmat, 0, NULL, 0), ECONNREFUSED);
    FAILS(syscall(SYS_shmctl, 0, IPC_STAT, &state), ECONNREFUSED);
    FAILS(syscall(SYS_shmctl, -1, IPC_STAT, &state), EINVAL);
}

static void proc_files(void) {
    FAILS(open("/proc/sysvipc/shm", O_RDONLY), ECONNREFUSED);
    FAILS(open64(at_the_end("/proc/sys/kernel/shmmax"), O_RDONLY | O_CLOEXEC), ECONNREFUSED);
    FAILS(openat(AT_FDCWD, "/proc/sys/kernel/shmall", O_RDONLY), ECONNREFUSED);
    FAILS(openat(0, "/proc/sys/kernel/shmmni", O_RDONLY), ECONNREFUSED);
    FAILS(NONE(fopen("/proc/sysvipc/shm", "r")), ECONNREFUSED);
    FAILS(NONE(fopen64(at_the_end("/proc/sys/kernel/shmmni"), "re")), ECONNREFUSED);
    FAILS(NONE(fopen("/proc/sys/kernel/shmmax", "q")), EINVAL);
    FAILS(NONE(fopen("/proc/sys/kernel/shmmax", HOLE)), EFAULT);
    /* Only root gets as far as our refusal; it is the kernel's for all others. */
    FAILS(open("/proc/sys/kernel/shmmax", O_WRONLY), ECONNREFUSED);
    FAILS(open("/proc/sys/kernel/shmmax", O_WRONLY | O_CREAT | O_TRUNC, 0644), ECONNREFUSED);
    FAILS(creat("/proc/sys/kernel/shmmax", 0644), ECONNREFUSED);
    FAILS(NONE(fopen("/proc/sys/kernel/shmmax", "w")), ECONNREFUSED);
    FAILS(NONE(fopen("/proc/sys/kernel/shmmax", "r+")), EACCES);
}

/* Fork functions are registered by now; with nobody connected they do nothing, in either process. */
static void forks(void) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        FAILS(shmget(1, 1, 0600 | IPC_CREAT), ECONNREFUSED);
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(failures);
        waitpid(grandchild, &status, 0);
        _exit(failures + WEXITSTATUS(status));
    }
    waitpid(child, &status, 0);
    if (status != 0) failures++;
}

/* A filter that forbids the call by which the preload tests pointers: good ones still work. */
static void forbidden(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct shmid_ds state = {0};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        /* Where filters cannot be installed there is nothing to see. */
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(0);
        failures = 0;
        FAILS(shm_open(at_the_end("/name"), O_RDWR, 0), ECONNREFUSED);
        FAILS(shmctl(0, IPC_SET, &state), ECONNREFUSED);
        FAILS(NONE(fopen("/proc/sysvipc/shm", "r")), ECONNREFUSED);
        fflush(stdout);
        _exit(failures);
    }
    waitpid(child, &status, 0);
    if (status != 0) failures++;
}

int main(void) {
    alarm(60);
    pointers();
    commands();
    nobody_there();
    proc_files();
    forks();
    forbidden();
    return failures != 0;
}
