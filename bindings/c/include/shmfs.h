/*
 * shmfs.h: every kind of shared memory that Linux has, for C and C++. Link with -lshmfs.
 *
 * What a call answers
 *
 * A function that can fail returns an int: 0, or a negative errno such as -ENOENT. Results come by the last pointers; a
 * handle or an address that was asked for is NULL after a failure. shmfs_last_error() says in words what failed and why,
 * with the numbers. errno itself is not part of the interface, and may change. Functions that tell what a handle is return
 * it at once, and NULL, 0 or a negative errno where they were given no handle.
 *
 * Pointers
 *
 * 1. A handle is an address that this library gave, until it is closed, released or unmapped. That is done once, when no
 *    other thread uses it any more. NULL instead of a handle is an error (-EFAULT), but for closing, which does nothing then.
 *    Other handles, and most that were closed, are found out and refused (-EBADF); this helps to find mistakes, and
 *    cannot find all.
 * 2. A string ends with a NUL and does not change during the call. It is not kept.
 * 3. The place for a result can be written, and no other thread uses it during the call.
 * 4. A buffer has as many bytes as its length says, is in no mapping that the call touches, and no other thread writes it
 *    during the call, or reads one that is filled. It may be NULL where the length is 0.
 * 5. A structure begins with its size, which the caller sets to its sizeof: programs and libraries of different versions
 *    fit together then. What a program does not fill is 0, and stands for the default. Pointers to options may be NULL: all
 *    defaults. What this library does not know is refused (-E2BIG). Its strings obey rule 2.
 *
 * NULL where these rules want something else is -EFAULT. Mistakes of the library itself do not leave it as panics: they
 * are -ENOTRECOVERABLE, with a line on standard error.
 *
 * Shared bytes
 *
 * A mapping has a plain address. Any process that has the object may write its bytes at any time, also while they are read
 * here. C leaves to the program what follows from that:
 * - Words by which processes take turns are atomics, as of <stdatomic.h> or C++20's std::atomic_ref, of a kind that is free of
 *   locks. Plain accesses to other bytes are right only where such a word says whose turn it is.
 * - A length, an index or an offset that somebody else can write is first copied, then checked, and then used: the copy, not
 *   the original. Pointers have no meaning in another process.
 * - A page beyond the object's end is SIGBUS. Who shares with processes that it does not trust seals the object
 *   (F_SEAL_SHRINK), or copies by shmfs_mapping_read and shmfs_mapping_write after shmfs_sigbus_guard: then it is an error.
 * - What is written to a mapping for reading only is SIGSEGV.
 *
 * Threads, forks, signals
 *
 * What several threads may do with one handle stands with its type. Different handles need no care, and the functions without
 * a handle can be called by all threads. After a fork in a program with threads, the child must not use handles of files and
 * durable objects that another thread was just using. No function may be called by a signal handler. No call raises SIGPIPE. The
 * library stays loaded after dlclose(3).
 */

#ifndef SHMFS_H
#define SHMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// For reading only, if it is opened. An object that is made is open for writing too.
#define SHMFS_OBJECT_READ_ONLY 1

// If it is made: whoever writes to it takes its guard, which `shm snapshot` waits for.
#define SHMFS_OBJECT_GUARDED 2

// For reading only; the descriptor may be one for reading only. Who writes there meets SIGSEGV.
#define SHMFS_MAP_READ_ONLY 1

// What is written stays with this mapping (MAP_PRIVATE).
#define SHMFS_MAP_PRIVATE 2

// In huge pages, where the kernel has them (MADV_HUGEPAGE): a wish.
#define SHMFS_MAP_HUGE 4

// Every page is made before the call returns. That one cannot be had is an error then, and not a SIGBUS later.
#define SHMFS_MAP_POPULATE 8

// The pages are made and stay in memory (mlock(2)).
#define SHMFS_MAP_LOCKED 16

// The guard for SIGBUS knows it by name; it is installed if it is not.
#define SHMFS_MAP_GUARDED 32

// What an object of a store is.
enum shmfs_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // None that this version knows.
  SHMFS_KIND_OTHER = 0,
  // A System V segment.
  SHMFS_KIND_SEGMENT = 1,
  // A named object, as shm_open(3) makes it too.
  SHMFS_KIND_OBJECT = 2,
  // A named semaphore of sem_open(3).
  SHMFS_KIND_SEMAPHORE = 3,
  // An anonymous object that the store charges.
  SHMFS_KIND_ANONYMOUS = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum shmfs_kind shmfs_kind;
