/*
 * One client that creates exclusively and removes, over and over, while brokers are killed inside its calls. Each
 * answer follows from its own calls alone: what it creates is not there, what it removes is.
 */
#pragma once
#include "objects.h"

static int retry(void) {
    struct row *own_rows = &ledger->rows[FIRST_LOAD_ROW];
    post = &ledger->head.posts[0];
    prctl(PR_SET_TIMERSLACK, 1);
    for (unsigned i = 0; ledger->head.phase == STORM; i++) {
        struct row *r = &own_rows[i % 3];
        create(r, i % 3 == 0 ? OBJECT : SEGMENT, 4096);
        nap(100);
        discard(r);
        nap(100);
    }
    return 0;
}

/* Makes so many objects, half of them segments. */
static int fill_store(unsigned objects) {
    for (unsigned i = 0; i < objects; i++) create(&ledger->rows[i], i % 2 ? SEGMENT : OBJECT, 4096);
    return 0;
}
