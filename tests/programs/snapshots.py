"""What happens to shared memory while it is copied and restored; run under `shm run`, told which scene to play."""

import ctypes
import fcntl
import json
import mmap
import os
import pty
import signal
import subprocess
import sys
import time

SCRATCH = sys.argv[2]
SHM = f"{SCRATCH}/shm"


def shm(*words, expect=0, **options):
    done = subprocess.run([SHM, *words], capture_output=True, text=True, **options)
    assert done.returncode == expect, (words, done)
    return done


def told(*words):
    return json.loads(shm(*words, "--json").stdout)


def snapshot(called, file, *words):
    return told("snapshot", called, "-o", f"{SCRATCH}/{file}", *words)


def create(name, size, *parts, mode=0o600):
    """Bytes at offsets, as a POSIX object that nobody has open."""
    fd = os.open(f"/dev/shm/{name}", os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
    os.ftruncate(fd, size)
    for offset, data in parts:
        assert os.pwrite(fd, data, offset) == len(data)
    os.close(fd)


def content(name):
    with open(f"/dev/shm/{name}", "rb") as file:
        return file.read()


def eventually(what, holds):
    for _ in range(20_000):
        if holds():
            return
        time.sleep(0.001)
    raise AssertionError(what)


def rows():
    return told("ls")


def hidden():
    return [row["name"] for row in rows() if (row["name"] or "").startswith(".shm-restore-")]


def temporary():
    return [name for name in os.listdir(SCRATCH) if name.startswith(".shm-snapshot-")]


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p
LIBC.shmdt.argtypes = [ctypes.c_void_p]


def attach(shmid, flags=0):
    address = LIBC.shmat(shmid, None, flags)
    assert address not in (None, ctypes.c_void_p(-1).value), ctypes.get_errno()
    return address


def noise(size):
    """The same in every process, and nothing that can be compressed."""
    import random

    return random.Random(size).randbytes(size)


SEGMENT_BYTES = 300_001


def save():
    """Fills a store and copies what is in it."""
    os.umask(0)
    create("object", 3_000_000, (0, noise(5000)), (2_000_000, noise(999_999)), mode=0o4640)
    create("sem.lock", 32, (0, noise(32)))
    create("empty", 0)
    shmid = LIBC.shmget(0x2A, SEGMENT_BYTES, 0o1000 | 0o620)
    address = attach(shmid)
    ctypes.memmove(address, noise(SEGMENT_BYTES), SEGMENT_BYTES)
    LIBC.shmdt(ctypes.c_void_p(address))
    for called, file in [("/object", "object"), ("sem.lock", "sem"), ("empty", "empty")]:
        assert snapshot(called, file)["consistent"]
    for called, file in [(str(shmid), "by-id"), ("0x2a", "by-key")]:
        assert snapshot(called, file)["consistent"]
    fd = os.open("/dev/shm/object", os.O_RDONLY)
    os.unlink("/dev/shm/object")
    (number,) = [row["object"] for row in rows() if row["removed"]]
    shm("snapshot", "--object", str(number), "-o", f"{SCRATCH}/unlinked", "-q")
    os.close(fd)


def load():
    """Finds all of it again in another store."""
    for file in ["object", "sem", "empty"]:
        shm("restore", f"{SCRATCH}/{file}")
    data = content("object")
    assert len(data) == 3_000_000
    assert data[:5000] == noise(5000) and data[2_000_000:2_999_999] == noise(999_999)
    assert not any(data[5000:2_000_000]) and data[2_999_999] == 0
    assert os.stat("/dev/shm/object").st_mode & 0o7777 == 0o4640
    assert content("sem.lock") == noise(32) and content("empty") == b""
    row = told("stat", "object")
    assert (row["mode"], row["kind"], row["lifetime"]) == ("4640", "object", "until-removed"), row
    # Holes stay holes.
    assert row["allocated_bytes"] < 1_100_000, row

    refused = shm("restore", f"{SCRATCH}/object", expect=1).stderr
    assert "the name is taken" in refused and "hint: `--replace`" in refused, refused
    old = os.open("/dev/shm/object", os.O_RDWR)
    os.pwrite(old, b"changed", 0)
    shm("restore", f"{SCRATCH}/object", "--replace")
    assert content("object") == data and os.pread(old, 7, 0) == b"changed"
    shm("restore", f"{SCRATCH}/object", "--name", "/other")
    assert content("other") == data
    shm("restore", f"{SCRATCH}/unlinked", expect=2)
    shm("restore", f"{SCRATCH}/unlinked", "--name", "back")
    assert content("back") == data

    restored = told("restore", f"{SCRATCH}/by-id")
    assert restored["key"] == 0x2A and LIBC.shmget(0x2A, 0, 0) == restored["id"], restored
    row = told("stat", str(restored["id"]))
    assert (row["mode"], row["size_bytes"]) == ("0620", SEGMENT_BYTES), row
    refused = shm("restore", f"{SCRATCH}/by-key", expect=1).stderr
    assert "the key is taken" in refused and "--key none" in refused, refused
    another = told("restore", f"{SCRATCH}/by-key", "--key", "none")
    assert another["key"] is None
    for shmid in [restored["id"], another["id"]]:
        address = attach(shmid, 0o10000)
        assert ctypes.string_at(address, SEGMENT_BYTES) == noise(SEGMENT_BYTES)
        LIBC.shmdt(ctypes.c_void_p(address))
    refused = shm("restore", f"{SCRATCH}/object", "--name", "d", "--lifetime", "durable", expect=1).stderr
    assert "hint: `--lifetime until-removed`" in refused, refused
    assert hidden() == []
    # Through a pipe, both ways.
    copied = subprocess.run([SHM, "snapshot", "object", "-q", "-o", "-"], capture_output=True, check=True)
    subprocess.run([SHM, "restore", "-q", "-", "--name", "piped"], input=copied.stdout, check=True)
    assert content("piped") == data


def sparse():
    page = noise(4096)
    create("sparse", 1 << 30, (0, page), (500 << 20, page), ((1 << 30) - 4096, page))
    copied = snapshot("sparse", "sparse")
    assert copied["data_bytes"] == 3 * 4096, copied
    assert os.path.getsize(f"{SCRATCH}/sparse") == copied["file_bytes"] < 20_000, copied
    shm("restore", f"{SCRATCH}/sparse", "--name", "again")
    row = told("stat", "again")
    assert (row["size_bytes"], row["allocated_bytes"]) == (1 << 30, 3 * 4096), row


def held():
    """Others have it open, mapped or attached: no copy can be trusted, and each says so."""
    create("open", 8192, (0, b"x" * 8192))
    fd = os.open("/dev/shm/open", os.O_RDWR)
    done = shm("snapshot", "open", "-o", f"{SCRATCH}/open", "-q")
    assert done.stderr == "fuzzy: other processes have it open, and may have written while it was copied\n"
    refused = shm("snapshot", "open", "-o", f"{SCRATCH}/none", "--consistent", expect=1)
    assert "no consistent copy" in refused.stderr and "hint:" in refused.stderr, refused
    assert not os.path.exists(f"{SCRATCH}/none") and temporary() == []
    restored = shm("restore", f"{SCRATCH}/open", "--name", "fuzzy")
    assert restored.stderr.startswith("fuzzy: other processes have it open"), restored
    refused = shm("restore", f"{SCRATCH}/open", "--name", "no", "--consistent", expect=1)
    assert "it is fuzzy" in refused.stderr, refused
    mapped = mmap.mmap(fd, 8192)
    os.close(fd)
    assert snapshot("open", "mapped")["held_by"] == "nothing"
    mapped.close()
    assert snapshot("open", "free")["held_by"] == "alone"

    shmid = LIBC.shmget(0x2A, 4096, 0o1600)
    addresses = [attach(shmid), attach(shmid)]
    copied = snapshot("0x2a", "attached")
    assert copied["fuzzy"].startswith("it is attached 2 times"), copied
    for address in addresses:
        LIBC.shmdt(ctypes.c_void_p(address))
    assert snapshot("0x2a", "detached")["consistent"]


def came():
    """Somebody comes while the copy waits in a pipe, and goes again before it is done."""
    create("object", 4 << 20, (0, noise(4 << 20)))
    os.mkfifo(f"{SCRATCH}/pipe")
    for flags, expected in [(os.O_RDONLY, None), (os.O_RDWR, "somebody opened it")]:
        copying = subprocess.Popen([SHM, "snapshot", "object", "-q", "-o", f"{SCRATCH}/pipe"])
        with open(f"{SCRATCH}/pipe", "rb") as pipe, open(f"{SCRATCH}/copy", "wb") as copy:
            # The header: it is being copied, and a pipe does not hold it all.
            copy.write(pipe.read(344))
            os.close(os.open("/dev/shm/object", flags))
            copy.write(pipe.read())
        assert copying.wait() == 0
        found = told("restore", "--check", f"{SCRATCH}/copy")
        assert (found["fuzzy"] or "").startswith(expected or ""), found
        assert found["consistent"] == (expected is None) and found["held_by"] == "alone", found
        # Whoever is still there counts as well, and is not asked what he does.
    copying = subprocess.Popen([SHM, "snapshot", "object", "--consistent", "-q", "-o", f"{SCRATCH}/pipe"])
    with open(f"{SCRATCH}/pipe", "rb") as pipe:
        pipe.read(344)
        fd = os.open("/dev/shm/object", os.O_RDONLY)
        pipe.read()
    assert copying.wait() == 1
    os.close(fd)


def shrank():
    create("object", 4 << 20, (0, noise(4 << 20)))
    os.mkfifo(f"{SCRATCH}/pipe")
    fd = os.open("/dev/shm/object", os.O_RDWR)
    copying = subprocess.Popen([SHM, "snapshot", "object", "-q", "-o", f"{SCRATCH}/pipe"])
    with open(f"{SCRATCH}/pipe", "rb") as pipe, open(f"{SCRATCH}/copy", "wb") as copy:
        copy.write(pipe.read(344))
        os.ftruncate(fd, 5)
        copy.write(pipe.read())
    assert copying.wait() == 0
    found = told("restore", "--check", f"{SCRATCH}/copy")
    assert found["size_bytes"] == 4 << 20 and found["fuzzy"].startswith("it was cut"), found


def write_under_guard(name):
    """Another process: the whole object says one number, but for the moments in which it has the guard."""
    fd = os.open(f"/dev/shm/{name}", os.O_RDWR)
    memory = mmap.mmap(fd, 0)
    words = len(memory) // 8
    for number in range(1, 1 << 60):
        fcntl.flock(fd, fcntl.LOCK_EX)
        memory[:] = number.to_bytes(8, "little") * words
        fcntl.flock(fd, fcntl.LOCK_UN)


def guarded():
    """`guarded.snap` is of a guarded object: made elsewhere, since only the library makes one."""
    shm("restore", f"{SCRATCH}/guarded.snap")
    assert told("stat", "guarded")["guarded"]
    writer = subprocess.Popen([sys.executable, __file__, "write_under_guard", SCRATCH])
    try:
        fd = os.open("/dev/shm/guarded", os.O_RDONLY)
        eventually("the writer writes", lambda: os.pread(fd, 8, 0) != bytes(8))
        os.close(fd)
        seen = set()
        for count in range(8):
            copied = snapshot("guarded", "copy", "--consistent")
            assert copied["held_by"] == "guard", copied
            shm("restore", f"{SCRATCH}/copy", "--name", "copy", "--replace", "--consistent")
            data = content("copy")
            assert data[:8] * (len(data) // 8) == data, f"copy {count} is of more than one moment"
            assert told("stat", "copy")["guarded"]
            seen.add(data[:8])
        assert len(seen) > 1, "nobody wrote"
    finally:
        writer.kill()
        writer.wait()

    fd = os.open("/dev/shm/guarded", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert snapshot("guarded", "busy", "--wait", "0")["fuzzy"].startswith("a writer kept its lock")
    shm("snapshot", "guarded", "-o", f"{SCRATCH}/none", "--wait", "0", "--consistent", expect=1)
    # One that has to wait gets it.
    waiting = subprocess.Popen(
        [SHM, "snapshot", "guarded", "-o", f"{SCRATCH}/waited", "--consistent", "--wait", "1000"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr.readline().startswith("a writer has it locked; waiting 1000 s")
    fcntl.flock(fd, fcntl.LOCK_UN)
    assert waiting.wait() == 0


def interrupted():
    """Signals in the midst: a half file has no name, and neither has half an object."""
    shm("restore", f"{SCRATCH}/guarded.snap")
    fd = os.open("/dev/shm/guarded", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        with open(f"{SCRATCH}/out", "w") as file:
            file.write("old")
        words = [SHM, "snapshot", "guarded", "-o", f"{SCRATCH}/out", "--wait", "1000"]
        copying = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        assert copying.stderr.readline().startswith("a writer has it locked")
        assert len(temporary()) == 1
        copying.send_signal(number)
        assert copying.stderr.read().startswith("shm: interrupted")
        assert copying.wait() == 128 + number, copying.returncode
        assert temporary() == [] and open(f"{SCRATCH}/out").read() == "old"
    os.close(fd)
    os.unlink("/dev/shm/guarded")

    create("object", 4 << 20, (0, noise(4 << 20)))
    snapshot("object", "object")
    LIBC.shmget(0x2A, 4 << 20, 0o1600)
    address = attach(LIBC.shmget(0x2A, 0, 0))
    ctypes.memmove(address, noise(4 << 20), 4 << 20)
    LIBC.shmdt(ctypes.c_void_p(address))
    snapshot("0x2a", "segment")
    shm("rm", "object", "--key", "0x2a")
    for number in [signal.SIGINT, signal.SIGTERM]:
        half_restored("object", lambda: len(hidden()) == 1, number)
        assert rows() == []
        modes = lambda: [row["mode"] for row in rows()]
        half_restored("segment", lambda: modes() == ["0000"], number)
        assert rows() == []
    # Nobody can put things in order after this; the next one does.
    half_restored("object", lambda: len(hidden()) == 1, signal.SIGKILL)
    assert len(rows()) == 1
    shm("restore", f"{SCRATCH}/object")
    assert [row["name"] for row in rows()] == ["object"]
    # Damage at the end of the file is found when all else is done.
    with open(f"{SCRATCH}/object", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")
    assert "damaged" in shm("restore", f"{SCRATCH}/object", "--name", "x", expect=1).stderr
    assert [row["name"] for row in rows()] == ["object"]


def half_restored(file, is_begun, number):
    """Restores from a pipe that brings half of a file, and then a signal comes."""
    restoring = subprocess.Popen([SHM, "restore", "-q", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(f"{SCRATCH}/{file}", "rb") as whole:
        restoring.stdin.write(whole.read(2 << 20))
    restoring.stdin.flush()
    eventually("it has begun", is_begun)
    restoring.send_signal(number)
    said = restoring.stderr.read()
    assert number == signal.SIGKILL or said.startswith(b"shm: interrupted"), said
    assert restoring.wait() == (-9 if number == signal.SIGKILL else 128 + number), restoring.returncode
    restoring.stdin.close()


def progress():
    """A bar on a terminal, and nothing of one anywhere else."""
    create("object", 64 << 20, (0, noise(4 << 20)))
    words = [SHM, "snapshot", "object", "-o", f"{SCRATCH}/copy"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "" and done.stderr.count("\n") == 1 and "\r" not in done.stderr, done
    assert shm(*words[1:], "-q").stderr == ""
    for more, expected in [([], True), (["-q"], False)]:
        main, side = pty.openpty()
        copying = subprocess.Popen([*words, *more], stderr=side, env={**os.environ, "TERM": "xterm"})
        os.close(side)
        said = b""
        try:
            while part := os.read(main, 4096):
                said += part
        except OSError:
            # EIO: nobody has the other side any more.
            pass
        os.close(main)
        assert copying.wait() == 0
        assert (b"64.00 MiB" in said) == expected, said
        assert expected or said == b"", said
    main, side = pty.openpty()
    refused = subprocess.run([*words[:3], "-o", "-"], stdout=side, stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 2 and "to a terminal" in refused.stderr, refused
    refused = subprocess.run([SHM, "restore", "-"], stdin=side, stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 2 and "from a terminal" in refused.stderr, refused


def strangers():
    """Root's objects, and what another user can do with them. `foreign.snap` is of one of user 4321."""
    os.umask(0)
    os.chmod(SCRATCH, 0o777)
    create("secret", 4096)
    create("shown", 4096, (0, b"x"), mode=0o644)
    user = {"user": 1234, "group": 1234, "extra_groups": []}
    refused = shm("snapshot", "secret", "-o", f"{SCRATCH}/none", expect=1, **user).stderr
    assert "EACCES" in refused, refused
    shm("snapshot", "shown", "-o", f"{SCRATCH}/shown", **user)
    assert os.stat(f"{SCRATCH}/shown").st_uid == 1234
    restored = shm("restore", f"{SCRATCH}/foreign.snap", **user)
    assert "you may not give it away" in restored.stderr, restored
    row = told("stat", "foreign")
    assert (row["uid"], row["gid"], row["mode"]) == (1234, 1234, "0640"), row
    shm("restore", f"{SCRATCH}/foreign.snap", "--name", "mine")
    row = told("stat", "mine")
    assert (row["uid"], row["gid"], row["mode"]) == (4321, 4322, "0640"), row
    taken = shm("restore", f"{SCRATCH}/foreign.snap", "--name", "mine", "--replace", expect=1, **user)
    assert "EPERM" in taken.stderr and hidden() == [], taken


SCENES = [save, load, sparse, held, came, shrank, guarded, interrupted, progress, strangers]

if __name__ == "__main__":
    if sys.argv[1] == "write_under_guard":
        write_under_guard("guarded")
    next(scene for scene in SCENES if scene.__name__ == sys.argv[1])()
    print("played", sys.argv[1])