#else
typedef uint32_t shmfs_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How long an object lives: when its name goes. Its bytes go with its last user after that.
enum shmfs_lifetime
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It stays until it is unlinked: the kernel's rule.
  SHMFS_LIFETIME_UNTIL_REMOVED = 0,
  // Its name goes with the process that created it, by exit or SIGKILL.
  SHMFS_LIFETIME_PROCESS = 1,
  // Its name goes when nobody has it open or mapped any more.
  SHMFS_LIFETIME_LAST_USER = 2,
  // It outlives the store and the machine: a file in the store's state directory. It comes back with its name, mode
  // and owner, at the last epoch that was persisted.
  SHMFS_LIFETIME_DURABLE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum shmfs_lifetime shmfs_lifetime;
#else
typedef uint32_t shmfs_lifetime;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A durable object or segment that this process may edit. What is edited becomes one epoch with all else that was edited since
// the last shmfs_durable_persist: after any crash, of this process, of the store or of the machine, it is what it was at an
// epoch's end. What is written without shmfs_durable_edit has no such promise.
//
// Threads: functions of one handle may be called by several threads, which take turns; but shmfs_durable_close by one that is
// the last. Forks: a child cannot use it (-EPERM), and opens the object again.
typedef struct shmfs_durable shmfs_durable;

// An ordinary file, mapped shared: what is written here is seen by read(2) at once, by every process that maps it, and the other
// way round.
//
// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_file_close;
// shmfs_file_grow and shmfs_file_refresh wait for the others. They may move the view: addresses got before are not to be used
// after them. Forks: it works in a child.
typedef struct shmfs_file shmfs_file;

// An object's guard that is held: its holder is its only writer, among those who take it.
//
// Threads: any may give it back. Forks: a child has it too, until it ends or the parent gives it back.
typedef struct shmfs_guard shmfs_guard;

// What was in a store at one moment. Threads: it never changes, and any may look.
typedef struct shmfs_list shmfs_list;

// Pages of an object, a segment or a file, seen by this process at one address, until they are unmapped.
//
// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_mapping_unmap.
// Forks: a child has it too.
typedef struct shmfs_mapping shmfs_mapping;

// Shared memory that is open in this process. A handle owns one descriptor.
//
// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_object_close.
// Forks: it works in a child.
// Closing: mappings, guards and durable handles that were made of it live on.
typedef struct shmfs_object shmfs_object;

// A System V segment: shared memory with a number, and with a key by which strangers find it. Its length never changes; it
// stays until it is removed and nobody is attached.
//
// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_segment_close.
// Forks: it works in a child. Closing: attaches live on.
typedef struct shmfs_segment shmfs_segment;

// A store: objects with names, segments with keys, one limit for them all, and a broker that keeps them.
//
// Threads: all functions of one handle may be called by several threads at the same time, but shmfs_store_close.
// Forks: it works in a child, which is a user of its own there.
// Closing: objects and segments that were opened by it may be used after it is closed. When the last of them is closed as well,
// this process has left the store.
typedef struct shmfs_store shmfs_store;

// How a store is to be made. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
typedef struct shmfs_store_options {
  // sizeof(shmfs_store_options)
  size_t size;
  // How much shared memory may be in it, in bytes; 0: half of the machine's memory.
  uint64_t limit;
  // The directory of durable objects, made where it is missing; NULL: it has none.
  const char *state;
} shmfs_store_options;

// What a store uses. Set `size` to its sizeof before the call.
typedef struct shmfs_usage {
  // sizeof(shmfs_usage)
  size_t size;
  // The limit, in bytes.
  uint64_t limit;
  // Charged against the limit, in bytes; lengths are charged in whole pages.
  uint64_t used;
  // The most that was ever charged, in bytes.
  uint64_t peak;
  // In memory, in bytes.
  uint64_t allocated;
  // System V segments.
  uint64_t segments;
  // Named objects and semaphores.
  uint64_t objects;
  // Anonymous objects.
  uint64_t anonymous;
  // Objects without a name that processes still hold.
  uint64_t unnamed;
  // Processes in the store.
  uint64_t clients;
  // How often its broker was started anew.
  uint64_t restarts;
  // The broker's process.
  int64_t broker;
} shmfs_usage;

