"""The command line of the bench: `python -m bench`, or `make bench`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from api.embedded import EmbeddedError
from bench.allocation import allocation
from bench.answers import NoAnswer
from bench.contenders import CONTENDERS
from bench.facts import facts
from bench.ground import prepared
from bench.groups import groups
from bench.measuring import Plan, measure
from bench.memory import memory
from bench.operations import OPERATIONS
from bench.pages import pages
from bench.planning import planning
from bench.processes import CannotMeasure
from bench.report import load_report
from bench.reservations import reservations
from bench.segments import segments

RESULTS = Path(__file__).parent / "RESULTS.md"
HEADING = (
    "# What it costs\n\nMade by `make bench`; README.md beside this file says what is measured, and how.\n\n"
)
CLIENTS = 100_000
PAGED = (10_000, CLIENTS)
MILLION = 1_000_000
DOCUMENTS, DOCUMENTS_QUICK = 100_000, 2_000
CHAPTERS = (
    "loads",
    "planning",
    "memory",
    "groups",
    "facts",
    "segments",
    "allocation",
    "reservations",
    "pages",
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@click.command()
@click.option(
    "--quick", is_flag=True, help="One short round at 16 connections: minutes, and figures to match."
)
@click.option("--chapter", "chapters", multiple=True, type=click.Choice(CHAPTERS), help="Only this.")
@click.option("--operation", "operations", multiple=True, type=click.Choice([*BY_NAME]), help="Only this.")
@click.option("--contender", "contenders", multiple=True, type=click.Choice([*CONTENDERS]), help="Only this.")
@click.option(
    "--concurrency", "concurrencies", multiple=True, type=click.IntRange(1, 1000), help="Only this."
)
@click.option("--rounds", type=click.IntRange(1), help="Turns of each contender; 3 if not said.")
@click.option("--seconds", type=click.IntRange(1), help="How long one turn lasts; 5 if not said.")
@click.option("--million", is_flag=True, help="Pages of a million clients, too; loading them takes long.")
def bench(
    *,
    quick: bool,
    chapters: tuple[str, ...],
    operations: tuple[str, ...],
    contenders: tuple[str, ...],
    concurrencies: tuple[int, ...],
    rounds: int | None,
    seconds: int | None,
    million: bool,
) -> None:
    """Measure branchgraph beside its peers. A whole run writes RESULTS.md, any other one says its figures."""
    plan = Plan(
        [BY_NAME[name] for name in operations] or OPERATIONS,
        contenders or tuple(CONTENDERS),
        concurrencies or ((16,) if quick else (1, 16, 64)),
        rounds or (1 if quick else 3),
        seconds or (2 if quick else 5),
    )
    text = _measured(plan, chapters or CHAPTERS, DOCUMENTS_QUICK if quick else DOCUMENTS, million=million)
    if quick or chapters or operations or contenders or concurrencies or rounds or seconds:
        click.echo(f"\n{text}")
    else:
        RESULTS.write_text(HEADING + text, encoding="utf-8")
        click.echo(f"wrote {RESULTS.name}")


def _measured(plan: Plan, chapters: tuple[str, ...], documents: int, *, million: bool) -> str:
    found: dict[str, str] = {}
    say = click.echo
    if set(chapters) - {"pages"}:
        with prepared(CLIENTS, say) as ground:
            makers: dict[str, Callable[[], str]] = {
                "loads": lambda: load_report(plan, CLIENTS, *measure(ground, plan, say)),
                "planning": lambda: planning(ground, plan.contenders),
                "memory": lambda: memory(ground, documents, say),
                "groups": lambda: groups(ground),
                "facts": lambda: facts(ground),
                "segments": lambda: segments(ground),
                "allocation": lambda: allocation(ground),
                "reservations": lambda: reservations(ground, say),
            }
            found = {name: _chapter(name, made) for name, made in makers.items() if name in chapters}
    if "pages" in chapters:
        found["pages"] = _chapter("pages", lambda: pages((*PAGED, *([MILLION] if million else [])), say))
    return "\n".join(found.values())


def _chapter(name: str, made: Callable[[], str]) -> str:
    """A chapter, or why there is none: what one contender cannot do yet must not cost the others' figures."""
    try:
        return made()
    except NoAnswer as reason:
        return f"## {name.capitalize()}: not measured\n\n{reason}\n"


if __name__ == "__main__":
    # By SIGTERM as by Ctrl-C: through every `finally`, so that no server is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        bench()
    except (CannotMeasure, EmbeddedError) as problem:
        click.echo(f"bench: {problem}", err=True)
        sys.exit(1)
