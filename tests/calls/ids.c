/* Numbers of segments: slots, sequence numbers, stale ids, limits on their count. */
#include "case.h"

static void place(int id) { say("slot %d sequence %d", id & 0x7fff, id >> 15); }

CASE(slots_in_turn) {
    for (int i = 0; i < 4; i++) place(segment(1, 0600));
}

CASE(slot_not_reused_at_once) {
    segment(1, 0600);
    int b = segment(1, 0600);
    segment(1, 0600);
    TRY(shmctl(b, IPC_RMID, NULL));
    for (int i = 0; i < 3; i++) place(segment(1, 0600));
}

CASE(sequence_moves_on) {
    for (int i = 0; i < 5; i++) {
        int id = segment(1, 0600);
        place(id);
        need(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
    }
}

/* Round the whole table: the same slot comes back with a higher sequence. */
CASE(round_the_table) {
    int first = segment(1, 0600), id = -1;
    need(shmctl(first, IPC_RMID, NULL) == 0, "IPC_RMID");
    for (int i = 0; i < 40000; i++) {
        id = segment(1, 0600);
        if (i < 3 || i > 39996) place(id);
        if ((id & 0x7fff) == (first & 0x7fff)) {
            say("back after %d", i + 1);
            place(id);
            break;
        }
        need(shmctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
    }
    struct shmid_ds d;
    TRY(shmctl(first, IPC_STAT, &d));
    TRY(shmctl(id, IPC_STAT, &d));
}

CASE(stale_id) {
    struct shmid_ds d = {0};
    int old = segment(1, 0600);
    TRY(shmctl(old, IPC_RMID, NULL));
    AT(shmat(old, NULL, 0));
    TRY(shmctl(old, IPC_STAT, &d));
    TRY(shmctl(old, IPC_SET, &d));
    TRY(shmctl(old, IPC_RMID, NULL));
}

CASE(stale_id_beside_living) {
    struct shmid_ds d;
    int old = segment(1, 0600);
    TRY(shmctl(old, IPC_RMID, NULL));
    segment(1, 0600);
    segment(1, 0600);
    TRY(shmctl(old, IPC_STAT, &d));
    AT(shmat(old, NULL, 0));
}

CASE(wrong_sequence) {
    struct shmid_ds d;
    int id = segment(1, 0600);
    TRY(shmctl(id + (1 << 15), IPC_STAT, &d));
    TRY(shmctl(id + (1 << 15), IPC_RMID, NULL));
    AT(shmat(id + (1 << 15), NULL, 0));
    TRY(shmctl(id, IPC_STAT, &d));
}

CASE(key_free_after_removal) {
    int id = ID(shmget(KEY, 10, IPC_CREAT | 0600));
    TRY(shmctl(id, IPC_RMID, NULL));
    ID(shmget(KEY, 0, 0));
    ID(shmget(KEY, 20, IPC_CREAT | IPC_EXCL | 0600));
}

CASE(shmmni_reached) {
    int n = 0, last = -1;
    need(shmget(KEY, 1, IPC_CREAT | 0600) >= 0, "shmget");
    for (; n < 5000; n++) {
        int id = shmget(IPC_PRIVATE, 1, 0600);
        if (id < 0) break;
        last = id;
    }
    say("%d more, then %s", n, error_name(errno));
    TRY(shmget(KEY, 1, IPC_CREAT | 0600) >= 0);
    TRY(shmget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600));
    TRY(shmget(KEY + 1, 0, IPC_CREAT | 0600));
    TRY(shmctl(last, IPC_RMID, NULL));
    TRY(shmget(KEY + 1, 1, IPC_CREAT | 0600) >= 0);
    TRY(shmget(KEY + 2, 1, IPC_CREAT | 0600));
}
