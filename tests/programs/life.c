/* `life`: a segment and an object, from their making to their end, in one process. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

int main(void) {
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    char *segment = shmat(id, NULL, 0);
    if (segment == (void *)-1) return 1;
    strcpy(segment, "a segment");
    struct shmid_ds d;
    if (shmctl(id, IPC_STAT, &d) || shmctl(id, IPC_RMID, NULL)) return 2;
    printf("%s, %lu attach\n", segment, (unsigned long)d.shm_nattch);
    if (shmdt(segment)) return 3;
    int fd = shm_open("/life", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ftruncate(fd, 4096)) return 4;
    char *object = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (object == MAP_FAILED) return 5;
    strcpy(object, "an object");
    printf("%s\n", object);
    return munmap(object, 4096) || close(fd) || shm_unlink("/life");
}