// One object of a store. Set `size` to its sizeof before the call.
typedef struct shmfs_entry {
  // sizeof(shmfs_entry)
  size_t size;
  // Its number in the store, which no other object ever has there.
  uint64_t number;
  // Its name, while it has one, or the label of an anonymous object; else NULL. It is the list's.
  const char *name;
  // Its length, in bytes.
  uint64_t length;
  // What of it is in memory, in bytes.
  uint64_t allocated;
  // How often it is attached; segments only.
  uint64_t attaches;
  // When it was created, in seconds since 1970.
  int64_t created;
  // What it is.
  shmfs_kind kind;
  // How long it lives.
  shmfs_lifetime lifetime;
  // Permission bits.
  uint32_t mode;
  // Its owner.
  uint32_t uid;
  // Its owner's group.
  uint32_t gid;
  // The process that created it.
  int32_t creator;
  // Segments: its id; else -1.
  int32_t shmid;
  // Segments: its key; 0 is IPC_PRIVATE.
  int32_t key;
  // 1 if it was unlinked or removed, and lives on because somebody uses it; else 0.
  uint32_t removed;
  // 1 if its writers take its guard; else 0.
  uint32_t guarded;
} shmfs_entry;

// How an object is to be made or opened. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
typedef struct shmfs_object_options {
  // sizeof(shmfs_object_options)
  size_t size;
  // SHMFS_OBJECT_...
  uint64_t flags;
  // Permission bits if it is made, less those of the umask; 0: 0600.
  uint32_t mode;
  // How long it lives if it is made. One that exists keeps its own.
  shmfs_lifetime lifetime;
} shmfs_object_options;

// How something is to be mapped. Set `size` to its sizeof, and the rest to 0 but for what is chosen: zeros map all of it, for
// reading and writing, shared, anywhere.
typedef struct shmfs_map_options {
  // sizeof(shmfs_map_options)
  size_t size;
  // SHMFS_MAP_...
  uint64_t flags;
  // Where in the object the mapping begins, in bytes: a multiple of the page.
  uint64_t offset;
  // How many bytes are mapped; 0: all from the offset to the object's end. It may be more than the object has; who accesses
  // a page beyond the end meets SIGBUS, until the object has grown there.
  size_t length;
  // At this address, a multiple of the page, or not at all (MAP_FIXED_NOREPLACE); NULL: anywhere.
  void *address;
} shmfs_map_options;

// How a segment is to be made. Set `size` to its sizeof, and the rest to 0 but for what is chosen.
typedef struct shmfs_segment_options {
  // sizeof(shmfs_segment_options)
  size_t size;
  // Permission bits; 0: 0600. The umask does not count.
  uint32_t mode;
  // Until it is removed, or durable.
  shmfs_lifetime lifetime;
} shmfs_segment_options;

// The state of a segment, as shmctl(2) tells it. Set `size` to its sizeof before the call.
typedef struct shmfs_segment_state {
  // sizeof(shmfs_segment_state)
  size_t size;
  // Its length in bytes.
  uint64_t length;
  // How often it is attached.
  uint64_t attaches;
  // When it was attached last, in seconds since 1970; 0 for never.
  int64_t attached;
  // When it was detached last.
  int64_t detached;
  // When it was made, or its owner or mode changed.
  int64_t changed;
  // Its key; 0, IPC_PRIVATE, where it has none or is removed.
  int32_t key;
  // The process that made it.
  int32_t creator;
  // The process that attached or detached last; 0 for none.
  int32_t last;
  // Its owner.
  uint32_t uid;
  // Its owner's group.
  uint32_t gid;
  // Its permission bits.
  uint32_t mode;
  // 1 if it is removed, and lives on for those who are attached; else 0.
  uint32_t removed;
  // 0
  uint32_t reserved;
} shmfs_segment_state;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What went wrong in the last call of this thread that failed, as one line: what was tried, why it failed with the
// numbers, and the errno's name. The text is empty where no call has failed. It is this thread's, and stays until
// its next call that fails, or its end.
const char *shmfs_last_error(void);

// The library's version, such as "0.1.0".
const char *shmfs_version(void);

// Joins the store that applies here: the one that SHMFS_STORE names, or else the user's, or else the system's. Where none
// runs, the user's is started; of several processes that find none, one starts it and the others join.
//
// Errors: -ENOENT where none runs and the program `shm` is not found (SHMFS_PROGRAM is its path, or else it is looked for in
// PATH); -ECONNREFUSED where SHMFS_STORE names one that does not run; -EACCES where it does not admit this user.
int shmfs_store_open(struct shmfs_store **store);

// Joins the running store of this name, the user's or the system's; or the one in the directory `name`, if a slash is in it.
//
// Errors: -ECONNREFUSED where none runs; -EINVAL for what is no name; -EACCES.
int shmfs_store_named(const char *name,
                      struct shmfs_store **store);

// Joins the running store in this directory.
//
// Errors: -ECONNREFUSED where none runs there; -EACCES; -ENAMETOOLONG beyond 100 bytes.
int shmfs_store_at(const char *directory,
                   struct shmfs_store **store);

// Joins the user's own store, for root the system's; it is started where it does not run.
//
// Errors: as shmfs_store_open.
int shmfs_store_user(struct shmfs_store **store);

