/*
 * A door to shared memory: does what a test tells it, line by line, and answers each with a number or an errno's name.
 * Slots hold a descriptor and a map each. See `commands` for what there is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 16

static int fds[SLOTS];
static unsigned char *maps[SLOTS];
static size_t lengths[SLOTS];
static char words[8][512];
static sigjmp_buf back;

static long n(int i) { return strtol(words[i], NULL, 0); }
static int fd(void) { return fds[n(1) % SLOTS]; }
static uint32_t *at(int offset) { return (uint32_t *)(maps[n(1) % SLOTS] + n(offset)); }

static long kept(int opened) {
    if (opened >= 0) fds[n(1) % SLOTS] = opened;
    return opened < 0 ? -1 : 0;
}
static long mapped(void *map, size_t length) {
    if (map == MAP_FAILED) return -1;
    maps[n(1) % SLOTS] = map;
    lengths[n(1) % SLOTS] = length;
    return 0;
}

static long do_open(void) { return kept(open(words[2], (int)n(3), (mode_t)n(4))); }
static long do_shm_open(void) { return kept(shm_open(words[2], (int)n(3), (mode_t)n(4))); }
static long do_close(void) { return close(fd()); }
static long do_map(void) {
    return mapped(mmap(NULL, (size_t)n(2), PROT_READ | PROT_WRITE, MAP_SHARED, fd(), 0), (size_t)n(2));
}
static long do_unmap(void) { return munmap(maps[n(1) % SLOTS], lengths[n(1) % SLOTS]); }
static long do_get(void) { return *(volatile uint32_t *)at(2); }
static long do_put(void) {
    *(volatile uint32_t *)at(2) = (uint32_t)n(3);
    return 0;
}

/* Answers at offset VALUE by a call; -2 is the end of the file. */
static long do_read(void) {
    uint32_t value;
    ssize_t got = pread(fd(), &value, sizeof value, n(2));
    return got == sizeof value ? (long)value : got == 0 ? -2 : -1;
}
static long do_write(void) {
    uint32_t value = (uint32_t)n(3);
    return pwrite(fd(), &value, sizeof value, n(2)) == sizeof value ? 0 : -1;
}

/* Writes so many bytes from the beginning on, as far as it goes. */
static long do_fill(void) {
    static char chunk[65536];
    long done = 0, wanted = n(2);
    memset(chunk, 'f', sizeof chunk);
    while (done < wanted) {
        size_t next = (size_t)(wanted - done) < sizeof chunk ? (size_t)(wanted - done) : sizeof chunk;
        ssize_t got = pwrite(fd(), chunk, next, done);
        if (got <= 0) return done > 0 ? done : -1;
        done += got;
    }
    return done;
}

static void on_bus(int signal) { siglongjmp(back, signal); }

/* Stores to a byte of every page; how many pages there were before a SIGBUS. */
static long do_touch(void) {
    static volatile long pages;
    struct sigaction action = {.sa_handler = on_bus}, was;
    pages = 0;
    sigaction(SIGBUS, &action, &was);
    if (sigsetjmp(back, 1) == 0)
        for (; pages * 4096 < (long)lengths[n(1) % SLOTS]; pages++) maps[n(1) % SLOTS][pages * 4096] = 't';
    sigaction(SIGBUS, &was, NULL);
    return pages;
}

static long do_resize(void) { return ftruncate(fd(), n(2)); }
static long do_size(void) {
    struct stat st;
    return fstat(fd(), &st) ? -1 : (long)st.st_size;
}
static long do_stat(void) {
    struct stat st;
    return stat(words[1], &st) ? -1 : (long)st.st_size;
}
static long do_mode(void) {
    struct stat st;
    return stat(words[1], &st) ? -1 : (long)(st.st_mode & 07777);
}
static long do_end(void) { return lseek(fd(), 0, SEEK_END); }
static long do_unlink(void) { return unlink(words[1]); }
static long do_shm_unlink(void) { return shm_unlink(words[1]); }
static long do_rename(void) { return rename(words[1], words[2]); }
static long do_link(void) { return link(words[1], words[2]); }
static long do_chmod(void) { return chmod(words[1], (mode_t)n(2)); }
static long do_mkdir(void) { return mkdir(words[1], 0700); }

/* Whether readdir tells a name. */
static long do_listed(void) {
    long found = 0;
    DIR *open = opendir(words[1]);
    if (!open) return -1;
    for (struct dirent *entry; (entry = readdir(open));) found += strcmp(entry->d_name, words[2]) == 0;
    closedir(open);
    return found;
}

