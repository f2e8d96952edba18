/*
 * dlopen(3): the libraries are found by the caller's own DT_RUNPATH, with and without RTLD_DEEPBIND.
 *
 * The program's DT_RUNPATH leads to near/, liboutside.so's to far/.
 */
#include "say.h"
#include <dlfcn.h>

static void *found(const char *name, int mode) {
    void *library = dlopen(name, mode);
    if (library == NULL) dlerror();
    return library;
}

int main(void) {
    SAY(found("liboutside.so", RTLD_NOW) != NULL);
    SAY(found("liboutside.so", RTLD_LAZY | RTLD_DEEPBIND) != NULL);
    SAY(found("libinside.so", RTLD_NOW) != NULL); /* only in far/, not on this program's path */
    SAY(found("liboutside.so", RTLD_NOW | RTLD_NOLOAD) != NULL);
    SAY(found(NULL, RTLD_NOW) != NULL);
    SAY(found("libnowhere.so", RTLD_NOW) != NULL);

    void *outside = dlopen("liboutside.so", RTLD_NOW | RTLD_DEEPBIND);
    if (outside == NULL) return 98;
    void *(*open_inside)(int) = (void *(*)(int))dlsym(outside, "open_inside");
    int (*served)(void) = (int (*)(void))dlsym(outside, "served");
    SAY(open_inside(RTLD_NOW) != NULL);
    SAY(open_inside(RTLD_NOW | RTLD_DEEPBIND) != NULL);
    /* The one line that must differ: a deeply bound library finds our shmget too. */
    fprintf(stderr, "served %d\n", served());
    return 0;
}
