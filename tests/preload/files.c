/* Ordinary files: open, fopen, ftruncate and their like do exactly what libc's do. */
#include "say.h"
#include <pthread.h>

#define HOLE ((char *)8)

/* Fortified programs call these; no header declares them. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static long size(int fd) {
    struct stat now;
    return fstat(fd, &now) == 0 ? (long)now.st_size : -1;
}

static long mode_of(const char *path) {
    struct stat now;
    return stat(path, &now) == 0 ? (long)(now.st_mode & 07777) : -1;
}

static long streamed(FILE *stream) {
    if (stream == NULL) return -1;
    int kept = errno;
    long flags = fcntl(fileno(stream), F_GETFL) * 10L + fcntl(fileno(stream), F_GETFD);
    fclose(stream);
    errno = kept;
    return flags;
}

static void opens(void) {
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    char *end = page_before_a_hole();
    memset(end, '/', PAGE);

    umask(027);
    SAY(opened(open("made", O_CREAT | O_WRONLY | O_EXCL, 0666)));
    SAY(mode_of("made"));
    SAY(opened(open("made", O_CREAT | O_WRONLY | O_EXCL, 0666)));
    SAY(opened(open("made", O_RDONLY)));
    SAY(opened(open("made", O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK)));
    SAY(opened(open64("made", O_RDWR | O_TRUNC)));
    SAY(opened(open("absent", O_RDONLY)));
    SAY(opened(open("made/below", O_RDONLY)));
    SAY(opened(open(".", O_WRONLY)));
    SAY(opened(open(".", O_DIRECTORY | O_RDONLY)));
    SAY(opened(open(".", O_TMPFILE | O_RDWR, 0600)));
    SAY(opened(open("made", O_PATH)));
    SAY(opened(open("", O_RDONLY)));
    SAY(opened(open(longest, O_RDONLY)));
    SAY(opened(open("made", O_CREAT | O_DIRECTORY | O_EXCL, 0600)));
    SAY(opened(open(NULL, O_RDONLY)));
    SAY(opened(open(HOLE, O_RDONLY)));
    SAY(opened(open((char *)-PAGE, O_RDONLY)));
    SAY(opened(open(end, O_RDONLY)));
    SAY(opened(open(at_the_end("made"), O_RDONLY)));
    SAY(opened(open(at_the_end("/proc/self/comm"), O_RDONLY)));
    SAY(opened(open(at_the_end("/proc/sys/kernel/shmma"), O_RDONLY)));
    SAY(opened(open("/proc/sys/kernel/shmmaxx", O_RDONLY)));
    SAY(opened(creat("created", 0777)));
    SAY(mode_of("created"));
    SAY(opened(creat64("created", 0)));
    SAY(opened(creat(NULL, 0)));
    SAY(opened(__open_2("made", O_RDONLY)));
    SAY(opened(__open64_2("absent", O_RDONLY)));
}

static void opens_at(void) {
    mkdir("folder", 0755);
    int folder = open("folder", O_RDONLY | O_DIRECTORY);
    SAY(opened(openat(folder, "inner", O_CREAT | O_RDWR, 0644)));
    SAY(mode_of("folder/inner"));
    SAY(opened(openat64(folder, "inner", O_RDONLY | O_CLOEXEC)));
    SAY(opened(openat(folder, "made", O_RDONLY)));
    SAY(opened(openat(AT_FDCWD, "made", O_RDONLY)));
    SAY(opened(openat(-1, "made", O_RDONLY)));
    SAY(opened(openat(-1, "/dev/null", O_RDONLY)));
    SAY(opened(openat(folder, NULL, O_RDONLY)));
    SAY(opened(openat(AT_FDCWD, HOLE, O_RDONLY)));
    SAY(opened(__openat_2(folder, "inner", O_RDONLY)));
    SAY(opened(__openat64_2(AT_FDCWD, "made", O_WRONLY)));
    close(folder);
}

static void streams(void) {
    SAY(streamed(fopen("stream", "w")));
    SAY(mode_of("stream"));
    SAY(streamed(fopen("stream", "r")));
    SAY(streamed(fopen("stream", "re")));
    SAY(streamed(fopen64("stream", "r+")));
    SAY(streamed(fopen("stream", "a+e")));
    SAY(streamed(fopen("stream", "wx")));
    SAY(streamed(fopen("stream", "bogus")));
    SAY(streamed(fopen("absent", "r")));
    SAY(streamed(fopen64(".", "w")));
    SAY(streamed(fopen(NULL, "r")));
    SAY(streamed(fopen(HOLE, "r")));
    SAY(streamed(fopen(at_the_end("stream"), at_the_end("r"))));
}

static void sizes(void) {
    int file = open("sized", O_CREAT | O_RDWR, 0600), reader = open("sized", O_RDONLY), ends[2];
    if (pipe(ends) != 0) exit(99);
    SAY(ftruncate(file, 10000));
    SAY(size(file));
    SAY(ftruncate64(file, 100));
    SAY(size(file));
    SAY(ftruncate(file, -1));
    SAY(ftruncate(reader, 1));
    SAY(ftruncate(-1, 1));
    SAY(ftruncate(ends[1], 1));
    SAY(fallocate(file, 0, 0, 8192));
    SAY(size(file));
    SAY(fallocate64(file, FALLOC_FL_KEEP_SIZE, 8192, 8192));
    SAY(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    SAY(fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    SAY(fallocate(file, 0x4000, 0, 4096));
    SAY(fallocate(file, 0, 0, 0));
    SAY(fallocate(file, 0, -1, 10));
    SAY(fallocate(file, 0, 0x7fffffffffffffff, 10));
    SAY(fallocate(reader, 0, 0, 10));
    SAY(fallocate(ends[1], 0, 0, 10));
    SAY(size(file));
    SAY(posix_fallocate(file, 8000, 1000));
    SAY(size(file));
    SAY(posix_fallocate64(file, 0, 20000));
    SAY(size(file));
    SAY(posix_fallocate(file, 0, 0));
    SAY(posix_fallocate(file, -1, 10));
    SAY(posix_fallocate(file, 0x7fffffffffffffff, 10));
    SAY(posix_fallocate(reader, 0, 10));
    SAY(posix_fallocate(ends[1], 0, 10));
    SAY(posix_fallocate(-1, 0, 10));
    SAY(posix_fallocate(open("/dev/null", O_RDWR), 0, 10));
    SAY(posix_fallocate(open(".", O_RDONLY), 0, 10));
    /* A file system without fallocate, where there is one: glibc's own loop. */
    int odd = open("/proc/self/comm", O_RDWR);
    SAY(posix_fallocate(odd, 0, 10));
}

static void *waits_for_a_writer(void *unused) {
    (void)unused;
    open("fifo", O_RDONLY);
    return NULL;
}

/* open is a cancellation point. */
static void cancels(void) {
    pthread_t thread;
    void *ended = NULL;
    if (mkfifo("fifo", 0600) != 0 || pthread_create(&thread, NULL, waits_for_a_writer, NULL) != 0) exit(99);
    pthread_cancel(thread);
    pthread_join(thread, &ended);
    SAY(ended == PTHREAD_CANCELED);
}

int main(void) {
    alarm(60);
    opens();
    opens_at();
    streams();
    sizes();
    cancels();
    return 0;
}