static long do_wait(void) { return syscall(SYS_futex, at(2), FUTEX_WAIT, (uint32_t)n(3), NULL, NULL, 0); }
static long do_wake(void) { return syscall(SYS_futex, at(2), FUTEX_WAKE, 1, NULL, NULL, 0); }

static long do_shmget(void) { return shmget((key_t)n(1), (size_t)n(2), (int)n(3)); }
static long do_shmat(void) {
    struct shmid_ds ds;
    if (shmctl((int)n(2), IPC_STAT, &ds) != 0) return -1;
    return mapped(shmat((int)n(2), NULL, 0), ds.shm_segsz);
}
static long do_shmdt(void) { return shmdt(maps[n(1) % SLOTS]); }
static long do_rmid(void) { return shmctl((int)n(1), IPC_RMID, NULL); }
static long do_seg_mode(void) {
    struct shmid_ds ds;
    return shmctl((int)n(1), IPC_STAT, &ds) ? -1 : (long)ds.shm_perm.mode;
}

static long do_sem_open(void) {
    sem_t *sem = sem_open(words[2], (int)n(3), 0600, (unsigned)n(4));
    return mapped(sem == SEM_FAILED ? MAP_FAILED : (void *)sem, sizeof *sem);
}
static long do_sem_unlink(void) { return sem_unlink(words[1]); }
/* Of any slot whose map begins with a semaphore. */
static long do_sem_post(void) { return sem_post((sem_t *)maps[n(1) % SLOTS]); }
static long do_sem_wait(void) { return sem_wait((sem_t *)maps[n(1) % SLOTS]); }
static long do_sem_value(void) {
    int value;
    return sem_getvalue((sem_t *)maps[n(1) % SLOTS], &value) ? -1 : value;
}

static long do_pid(void) { return getpid(); }

static const struct {
    const char *name; /* and its arguments, S being a slot */
    long (*run)(void);
} commands[] = {
    {"open", do_open},           /* S PATH FLAGS MODE */
    {"shm_open", do_shm_open},   /* S NAME FLAGS MODE */
    {"close", do_close},         /* S */
    {"map", do_map},             /* S BYTES */
    {"unmap", do_unmap},         /* S */
    {"get", do_get},             /* S OFFSET */
    {"put", do_put},             /* S OFFSET VALUE */
    {"read", do_read},           /* S OFFSET */
    {"write", do_write},         /* S OFFSET VALUE */
    {"fill", do_fill},           /* S BYTES */
    {"touch", do_touch},         /* S */
    {"resize", do_resize},       /* S BYTES */
    {"size", do_size},           /* S */
    {"stat", do_stat},           /* PATH */
    {"mode", do_mode},           /* PATH */
    {"end", do_end},             /* S */
    {"unlink", do_unlink},       /* PATH */
    {"shm_unlink", do_shm_unlink}, /* NAME */
    {"rename", do_rename},       /* PATH PATH */
    {"link", do_link},           /* PATH PATH */
    {"chmod", do_chmod},         /* PATH MODE */
    {"mkdir", do_mkdir},         /* PATH */
    {"listed", do_listed},       /* DIR NAME */
    {"wait", do_wait},           /* S OFFSET VALUE */
    {"wake", do_wake},           /* S OFFSET */
    {"shmget", do_shmget},       /* KEY BYTES FLAGS */
    {"shmat", do_shmat},         /* S ID */
    {"shmdt", do_shmdt},         /* S */
    {"rmid", do_rmid},           /* ID */
    {"seg_mode", do_seg_mode},   /* ID */
    {"sem_open", do_sem_open},   /* S NAME FLAGS VALUE */
    {"sem_unlink", do_sem_unlink}, /* NAME */
    {"sem_post", do_sem_post},   /* S */
    {"sem_wait", do_sem_wait},   /* S */
    {"sem_value", do_sem_value}, /* S */
    {"pid", do_pid},
};

int main(void) {
    static char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        int count = 0;
        memset(words, 0, sizeof words);
        for (char *word = strtok(line, " \n"); word && count < 8; word = strtok(NULL, " \n"))
            snprintf(words[count++], sizeof words[0], "%s", word);
        long (*run)(void) = NULL;
        for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++)
            if (!strcmp(commands[i].name, words[0])) run = commands[i].run;
        if (!run) {
            fprintf(stderr, "there is no command %s\n", words[0]);
            return 2;
        }
        errno = 0;
        long result = run();
        if (result == -1)
            printf("%s\n", errno ? strerrorname_np(errno) : "short");
        else
            printf("%ld\n", result);
        fflush(stdout);
    }
    return 0;
}