// Joins the system's store, which root's `shm daemon` serves to everyone.
//
// Errors: -ECONNREFUSED where it does not run.
int shmfs_store_system(struct shmfs_store **store);

// Makes a store that a process of its own keeps: the program `shm`, found as shmfs_store_open finds it. Others join it by
// its environment. It ends when this process has left it, its children made by fork have ended, and nobody else is in it. That
// process is a child of this one, which wait(2) for any child may return. `options` may be NULL.
//
// Errors: -ENOENT where the program is not found; -EINVAL for a limit of less than a page; else what it says.
int shmfs_store_private(const struct shmfs_store_options *options,
                        struct shmfs_store **store);

// Makes a store that a thread of this process keeps; nothing needs to be installed. Others join it by its environment. It ends
// when this process has left it, whoever is in it then. `options` may be NULL.
//
// Errors: -EINVAL for a limit of less than a page; -EMFILE, -ENOMEM.
int shmfs_store_embedded(const struct shmfs_store_options *options,
                         struct shmfs_store **store);

// Closes a handle. NULL is nothing to close.
void shmfs_store_close(struct shmfs_store *store);

// The store's directory, as long as the handle is open; NULL for no handle.
const char *shmfs_store_directory(const struct shmfs_store *store);

// What leads a child to this store: strings "NAME=value", and NULL after the last, as execve(2) and putenv(3) have them. A child
// whose environment has them joins by shmfs_store_open. One of them is a secret that admits to the store. They stay as long as
// the handle is open, and are not to be changed. NULL for no handle.
char *const *shmfs_store_environment(const struct shmfs_store *store);

// Takes an object's name away. The object lives on for those who have it open or mapped.
//
// Errors: -ENOENT where no object has it; -EPERM where it is another user's; -EINVAL, -ENAMETOOLONG for what is no name.
int shmfs_store_unlink(const struct shmfs_store *store,
                       const char *name);

// Measures a store.
//
// Errors: -ECONNREFUSED where it is gone; -EINVAL where `size` is not set.
int shmfs_store_usage(const struct shmfs_store *store,
                      struct shmfs_usage *usage);

// Looks at everything that is in a store, in the order in which it was created.
//
// Errors: -ECONNREFUSED where the store is gone.
int shmfs_store_list(const struct shmfs_store *store,
                     struct shmfs_list **list);

// How many entries a list has; 0 for no handle.
size_t shmfs_list_length(const struct shmfs_list *list);

// One entry of a list, from 0.
//
// Errors: -ERANGE for an index that it does not have; -EINVAL where `size` is not set.
int shmfs_list_entry(const struct shmfs_list *list,
                     size_t index,
                     struct shmfs_entry *entry);

// Closes a handle. NULL is nothing to close.
void shmfs_list_close(struct shmfs_list *list);

// Makes an object of `length` bytes, all zero, which must be absent. Nobody sees it before it has that length. `options` may
// be NULL. A name has 1 to 250 bytes, without slashes but in front, where they are taken off.
//
// Errors: -EEXIST where the name is taken; -ENOSPC where the store is full; -EINVAL, -ENAMETOOLONG for what is no name;
// -EOPNOTSUPP for a durable one in a store without a state directory.
int shmfs_object_create(const struct shmfs_store *store,
                        const char *name,
                        uint64_t length,
                        const struct shmfs_object_options *options,
                        struct shmfs_object **object);

// Opens an object, for reading and writing if the options do not say otherwise. `options` may be NULL.
//
// Errors: -ENOENT where no object has the name; -EACCES where its mode does not allow it; -EINVAL, -ENAMETOOLONG.
int shmfs_object_open(const struct shmfs_store *store,
                      const char *name,
                      const struct shmfs_object_options *options,
                      struct shmfs_object **object);

// Opens an object, or makes it with `length` bytes where it is absent; `created` says which, and may be NULL. Of several
// processes that ask at the same time, one makes it, and nobody sees it without its length. `options` may be NULL.
//
// Errors: as shmfs_object_create but for -EEXIST, and as shmfs_object_open but for -ENOENT.
int shmfs_object_open_or_create(const struct shmfs_store *store,
                                const char *name,
                                uint64_t length,
                                const struct shmfs_object_options *options,
                                bool *created,
                                struct shmfs_object **object);

// Makes an object of `length` bytes, all zero, without a name. Children inherit it by fork, other processes get it by
// shmfs_object_send. The store charges it, and lists it by `label`, for as long as anybody has it open or mapped. Where `store`
// is NULL it is the kernel's alone (memfd_create(2)), and `label` may be NULL. It can be sealed.
//
// Errors: -ENOSPC where the store is full; -EINVAL, -ENAMETOOLONG for a label that could be no name; -EMFILE.
int shmfs_object_anonymous(const struct shmfs_store *store,
                           const char *label,
                           uint64_t length,
                           struct shmfs_object **object);

