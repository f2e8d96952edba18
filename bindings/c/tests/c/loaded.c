/*
 * The library by dlopen. Its handlers for forks and SIGBUS stay with the process, and so must their code after dlclose. A thread
 * that ends uses it: what a thread leaves to be done at its end would keep the library for so long (dlclose(3)).
 */
#define _GNU_SOURCE
#include <shmfs.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* POSIX lets a data pointer be one of a function (dlsym(3)). */
#define FIND(library, pointer, name) \
    do { \
        *(void **)&(pointer) = dlsym((library), (name)); \
        LOADED((pointer) != NULL); \
    } while (0)

/* As CHECK, which would ask the library for its last error. */
#define LOADED(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static void *use(void *library)
{
    int (*embedded)(const shmfs_store_options *, shmfs_store **);
    void (*close)(shmfs_store *);
    int (*sigbus_guard)(void);
    shmfs_store *store;
    FIND(library, embedded, "shmfs_store_embedded");
    FIND(library, close, "shmfs_store_close");
    FIND(library, sigbus_guard, "shmfs_sigbus_guard");
    LOADED(sigbus_guard() == 0);
    LOADED(embedded(NULL, &store) == 0);
    close(store);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int status;
    LOADED(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    LOADED(library != NULL);
    LOADED(pthread_create(&thread, NULL, use, library) == 0 && pthread_join(thread, NULL) == 0);
    LOADED(dlclose(library) == 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGBUS);
        _exit(1);
    }
    LOADED(waitpid(child, &status, 0) == child);
    LOADED(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    LOADED(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL);
    printf("passed: a fork and SIGBUS after dlclose\n");
    return 0;
}
