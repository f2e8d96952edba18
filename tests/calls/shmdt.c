/* shmdt(2): which addresses end an attach, and what remains. */
#include "case.h"

CASE(once) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, 0));
    TRY(shmdt(p));
    say("read: %s", access_to(p, 'r'));
    show(id);
}

CASE(twice) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, 0));
    TRY(shmdt(p));
    TRY(shmdt(p));
    count(id, "after both");
}

CASE(addresses_that_are_no_attach) {
    static char here[3 * PAGE];
    int id = segment(3 * PAGE, 0600);
    char *p = AT(shmat(id, NULL, 0));
    TRY(shmdt(NULL));
    TRY(shmdt((void *)-1));
    TRY(shmdt((void *)~4095UL));
    TRY(shmdt((char *)(((uintptr_t)here + 4095) & ~4095UL)));
    TRY(shmdt(p + 1));
    TRY(shmdt(p + 8));
    TRY(shmdt(reserve(1)));
    count(id, "after the refusals");
}

CASE(middle_of_an_attach) {
    int id = segment(3 * PAGE, 0600);
    char *p = AT(shmat(id, NULL, 0));
    TRY(shmdt(p + PAGE));
    TRY(shmdt(p + 2 * PAGE));
    say("read: %s", access_to(p + PAGE, 'r'));
    TRY(shmdt(p));
}

CASE(read_only_attach) {
    int id = segment(4096, 0600);
    char *p = AT(shmat(id, NULL, SHM_RDONLY));
    TRY(shmdt(p));
    count(id, "after it");
}

CASE(neighbours) {
    int a = segment(2 * PAGE, 0600), b = segment(2 * PAGE, 0600);
    char *hole = vacancy(8);
    AT(shmat(a, hole, 0));
    AT(shmat(b, hole + 2 * PAGE, 0));
    AT(shmat(a, hole + 4 * PAGE, 0));
    TRY(shmdt(hole + 2 * PAGE));
    say("left: %s, middle: %s, right: %s", access_to(hole, 'w'), access_to(hole + 2 * PAGE, 'r'),
        access_to(hole + 4 * PAGE, 'w'));
    count(a, "of the neighbours");
    count(b, "of the middle");
    TRY(shmdt(hole));
    say("right: %s", access_to(hole + 4 * PAGE, 'w'));
    count(a, "of the right one");
}

CASE(same_segment_side_by_side) {
    int id = segment(2 * PAGE, 0600);
    char *hole = vacancy(8);
    AT(shmat(id, hole, 0));
    AT(shmat(id, hole + 2 * PAGE, 0));
    TRY(shmdt(hole));
    say("first: %s, second: %s", access_to(hole, 'r'), access_to(hole + 2 * PAGE, 'r'));
    count(id, "after the first");
    TRY(shmdt(hole + 2 * PAGE));
    count(id, "after both");
}

/* Two attaches may begin at one address: the one whose pages come first is ended first. */

CASE(one_over_the_start_of_another) {
    int a = segment(8 * PAGE, 0600), b = segment(2 * PAGE, 0600), older = segment(4096, 0600);
    char *o = attach(older), *p = attach(a);
    AT(shmat(b, p, SHM_REMAP));
    TRY(shmdt(o));
    pid_t c = start("child");
    if (c == 0) {
        TRY(shmdt(p));
        say("child: start %s, rest %s", access_to(p, 'r'), access_to(p + 2 * PAGE, 'r'));
        _exit(0);
    }
    finish(c);
    TRY(shmdt(p));
    say("start: %s, rest: %s", access_to(p, 'r'), access_to(p + 2 * PAGE, 'w'));
    count(b, "of what was over it");
    TRY(shmdt(p));
    say("rest: %s", access_to(p + 2 * PAGE, 'r'));
    count(a, "of what was below");
    TRY(shmdt(p));
}

CASE(three_at_one_start) {
    int size[] = {8, 4, 2}, id[3];
    char *p = reserve(8);
    for (int i = 0; i < 3; i++) id[i] = segment((size_t)size[i] * PAGE, 0600);
    for (int i = 0; i < 3; i++) AT(shmat(id[i], p, SHM_REMAP));
    for (int i = 2; i >= 0; i--) {
        TRY(shmdt(p));
        count(id[i], "of it");
        say("pages: %s %s %s", access_to(p, 'r'), access_to(p + 3 * PAGE, 'r'), access_to(p + 7 * PAGE, 'r'));
    }
    TRY(shmdt(p));
}

