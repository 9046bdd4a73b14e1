"""What a document costs the first time: parsed, validated, bounded, planned."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median

import orjson

from bench.answers import data
from bench.asking import Conversation
from bench.contenders import CONTENDERS, Running
from bench.documents import hundred_fields
from bench.ground import Ground
from bench.operations import OPERATIONS
from bench.processes import cpu_of_threads_s
from bench.report import table

DOCUMENTS = 50
WARM_UPS = 10
ASKED_BY = OPERATIONS[0]
# The documents are in branchgraph's words.
ABLE = ("branchgraph", "normal")


@dataclass(frozen=True, slots=True)
class Planning:
    """CPU of the server's process per answer, in ms: medians of the first and of the second time."""

    contender: str
    first_ms: float
    second_ms: float


def planning(ground: Ground, contenders: Sequence[str]) -> str:
    """The chapter on new documents. Raises NoAnswer, CannotMeasure."""
    found = []
    for name in (able for able in ABLE if able in contenders):
        with CONTENDERS[name](ground) as running:
            found.append(_planning(running))
    rows = [[p.contender, f"{p.first_ms:.1f}", f"{p.second_ms:.1f}"] for p in found]
    return "\n".join(
        [
            "## A new document of 100 fields\n",
            f"CPU of the server's process per answer, in ms; medians of {DOCUMENTS} documents. "
            "Wanted of branchgraph: the first below 15.\n",
            table(["contender", "first answer", "second answer"], rows),
        ]
    )


def _planning(running: Running) -> Planning:
    first_ms, second_ms = [], []
    with closing(Conversation(running.asking(ASKED_BY))) as conversation:
        for number in range(WARM_UPS + DOCUMENTS):
            body = orjson.dumps({"query": hundred_fields(number)})
            taken = [_cpu_ms(running, conversation, body) for _ in range(2)]
            if number >= WARM_UPS:
                first_ms.append(taken[0])
                second_ms.append(taken[1])
    return Planning(running.name, median(first_ms), median(second_ms))


def _cpu_ms(running: Running, conversation: Conversation, body: bytes) -> float:
    before_s = sum(map(cpu_of_threads_s, running.pids))
    data(conversation.ask(body))
    return (sum(map(cpu_of_threads_s, running.pids)) - before_s) * 1000
