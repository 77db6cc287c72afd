"""A private PostgreSQL on loopback, with the three roles that a deployment has."""

import itertools
import os
import pwd
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, need, private_folder

PACKAGE = "postgresql"
_count = itertools.count(1)


class Postgres:
    """The running server. `owner` makes tables, `application` is walled in, `operator` works across tenants."""

    roles = ("owner", "application", "operator")

    def __init__(self, folder: Path, binaries: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._binaries = binaries
        self._processes = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, role: str, database: str) -> str:
        """The URL by which `role` reaches `database`."""
        return f"postgresql+psycopg://{role}:{self.password}@{HOST}:{self.port}/{database}"

    def create(self, *, template: str = "template0") -> str:
        """Make a database that belongs to `owner`, a copy of `template`; its name."""
        name = f"workspace{next(_count)}"
        self.execute(f"CREATE DATABASE {name} OWNER owner TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected: hundreds of them would keep the disk busy."""
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement as the superuser."""
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of the superuser, outside a transaction."""
        return psycopg.connect(
            host=HOST, port=self.port, user="admin", password=self.password, dbname=database, autocommit=True
        )

    def start(self) -> None:
        """Serve, until `crash` or `end`."""
        options = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [*_unprivileged(self.folder), f"{self._binaries}/postgres", "-D", str(self.folder / "data"), *settings]
        self._process = self._processes.enter_context(foreground(command, ports=[self.port], log=self.folder / "log"))
        _wait_until_ready(self)

    def crash(self) -> None:
        """Stop at once, as `stop -m immediate` does: every connection is cut, the log is replayed at the next start."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(60)

    def end(self) -> None:
        """Stop for good."""
        self._processes.close()

    def dump(self, database: str) -> bytes:
        """Everything in `database`, as text."""
        command = [f"{self._binaries}/pg_dump", "-h", HOST, "-p", str(self.port), "-U", "admin", database]
        environment = {**os.environ, "PGPASSWORD": self.password}
        return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


@contextmanager
def serve_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that serves until the block ends."""
    binaries = _binaries()
    with private_folder("postgres") as folder:
        server = Postgres(folder, binaries)
        _make_cluster(server, [*_unprivileged(folder), f"{binaries}/initdb"])
        server.start()
        try:
            for role in server.roles:
                server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{server.password}'")
            yield server
        finally:
            server.end()


def _binaries() -> str:
    """Debian keeps the servers of several releases side by side, outside of the search path; the newest one is ours."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    need("pg_dump", PACKAGE, folder=str(folders[-1]) if folders else "")
    return str(Path(need("initdb", PACKAGE, folder=str(folders[-1]) if folders else "")).parent)


def _unprivileged(folder: Path) -> list[str]:
    """The words before a command that PostgreSQL, which refuses root, needs to run: as `nobody` for root."""
    if os.geteuid():
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def _make_cluster(server: Postgres, initdb: list[str]) -> None:
    secret = server.folder / "secret"
    secret.write_text(server.password)
    options = ["-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", f"--pwfile={secret}"]
    subprocess.run([*initdb, "-D", str(server.folder / "data"), *options], check=True, capture_output=True, cwd=server.folder)


def _wait_until_ready(server: Postgres, deadline: float = 10.0) -> None:
    """It listens before it answers."""
    give_up = time.monotonic() + deadline
    while True:
        try:
            return server.connect("postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
