"""Money is exact: a whole number of minor units of a currency, shown with that currency's decimal places."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

# ISO 4217 minor units of the currencies that the bank deals in. Data: the migration loads the same table.
EXPONENTS: dict[str, int] = {
    "AED": 2,
    "AUD": 2,
    "BHD": 3,
    "BRL": 2,
    "CAD": 2,
    "CHF": 2,
    "CNY": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "IDR": 2,
    "INR": 2,
    "JPY": 0,
    "KRW": 0,
    "KWD": 3,
    "MOP": 2,
    "MYR": 2,
    "NZD": 2,
    "OMR": 3,
    "PHP": 2,
    "RUB": 2,
    "SAR": 2,
    "SEK": 2,
    "SGD": 2,
    "THB": 2,
    "TWD": 2,
    "USD": 2,
    "VND": 0,
    "ZAR": 2,
}

LARGEST_MINOR = 2**63 - 1


class AmountRefusal(StrEnum):
    """Why an amount is not one, in the order in which it is asked."""

    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    TOO_MANY_DECIMALS = "TOO_MANY_DECIMALS"
    TOO_LARGE = "TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` units (cents, fen) of `currency` (ISO 4217)."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """In major units, with the currency's decimal places: Money(150, "CNY").amount == Decimal("1.50")."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])


def to_minor(amount: Decimal, currency: str) -> int | AmountRefusal:
    """The minor units of an amount in major units; nothing is ever rounded."""
    if currency not in EXPONENTS:
        return AmountRefusal.UNKNOWN_CURRENCY
    if not amount.is_finite():
        return AmountRefusal.NOT_A_NUMBER
    if not amount:
        return 0
    if amount.adjusted() > 18:
        return AmountRefusal.TOO_LARGE
    # Not `normalize()`: it rounds to the context's 28 digits.
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits))
    significant = written.rstrip("0")
    shift = exponent + len(written) - len(significant) + EXPONENTS[currency]
    if shift < 0:
        return AmountRefusal.TOO_MANY_DECIMALS
    minor: int = int(significant) * 10**shift
    if minor > LARGEST_MINOR:
        return AmountRefusal.TOO_LARGE
    return -minor if amount.is_signed() else minor
