"""Which days scorecards are about: the ends of months and quarters."""

from __future__ import annotations

import datetime as dt

from domain.scorecards.kinds import ScorePeriod

MONTHS = {ScorePeriod.MONTH: 1, ScorePeriod.QUARTER: 3}


def is_end_of(day: dt.date, period: ScorePeriod) -> bool:
    """Whether a month, or a quarter, ends on the day."""
    return (day + dt.timedelta(days=1)).day == 1 and day.month % MONTHS[period] == 0


def first_day_of(end: dt.date, period: ScorePeriod) -> dt.date:
    """The first day of the period that ends on `end`."""
    month = end.month - MONTHS[period] + 1
    return end.replace(month=month, day=1)


def latest_ends(today: dt.date, period: ScorePeriod, count: int) -> list[dt.date]:
    """The last `count` ends of a period up to today, the earliest first; one that ends today counts."""
    ends: list[dt.date] = []
    day = today if is_end_of(today, period) else _end_before(today, period)
    while len(ends) < count:
        ends.append(day)
        day = _end_before(day, period)
    return ends[::-1]


def _end_before(day: dt.date, period: ScorePeriod) -> dt.date:
    last = day.replace(day=1) - dt.timedelta(days=1)
    while last.month % MONTHS[period]:
        last = last.replace(day=1) - dt.timedelta(days=1)
    return last
