/*
 * Says `untouched` when the kernel of this IPC and mount namespace has served no System V segment and no file in
 * /dev/shm, now or ever: the first segment made here must get id 0 and the first file inode 2. To be linked
 * statically, so that no preload serves it instead.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char line[512];
    int touched = 0, lines = 0;
    FILE *table = fopen("/proc/sysvipc/shm", "r");
    while (table && fgets(line, sizeof line, table))
        if (lines++ > 0) touched = 1, printf("segment: %s", line);
    DIR *folder = opendir("/dev/shm");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            touched = 1, printf("file: %s\n", entry->d_name);
    int id = shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (id != 0) touched = 1, printf("the first segment has id %d (errno %d)\n", id, errno);
    if (id >= 0) shmctl(id, IPC_RMID, NULL);
    struct stat s = {0};
    int fd = open("/dev/shm/first", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || fstat(fd, &s) != 0 || s.st_ino != 2)
        touched = 1, printf("the first file has inode %lu\n", (unsigned long)s.st_ino);
    unlink("/dev/shm/first");
    if (!table || !folder || lines == 0) touched = 1, puts("no tables to look at");
    if (!touched) puts("untouched");
    return touched;
}