// Makes an object without a name or a store, of huge pages of 2^`log2` bytes each: 21 for 2 MiB, 30 for 1 GiB.
//
// Errors: -ENODEV or -EINVAL for pages that the kernel does not have; -EINVAL for a length that is no multiple of them.
int shmfs_object_anonymous_huge(uint64_t length,
                                uint32_t log2,
                                struct shmfs_object **object);

// Closes a handle. NULL is nothing to close.
void shmfs_object_close(struct shmfs_object *object);

// Its name, as long as the handle is open; NULL where it has none.
const char *shmfs_object_name(const struct shmfs_object *object);

// Its descriptor, which is the handle's: it is not to be closed. A negative errno for no handle.
int shmfs_object_fd(const struct shmfs_object *object);

// Its length now, in bytes.
//
// Errors: as fstat(2).
int shmfs_object_length(const struct shmfs_object *object,
                        uint64_t *length);

// Gives it another length. What is added is zeros; what is cut off is gone, for every mapping of it.
//
// Errors: -ENOSPC where the store is full; -EPERM where a seal forbids it; -EFBIG; -EINVAL where it is open for reading only.
int shmfs_object_resize(const struct shmfs_object *object,
                        uint64_t length);

// Gives the memory of a range back to the system; who reads there finds zeros (FALLOC_FL_PUNCH_HOLE). The length stays.
//
// Errors: -EPERM where a seal forbids it; -EINVAL for no bytes; as fallocate(2).
int shmfs_object_punch_hole(const struct shmfs_object *object,
                            uint64_t offset,
                            uint64_t length);

// Takes its name away; whoever has it open or mapped keeps it. What has the name by now goes, whether it is this object or
// another that has taken its place.
//
// Errors: -EINVAL for an object without a name; -ENOENT where no object has it; -EPERM.
int shmfs_object_unlink(const struct shmfs_object *object);

// Takes a descriptor of shared memory, or of any file that can be mapped, for an object. The descriptor stays the caller's; the
// object has one of its own.
//
// Errors: -EBADF for no descriptor; -ENODEV for what is no regular file; -EMFILE.
int shmfs_object_from_fd(int fd,
                         struct shmfs_object **object);

// Gives the object to the process at the other end of a connected unix socket, stream or seqpacket: one byte, with a descriptor
// (SCM_RIGHTS, unix(7)). The receiver has the same rights as this descriptor: whoever is to read only must be given an object
// that is open for reading only, or sealed. There is no SIGPIPE.
//
// Errors: -EPIPE if the other end has hung up; -EAGAIN if the socket does not block and is full; as sendmsg(2).
int shmfs_object_send(const struct shmfs_object *object,
                      int socket);

// Takes the next object that the process at the other end gives with shmfs_object_send, or any other program with sendmsg(2),
// one byte for each. The sender is trusted no further: what is no file that can be mapped is refused.
//
// Errors: -ECONNRESET if the other end has hung up; -ENODATA if a byte came without a descriptor; -ENODEV for a descriptor of
// something else; -EMFILE; -EAGAIN if the socket does not block.
int shmfs_object_receive(int socket,
                         struct shmfs_object **object);

// Puts seals on it, which nobody can take off: F_SEAL_SHRINK and others of fcntl(2).
//
// Errors: -EPERM where it is sealed against seals, or open for reading only; -EBUSY for F_SEAL_WRITE while it is mapped shared
// for writing; -EINVAL for what cannot be sealed (objects with names) and seals that the kernel does not know.
int shmfs_object_seal(const struct shmfs_object *object,
                      uint32_t seals);

// The seals on it.
//
// Errors: -EINVAL for what cannot be sealed.
int shmfs_object_seals(const struct shmfs_object *object,
                       uint32_t *seals);

// Waits until nobody else has the object's guard, and takes it. Threads exclude each other as processes do. The kernel gives it
// back when its holder dies. `shm snapshot` takes it too, of objects made with SHMFS_OBJECT_GUARDED. A thread that has it and
// asks again waits for ever.
//
// Errors: -EMFILE, -ENOLCK; -EACCES where the object's mode does not let this process open it again.
int shmfs_object_guard(const struct shmfs_object *object,
                       struct shmfs_guard **guard);

// Gives the guard back. NULL is nothing to give back.
void shmfs_guard_release(struct shmfs_guard *guard);

