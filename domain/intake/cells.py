"""What the text of one cell means: exact, ASCII digits only, bounded; what is not understood is refused."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from domain.clients import RegistrationRefusal, registration_number
from domain.money import AmountRefusal, to_minor

MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
MONTHS |= {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}

ISO_8601 = "%Y-%m-%d"

MOST_DIGITS = 60
MOST_DECIMALS = 9

REMEMBERED = 4096
"""Cells whose meaning is kept: columns repeat themselves, and the memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a cell does not mean anything."""

    reason: str


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How amounts are written: `$60,000.00 ` has symbol `$`, group `,` and decimal `.`."""

    symbols: tuple[str, ...] = ()
    group: str = ","
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class DateForm:
    """Formats tried in order, where two-digit years begin, and the window outside of which a day is refused.

    `%Y %y %m %d %b %B` are understood; month names are English in any case. A two-digit year is the one in
    the hundred years from `two_digit_years_from`.
    """

    formats: tuple[str, ...]
    two_digit_years_from: int
    not_before: dt.date
    not_after: dt.date


def text(cell: str, *, longest: int, pattern: str = "") -> str | Bad:
    """The text without surrounding blanks."""
    if not cell.isprintable():
        return Bad("contains a control character")
    if len(cell) > longest:
        return Bad(f"is longer than {longest} characters")
    if pattern and not re.fullmatch(pattern, cell, re.ASCII):
        return Bad(f"does not look like {pattern}")
    return cell


_INTEGER = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.0+)?", re.ASCII)


def integer(cell: str, *, least: int | None, most: int) -> int | Bad:
    """A whole number: `84`, `1,200`, and `84.0` as spreadsheets write it."""
    match = _INTEGER.fullmatch(cell) if len(cell) <= MOST_DIGITS else None
    if not match:
        return Bad("is not a whole number")
    number = int(match[1] + match[2].replace(",", ""))
    if least is not None and number < least:
        return Bad(f"is less than {least}")
    return number if abs(number) <= most else Bad(f"is more than {most}")


@lru_cache(maxsize=64)
def _decimal_pattern(form: NumberForm) -> re.Pattern[str]:
    symbol = "|".join(map(re.escape, sorted(form.symbols, key=len, reverse=True)))
    money = f"(?:(?:{symbol}) ?)?" if symbol else ""
    grouped = f"[0-9]{{1,3}}(?:{re.escape(form.group)}[0-9]{{3}})+|" if form.group else ""
    decimals = f"(?:{re.escape(form.decimal)}([0-9]*))?"
    return re.compile(f"([+-]?){money}([+-]?)({grouped}[0-9]+){decimals}", re.ASCII)


def decimal(cell: str, form: NumberForm) -> Decimal | Bad:
    """An exact number. No NaN, no Infinity, no exponent, no underscore, no other script's digits."""
    match = _decimal_pattern(form).fullmatch(cell) if len(cell) <= MOST_DIGITS + 20 else None
    if not match or (match[1] and match[2]):
        return Bad("is not a number")
    whole = match[3].replace(form.group, "") if form.group else match[3]
    decimals = (match[4] or "").rstrip("0")
    if len(decimals) > MOST_DECIMALS:
        return Bad("has too many decimal places")
    if len(whole.lstrip("0")) > 19:
        return Bad("is too large")
    return Decimal(f"{match[1] or match[2]}{whole}" + (f".{decimals}" if decimals else ""))


_AMOUNT_WORDS = {
    AmountRefusal.UNKNOWN_CURRENCY: "is in a currency that is not known",
    AmountRefusal.NOT_A_NUMBER: "is not a number",
    AmountRefusal.TOO_MANY_DECIMALS: "has more decimal places than its currency",
    AmountRefusal.TOO_LARGE: "is too large",
}


