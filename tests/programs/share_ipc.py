"""The modules sysv_ipc and posix_ipc, their shared memory and named semaphores, from two processes."""

import mmap
import os
import sys

import posix_ipc
import sysv_ipc


def other(function):
    """Runs it in a child and waits."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            function()
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    print("the other ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def refused(what, *arguments, **named):
    try:
        what(*arguments, **named)
        print("not refused")
    except (OSError, posix_ipc.Error, sysv_ipc.Error, ValueError) as error:
        print(type(error).__name__, error)


def system_v():
    key = sysv_ipc.ftok(__file__, 5, silence_warning=True)
    memory = sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, mode=0o600, size=6000)
    print(memory.size, memory.number_attached, oct(memory.mode), memory.attached)
    refused(sysv_ipc.SharedMemory, key, sysv_ipc.IPC_CREX, size=6000)
    refused(sysv_ipc.SharedMemory, key + 1)
    refused(sysv_ipc.SharedMemory, key, 0, size=60000)
    memory.write("from Python", 100)

    def child():
        again = sysv_ipc.SharedMemory(key)
        # One attach was inherited, one was made.
        print(again.read(11, 100), again.number_attached, again.creator_pid == os.getppid())
        again.write("back")
        again.detach()
        print(memory.number_attached)
        refused(again.detach)

    other(child)
    print(memory.read(4), memory.number_attached)
    memory.mode = 0o640
    print(oct(sysv_ipc.SharedMemory(key).mode), memory.uid == os.geteuid())
    memory.remove()
    refused(sysv_ipc.SharedMemory, key)
    print(memory.read(4))
    memory.detach()
    # The one that was found to look at the mode is still attached.
    print(sysv_ipc.attach(memory.id).read(4))
    memory = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096)
    memory.write("by number")
    print(sysv_ipc.attach(memory.id, flags=sysv_ipc.SHM_RDONLY).read(9))
    sysv_ipc.remove_shared_memory(memory.id)


def posix():
    memory = posix_ipc.SharedMemory("/ipc-memory", posix_ipc.O_CREX, mode=0o600, size=6000)
    print(memory.name, memory.size, oct(memory.mode))
    refused(posix_ipc.SharedMemory, "/ipc-memory", posix_ipc.O_CREX, size=6000)
    refused(posix_ipc.SharedMemory, "/ipc-nobody")
    semaphore = posix_ipc.Semaphore("/ipc-turn", posix_ipc.O_CREX, mode=0o600, initial_value=0)
    answer = posix_ipc.Semaphore("/ipc-answer", posix_ipc.O_CREX, initial_value=0)
    refused(posix_ipc.Semaphore, "/ipc-turn", posix_ipc.O_CREX)
    refused(posix_ipc.Semaphore, "/ipc-nobody")
    window = mmap.mmap(memory.fd, memory.size)

    def child():
        again = posix_ipc.SharedMemory("/ipc-memory")
        with mmap.mmap(again.fd, again.size) as there:
            again.close_fd()
            for turn in range(100):
                posix_ipc.Semaphore("/ipc-turn").acquire(60)
                there[turn] = there[turn] + 1
                posix_ipc.Semaphore("/ipc-answer").release()

    def parent():
        for turn in range(100):
            window[turn] = turn
            semaphore.release()
            answer.acquire(60)
        print([window[turn] for turn in range(100)] == list(range(1, 101)))

    sys.stdout.flush()
    asked = os.fork()
    if asked == 0:
        child()
        os._exit(0)
    parent()
    print("the other ended with", os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]))
    refused(answer.acquire, 0)
    refused(answer.acquire, 0.01)
    answer.unlink()
    refused(posix_ipc.unlink_semaphore, "/ipc-answer")
    posix_ipc.unlink_semaphore("/ipc-turn")
    semaphore.release()
    print(semaphore.value)
    memory.unlink()
    refused(posix_ipc.unlink_shared_memory, "/ipc-memory")
    window[0] = 7
    os.ftruncate(memory.fd, 3000)
    print(os.fstat(memory.fd).st_size, os.fstat(memory.fd).st_nlink, window[0])
    memory.close_fd()


system_v()
posix()