// Installs a handler for SIGBUS, once in the life of the process. shmfs_mapping_read, shmfs_file_write and the other functions
// that copy answer -EFAULT then, where they meet a page that is gone. An access by an address still ends the program, and one
// line on standard error says which object it was, and why. SIGBUS that is none of ours goes to the handler that was there
// before.
//
// Errors: as sigaction(2).
int shmfs_sigbus_guard(void);

// Maps an object. `options` may be NULL.
//
// Errors: -EINVAL for no bytes and for an offset that is no multiple of the page; -EACCES where the descriptor does not allow
// it; -EPERM where a seal does not; -EEXIST where the address is taken; -ENOMEM.
int shmfs_object_map(const struct shmfs_object *object,
                     const struct shmfs_map_options *options,
                     struct shmfs_mapping **mapping);

// Unmaps it, for segments too: its addresses are not to be used any more. NULL is nothing to unmap.
void shmfs_mapping_unmap(struct shmfs_mapping *mapping);

// The address of its first byte, until it is unmapped; NULL for no handle.
void *shmfs_mapping_address(const struct shmfs_mapping *mapping);

// Its length in bytes; 0 for no handle.
size_t shmfs_mapping_length(const struct shmfs_mapping *mapping);

// Copies bytes out, after a look whether they are there. Others may write meanwhile: a copy may be half old and half new.
//
// Errors: -EINVAL where they are not all in the mapping; -ERANGE where they are beyond the object's end; with
// shmfs_sigbus_guard, -EFAULT where a page cannot be had.
int shmfs_mapping_read(const struct shmfs_mapping *mapping,
                       size_t offset,
                       void *bytes,
                       size_t length);

// Copies bytes in, after a look whether they are there.
//
// Errors: as shmfs_mapping_read; -EACCES where it is for reading only.
int shmfs_mapping_write(const struct shmfs_mapping *mapping,
                        size_t offset,
                        const void *bytes,
                        size_t length);

// Writes what was changed in a range to the file's medium, and returns when it is there (msync(2)). For memory without a medium
// there is nothing to do.
//
// Errors: -EINVAL for a range that is not inside; -EIO, -ENOSPC.
int shmfs_mapping_flush(const struct shmfs_mapping *mapping,
                        size_t offset,
                        size_t length);

// Says that a range is to be written to the medium, and does not wait.
//
// Errors: as shmfs_mapping_flush.
int shmfs_mapping_flush_async(const struct shmfs_mapping *mapping,
                              size_t offset,
                              size_t length);

// Tells the kernel how a range will be used, which begins at a page: MADV_SEQUENTIAL and others of madvise(2) that change no
// bytes but those of private mappings.
//
// Errors: -EINVAL for a range that is not inside or begins at no page, and for other advice.
int shmfs_mapping_advise(const struct shmfs_mapping *mapping,
                         size_t offset,
                         size_t length,
                         int advice);

// Makes the pages of a range and keeps them in memory (mlock(2)).
//
// Errors: -EINVAL for a range that is not inside; -ENOMEM or -EPERM beyond RLIMIT_MEMLOCK.
int shmfs_mapping_lock(const struct shmfs_mapping *mapping,
                       size_t offset,
                       size_t length);

// Lets the pages of a range leave memory again.
//
// Errors: -EINVAL for a range that is not inside.
int shmfs_mapping_unlock(const struct shmfs_mapping *mapping,
                         size_t offset,
                         size_t length);

// How many of its pages are in memory (mincore(2)).
//
// Errors: -EAGAIN.
int shmfs_mapping_resident(const struct shmfs_mapping *mapping,
                           size_t *pages);

// Makes a segment of `length` bytes, all zero. The key must be free; with 0, IPC_PRIVATE, only the number finds it. `options`
// may be NULL.
//
// Errors: -EEXIST where the key is taken; -EINVAL for no bytes, more than SHMMAX, and lifetimes that segments do not have;
// -ENOSPC where the store is full; -EOPNOTSUPP for a durable one in a store without a state directory.
int shmfs_segment_create(const struct shmfs_store *store,
                         int32_t key,
                         uint64_t length,
                         const struct shmfs_segment_options *options,
                         struct shmfs_segment **segment);

// Finds a segment by its key, which has at least `length` bytes.
//
// Errors: -ENOENT where no segment has the key; -EINVAL where it is shorter; -EACCES where its mode does not let this process
// read.
int shmfs_segment_open(const struct shmfs_store *store,
                       int32_t key,
                       uint64_t length,
                       struct shmfs_segment **segment);

