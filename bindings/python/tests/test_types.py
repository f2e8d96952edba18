"""The stubs say what the native side has, and the errors are what Python has for their numbers."""

import ast
import errno
import importlib.resources
import inspect
import unittest

import shmfs
from shmfs import Object, Store, _shmfs, _values
from support import TestCase

# What every class has.
ORDINARY = set(dir(object)) | {"__module__", "__doc__", "__buffer__", "__release_buffer__", "__static_attributes__"}


def stub():
    text = importlib.resources.files(shmfs).joinpath("_shmfs.pyi").read_text()
    return ast.parse(text).body


def parameters(function):
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if arguments.vararg:
        names.append(arguments.vararg.arg)
    return [name for name in names if name != "self"]


def members(node):
    """Names in a class of the stub; of methods, with their parameters."""
    found = {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            decorators = {decorator.id for decorator in item.decorator_list}
            found[item.name] = None if "property" in decorators else parameters(item)
        elif isinstance(item, ast.AnnAssign):
            found[item.target.id] = None
    return found


class Stubs(TestCase):
    def test_the_package_is_typed(self):
        self.assertTrue(importlib.resources.files(shmfs).joinpath("py.typed").is_file())

    def test_every_class_has_what_its_stub_says_and_nothing_else(self):
        classes = {node.name: members(node) for node in stub() if isinstance(node, ast.ClassDef)}
        classes.pop("_HasFileno")
        native = {name for name, value in vars(_shmfs).items() if inspect.isclass(value)}
        self.assertEqual(set(classes), native)
        for name, said in classes.items():
            has = {member for member in dir(getattr(_shmfs, name)) if member not in ORDINARY}
            self.assertEqual(set(said) - ORDINARY, has, name)

    def test_every_function_takes_what_its_stub_says(self):
        checked = 0
        for node in stub():
            if isinstance(node, ast.FunctionDef):
                owner, functions = _shmfs, {node.name: parameters(node)}
            elif isinstance(node, ast.ClassDef) and node.name != "_HasFileno":
                owner, functions = getattr(_shmfs, node.name), members(node)
            else:
                continue
            for name, said in functions.items():
                if said is None or name.startswith("__"):
                    continue
                takes = [p for p in inspect.signature(getattr(owner, name)).parameters if p != "self"]
                self.assertEqual(takes, said, f"{owner.__name__}.{name}")
                checked += 1
        self.assertGreater(checked, 60)

    def test_every_choice_is_one_that_the_native_side_knows(self):
        store = Store.embedded(size=1 << 20)
        for lifetime in _values.Lifetime:
            if lifetime is not _values.Lifetime.DURABLE:
                object = store.create(lifetime.value, 1, lifetime=lifetime)
                self.assertIn((lifetime.value, lifetime), {(entry.name, entry.lifetime) for entry in store.list()})
                object.close()
        mapping = Object.anonymous(4096).map()
        for advice in _values.Advice:
            try:
                mapping.advise(advice)
            except OSError as error:
                # Advice that this kernel or this kind of memory does not know.
                self.assertEqual(error.errno, errno.EINVAL, advice)


class Errors(TestCase):
    def test_numbers_classes_and_names(self):
        store = Store.embedded(size=1 << 20)
        store.create("taken", 1)
        store.create("closed", 1, mode=0o000)
        cases = [
            (FileNotFoundError, errno.ENOENT, lambda: store.open_object("absent"), "absent"),
            (FileNotFoundError, errno.ENOENT, lambda: store.unlink("absent"), "absent"),
            (FileExistsError, errno.EEXIST, lambda: store.create("taken", 1), "taken"),
            (OSError, errno.ENOSPC, lambda: store.create("large", 1 << 30), "large"),
            (OSError, errno.EINVAL, lambda: store.create("a/b", 1), "a/b"),
            (OSError, errno.ENAMETOOLONG, lambda: store.create("x" * 251, 1), "x" * 251),
            (ConnectionRefusedError, errno.ECONNREFUSED, lambda: Store.at("/nowhere"), "/nowhere"),
            (FileNotFoundError, errno.ENOENT, lambda: shmfs.ftok("/nowhere", 1), "/nowhere"),
            (FileNotFoundError, errno.ENOENT, lambda: store.open_segment(77), None),
            (OSError, errno.EINVAL, lambda: store.segment_by_id(1 << 20), None),
        ]
        for kind, number, act, name in cases:
            with self.subTest(name=name, number=number):
                with self.assertRaises(kind) as caught:
                    act()
                error = caught.exception
                self.assertEqual((error.errno, error.filename), (number, name))
                self.assertGreater(len(error.strerror), 15)

    def test_a_refusal_for_want_of_room_has_the_numbers(self):
        store = Store.embedded(size=1 << 20)
        error = self.assertErrno(errno.ENOSPC, store.create, "large", 1 << 30)
        self.assertIn(str(1 << 30), error.strerror)
        self.assertIn(str(1 << 20), error.strerror)

    def test_arguments_that_cannot_be(self):
        store = Store.embedded(size=1 << 20)
        for act in (lambda: store.create("x", -1), lambda: Object.anonymous(-1), lambda: shmfs.ftok("/", 256)):
            with self.assertRaises(OverflowError):
                act()
        with self.assertRaises(TypeError):
            store.create(b"x", 1)
        with self.assertRaises(KeyError):
            store.usage().calls("no such call")


if __name__ == "__main__":
    unittest.main()
