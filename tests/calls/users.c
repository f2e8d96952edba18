/* One process under several users, and several users on one object. */
#include "objects.h"
#include <linux/capability.h>

CASE(user_changed_after_calls) {
    need_users();
    int id = segment(4096, 0600);
    attach(id);
    pid_t c = start("child");
    if (c == 0) {
        show(id);
        become(STRANGER, STRANGER);
        TRY(shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
        AT(shmat(id, NULL, 0));
        show(ID(shmget(KEY, 10, IPC_CREAT | 0600)));
        tell_file("own object", FD(shm_open("/own", O_RDWR | O_CREAT, 0600)));
        _exit(0);
    }
    finish(c);
    count(id, "in the end");
}

CASE(effective_user_and_back) {
    need_users();
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        need(seteuid(STRANGER) == 0, "seteuid");
        AT(shmat(id, NULL, 0));
        need(seteuid(0) == 0, "seteuid");
        AT(shmat(id, NULL, 0));
        count(id, "as root again");
        need(seteuid(OTHER) == 0, "seteuid");
        count(id, "as another");
        _exit(0);
    }
    finish(c);
    count(id, "in the end");
}

CASE(attaches_survive_a_change) {
    need_users();
    int id = segment(4096, 0600);
    pid_t c = start("child");
    if (c == 0) {
        char *p = attach(id);
        become(STRANGER, STRANGER);
        strcpy(p, "written as a stranger");
        TRY(shmdt(p));
        TRY(shmdt(p));
        _exit(0);
    }
    finish(c);
    say("reads: %s", (char *)attach(id));
    count(id, "in the end");
}

CASE(groups_changed_between_calls) {
    need_users();
    int id = segment(4096, 0060);
    struct shmid_ds d = {.shm_perm = {.gid = OTHER, .mode = 0060}};
    need(shmctl(id, IPC_SET, &d) == 0, "IPC_SET");
    int fd = object("/object", O_RDWR | O_CREAT, 0060);
    need(fchmod(fd, 0060) == 0 && fchown(fd, 0, OTHER) == 0, "fchown");
    const gid_t groups[] = {OTHER};
    pid_t c = start("child");
    if (c == 0) {
        // User and group are the same at every second call.
        for (int in = 0; in < 4; in++) {
            need(setgroups(in % 2, groups) == 0 && setegid(STRANGER) == 0 && seteuid(STRANGER) == 0, "setgroups");
            say("of %d groups", in % 2);
            AT(shmat(id, NULL, 0));
            FD(shm_open("/object", O_RDWR, 0));
            need(seteuid(0) == 0 && setegid(0) == 0, "seteuid");
        }
        _exit(0);
    }
    finish(c);
}

static void without_capabilities(int id) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    need(syscall(SYS_capset, &header, none) == 0, "capset");
    AT(shmat(id, NULL, 0));
    TRY(shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
    TRY(shmctl(id, IPC_RMID, NULL));
}

CASE(capabilities_dropped_between_calls) {
    need_users();
    int id = segment(4096, 0);
    struct shmid_ds d = {.shm_perm = {.uid = STRANGER, .gid = STRANGER, .mode = 0}};
    need(shmctl(id, IPC_SET, &d) == 0, "IPC_SET");
    pid_t c = start("child");
    if (c == 0) {
        AT(shmat(id, NULL, 0));
        without_capabilities(id);
        _exit(0);
    }
    finish(c);
    c = start("child that made no call");
    if (c == 0) {
        without_capabilities(id);
        _exit(0);
    }
    finish(c);
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0, path);
}

