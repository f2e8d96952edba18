"""Builds and installs the package as a user does, and runs all tests.

    python3 bindings/python/tests/run.py

Needs Rust, a C compiler and Python 3.11 or later with pip; what else there is comes by pip. What cannot be tested
here is skipped with its reason. The exit status is 0 if nothing failed.

Owns: the virtual environment, the stores that the tests run in, the count.
Leaves to others: the tests (`suite.py` runs one module of them).
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent
PACKAGE = TESTS.parent
ROOT = PACKAGE.parent.parent
OLDEST = (3, 11)
COUNTS = ("passed", "failed", "skipped")


class Skip(Exception):
    """Why nothing can be tested here."""


def main():
    options = parsed()
    try:
        python = installed(options)
    except Skip as reason:
        print(f"SKIP: {reason}")
        print("python: 0 passed, 0 failed, 1 skipped")
        return 1 if options.strict else 0
    total = dict.fromkeys(COUNTS, 0)
    for title, surroundings in stores(options):
        print(f"\n== {title}", flush=True)
        with surroundings as environment:
            if isinstance(environment, str):
                print(f"SKIP: {environment}")
                total["skipped"] += 1
                continue
            for module in modules(options.modules):
                counts = run(python, module, environment)
                for name in COUNTS:
                    total[name] += counts[name]
    print("\npython:", ", ".join(f"{total[name]} {name}" for name in COUNTS))
    return 1 if total["failed"] or options.strict and total["skipped"] else 0


def parsed():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--dir", type=pathlib.Path, default=target / "python", help="for the virtual environment")
    shm = os.environ.get("SHMFS_TEST_SHM")
    parser.add_argument("--shm", default=shm, help="the program shm, for tests with a daemon's store")
    parser.add_argument("--debug", action="store_true", help="an unoptimised build, which is quicker")
    parser.add_argument("--strict", action="store_true", help="a skip is a failure")
    parser.add_argument("modules", nargs="*", help="such as test_arrays; all by default")
    options = parser.parse_args()
    unknown = set(options.modules) - {pathlib.Path(module).stem for module in modules()}
    if unknown:
        parser.error(f"no such modules: {', '.join(sorted(unknown))}")
    return options


def modules(chosen=()):
    """The test modules that were chosen, or all, by their paths."""
    found = sorted(path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))
    return [str(path) for path in found if not chosen or path.stem in chosen]


def installed(options):
    """Makes a virtual environment with the package in it; returns its Python."""
    if sys.version_info < OLDEST:
        raise Skip(f"this is Python {sys.version.split()[0]}; the package needs {OLDEST[0]}.{OLDEST[1]} or later")
    if not shutil.which("cargo"):
        raise Skip("cargo is not in PATH; the package is built with Rust")
    options.dir.mkdir(parents=True, exist_ok=True)
    python = environment(options.dir / "venv")
    build = {**os.environ, "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(options.dir / "build"))}
    if options.debug:
        build["MATURIN_PEP517_ARGS"] = "--profile dev"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    print(f"pip install {PACKAGE}", flush=True)
    done = subprocess.run([*pip, "install", "--no-deps", "--force-reinstall", PACKAGE], env=build, **captured())
    if done.returncode != 0:
        if "No matching distribution found for maturin" in done.stdout:
            raise Skip("pip does not get maturin, which builds the package: is there a network?")
        sys.exit(f"{done.stdout}\nthe package was not built")
    done = subprocess.run([*pip, "install", "--quiet", "numpy"], **captured())
    if done.returncode != 0:
        print("SKIP: pip does not get NumPy; the tests with arrays are skipped")
    return python


def environment(folder):
    """A virtual environment; Debian's Python may lack what makes one."""
    python = folder / "bin" / "python"
    if works(python):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    tried = []
    for make in ([sys.executable, "-m", "venv", folder], [sys.executable, "-m", "virtualenv", "--quiet", folder]):
        done = subprocess.run(make, **captured())
        if done.returncode == 0 and works(python):
            return python
        tried.append((done.stdout.strip().splitlines() or ["it did not say why"])[-1])
    return bare(folder, tried)


def bare(folder, tried):
    """A virtual environment without a pip of its own, which the installed pip fills."""
    python = folder / "bin" / "python"
    shutil.rmtree(folder, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], **captured())
    found = subprocess.run([sys.executable, "-m", "pip", "--version"], **captured())
    if made.returncode == 0 and found.returncode == 0:
        wheel = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip"]
        if subprocess.run(wheel, **captured()).returncode == 0 and works(python):
            return python
    hint = "on Debian: apt-get install python3-venv"
    raise Skip(f"no virtual environment can be made ({'; '.join(tried)}); {hint}")


def works(python):
    """Whether this Python is there, is the one that runs, and has pip."""
    if not python.exists():
        return False
    asked = [python, "-c", "import pip, sys; print(sys.version)"]
    return subprocess.run(asked, **captured()).stdout.strip() == sys.version


def captured():
    return {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def stores(options):
    """The stores that the tests run in: each with what to call it."""
    shm = program(options)
    yield "a store that each test process keeps itself", embedded(shm)
    yield "the store of a daemon, which all join", daemons(shm)


def program(options):
    """The program `shm`, if it was built."""
    candidates = [options.shm, *(ROOT / "target" / kind / "shm" for kind in ("release", "debug")), shutil.which("shm")]
    return next((str(path) for path in candidates if path and os.access(path, os.X_OK)), None)


@contextlib.contextmanager
def embedded(shm):
    """No store is named, and no program is found that could start one. Tests that want it know where it is."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHMFS_")}
    folders = clean.get("PATH", os.defpath).split(os.pathsep)
    clean["PATH"] = os.pathsep.join(folder for folder in folders if not shutil.which("shm", path=folder))
    if shm is not None:
        clean["SHMFS_TEST_SHM"] = shm
    yield clean


@contextlib.contextmanager
def daemons(shm):
    """The store of a daemon, which ends with the tests."""
    if shm is None:
        yield "the program shm was not built; `cargo build -p shmfs-cli` makes it, --shm names it"
        return
    name = f"python-tests-{os.getpid()}"
    with tempfile.TemporaryFile("w+") as log:
        daemon = subprocess.Popen([shm, "daemon", "--store", name, "--size", "256M"], stdout=log, stderr=log)
        try:
            if not ready(shm, name, daemon):
                log.seek(0)
                yield f"the daemon did not start: {log.read().strip()}"
                return
            environment = {**os.environ, "SHMFS_STORE": name, "SHMFS_PROGRAM": shm, "SHMFS_TEST_SHM": shm}
            environment.pop("SHMFS_TOKEN", None)
            yield environment
        finally:
            daemon.terminate()
            daemon.wait()


def ready(shm, name, daemon):
    """Waits until the store answers, or its daemon has ended."""
    while daemon.poll() is None:
        if subprocess.run([shm, "df", "--store", name], **captured()).returncode == 0:
            return True
        time.sleep(0.02)
    return False


def run(python, module, environment):
    """Runs one test module in a process of its own, and returns what it counted."""
    print(f"-- {module}", flush=True)
    with tempfile.NamedTemporaryFile() as counts:
        environment = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([python, TESTS / "suite.py", module, counts.name], env=environment)
        said = counts.read()
    if not said:
        print(f"FAIL: {module} ended with status {done.returncode} and without a count")
        return {"passed": 0, "failed": 1, "skipped": 0}
    return json.loads(said)


if __name__ == "__main__":
    sys.exit(main())
