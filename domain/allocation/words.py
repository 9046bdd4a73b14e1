"""Amounts and rates as sentences have them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from domain.money import EXPONENTS

IN_MILLIONS_FROM = Decimal(10_000_000)


def money(minor: int, currency: str) -> str:
    """An amount to be read, not reckoned with: millions from ten of them, else whole units; "CNY 41,200"."""
    amount = Decimal(minor).scaleb(-EXPONENTS[currency])
    if abs(amount) >= IN_MILLIONS_FROM:
        return f"{currency} {_rounded(amount / 1_000_000, '0.1')} m"
    return f"{currency} {_rounded(amount, '1' if amount == int(amount) or abs(amount) >= 1000 else '0.01')}"


def rate(fraction: float | Decimal) -> str:
    """A fraction a year as per cent: "4.12 %"."""
    return f"{_rounded(Decimal(str(fraction)) * 100, '0.01')} %"


def listed(texts: list[str], most: int = 3) -> str:
    """ "a, b and c", or the first of them and how many more there are."""
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def _rounded(amount: Decimal, to: str) -> str:
    text = f"{amount.quantize(Decimal(to), ROUND_HALF_EVEN):,}"
    return text.removesuffix(".0") if to == "0.1" else text
