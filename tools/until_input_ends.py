"""Runs a program until the standard input ends, and then what it left in CONTAINERS_FOLDER no longer runs either.

Whoever starts this holds the other end of the input, which the system closes even when that process is
killed. So a test run that dies in whatever way leaves nothing behind.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

GRACE_SECS = 10


def stop_with_the_parent(process):
    sys.stdin.buffer.read()
    process.terminate()
    try:
        process.wait(GRACE_SECS)
    except subprocess.TimeoutExpired:
        process.kill()


def remove_containers():
    folder = Path(os.environ["CONTAINERS_FOLDER"])
    if folder.exists():
        program = os.environ["FAKECLOUD_CONTAINER_CLI"]
        subprocess.run([program, "rm", *(it.name for it in folder.iterdir())], check=False)


def main(program, arguments):
    found = shutil.which(program)
    if not found:
        sys.exit(f"{program} is not installed: cargo install {program} --version 0.51.0 --locked")
    process = subprocess.Popen([found, *arguments], stdin=subprocess.DEVNULL)
    threading.Thread(target=stop_with_the_parent, args=[process], daemon=True).start()
    code = process.wait()
    remove_containers()
    sys.exit(code)


main(sys.argv[1], sys.argv[2:])
