"""Servers as processes of their own: started, awaited, their CPU and memory read, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

READY_WITHIN_S = 60.0
END_WITHIN_S = 15.0
QUIET_WITHIN_S = 20.0
QUIET_FOR_S = 0.2
QUIET_SHARE = 0.1
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class CannotMeasure(Exception):
    """Something that the bench needs is missing or does not start; the message says what to do."""


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(
    command: Sequence[str | Path], environment: Mapping[str, str], *, port: int, log: Path
) -> Iterator[int]:
    """Run a server until it is no longer needed; its pid, once it listens. Raises CannotMeasure."""
    with log.open("wb") as written:
        server = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        _await(server, port, log)
        yield server.pid
    finally:
        server.terminate()
        try:
            server.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return
        time.sleep(0.05)
    said = log.read_text(errors="replace").strip()[-2000:]
    raise CannotMeasure(f"a server did not start; it said: {said or 'nothing'}")


def cpu_s(root: int) -> float:
    """Seconds of CPU that a process has used, with all below it, whether they live or have ended."""
    ticks = sum(_ticks(pid, "used") for pid in _tree(root))
    return (ticks + _ticks(root, "used by the ended")) / TICKS_A_SECOND


def await_quiet(pids: Sequence[int]) -> None:
    """Wait until processes have done what they were left with: it must not slow whoever has the next turn."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    used_s, before_s = sum(map(cpu_s, pids)), -QUIET_WITHIN_S
    while used_s - before_s > QUIET_FOR_S * QUIET_SHARE and time.monotonic() < deadline:
        time.sleep(QUIET_FOR_S)
        used_s, before_s = sum(map(cpu_s, pids)), used_s


def cpu_of_threads_s(pid: int) -> float:
    """Seconds of CPU that the living threads of one process have used, exact to the scheduler's nanoseconds."""
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
        / 1e9
    )


def resident_bytes(pid: int) -> int:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _ticks(pid: int, which: str) -> int:
    try:
        # The command's name may hold spaces, but ends at the last parenthesis; see proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    first = 11 if which == "used" else 13
    return int(fields[first]) + int(fields[first + 1])
