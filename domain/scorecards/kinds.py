"""The closed lists of scorecards: classes, directions, periods, and where a model is in its life."""

from __future__ import annotations

from enum import StrEnum


class ScorecardClass(StrEnum):
    """The five classes in which a branch is scored."""

    COMPLIANCE = "COMPLIANCE"
    RISK = "RISK"
    RETURN = "RETURN"
    TRANSFORMATION = "TRANSFORMATION"
    SOCIAL = "SOCIAL"


class ScoreDirection(StrEnum):
    """Which way an indicator is better."""

    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"
    LOWER_IS_BETTER = "LOWER_IS_BETTER"


class ScorePeriod(StrEnum):
    """What a scorecard is about: the month, or the quarter, that ended on its day."""

    MONTH = "MONTH"
    QUARTER = "QUARTER"


class ScorecardModelStatus(StrEnum):
    """Where a model is in its life; at most one is active."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
