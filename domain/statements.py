"""What an annual or interim statement consists of, and what must hold between its lines."""

from __future__ import annotations

from collections.abc import Mapping

STATEMENT_AMOUNTS = (
    "revenue",
    "cost_of_sales",
    "ebit",
    "depreciation",
    "interest_expense",
    "profit_before_tax",
    "net_income",
    "cash",
    "receivables",
    "prepaid",
    "inventory",
    "current_assets",
    "total_assets",
    "payables",
    "advances_received",
    "current_liabilities",
    "borrowings",
    "total_liabilities",
    "retained_earnings",
    "equity",
    "operating_cash_flow",
    "investing_cash_flow",
    "financing_cash_flow",
)
"""The lines of a statement, in the order of income, balance sheet and cash flow; each may be missing."""

BALANCE_TOLERANCE_MINOR = 1
"""By how much the two sides of a balance sheet may differ: a cent of rounding."""

UNBALANCED = (
    "the statement does not balance: total assets must be total liabilities plus equity; "
    "check the three, or leave out what is not known"
)


def is_unbalanced(amounts: Mapping[str, int | None], *, suffix: str = "") -> bool:
    """Whether total assets differ from liabilities and equity; not where one of the three is missing.

    Amounts are minor units, by the name of the line with `suffix` behind.
    """
    sides = [amounts.get(f"{name}{suffix}") for name in ("total_assets", "total_liabilities", "equity")]
    assets, liabilities, equity = sides
    if assets is None or liabilities is None or equity is None:
        return False
    return abs(assets - liabilities - equity) > BALANCE_TOLERANCE_MINOR
