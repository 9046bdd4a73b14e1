"""The text of a cell that has a type already, as a spreadsheet or a Parquet column gives it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from domain.intake.cells import Bad

DIGITS_OF_A_DOUBLE = 15
"""What a binary floating-point number holds of a decimal one, and what spreadsheets show: 0.1 + 0.2 is 0.3."""


def written(value: object) -> str | Bad:
    """The cell as a text file would write it: ISO 8601 days, plain numbers, `true` and `false`, blank for none."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case Decimal():
            return f"{value:f}"
        case dt.datetime():
            midnight = value.timetz().replace(tzinfo=None) == dt.time()
            return value.date().isoformat() if midnight else value.isoformat(sep=" ")
        case dt.date():
            return value.isoformat()
    return Bad("is neither a text nor a number, a day or a yes or no")


def _number(value: float) -> str:
    short = f"{value:.{DIGITS_OF_A_DOUBLE}g}"
    return f"{Decimal(short):f}" if "e" in short else short
