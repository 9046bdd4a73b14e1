"""What is wrong with a row of a file, in words that whoever mends the file understands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_VALUE_SHOWN = 200


class Severity(StrEnum):
    """Whether the row was refused, or taken with one value left missing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the error file. `reason` never quotes the value, so that reasons can be counted."""

    line: int
    column: str
    value: str
    reason: str
    severity: Severity = Severity.ERROR


class FileRefused(Exception):
    """The file as a whole cannot be read by this mapping; str() says why and what to do."""


def shown(value: str) -> str:
    """A value fit for one cell of a file that people open: bounded, on one line, never a formula."""
    cut = value[:LONGEST_VALUE_SHOWN] + ("…" if len(value) > LONGEST_VALUE_SHOWN else "")
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    is_signed = plain[:1] in set("+-") and plain[1:].replace(".", "").replace(",", "").isalnum()
    return f"'{plain}" if plain[:1] in set("=+-@") and not is_signed else plain
