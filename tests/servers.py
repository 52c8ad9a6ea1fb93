"""Private Redis and PostgreSQL servers: on loopback, in a temporary directory, gone at the end.

They can be stopped, killed and started again on the same data and port, for tests of faults. One
that is not installed is a ``SkipTest``. The benchmarks use them too.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest import SkipTest


class PrivateServer:
    """One server process, known by its own pid."""

    def __init__(self, folder: Path, command: list[str], answers: Callable[[], bool]) -> None:
        self._folder = folder
        self._command = command
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None
        self.user: dict[str, Any] = {}

    def start(self) -> None:
        """Start it and come back when it answers."""
        log = (self._folder / "server.log").open("ab")
        with log:
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.user
            )
        self._process = process
        deadline = time.monotonic() + 30
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.end(signal.SIGKILL)
                raise RuntimeError((self._folder / "server.log").read_text(errors="replace"))
            time.sleep(0.01)  # between two attempts to connect

    def send(self, what: signal.Signals) -> None:
        """Send the signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(what)

    def end(self, how: signal.Signals) -> None:
        """Send the signal and come back when the process is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(30)


class RedisServer:
    """A ``redis-server`` with a password.

    ``durable`` writes each command to disk before it answers; ``cluster`` makes it a cluster of one.
    """

    def __init__(self, *, durable: bool = False, cluster: bool = False) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise SkipTest("no redis-server on the PATH")
        self.folder = Path(tempfile.mkdtemp(prefix="gett-redis-"))
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if durable else "no",
            "appendfsync": "always",
            "requirepass": self.password,
            "cluster-enabled": "yes" if cluster else "no",
            # The cluster bus listens at another port.
            **({"cluster-port": str(free_port())} if cluster else {}),
        }
        command = [binary]
        for name, value in options.items():
            command += [f"--{name}", value]
        self._server = PrivateServer(self.folder, command, self._answers)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.end(signal.SIGTERM)

    def kill(self) -> None:
        self._server.end(signal.SIGKILL)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Within the block it takes connections and answers nothing."""
        self._server.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send(signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    piece = connection.recv(100)
                    if not piece:
                        return False
                    answer += piece
                return b"+PONG" in answer
        except OSError:
            return False


class PostgresServer:
    """A ``postgres`` with a password, run by the user ``postgres`` when we are root."""

    def __init__(self) -> None:
        programs = _postgres_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="gett-postgres-"))
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self.url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"
        self._ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        data = self.folder / "data"
        secret = self.folder / "password"
        secret.write_text(self.password)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # a crash of the server loses nothing by it, only one of the machine
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        command = [str(programs / "postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._server = PrivateServer(self.folder, command, self._answers)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._server.user = {"user": "postgres", "group": "postgres", "extra_groups": ()}
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run(
            [
                *(
                    str(programs / "initdb"),
                    "-D",
                    str(data),
                    "-U",
                    "postgres",
                    "-A",
                    "scram-sha-256",
                ),
                *(f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._server.user,
        )

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.end(signal.SIGINT)  # hangs up on its clients

    def kill(self) -> None:
        self._server.end(signal.SIGQUIT)  # no clean-up: the next start recovers as after a crash

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        return subprocess.run(self._ready, check=False).returncode == 0


class PgBouncer:
    """A ``pgbouncer`` in transaction mode before a PostgreSQL, with few connections to it."""

    def __init__(self, postgres: PostgresServer) -> None:
        binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if binary is None:
            raise SkipTest("no pgbouncer on the PATH")
        self.folder = Path(tempfile.mkdtemp(prefix="gett-pgbouncer-"))
        self.port = free_port()
        self.url = f"postgresql://postgres:{postgres.password}@127.0.0.1:{self.port}/postgres"
        users = self.folder / "users.txt"
        users.write_text(f'"postgres" "{postgres.password}"\n')
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
postgres = host=127.0.0.1 port={postgres.port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
unix_socket_dir =
"""
        )
        self._server = PrivateServer(self.folder, [binary, str(settings)], self._answers)
        if os.geteuid() == 0:  # it refuses to run as root, too
            self._server.user = {"user": "postgres", "group": "postgres", "extra_groups": ()}
            for path in (self.folder, users, settings):
                shutil.chown(path, "postgres", "postgres")

    def start(self) -> None:
        self._server.start()

    def remove(self) -> None:
        self._server.end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        return listens(self.port)


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _postgres_programs() -> Path:
    """Where the newest PostgreSQL is that has ``initdb`` beside it."""
    homes = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    found = shutil.which("initdb")
    homes = [*([Path(found).resolve().parent] if found else []), *homes]
    for home in reversed(homes):
        if all((home / name).exists() for name in ("initdb", "postgres", "pg_isready")):
            return home
    raise SkipTest("no PostgreSQL server programs (initdb, postgres) are installed")


def free_port() -> int:
    """A port on loopback that nobody listens at, and that nobody takes before it is used.

    It is below those the kernel gives to any client, and another test process has others.
    """
    while True:
        port = next(_own_ports())
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@cache
def _own_ports() -> Iterator[int]:
    """The first hundred ports that no other process has: to the end, a socket holds the first of them."""
    for first in range(12_000, 32_000, 100):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
        except OSError:
            holder.close()
        else:
            atexit.register(holder.close)
            return cycle(range(first + 1, first + 100))
    raise RuntimeError("no ports are left for this process")