@lru_cache(maxsize=REMEMBERED)
def minor(amount: Decimal, currency: str | None, least: int | None) -> int | Bad:
    """An amount in minor units of its currency; nothing is rounded."""
    if currency is None:
        return Bad("is an amount without a currency")
    units = to_minor(amount, currency)
    if isinstance(units, AmountRefusal):
        return Bad(_AMOUNT_WORDS[units])
    return Bad(f"is less than {least}") if least is not None and units < least else units


_ENDS = (dt.date.min, dt.date.max)
"""What files write for "since ever" and "for ever": the database's driver makes them infinite, which is no day."""

_DIRECTIVES = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{1,2})",
    "d": "(?P<d>[0-9]{1,2})",
    "b": "(?P<b>[A-Za-z]{3,9})",
    "B": "(?P<b>[A-Za-z]{3,9})",
}


@lru_cache(maxsize=256)
def date_pattern(date_format: str) -> re.Pattern[str] | None:
    """The format as a pattern; None where it does not name exactly a year, a month and a day."""
    pieces = re.split("%(.)", date_format)
    try:
        named = [_DIRECTIVES[letter] for letter in pieces[1::2]]
    except KeyError:
        return None
    kinds = sorted(letter.lower().replace("b", "m") for letter in pieces[1::2])
    if kinds != ["d", "m", "y"]:
        return None
    literal = [re.escape(piece) for piece in pieces[::2]]
    return re.compile("".join(a + b for a, b in zip(literal, [*named, ""], strict=True)), re.ASCII)


@lru_cache(maxsize=REMEMBERED)
def date(cell: str, form: DateForm) -> dt.date | Bad:
    """The day by the first format that yields one, if it lies in the plausible window.

    A day by ISO 8601 is always understood: so are those written that come from typed cells.
    """
    for date_format in (*form.formats, ISO_8601):
        pattern = date_pattern(date_format)
        match = pattern.fullmatch(cell) if pattern else None
        day = _day(match.groupdict(), form.two_digit_years_from) if match else None
        if day is None:
            continue
        if day in _ENDS:
            return Bad("is an end of the calendar: leave it out for an open end")
        if day < form.not_before:
            return Bad(f"is before {form.not_before}")
        return day if day <= form.not_after else Bad(f"is after {form.not_after}")
    return Bad(f"is not a date ({' or '.join(form.formats)})")


def _day(found: dict[str, str], first_year: int) -> dt.date | None:
    month = int(found["m"]) if "m" in found else MONTHS.get(found["b"].lower(), 0)
    year = int(found["Y"]) if "Y" in found else first_year + (int(found["y"]) - first_year) % 100
    try:
        return dt.date(year, month, int(found["d"]))
    except ValueError:
        return None


def add_months(day: dt.date, months: int) -> dt.date | Bad:
    """The same day of a later month, or that month's last: 31 January + 1 = 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        return Bad("lies beyond the calendar")
    later = dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    return later if later not in _ENDS else Bad("lies beyond the calendar")


_REGISTRATION_WORDS = {
    RegistrationRefusal.COUNTRY_UNKNOWN: "is registered in no country (ISO 3166, two capitals)",
    RegistrationRefusal.EMPTY: "is empty",
    RegistrationRefusal.TOO_LONG: "is too long for a registration number",
    RegistrationRefusal.ODD_CHARACTERS: "holds characters that no registration number has",
    RegistrationRefusal.WRONG_LENGTH: "has not the length of this country's registration numbers",
    RegistrationRefusal.WRONG_CHECK_DIGIT: "has a wrong check digit",
}


def registration(cell: str, country: str | None) -> str | Bad:
    """A registration number in its one written form."""
    number = registration_number(country or "", cell)
    return Bad(_REGISTRATION_WORDS[number]) if isinstance(number, RegistrationRefusal) else number


def one_of(allowed: Iterable[str]) -> Callable[[str], str | Bad]:
    """A reader of codes that are written as the bank writes them."""
    known = frozenset(allowed)
    return lambda cell: cell if cell in known else Bad("is not a known code")
