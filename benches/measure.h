// What the benchmarks share: a clock, an end with words, a peer process with whom turns are taken.
// Each benchmark prints one duration in nanoseconds a line.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Bytes written and read in each round, and the size of an object.
#define WRITTEN 4096
#define OBJECT (64 * 1024)

static inline uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

// Two pipes to a child that answers each number with whether it found the bytes of that round.
struct peer {
    int ask[2], answer[2];
    pid_t pid;
};

static inline void peer_start(struct peer *peer, int (*reads)(int number, int round)) {
    check(pipe(peer->ask) == 0 && pipe(peer->answer) == 0, "pipe");
    peer->pid = fork();
    check(peer->pid >= 0, "fork");
    if (peer->pid > 0) {
        close(peer->ask[0]);
        close(peer->answer[1]);
        return;
    }
    close(peer->ask[1]);
    int numbers[2];
    while (read(peer->ask[0], numbers, sizeof numbers) == sizeof numbers) {
        int good = reads(numbers[0], numbers[1]);
        check(write(peer->answer[1], &good, sizeof good) == sizeof good, "write");
    }
    _exit(0);
}

static inline void peer_turn(struct peer *peer, int number, int round) {
    int numbers[2] = {number, round}, good = 0;
    check(write(peer->ask[1], numbers, sizeof numbers) == sizeof numbers, "write");
    check(read(peer->answer[0], &good, sizeof good) == sizeof good && good, "the peer read other bytes");
}

static inline void peer_end(struct peer *peer) {
    close(peer->ask[1]);
    check(waitpid(peer->pid, NULL, 0) == peer->pid, "waitpid");
}
