// exec ROUNDS: posix_spawn of /bin/true and its end.
#include "measure.h"
#include <spawn.h>

extern char **environ;

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    for (int round = 0; round < rounds; round++) {
        char *arguments[] = {"true", NULL};
        pid_t pid;
        int status;
        uint64_t start = now();
        check(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) == 0, "posix_spawn");
        check(waitpid(pid, &status, 0) == pid && status == 0, "/bin/true");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
    return 0;
}
