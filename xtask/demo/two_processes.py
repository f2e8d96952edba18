"""The demo's program, which knows nothing of shmfs: two Python processes on one shared memory, then util-linux's
ipcmk, ipcs and ipcrm. It says LOOK and waits for a line where the person outside is to look."""

import re
import subprocess
import sys
from multiprocessing import get_context, shared_memory

KEYED = "ipcmk --shmem 1048576 --mode 0640".split()


def answer(name):
    """The second process: finds the memory by its name alone, reads it, writes into it."""
    shared = shared_memory.SharedMemory(name=name)
    text = bytes(shared.buf[:64]).rstrip(b"\0").decode()
    shared.buf[64:128] = f"second process read: {text!r}".encode().ljust(64, b"\0")[:64]
    shared.close()


def look(what):
    print(f"LOOK {what}", flush=True)
    sys.stdin.readline()


def main():
    shared = shared_memory.SharedMemory(create=True, size=8 << 20)
    print(f"first process made `{shared.name}`, 8 MiB, and writes a greeting into it", flush=True)
    shared.buf[:64] = b"hello from the first process".ljust(64, b"\0")
    # spawn, not fork: the second process inherits no mapping, it must find the memory by name.
    second = get_context("spawn").Process(target=answer, args=(shared.name,))
    second.start()
    second.join()
    reply = bytes(shared.buf[64:128]).rstrip(b"\0").decode()
    print(f"first process finds in the memory: {reply}", flush=True)
    if second.exitcode != 0 or "hello from the first" not in reply:
        sys.exit("the two processes did not share memory")

    made = subprocess.run(KEYED, check=True, capture_output=True, text=True).stdout
    shmid = re.search(r"\d+", made).group()
    print(f"ipcmk made the System V segment {shmid}; ipcs -m sees:", flush=True)
    listing = subprocess.run(["ipcs", "-m"], check=True, capture_output=True, text=True).stdout
    print(listing.strip(), flush=True)
    if shmid not in listing.split():
        sys.exit("ipcs does not see the segment that ipcmk made")
    look(shared.name)

    subprocess.run(["ipcrm", "--shmem-id", shmid], check=True)
    shared.close()
    shared.unlink()
    print("ipcrm and unlink have removed both", flush=True)


if __name__ == "__main__":
    main()
