/*
 * Runs a program on a kernel without memfd_create, as far as it can tell: a seccomp filter answers ENOSYS.
 * `no_memfd PROGRAM ARGUMENTS...`
 */
#include "filter.h"

int main(int argc, char **argv) { RUN_FILTERED(argc, argv, REFUSE(SYS_memfd_create, ENOSYS)); }