// Finds a segment by its key, or makes it where no segment has the key; `created` says which, and may be NULL. Of several
// processes that ask at the same time, one makes it. `options` may be NULL.
//
// Errors: as shmfs_segment_create but for -EEXIST, and as shmfs_segment_open but for -ENOENT.
int shmfs_segment_open_or_create(const struct shmfs_store *store,
                                 int32_t key,
                                 uint64_t length,
                                 const struct shmfs_segment_options *options,
                                 bool *created,
                                 struct shmfs_segment **segment);

// The segment with this number.
//
// Errors: -EINVAL where there is none; -EIDRM where it was removed; -EACCES where its mode does not let this process read.
int shmfs_segment_by_id(const struct shmfs_store *store,
                        int id,
                        struct shmfs_segment **segment);

// Closes a handle. The segment stays, and so do attaches. NULL is nothing to close.
void shmfs_segment_close(struct shmfs_segment *segment);

// Its number (shmid), by which every process of the store finds it; a negative errno for no handle.
int shmfs_segment_id(const struct shmfs_segment *segment);

// Its length in bytes; 0 for no handle.
uint64_t shmfs_segment_length(const struct shmfs_segment *segment);

// Maps all of it; unmapping detaches it. `flags` are 0 or SHMFS_MAP_READ_ONLY.
//
// Errors: -EIDRM or -EINVAL where it is gone; -EACCES where its mode does not allow it; -ENOMEM, -EMFILE.
int shmfs_segment_attach(const struct shmfs_segment *segment,
                         uint64_t flags,
                         struct shmfs_mapping **mapping);

// Removes it (IPC_RMID): no key finds it any more, and it goes when nobody is attached.
//
// Errors: -EPERM where this process is neither its owner nor its creator; -EINVAL or -EIDRM where it is gone.
int shmfs_segment_remove(const struct shmfs_segment *segment);

// Gives it another owner, group and mode (IPC_SET).
//
// Errors: as shmfs_segment_remove.
int shmfs_segment_set(const struct shmfs_segment *segment,
                      uint32_t uid,
                      uint32_t gid,
                      uint32_t mode);

// Looks at its state.
//
// Errors: -EINVAL or -EIDRM where it is gone, and where `size` is not set; -EACCES where its mode does not let this process read.
int shmfs_segment_stat(const struct shmfs_segment *segment,
                       struct shmfs_segment_state *stat);

// A key made of a file and a number of 1 to 255, as ftok(3) makes it.
//
// Errors: -EINVAL for another number; as stat(2).
int shmfs_ftok(const char *path,
               int project,
               int32_t *key);

// Makes a durable object ready to be edited.
//
// Errors: -EINVAL where its lifetime is another; -EACCES where it is open for reading only; -EIO where its undo log is damaged.
int shmfs_object_durable(const struct shmfs_object *object,
                         struct shmfs_durable **durable);

// Makes a durable segment ready to be edited. It counts as attached until the handle is closed.
//
// Errors: as shmfs_object_durable.
int shmfs_segment_durable(const struct shmfs_segment *segment,
                          struct shmfs_durable **durable);

// Rolls back what was edited and not persisted, and closes the handle. NULL is nothing to close.
void shmfs_durable_close(struct shmfs_durable *durable);

// The address of its first byte, for reading, until the handle is closed; NULL for no handle.
const void *shmfs_durable_address(const struct shmfs_durable *durable);

// Its length in bytes; 0 for no handle.
size_t shmfs_durable_length(const struct shmfs_durable *durable);

// Saves the old bytes of a range on the disk, and gives the address at which it may be written until it is persisted or rolled
// back. The first edit of an epoch waits until nobody else edits, and rolls back what an editor that has died left half done.
//
// Errors: -EINVAL for a range that is not inside; -ENOSPC where the disk has no room for the old bytes, -EFBIG where the epoch's
// log has not: nothing is lost then, and shmfs_durable_persist makes room; -EPERM in a child made by fork; -EBUSY after a failed
// shmfs_durable_persist that only shmfs_durable_roll_back can end.
int shmfs_durable_edit(struct shmfs_durable *durable,
                       size_t offset,
                       size_t length,
                       void **address);

// Edits a range and copies bytes in.
//
// Errors: as shmfs_durable_edit.
int shmfs_durable_write(struct shmfs_durable *durable,
                        size_t offset,
                        const void *bytes,
                        size_t length);

// Writes what was edited to the disk and commits it; others may edit then. `epoch` is the number of the epoch that has ended,
// which rises, and may be NULL. Without an edit, what was stored is synced, and no epoch ends.
//
// Errors: -EIO, -ENOSPC and the like, as the disk refuses: the epoch has not ended then; persist again, or roll back.
int shmfs_durable_persist(struct shmfs_durable *durable,
                          uint64_t *epoch);

