/*
 * The processes of a storm: storm LEDGER SEED ROLE [NUMBER], with ROLE one of
 *   bury      makes the objects that all look at
 *   load N    a client that lives as long as the storm
 *   nursery   victims, until the ledger says that there were enough
 *   victim R, limb R   what the nursery and victims start
 *   retry     creates and removes, over and over
 *   fill N    makes N objects
 *   sweep     removes everything that the ledger says is there
 * A complaint is a line that begins with BAD, and status 99.
 */
#include "load.h"
#include "nursery.h"
#include "retry.h"

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    open_ledger(argv[1]);
    dice = strtoull(argv[2], NULL, 10);
    unsigned number_ = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
    role = argv[3];
    if (strcmp(role, "bury") == 0) return bury();
    if (strcmp(role, "load") == 0) return load(number_);
    if (strcmp(role, "nursery") == 0) return nursery();
    if (strcmp(role, "retry") == 0) return retry();
    if (strcmp(role, "fill") == 0) return fill_store(number_);
    if (strcmp(role, "sweep") == 0) return sweep();
    if (strcmp(role, "limb") == 0) return limb(&ledger->rows[number_]);
    if (strcmp(role, "victim") == 0) life(&ledger->rows[number_]);
    return 2;
}
