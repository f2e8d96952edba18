"""What Python programs do with shared memory: two processes, SharedMemory, locks, a queue, a pool."""

import multiprocessing
from multiprocessing import shared_memory


def fill(name, lock):
    memory = shared_memory.SharedMemory(name=name)
    memory.buf[:5] = b"child"
    counter = memory.buf[8:12].cast("i")
    for _ in range(200):
        with lock:
            counter[0] += 1
    counter.release()
    memory.close()


def square(number):
    return number * number


def main():
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        memory = shared_memory.SharedMemory(create=True, size=100_000)
        lock = context.Lock()
        children = [context.Process(target=fill, args=(memory.name, lock)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        counter = int.from_bytes(memory.buf[8:12], "little")
        print(method, bytes(memory.buf[:5]).decode(), counter, [child.exitcode for child in children])
        memory.close()
        memory.unlink()
        with context.Pool(2) as pool:
            print(sum(pool.map(square, range(10))))
    numbers = shared_memory.ShareableList([1, "two", 3.0])
    again = shared_memory.ShareableList(name=numbers.shm.name)
    print(list(again))
    again.shm.close()
    numbers.shm.close()
    numbers.shm.unlink()


if __name__ == "__main__":
    main()
