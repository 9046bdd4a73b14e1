"""What one page of clients costs in small and in large banks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median

import orjson

from bench.answers import data
from bench.asking import Asking, Conversation, latencies_s
from bench.contenders import Running, branchgraph
from bench.ground import Ground, prepared
from bench.operations import BRANCH, HEADQUARTERS, OPERATIONS
from bench.processes import cpu_s
from bench.report import table

TIMES = 100
DEPTH = 5_000
DEPTH_STEP = 1_000
BY_NAME = "orderBy: [{ field: LEGAL_NAME }]"
FIELDS = "nodes { id legalName creditGrade } pageInfo { endCursor }"


@dataclass(frozen=True, slots=True)
class View:
    """One page: who asks, in which order, and after how many rows."""

    title: str
    persona: str
    order: str = ""
    after_rows: int = 0

    def document(self, first: int, after: str | None) -> bytes:
        """The request for so many rows after a cursor."""
        given = [f"first: {first}", self.order, f'after: "{after}"' if after else ""]
        return orjson.dumps({"query": f"{{ clients({' '.join(filter(None, given))}) {{ {FIELDS} }} }}"})


VIEWS = (
    View("branch, default order", BRANCH),
    View("branch, by name", BRANCH, BY_NAME),
    View("headquarters, default order", HEADQUARTERS),
    View("headquarters, by name", HEADQUARTERS, BY_NAME),
    View(f"headquarters, default order, after {DEPTH:,}", HEADQUARTERS, "", DEPTH),
    View(f"headquarters, by name, after {DEPTH:,}", HEADQUARTERS, BY_NAME, DEPTH),
)


def pages(sizes: Sequence[int], say: Callable[[str], None]) -> str:
    """The chapter on pages of banks of these sizes. Raises NoAnswer, CannotMeasure."""
    columns: list[list[str]] = []
    for size in sizes:
        with prepared(size, say) as ground, branchgraph(ground) as running:
            columns.append([_figures(view, ground, running) for view in VIEWS])
        say(f"pages measured at {size:,} clients")
    rows = [[view.title, *figures] for view, *figures in zip(VIEWS, *columns, strict=True)]
    return "\n".join(
        [
            "## One page of 50 clients\n",
            f"Median ms to the answer of {TIMES} requests, one after the other, and in brackets CPU ms of server "
            "and database together. It should grow with the page, not with the bank.\n",
            table(["page", *(f"{size:,} clients" for size in sizes)], rows),
        ]
    )


def _figures(view: View, ground: Ground, running: Running) -> str:
    operation = next(o for o in OPERATIONS if o.persona == view.persona)
    asked = running.asking(operation)
    asking = Asking(asked.url, asked.headers, [view.document(50, _cursor(view, asked))])
    latencies_s(asking, TIMES // 10)
    pids = [*running.pids, ground.postmaster]
    before_s = sum(map(cpu_s, pids))
    taken_s = latencies_s(asking, TIMES)
    cpu_ms = (sum(map(cpu_s, pids)) - before_s) / TIMES * 1000
    return f"{median(taken_s) * 1000:.1f} ({cpu_ms:.1f})"


def _cursor(view: View, asking: Asking) -> str | None:
    cursor = None
    with closing(Conversation(asking)) as conversation:
        for _ in range(0, view.after_rows, DEPTH_STEP):
            answered = data(conversation.ask(view.document(DEPTH_STEP, cursor)))
            cursor = str(answered["clients"]["pageInfo"]["endCursor"])
    return cursor
