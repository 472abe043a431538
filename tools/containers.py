#!/usr/bin/env python3
"""What fakecloud asks of a container program, on a machine without one.

A container of a Postgres image is a cluster of the Postgres that the machine has; any other one is a process that
sleeps, so that a task of ECS runs without doing anything. Everything is below CONTAINERS_FOLDER.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["CONTAINERS_FOLDER"])
DAY_SECS = 24 * 60 * 60
# Commands that may be done by doing nothing: there is no image, network or volume to look after.
NOTHING = ("info", "pull", "tag", "build", "login", "volume", "network", "ps", "exec")
# What follows these options is not the image.
SWITCHES = ("-d", "--detach", "--rm", "-i", "-t", "--privileged", "--init", "--read-only")


def programs():
    """The folder of the newest Postgres's programs."""
    initdb = shutil.which("initdb")
    found = [Path(initdb).resolve().parent] if initdb else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda it: int(it.parent.name))
    if not found:
        sys.exit("there is no Postgres on this machine")
    return found[-1]


def run(*command, **options):
    """Runs a program of Postgres, which doesn't do its work as root."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.run(
        [str(word) for word in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd="/", **options,
    )


class Container:
    def __init__(self, name):
        self.name = name
        self.folder = FOLDER / name

    def read(self, what):
        return (self.folder / what).read_text()

    def is_postgres(self):
        return "postgres" in self.read("image")

    def setting(self, name):
        for line in self.read("env").splitlines():
            if line.startswith(f"{name}="):
                return line.partition("=")[2]
        return ""

    def start(self):
        if self.is_postgres():
            self.start_postgres()
        elif not self.is_running():
            process = subprocess.Popen(
                ["sleep", str(DAY_SECS)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )
            (self.folder / "pid").write_text(str(process.pid))

    def start_postgres(self):
        data, user, password = self.folder / "data", self.setting("POSTGRES_USER"), self.setting("POSTGRES_PASSWORD")
        if not data.exists():
            data.mkdir(mode=0o700)
            word = self.folder / "password"
            word.write_text(password)
            if os.geteuid() == 0:
                shutil.chown(data, "postgres", "postgres")
                shutil.chown(word, "postgres")
            run(programs() / "initdb", "-D", data, "-U", user, f"--pwfile={word}", "-A", "scram-sha-256", "-E", "UTF8")
            word.unlink()
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                (self.folder / "port").write_text(str(free.getsockname()[1]))
        if self.is_running():
            return
        port = self.read("port")
        options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off"
        run(programs() / "pg_ctl", "-D", data, "-w", "-l", data / "server.log", "-o", options, "start")
        to = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": user, "PGPASSWORD": password}
        name = self.setting("POSTGRES_DB")
        if name and name != "postgres":
            statement = f'create database "{name}"'
            command = [programs() / "psql", "-d", "postgres", "-qc", statement]
            # It is there already when the server starts again.
            subprocess.run(command, env=os.environ | to, capture_output=True, check=False)

    def is_running(self):
        if self.is_postgres():
            pid = self.folder / "data" / "postmaster.pid"
            return pid.exists() and is_alive(int(pid.read_text().splitlines()[0]))
        pid = self.folder / "pid"
        return pid.exists() and is_alive(int(pid.read_text()))

    def stop(self):
        if not self.folder.exists():
            return
        if not self.is_running():
            return
        if self.is_postgres():
            run(programs() / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        else:
            os.kill(int(self.read("pid")), signal.SIGKILL)

    def wait(self):
        while self.folder.exists() and self.is_running():
            time.sleep(0.5)

    def inspect(self, wanted):
        """What `inspect --format` is asked for."""
        if not self.folder.exists():
            sys.exit(f"no such container: {self.name}")
        if "Running" in wanted:
            return "true" if self.is_running() else "false"
        if "Health" in wanted:
            return "healthy"
        if "Pid" in wanted:
            return self.read("pid")
        if "IPAddress" in wanted:
            return "127.0.0.1"
        if "ExitCode" in wanted:
            return "0"
        return "[]"


def is_alive(pid):
    try:
        # A child of init that has ended is still there to be signalled until it is waited for.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def create(words):
    container = Container(secrets.token_hex(16))
    container.folder.mkdir(parents=True)
    environment = []
    words = list(words)
    image = ""
    while words:
        word = words.pop(0)
        if word in ("-e", "--env"):
            environment.append(words.pop(0))
        elif not word.startswith("-"):
            image = word
            break
        elif word not in SWITCHES and not (word.startswith("--") and "=" in word):
            words.pop(0)
    (container.folder / "image").write_text(image)
    (container.folder / "env").write_text("\n".join(environment))
    (container.folder / "port").write_text("8080")
    return container


def main(verb, words):
    if verb in NOTHING:
        return
    if verb == "image":
        print("[]")
    elif verb in ("create", "run"):
        container = create(words)
        if verb == "run":
            container.start()
        print(container.name)
    elif verb in ("start", "restart"):
        container = Container(words[0])
        if verb == "restart":
            container.stop()
        container.start()
        print(container.name)
    elif verb == "port":
        print("127.0.0.1:" + Container(words[0]).read("port"))
    elif verb == "inspect":
        formats = [after for before, after in zip(words, words[1:]) if before in ("-f", "--format")]
        print(Container(words[-1]).inspect(formats[0] if formats else ""))
    elif verb == "wait":
        Container(words[0]).wait()
        print(0)
    elif verb == "logs":
        if "-f" in words or "--follow" in words:
            Container(words[-1]).wait()
    elif verb in ("stop", "kill", "rm"):
        for container in map(Container, words):
            container.stop()
            if verb == "rm" and not container.name.startswith("-"):
                shutil.rmtree(container.folder, ignore_errors=True)
    else:
        sys.exit(f"containers have no {verb}")


main(sys.argv[1], sys.argv[2:])