// Makes it what it was when the last epoch ended. `restored` is how many bytes were written back, and may be NULL.
//
// Errors: -EIO and the like, as the disk refuses. It can be called again.
int shmfs_durable_roll_back(struct shmfs_durable *durable,
                            uint64_t *restored);

// The last epoch that has ended, as far as is known here.
//
// Errors: only those of the handle.
int shmfs_durable_epoch(const struct shmfs_durable *durable,
                        uint64_t *epoch);

// Opens and maps a file for reading and writing.
//
// Errors: as open(2) and mmap(2); -ENODEV for what cannot be mapped.
int shmfs_file_open(const char *path,
                    struct shmfs_file **file);

// Opens and maps a file for reading.
//
// Errors: as shmfs_file_open.
int shmfs_file_open_read_only(const char *path,
                              struct shmfs_file **file);

// Makes a file of `length` bytes, all zero, which must not exist, and maps it for reading and writing.
//
// Errors: -EEXIST; as shmfs_file_open.
int shmfs_file_create(const char *path,
                      uint64_t length,
                      struct shmfs_file **file);

// Maps a file that is open: for writing too, if it is open for that. The descriptor stays the caller's.
//
// Errors: -EBADF for no descriptor; -EACCES for a file that is not open for reading; -EMFILE; as mmap(2).
int shmfs_file_from_fd(int fd,
                       struct shmfs_file **file);

// Unmaps the file and closes the handle. What was written reaches the disk as written files do. NULL is nothing to close.
void shmfs_file_close(struct shmfs_file *file);

// Its descriptor, which is the handle's: it is not to be closed. A negative errno for no handle.
int shmfs_file_fd(const struct shmfs_file *file);

// The file's length now, in bytes, whoever has changed it.
//
// Errors: as fstat(2).
int shmfs_file_length(const struct shmfs_file *file,
                      uint64_t *length);

// The address of the view's first byte, until the next shmfs_file_grow or shmfs_file_refresh; NULL for an empty file, and for no
// handle.
void *shmfs_file_address(const struct shmfs_file *file);

// The view's length in bytes: that of the file when it was opened, grown or refreshed.
size_t shmfs_file_mapped_length(const struct shmfs_file *file);

// Copies bytes out, after a look whether the file has them now.
//
// Errors: -ERANGE where they are not all in the file, or not all in the view; with shmfs_sigbus_guard, -EFAULT where a page
// cannot be had.
int shmfs_file_read(const struct shmfs_file *file,
                    uint64_t offset,
                    void *bytes,
                    size_t length);

// Copies bytes in, after a look whether the file has them now.
//
// Errors: as shmfs_file_read; -EACCES where it is for reading only.
int shmfs_file_write(const struct shmfs_file *file,
                     uint64_t offset,
                     const void *bytes,
                     size_t length);

// A mapping of its own of the file, as the options say, which may be NULL. It stays where it is when the file grows.
//
// Errors: as shmfs_object_map.
int shmfs_file_map(const struct shmfs_file *file,
                   const struct shmfs_map_options *options,
                   struct shmfs_mapping **mapping);

// Makes the file at least `length` bytes long, with disk space for what is added, and shows all of it. The view may move.
//
// Errors: -ENOSPC, -EFBIG; -EBADF where it is for reading only; -ENOMEM.
int shmfs_file_grow(struct shmfs_file *file,
                    uint64_t length);

// Shows all of the file as it is now, whoever has grown or cut it. The view may move.
//
// Errors: -ENOMEM.
int shmfs_file_refresh(struct shmfs_file *file);

// Writes what was changed in a range to the disk, and returns when it is there.
//
// Errors: -ERANGE where the range is not all in the file and the view; -EIO, -ENOSPC.
int shmfs_file_flush(const struct shmfs_file *file,
                     uint64_t offset,
                     uint64_t length);

// Says that a range is to be written to the disk, and does not wait.
//
// Errors: as shmfs_file_flush.
int shmfs_file_flush_async(const struct shmfs_file *file,
                           uint64_t offset,
                           uint64_t length);

// Tells the kernel how a range will be used, which begins at a page: as shmfs_mapping_advise.
//
// Errors: as shmfs_file_flush; -EINVAL for other advice and for a range that begins at no page.
int shmfs_file_advise(const struct shmfs_file *file,
                      uint64_t offset,
                      uint64_t length,
                      int advice);

// Gives the disk space of a range back; who reads there finds zeros. The length stays.
//
// Errors: -EOPNOTSUPP where the file system has no holes; -EINVAL for no bytes; as fallocate(2).
int shmfs_file_punch_hole(const struct shmfs_file *file,
                          uint64_t offset,
                          uint64_t length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHMFS_H */
