"""Ends what a killed `up` left behind: python3 keeper.py MARK FOLDER

Every server carries MARK in its environment. When standard input closes, whoever held its other
end is gone, however it went; then all processes with the mark are killed and FOLDER is removed.
"""

import os
import pathlib
import shutil
import signal
import sys
import time

VARIABLE = "TEST_SERVERS_MARK"


def marked(mark: str) -> list[int]:
    """The processes of this user that carry the mark, without this one."""
    wanted = f"{VARIABLE}={mark}".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return found


def kill_marked(mark: str) -> None:
    """Kills them until none is left."""
    for _ in range(100):
        pids = marked(mark)
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def main() -> None:
    mark, folder = sys.argv[1:3]
    sys.stdin.buffer.read()
    kill_marked(mark)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
