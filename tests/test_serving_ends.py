"""What ends the server, and what is left afterwards. Real processes, real kills."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S, wait_until
from served_processes import CHECKOUT, CLIENTS, Serve, Served, base, copied, furnished, home, numbers, serve
from stdnum.cn.uscc import calc_check_digit

__all__ = ["base", "furnished", "home", "serve"]

REGISTER = "mutation R($input: RegisterClientInput!) { registerClient(input: $input) { __typename } }"
# A child for each case, of a process that has been told everything: to import it takes longer than all of them.
INTERRUPTED = """
import contextlib, itertools, os, signal, time, click
from api import serving, settings

class Garbage:
    def __del__(self):
        signal.raise_signal(number)

@contextlib.contextmanager
def start(*_, **__):
    exec(moment) if "__del__" in moment else Garbage()
    time.sleep(120)
    yield

serving.running_bank = start
for moment, number in itertools.product(("destructor", "Garbage.__del__(None)"), (signal.SIGINT, signal.SIGTERM)):
    if not (child := os.fork()):
        serving.run(settings.load_settings(), demo_clients=None, say=click.echo)
        break  # and so ends as programs do
    print(moment, number.name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


# As the server is, but that it would wait for requests longer than any test waits for it.
WAITING = "from api import __main__, serving; serving.LAST_REQUESTS_S = 600; __main__.main()"


def test_a_second_signal_does_not_wait_for_requests(serve: Serve, home: Path) -> None:
    served = serve(home, program=("-c", WAITING), REQUEST_TIMEOUT_S="600").ready()
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as unfinished:
        headers = f"Authorization: Bearer {served.token('auditor')}\r\nContent-Type: application/json\r\n"
        head = f"POST /graphql HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 9\r\n\r\n"
        unfinished.sendall(head.encode())
        time.sleep(0.1)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert served.end(signal.SIGINT) == 0
    served.leaves_nothing()


def test_a_signal_at_any_moment_of_the_start_ends_everything(serve: Serve, base: Path) -> None:
    home = base / f"young{next(numbers)}"
    # From before the cluster is made until after the first request could be answered; one home throughout.
    for moment_s, how in (
        (0, "INT"),
        (0.4, "TERM"),
        (0.9, "INT"),
        (1.3, "TERM"),
        (1.7, "INT"),
        (2.2, "TERM"),
    ):
        served = serve(home, "run", "--clients", "40").starting()
        time.sleep(moment_s)
        assert served.end(signal.Signals[f"SIG{how}"]) == 0, f"after {moment_s} s, {how}"
        served.leaves_nothing()
        assert served.complaint == ""


def test_a_signal_is_not_lost_where_python_ignores_what_it_raises(base: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=CHECKOUT,
        env=os.environ | {"DATA_HOME": str(base / "never"), "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if not line.startswith("database: ")] == [
        "destructor SIGINT 0",
        "destructor SIGTERM 0",
        "Garbage.__del__(None) SIGINT 0",
        "Garbage.__del__(None) SIGTERM 0",
    ]


class Registrar(threading.Thread):
    """Registers one client after another, and keeps the numbers of those that were acknowledged."""

    def __init__(self, served: Served, series: int) -> None:
        super().__init__(daemon=True)
        self.served = served
        self.series = series
        self.acknowledged: list[str] = []
        self.over = False

    def run(self) -> None:
        for number in count():
            if self.over:
                return
            code = f"91310000{self.series:02d}{number:07d}"
            code += calc_check_digit(code)
            facts = {"idempotencyKey": code, "registrationNumber": code}
            facts |= {"branchCode": "310000", "legalName": f"Company {code}"}
            with contextlib.suppress(httpx.TransportError, ValueError):
                body = self.served.ask(REGISTER, "branch:310000", input=facts)
                if "errors" not in body:
                    assert body["data"]["registerClient"]["__typename"] == "RegisterClientSuccess"
                    self.acknowledged.append(code)


def test_what_was_acknowledged_survives_every_kill(serve: Serve, home: Path) -> None:
    acknowledged: list[str] = []
    for series, victims in enumerate(("postmaster", "both", "server")):
        served = serve(home).ready()
        registrar = Registrar(served, series)
        registrar.start()
        wait_until(lambda registrar=registrar: len(registrar.acknowledged) > 15)  # type: ignore[misc]
        if victims in ("postmaster", "both"):
            os.kill(served.postmaster(), signal.SIGKILL)
        if victims in ("server", "both"):
            served.process.kill()
        else:
            served.back()
            before = len(registrar.acknowledged)
            wait_until(lambda r=registrar, n=before: len(r.acknowledged) > n + 3)  # type: ignore[misc]
        registrar.over = True
        registrar.join(PATIENCE_S)
        acknowledged += registrar.acknowledged
        if victims == "postmaster":
            assert served.end() == 0
        served.process.wait(PATIENCE_S)
    served = serve(home).ready()
    nodes = served.ask(CLIENTS)["data"]["clients"]["nodes"]
    there = Counter(node["registrationNumber"] for node in nodes)
    assert len(acknowledged) > 45
    assert [number for number in acknowledged if there[number] != 1] == []


@pytest.mark.parametrize("name", ["数据 é", "x" * 90 + ", o'b"], ids=["not ASCII", "long and odd"])
def test_any_name_will_do_for_a_home_and_a_killed_database_comes_back(
    serve: Serve, base: Path, furnished: Path, name: str
) -> None:
    served = serve(copied(furnished, base / name)).ready()
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7
    os.kill(served.postmaster(), signal.SIGKILL)
    served.back()
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7
    assert served.end() == 0
