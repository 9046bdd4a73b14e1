"""Every contender under every load, in turns: what slows the machine for a while slows each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from statistics import median

from bench.answers import NoAnswer, facts
from bench.asking import Asking, answer
from bench.contenders import CONTENDERS, Running
from bench.ground import Ground
from bench.load import Sample, run
from bench.operations import Operation

Key = tuple[str, int, str]
"""Operation, concurrency, contender."""

WARM_UP_S = 1
# By id, one answer proves little.
COMPARED_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long; seconds are those of one stretch."""

    operations: Sequence[Operation]
    contenders: Sequence[str]
    concurrencies: Sequence[int]
    rounds: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Cell:
    """The medians of one contender under one load, and the bytes of an answer's body."""

    operation: str
    concurrency: int
    contender: str
    sample: Sample
    answer_bytes: int

    @property
    def key(self) -> Key:
        """Which cell of the table it is."""
        return self.operation, self.concurrency, self.contender


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a contender was not timed at an operation, or not under a load of it."""

    operation: str
    contender: str
    reason: str


def measure(ground: Ground, plan: Plan, say: Callable[[str], None]) -> tuple[list[Cell], list[Refusal]]:
    """All cells of a plan, and what was left out. Raises CannotMeasure where something is missing."""
    cells: list[Cell] = []
    refusals: list[Refusal] = []
    with ExitStack() as servers:
        running = [servers.enter_context(CONTENDERS[name](ground)) for name in plan.contenders]
        for operation in plan.operations:
            able, refused = _compared(operation, running)
            refusals += refused
            for concurrency in plan.concurrencies:
                found, failed = _loaded(ground, plan, operation, concurrency, able)
                cells += found
                refusals += failed
                say(_line(operation, concurrency, found))
    return cells, refusals


def _compared(operation: Operation, running: Sequence[Running]) -> tuple[dict[Running, int], list[Refusal]]:
    """Who answers as the first of those who answer does, with the mean bytes of the answers; and who does not."""
    able: dict[Running, int] = {}
    refused: list[Refusal] = []
    reference = None
    for contender in running:
        asking = contender.asking(operation)
        try:
            answers = [answer(asking, number) for number in range(min(COMPARED_ANSWERS, len(asking.bodies)))]
            found = [facts(body) for body in answers]
            reference = reference or found
            if found != reference:
                raise NoAnswer("answers otherwise than the contenders before it")
        except NoAnswer as reason:
            refused.append(Refusal(operation.name, contender.name, str(reason)))
        else:
            able[contender] = sum(map(len, answers)) // len(answers)
    return able, refused


def _loaded(
    ground: Ground, plan: Plan, operation: Operation, concurrency: int, able: Mapping[Running, int]
) -> tuple[list[Cell], list[Refusal]]:
    """The medians over the rounds, in each of which the contenders take turns."""
    samples: dict[Running, list[Sample]] = {contender: [] for contender in able}
    refused: dict[Running, str] = {}
    askings = {contender: contender.asking(operation) for contender in able}
    for number in range(plan.rounds + 1):
        seconds = plan.seconds if number else WARM_UP_S
        for contender, asking in askings.items():
            if contender in refused:
                continue
            try:
                found = _stretch(ground, contender, asking, concurrency, seconds, able[contender])
            except NoAnswer as reason:
                # Who is too slow for the warm-up may still answer in a longer turn.
                if number:
                    refused[contender] = f"{reason}, at {concurrency} connections"
            else:
                samples[contender] += [found] if number else []
    cells = [
        Cell(operation.name, concurrency, contender.name, medians(found), able[contender])
        for contender, found in samples.items()
        if contender not in refused
    ]
    return cells, [Refusal(operation.name, contender.name, why) for contender, why in refused.items()]


def _stretch(
    ground: Ground, contender: Running, asking: Asking, concurrency: int, seconds: int, answer_bytes: int
) -> Sample:
    return run(
        asking,
        concurrency=concurrency,
        seconds=seconds,
        servers=contender.pids,
        postmaster=ground.postmaster,
        bodies=ground.home / "bodies",
        expected_bytes=answer_bytes,
    )


def medians(samples: Sequence[Sample]) -> Sample:
    """The median of each figure on its own."""
    return Sample(**{f.name: median(getattr(sample, f.name) for sample in samples) for f in fields(Sample)})


def _line(operation: Operation, concurrency: int, cells: Sequence[Cell]) -> str:
    rates = ", ".join(f"{cell.contender} {cell.sample.requests_per_s:,.0f}" for cell in cells)
    return f"{operation.name} × {concurrency}: {rates or 'nobody answers'} requests/s"