CASE(root_of_a_user_namespace_below) {
    need_users();
    int id = segment(4096, 0);
    struct shmid_ds d = {.shm_perm = {.uid = STRANGER, .gid = STRANGER, .mode = 0}};
    need(shmctl(id, IPC_SET, &d) == 0, "IPC_SET");
    pid_t c = start("child");
    if (c == 0) {
        if (unshare(CLONE_NEWUSER)) skip("no user namespaces");
        put("/proc/self/setgroups", "deny");
        put("/proc/self/uid_map", "0 0 1");
        put("/proc/self/gid_map", "0 0 1");
        AT(shmat(id, NULL, 0));
        TRY(shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
        _exit(0);
    }
    finish(c);
}

CASE(root_may_everything) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        segment(4096, 0);
        object("/object", O_RDWR | O_CREAT, 0);
        _exit(0);
    }
    finish(c);
    struct shmid_ds d;
    int id = ID(shmctl(0, SHM_STAT, &d));
    AT(shmat(id, NULL, 0));
    show(id);
    tell_file("object", FD(shm_open("/object", O_RDWR, 0)));
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shm_unlink("/object"));
}

CASE(objects_of_others) {
    need_users();
    umask(0);
    object("/closed", O_RDWR | O_CREAT, 0600);
    object("/readable", O_RDWR | O_CREAT, 0644);
    object("/writable", O_RDWR | O_CREAT, 0622);
    object("/open", O_RDWR | O_CREAT, 0666);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        FD(shm_open("/closed", O_RDONLY, 0));
        FD(shm_open("/closed", O_RDWR, 0));
        FD(shm_open("/closed", O_RDWR | O_CREAT | O_EXCL, 0600));
        FD(shm_open("/readable", O_RDONLY, 0));
        FD(shm_open("/readable", O_RDWR, 0));
        FD(shm_open("/readable", O_WRONLY, 0));
        FD(shm_open("/readable", O_RDONLY | O_TRUNC, 0));
        FD(shm_open("/writable", O_WRONLY, 0));
        FD(shm_open("/writable", O_RDONLY, 0));
        int fd = FD(shm_open("/open", O_RDWR, 0));
        TRY(ftruncate(fd, 100));
        TRY(fchmod(fd, 0600));
        tell_file("open", fd);
        _exit(0);
    }
    finish(c);
}

CASE(objects_of_the_group) {
    need_users();
    umask(0);
    int fd = object("/object", O_RDWR | O_CREAT, 0640);
    TRY(fchown(fd, 0, OTHER));
    tell_file("object", fd);
    pid_t c = start("member");
    if (c == 0) {
        become(STRANGER, OTHER);
        FD(shm_open("/object", O_RDONLY, 0));
        FD(shm_open("/object", O_RDWR, 0));
        _exit(0);
    }
    finish(c);
}

CASE(mode_changed_through_the_descriptor) {
    need_users();
    int fd = object("/object", O_RDWR | O_CREAT, 0600);
    TRY(fchmod(fd, 0666));
    tell_file("opened", fd);
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        FD(shm_open("/object", O_RDWR, 0));
        _exit(0);
    }
    finish(c);
    TRY(fchmod(fd, 0600));
    c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        FD(shm_open("/object", O_RDWR, 0));
        _exit(0);
    }
    finish(c);
}

CASE(owner_of_an_object) {
    need_users();
    pid_t c = start("child");
    if (c == 0) {
        need(setegid(OTHER) == 0 && seteuid(STRANGER) == 0, "seteuid");
        tell_file("object", FD(shm_open("/object", O_RDWR | O_CREAT, 0600)));
        _exit(0);
    }
    finish(c);
    tell_file("object", FD(shm_open("/object", O_RDONLY, 0)));
}

/* A user's segments count as his after he is gone: nobody inherits them. */
CASE(segments_of_a_process_that_ended) {
    need_users();
    pid_t c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        need(shmget(KEY, 4096, IPC_CREAT | 0600) >= 0, "shmget");
        _exit(0);
    }
    finish(c);
    c = start("other");
    if (c == 0) {
        become(OTHER, OTHER);
        ID(shmget(KEY, 0, 0600));
        ID(shmget(KEY, 0, 0));
        _exit(0);
    }
    finish(c);
    c = start("stranger");
    if (c == 0) {
        become(STRANGER, STRANGER);
        show(ID(shmget(KEY, 0, 0600)));
        _exit(0);
    }
    finish(c);
}
