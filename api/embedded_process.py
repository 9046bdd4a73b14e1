"""The server's process: born without root's rights, dead with its parent, and found again if left behind."""

import collections
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from api.embedded_ground import Account

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
# Nothing of ours (PGDATA, PGPORT, LD_PRELOAD, a locale) reaches the server.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
_LINES_KEPT = 40


def run_to_end(
    command: Sequence[str | Path], account: Account, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `command` as `account` for at most `timeout` seconds; it dies with us.

    Raises OSError, or subprocess.TimeoutExpired. A failing command is the caller's to judge.
    """
    with _popen(command, account, signal.SIGTERM) as process:
        try:
            _, said = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, "", said)


class ServerProcess:
    """A running postmaster and the last lines it said before its log collector took over."""

    def __init__(self, command: Sequence[str | Path], account: Account) -> None:
        """Start `command`; raises OSError. May be called from any thread."""
        self._said: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        begun: Future[subprocess.Popen[str]] = Future()
        # Linux sends the death signal when the *thread* that forked ends, so the server gets a thread of its
        # own, which lives exactly as long as it does.
        self._keeper = threading.Thread(
            target=self._keep, args=(command, account, begun), name="embedded-postgres", daemon=True
        )
        self._keeper.start()
        self._process = begun.result()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """What it wrote to standard error; complete once it has ended."""
        if not self.is_running():
            self._keeper.join(timeout=2)  # an orphan may hold the pipe open for longer
        return "".join(self._said.copy())

    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Fast shutdown; if that takes too long an immediate one, which loses nothing that was committed."""
        for how, patience_seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self.is_running():
                self._process.send_signal(how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience_seconds)
        self._keeper.join(timeout=2)

    def _keep(
        self, command: Sequence[str | Path], account: Account, begun: "Future[subprocess.Popen[str]]"
    ) -> None:
        try:
            process = _popen(command, account, signal.SIGINT)
        except BaseException as error:
            begun.set_exception(error)
            return
        begun.set_result(process)
        with process:
            assert process.stderr is not None
            self._said.extend(process.stderr)


def _popen(
    command: Sequence[str | Path], account: Account, death_signal: signal.Signals
) -> "subprocess.Popen[str]":
    root = os.geteuid() == 0
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=_ENVIRONMENT,
        cwd="/",
        umask=0o077,
        start_new_session=True,  # Ctrl-C of the terminal goes to us, and we decide when the server stops
        user=account.uid if root else None,
        group=account.gid if root else None,
        extra_groups=[] if root else None,
        preexec_fn=_dying_with(os.getpid(), death_signal),
    )


def _dying_with(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    number = int(death_signal)

    def before_exec() -> None:
        # Runs after Popen's setuid, which would clear the setting.
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
            if os.getppid() != parent:  # it died before we asked to be told
                os._exit(1)

    return before_exec


def server_command(programs: Path, data: Path) -> list[str | Path]:
    """How the postmaster is called, and recognised by `end_left_behind`; so all else is configuration."""
    return [programs / "postgres", "-D", data]


def end_left_behind(data: Path, cluster: str, account: Account) -> None:
    """End what a killed parent or postmaster left running on `data`. The caller holds the lock of the home.

    Recognised by command line and owner, which everybody may read; /proc/PID/exe and cwd are denied even to
    root in a container without CAP_SYS_PTRACE. A foreign process that got a recorded pid is never touched.
    """

    def postmasters() -> list[int]:
        ending = f"postgres -D {data}"
        return [pid for pid, uid, line in _command_lines() if uid == account.uid and line.endswith(ending)]

    def everyone() -> list[int]:
        title = f"postgres: {cluster}: "
        workers = [
            pid for pid, uid, line in _command_lines() if uid == account.uid and line.startswith(title)
        ]
        return workers + postmasters()

    # SIGINT is a fast shutdown to a postmaster only: an orphaned checkpointer would take it as an order to
    # write a shutdown checkpoint from memory that other orphans still use. Those leave by SIGTERM.
    _end(postmasters, signal.SIGINT, patience_seconds=20)
    _end(postmasters, signal.SIGQUIT, patience_seconds=5)
    _end(everyone, signal.SIGTERM, patience_seconds=5)
    _end(everyone, signal.SIGKILL, patience_seconds=5)


def _end(find: Callable[[], list[int]], how: signal.Signals, *, patience_seconds: float) -> None:
    for pid in (found := find()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
    deadline = time.monotonic() + patience_seconds
    while found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = find()


def _command_lines() -> Iterator[tuple[int, int, str]]:
    """(pid, uid, command line) of every live process; a zombie's line is empty."""
    proc = Path("/proc")
    if not (proc / "self" / "cmdline").exists():
        yield from _command_lines_by_ps()
        return
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = os.fsdecode((entry / "cmdline").read_bytes()).rstrip("\0 ").replace("\0", " ")
                yield int(entry.name), entry.stat().st_uid, line


def _command_lines_by_ps() -> Iterator[tuple[int, int, str]]:
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,uid=,args="], capture_output=True, check=False)
    for row in os.fsdecode(listing.stdout).splitlines():
        pid, uid, *line = row.split(None, 2)
        yield int(pid), int(uid), "".join(line).rstrip()
