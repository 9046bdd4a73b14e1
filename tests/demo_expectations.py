"""What no row of the demo bank may be, by table, and how many of its clients each segment may hold."""

from __future__ import annotations

BROKEN = [
    ("financial_statement", "total_assets_minor <> total_liabilities_minor + equity_minor"),
    (
        "financial_statement",
        "current_assets_minor < cash_minor + receivables_minor + inventory_minor + prepaid_minor",
    ),
    ("financial_statement", "current_assets_minor > total_assets_minor"),
    ("financial_statement", "current_liabilities_minor < payables_minor + advances_received_minor"),
    ("financial_statement", "current_liabilities_minor > total_liabilities_minor"),
    (
        "financial_statement",
        "borrowings_minor + payables_minor + advances_received_minor > total_liabilities_minor",
    ),
    ("financial_statement", "profit_before_tax_minor <> ebit_minor - interest_expense_minor"),
    ("financial_statement", "net_income_minor > greatest(profit_before_tax_minor, 0)"),
    ("financial_statement", "least(revenue_minor, cost_of_sales_minor, cash_minor, equity_minor) <= 0"),
    ("financial_statement", "recorded_at::date - period_end not between 110 and 130"),
    ("facility", "outstanding_minor > limit_minor or limit_minor = 0"),
    ("facility", "disbursed_on < approved_on or matures_on <= coalesce(disbursed_on, approved_on)"),
    ("facility", "(disbursed_on is null) <> (status in ('APPROVED', 'CANCELLED'))"),
    ("facility", "outstanding_minor > 0 and status not in ('ACTIVE', 'CHARGED_OFF')"),
    ("facility", "greatest(approved_on, disbursed_on) > '2024-12-31'"),
    ("posting", "greatest(due_on, paid_on) > '2024-12-31'"),
    ("credit_event", "occurred_on > '2024-12-31'"),
    ("client_month", "utilised_minor > limit_minor or month not between '2023-12-01' and '2024-12-01'"),
    ("client_month", "average_balance_minor <= 0 or least(expected_loss_minor, capital_held_minor) < 0"),
    ("interaction", "occurred_on > '2024-12-31' or (nps is not null) <> (kind = 'SURVEY')"),
    ("complaint", "greatest(received_on, resolved_on) > '2024-12-31'"),
    ("rating", "rated_on > '2024-12-31' or probability_of_default not between 0.0003 and 0.4"),
    ("facility", "(loan_class is null) <> (status in ('APPROVED', 'REPAID', 'CANCELLED'))"),
    ("facility", "renewed_on > '2024-12-31' or renewed_on > matures_on"),
    ("segment_history", "valid_until <= valid_from"),
    ("client", "relationship_since not between established_on and '2024-12-31'"),
    ("client", "(credit_grade is null) <> (status = 'PROSPECT')"),
    ("client", "relationship_manager_id is null or region_code is null or email !~ '@example.com$'"),
]
SHARES = [
    (
        "relationshipType",
        {
            "STRATEGIC": (0.01, 0.05),
            "GROWTH": (0.12, 0.20),
            "STABLE": (0.50, 0.65),
            "AT_RISK": (0.10, 0.17),
            "LAPSING": (0.05, 0.10),
        },
    ),
    ("riskClass", {"HIGH": (0.08, 0.16), "MID": (0.5, 0.75), "LOW": (0.15, 0.35)}),
    ("valueTier", {"V1": (0.02, 0.10), "V2": (0.05, 0.20), "V3": (0.7, 0.93)}),
    (
        "lifecycleStage",
        {
            "INTRODUCTION": (0.01, 0.1),
            "GROWTH": (0.05, 0.2),
            "MATURE": (0.6, 0.85),
            "DECLINE": (0.05, 0.2),
        },
    ),
]
