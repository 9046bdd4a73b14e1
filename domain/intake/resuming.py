"""What a new run does about an import that is already known."""

from __future__ import annotations

from enum import StrEnum

from domain.imports import ImportStatus


class Step(StrEnum):
    """What the run does first."""

    BEGIN = "BEGIN"
    GO_ON = "GO_ON"
    NOTHING = "NOTHING"
    REFUSE_CANCELLED = "REFUSE_CANCELLED"


def next_step(status: ImportStatus | None, *, again: bool) -> Step:
    """`status` is that of the earlier import of the same file by the same mapping; None where there is none."""
    if status is None or again:
        return Step.BEGIN
    match status:
        case ImportStatus.COMPLETED:
            return Step.NOTHING
        case ImportStatus.CANCELLED:
            return Step.REFUSE_CANCELLED
        case ImportStatus.RUNNING | ImportStatus.PAUSED | ImportStatus.FAILED:
            # RUNNING as well: its process may have died, and one that has not stops at its next batch.
            return Step.GO_ON
