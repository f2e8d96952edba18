/* libinside.so: something to be found. */
int inside(void);
int inside(void) { return 1; }
