"""The states of an import, and which may follow which."""

from __future__ import annotations

from enum import StrEnum


class ImportStatus(StrEnum):
    """Where an import stands. Paused and failed ones go on where they stopped when their command is run again."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    COMPLETED = "COMPLETED"


MAY_FOLLOW: dict[ImportStatus, frozenset[ImportStatus]] = {
    ImportStatus.RUNNING: frozenset({ImportStatus.PAUSED, ImportStatus.CANCELLED}),
    # Not RUNNING: the command ended when it paused. Whoever runs it again makes the import go on.
    ImportStatus.PAUSED: frozenset({ImportStatus.CANCELLED}),
    ImportStatus.CANCELLED: frozenset(),
    ImportStatus.FAILED: frozenset({ImportStatus.CANCELLED}),
    ImportStatus.COMPLETED: frozenset(),
}
"""What headquarters may ask of an import from outside; the import itself completes or fails."""
