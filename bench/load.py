"""One stretch of load on one server, made by wrk: how many requests, how fast, at what cost."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.answers import NoAnswer
from bench.asking import ANSWER_WITHIN_S, Asking
from bench.processes import CannotMeasure, await_quiet, cpu_s

SCRIPT = Path(__file__).parent / "load.lua"
# wrk counts an answer's head, too, and ids of other lengths come by.
HEAD_BYTES = 600
SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """What one stretch of load measured; times in µs, CPU in µs per request."""

    requests_per_s: float
    p50_us: float
    p99_us: float
    server_us: float
    database_us: float


def run(
    asking: Asking,
    *,
    concurrency: int,
    seconds: int,
    servers: Sequence[int],
    postmaster: int,
    bodies: Path,
    expected_bytes: float,
) -> Sample:
    """Load for so many seconds; `bodies` is the file that wrk reads. Raises NoAnswer if anything failed."""
    bodies.write_bytes(b"".join(body + b"\n" for body in asking.bodies))
    sample, mean = _measured(
        asking, SCRIPT, [str(bodies)], concurrency, seconds, servers=servers, postmaster=postmaster
    )
    # Errors may come with a 200: then they are shorter or longer than what was asked for.
    if not expected_bytes * (1 - SPREAD) <= mean <= expected_bytes * (1 + SPREAD) + HEAD_BYTES:
        raise NoAnswer(f"answers {mean:.0f} bytes under load instead of {expected_bytes:.0f}")
    return sample


def scripted(
    asking: Asking,
    script: Path,
    arguments: Sequence[str],
    *,
    concurrency: int,
    seconds: int,
    servers: Sequence[int],
    postmaster: int,
) -> Sample:
    """Load by another script of wrk's, which looks at the answers itself. Raises NoAnswer if anything failed."""
    return _measured(asking, script, arguments, concurrency, seconds, servers=servers, postmaster=postmaster)[
        0
    ]


def _measured(
    asking: Asking,
    script: Path,
    arguments: Sequence[str],
    concurrency: int,
    seconds: int,
    *,
    servers: Sequence[int],
    postmaster: int,
) -> tuple[Sample, float]:
    """What was measured, and the mean bytes of an answer with its head."""
    server_s, database_s = sum(map(cpu_s, servers)), cpu_s(postmaster)
    measured = _wrk(asking, concurrency, seconds, script, arguments)
    server_s, database_s = sum(map(cpu_s, servers)) - server_s, cpu_s(postmaster) - database_s
    await_quiet([*servers, postmaster])
    requests, duration_us, received, failed, p50_us, p99_us = measured
    if not requests:
        raise NoAnswer(f"no answer within {seconds} s under load")
    if failed:
        raise NoAnswer(f"{failed} of {requests} requests failed under load")
    made = Sample(
        requests / duration_us * 1e6, p50_us, p99_us, server_s / requests * 1e6, database_s / requests * 1e6
    )
    return made, received / requests


def _wrk(asking: Asking, concurrency: int, seconds: int, script: Path, arguments: Sequence[str]) -> list[int]:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotMeasure("wrk is missing, which makes the load: on Debian, apt-get install wrk")
    headers = {"Content-Type": "application/json", **asking.headers}
    command = [wrk, "-t1", f"-c{concurrency}", f"-d{seconds}s", f"--timeout={ANSWER_WITHIN_S}s", "--latency"]
    command += [f"-H{name}: {value}" for name, value in headers.items()]
    command += ["-s", str(script), asking.url, "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^measured (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise CannotMeasure(f"wrk failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    return [int(number) for number in found[1].split()]
