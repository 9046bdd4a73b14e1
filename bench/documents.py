"""Documents that no server has seen before, all of one shape."""

from __future__ import annotations

CLIENT = (
    "id legalName registrationCountry registrationNumber legalRepresentative registeredCapital { amount currency } "
    "industryScheme industryCode sizeClass employees establishedOn relationshipSince city address phone email "
    "creditGrade gradedOn status version createdAt updatedAt branch { id code name kind } "
    "region { code name localName country } relationshipManager { id code name role }"
)
FACILITY = (
    "id reference product purpose currency limit { amount currency } outstanding { amount currency } "
    "guaranteed { amount currency } annualRate termMonths revolving approvedOn disbursedOn maturesOn status"
)
STATEMENT = (
    "id periodEnd periodMonths audited source recordedAt currency revenue { amount } ebit { amount } "
    "netIncome { amount } cash { amount } totalAssets { amount } totalLiabilities { amount } equity { amount } "
    "interestExpense { amount } receivables { amount } borrowings { amount } retainedEarnings { amount }"
)


def hundred_fields(number: int) -> str:
    """A query of 100 fields over a client with its facilities and statements; `number` makes it a new one."""
    return (
        f"query New{number} {{ clients(first: 2) {{ totalCount pageInfo {{ hasNextPage }} "
        f"nodes {{ new{number}: legalName {CLIENT} "
        f"facilities(first: 2) {{ totalCount nodes {{ {FACILITY} }} }} "
        f"statements(first: 2) {{ nodes {{ {STATEMENT} }} }} }} }} }}"
    )


def five_fields(number: int) -> str:
    """A query of five fields; `number` makes it a new one."""
    return f"query New{number} {{ clients(first: 1) {{ nodes {{ new{number}: legalName id status }} }} }}"
