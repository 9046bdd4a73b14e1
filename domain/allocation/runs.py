"""The life of an allocation run, and of a change to a quota in mid-period."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RunStatus(StrEnum):
    """Where a run is in its life."""

    DRAFT = "DRAFT"
    SIMULATED = "SIMULATED"
    ADOPTED = "ADOPTED"
    SUPERSEDED = "SUPERSEDED"
    ARCHIVED = "ARCHIVED"


MAY_FOLLOW: Mapping[RunStatus, frozenset[RunStatus]] = MappingProxyType(
    {
        RunStatus.DRAFT: frozenset({RunStatus.SIMULATED, RunStatus.ARCHIVED}),
        # Simulated again, with the figures of the day.
        RunStatus.SIMULATED: frozenset({RunStatus.SIMULATED, RunStatus.ADOPTED, RunStatus.ARCHIVED}),
        RunStatus.ADOPTED: frozenset({RunStatus.SUPERSEDED}),
        RunStatus.SUPERSEDED: frozenset(),
        RunStatus.ARCHIVED: frozenset(),
    }
)
"""What may follow what. Only what has been simulated as it stands is adopted."""

EDITABLE = frozenset({RunStatus.DRAFT, RunStatus.SIMULATED})
"""In these a run may be written anew; it is a draft again then."""


class ConstraintKind(StrEnum):
    """What bounds an allocation. Their order is that in which they are explained."""

    BUDGET = "BUDGET"
    FLOOR = "FLOOR"
    CAP = "CAP"
    CONCENTRATION = "CONCENTRATION"
    MINIMUM_SHARE = "MINIMUM_SHARE"
    REGION_MINIMUM = "REGION_MINIMUM"
    REGION_MAXIMUM = "REGION_MAXIMUM"
    BRANCH_MINIMUM = "BRANCH_MINIMUM"
    BRANCH_MAXIMUM = "BRANCH_MAXIMUM"


class ReturnSource(StrEnum):
    """Whose past contribution an expected return was reckoned from, the first that there is."""

    CELL = "CELL"
    SEGMENT = "SEGMENT"
    BRANCH = "BRANCH"
    BANK = "BANK"
    NONE = "NONE"


class CellStatus(StrEnum):
    """Whether a branch's cell is of the run in force."""

    ADOPTED = "ADOPTED"
    SUPERSEDED = "SUPERSEDED"


class ChangeKind(StrEnum):
    """What is done to a quota in mid-period."""

    RECLAIM = "RECLAIM"
    TOP_UP = "TOP_UP"
    WARNING = "WARNING"


class ChangeStatus(StrEnum):
    """Where such a change is: a warning has nothing to carry out."""

    PROPOSED = "PROPOSED"
    CARRIED_OUT = "CARRIED_OUT"
    WITHDRAWN = "WITHDRAWN"
    NOTED = "NOTED"
