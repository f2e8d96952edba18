/*
 * Runs a program where no namespace can be made, as in a container: a seccomp filter answers EPERM to unshare.
 * `no_unshare PROGRAM ARGUMENTS...`
 */
#include "filter.h"

int main(int argc, char **argv) { RUN_FILTERED(argc, argv, REFUSE(SYS_unshare, EPERM)); }
