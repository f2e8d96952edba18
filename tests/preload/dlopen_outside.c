/* liboutside.so: opens libinside.so, which only its own DT_RUNPATH finds, and calls shmget. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/shm.h>

void *open_inside(int mode) { return dlopen("libinside.so", mode); }

/* Whether somebody else than the kernel answers: the store that the test names does not exist. */
int served(void) { return shmget(0x53484d46, 0, 0) == -1 && errno == ECONNREFUSED; }
