"""NumPy arrays over shared memory, in two processes."""

import errno
import gc
import unittest

import shmfs
from shmfs import shared_memory
from support import TestCase

try:
    import numpy as np
except ImportError as error:
    raise unittest.SkipTest(f"NumPy is not to be had: {error}") from error

ADDS = """
import sys, numpy as np, shmfs
store = shmfs.default_store()
matrix = store.open_object(sys.argv[1]).array((100, 200), np.float64)
assert matrix[7, 9] == 7.5
matrix += 1
print(matrix.sum())
"""

ADDS_BY_NAME = """
import sys, numpy as np
from shmfs import shared_memory
memory = shared_memory.SharedMemory(sys.argv[1])
numbers = np.ndarray((50,), np.int32, buffer=memory.buf)
numbers *= 2
print(numbers.sum())
"""


class Arrays(TestCase):
    def test_two_processes_share_an_array(self):
        store, name = shmfs.default_store(), self.unique("matrix")
        object = store.create(name, 100 * 200 * 8, lifetime=shmfs.Lifetime.LAST_USER)
        matrix = object.array((100, 200), np.float64)
        object.close()
        matrix[7, 9] = 7.5
        self.assertEqual(float(self.run_child(ADDS, name)), 20007.5)
        self.assertEqual(matrix.sum(), 20007.5)
        del matrix
        gc.collect()
        self.eventually(
            lambda: name not in {entry.name for entry in store.list()}, "the array was the last user"
        )

    def test_two_processes_share_an_array_over_shared_memory(self):
        memory = shared_memory.SharedMemory(create=True, size=200)
        self.addCleanup(memory.unlink)
        numbers = np.ndarray((50,), np.int32, buffer=memory.buf)
        numbers[:] = range(50)
        self.assertEqual(int(self.run_child(ADDS_BY_NAME, memory.name)), 2 * sum(range(50)))
        self.assertEqual(numbers.tolist(), [2 * number for number in range(50)])
        # As the example in CPython's documentation: the array is still there.
        memory.close()
        numbers += 1
        self.assertEqual(numbers.sum(), 2 * sum(range(50)) + 50)

    def test_an_array_holds_the_mapping(self):
        for make in (lambda mapping: mapping.array(1000, np.int64), lambda mapping: np.frombuffer(mapping, np.int64)):
            mapping = shmfs.Object.anonymous(8000).map()
            array = make(mapping)
            part = array[500:]
            del array
            with self.assertRaises(BufferError):
                mapping.close()
            del mapping
            gc.collect()
            part[:] = 3
            self.assertEqual(part.sum(), 1500)

    def test_a_mapping_can_be_closed_after_its_arrays(self):
        mapping = shmfs.Object.anonymous(8000).map()
        array = mapping.array(1000, np.int64)
        array[:] = 1
        del array
        mapping.close()

    def test_shapes_and_orders(self):
        mapping = shmfs.Object.anonymous(4096).map()
        array = mapping.array((4, 8), "u2", offset=16, order="F")
        array[1, 0] = 0x0102
        self.assertEqual(mapping.read(18, 2), b"\x02\x01")
        self.assertEqual((array.shape, array.flags.f_contiguous), ((4, 8), True))
        with self.assertRaises(TypeError):
            mapping.array((5000,), "u1")

    def test_a_read_only_array(self):
        object = shmfs.Object.anonymous(64)
        array = object.array(8, read_only=True)
        with self.assertRaises(ValueError):
            array[0] = 1
        object.map().write(0, np.float64(2.5).tobytes())
        self.assertEqual(array[0], 2.5)

    def test_what_is_no_array_is_no_memory_either(self):
        self.assertErrno(errno.EINVAL, shmfs.Object.anonymous(0).array, 0)


if __name__ == "__main__":
    unittest.main()