CASE(one_inside_another) {
    int a = segment(8 * PAGE, 0600), b = segment(2 * PAGE, 0600);
    char *p = attach(a);
    AT(shmat(b, p + 2 * PAGE, SHM_REMAP));
    strcpy(p + 2 * PAGE, "of b");
    TRY(shmdt(p));
    count(a, "of the outer one");
    say("before: %s, in it: %s, behind: %s", access_to(p, 'r'), access_to(p + 2 * PAGE, 'w'),
        access_to(p + 4 * PAGE, 'r'));
    TRY(shmdt(p + 2 * PAGE));
    count(b, "of the inner one");
}

CASE(hole_in_an_attach) {
    int a = segment(8 * PAGE, 0600), b = segment(2 * PAGE, 0600);
    char *p = attach(a);
    AT(shmat(b, p + 2 * PAGE, SHM_REMAP));
    TRY(shmdt(p + 2 * PAGE));
    char *own = mmap(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    need(own == p + 2 * PAGE, "mmap");
    TRY(shmdt(p));
    say("in the hole: %s, behind it: %s", access_to(own, 'w'), access_to(p + 4 * PAGE, 'r'));
    count(a, "of it");
}

CASE(last_one_of_a_removed_segment) {
    int id = segment(4096, 0600);
    char *p = attach(id), *q = attach(id);
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmdt(p));
    show(id);
    TRY(shmdt(q));
    show(id);
    AT(shmat(id, NULL, 0));
}

CASE(in_the_child_only) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    pid_t c = start("child");
    if (c == 0) {
        TRY(shmdt(p));
        say("child reads: %s", access_to(p, 'r'));
        TRY(shmdt(p));
        _exit(0);
    }
    finish(c);
    say("parent reads: %s", access_to(p, 'r'));
    show(id);
    TRY(shmdt(p));
}

CASE(in_the_parent_only) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    struct gate go = gate();
    pid_t c = start("child");
    if (c == 0) {
        pass(go);
        say("child reads: %s", access_to(p, 'r'));
        show(id);
        _exit(0);
    }
    TRY(shmdt(p));
    open_gate(go);
    finish(c);
    show(id);
}

CASE(times_and_last_process) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    show(id);
    pid_t c = start("child");
    if (c == 0) {
        char *q = attach(id);
        show(id);
        need(shmdt(q) == 0, "shmdt");
        show(id);
        _exit(0);
    }
    finish(c);
    show(id);
    need(shmdt(p) == 0, "shmdt");
    show(id);
}

/* The kernel counts mappings: an attach that was unmapped is no attach. */
CASE(unmapped_by_the_program) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    TRY(munmap(p, PAGE));
    count(id, "after munmap");
    TRY(shmdt(p));
    count(id, "after shmdt");
}

CASE(unmapped_in_part) {
    int id = segment(3 * PAGE, 0600);
    char *p = attach(id);
    TRY(munmap(p + 2 * PAGE, PAGE));
    count(id, "after munmap of the end");
    say("first page: %s, last page: %s", access_to(p, 'w'), access_to(p + 2 * PAGE, 'r'));
    TRY(shmdt(p));
    count(id, "after shmdt");
}

CASE(protected_in_the_middle) {
    int id = segment(3 * PAGE, 0600);
    char *p = attach(id);
    TRY(mprotect(p + PAGE, PAGE, PROT_READ));
    count(id, "after mprotect");
    TRY(shmdt(p));
    count(id, "after shmdt");
    say("first page: %s, last page: %s", access_to(p, 'r'), access_to(p + 2 * PAGE, 'r'));
}

CASE(replaced_by_the_program) {
    int id = segment(4096, 0600);
    char *p = attach(id);
    void *q = mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say("there: %d", q == p);
    strcpy(q, "kept");
    TRY(shmdt(p));
    say("contents: %s", access_to(q, 'r'));
}
