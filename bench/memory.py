"""What a server's memory comes to when no document is asked twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import orjson

from bench.answers import data
from bench.asking import Asking, Conversation
from bench.contenders import branchgraph
from bench.documents import five_fields
from bench.ground import Ground
from bench.operations import OPERATIONS
from bench.processes import resident_bytes
from bench.report import table

CONNECTIONS = 4
WARM_UP = 1000
STEPS = 10
ASKED_BY = OPERATIONS[0]
MIB = 2**20


def memory(ground: Ground, documents: int, say: Callable[[str], None]) -> str:
    """The chapter on so many distinct documents. Raises NoAnswer, CannotMeasure."""
    with branchgraph(ground) as running:
        (pid,) = running.pids
        asking = running.asking(ASKED_BY)
        _ask(asking, 0, WARM_UP)
        sizes = [(0, resident_bytes(pid))]
        for step in range(1, STEPS + 1):
            _ask(asking, WARM_UP + sizes[-1][0], WARM_UP + documents * step // STEPS)
            sizes.append((documents * step // STEPS, resident_bytes(pid)))
            say(f"memory after {sizes[-1][0]:,} documents: {sizes[-1][1] / MIB:.0f} MiB")
    grown = (sizes[-1][1] - sizes[0][1]) / MIB
    rows = [[f"{asked:,}", f"{held / MIB:.0f}"] for asked, held in sizes]
    return "\n".join(
        [
            "## Distinct documents\n",
            f"Resident memory of the server after {WARM_UP:,} documents and then {documents:,} more, each new: "
            f"{grown:+.0f} MiB. Wanted: bounded, and below +100.\n",
            table(["documents", "MiB"], rows),
        ]
    )


def _ask(asking: Asking, first: int, end: int) -> None:
    """Ask for the documents from `first` to before `end`, over a few connections at once."""

    def share(number: int) -> None:
        with closing(Conversation(asking)) as conversation:
            for document in range(first + number, end, CONNECTIONS):
                data(conversation.ask(orjson.dumps({"query": five_fields(document)})))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, range(CONNECTIONS)))
