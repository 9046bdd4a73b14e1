"""A bank of every kind of value, some missing, and what it looks like as facts: for comparing evaluators."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from small_bank import BEIJING, JIANGSU, PUDONG, SHANGHAI
from sqlalchemy import Table, insert, select, update

from domain.clients import InteractionKind
from domain.connections.kinds import LinkDirection, LinkKind
from domain.facts import camel
from domain.lending import CreditEventKind, FacilityStatus, PostingKind, Product
from domain.money import Money
from domain.organisation import Organisation
from schema.binding import (
    AmountSource,
    Binding,
    ColumnSource,
    ConnectionSource,
    IdSource,
    ManySource,
    ToOneSource,
    binding,
    bindings,
)
from schema.ids import encode
from tenants import tables as t
from tenants.segments.rulebook import Rules
from tenants.segments.statements import mentions_segments, with_segments
from tenants.tables.behaviour import MONTHLY_AMOUNTS
from tenants.transaction import Transaction, compiled

TEXTS = [
    "Silk",
    "SILK Co.",
    "silk%",
    "a_b",
    "ΟΔΟΣ",
    "οδοσ",
    "οδος",
    "İnci",
    "Straße",
    "华夏",
    "😀 B",
    "\\",
    "'; --",
]
# Not the last day of the calendar: the driver takes that one for infinity.
DAYS = [dt.date(2023, 12, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(9999, 12, 30)]
CURRENCIES = ["CNY", "USD", "JPY", "KWD"]

Facts = dict[str, Any]
"""One row by the API's names, its relations leading to other rows' facts."""


class _Rows:
    """Random rows, the same every time."""

    def __init__(self) -> None:
        self._random = random.Random(20260115)
        self._made = 0

    def id(self) -> UUID:
        self._made += 1
        return UUID(int=(0x0190 << 112) + (7 << 76) + (0x8 << 60) + self._made)

    def one(self, values: Any) -> Any:
        return self._random.choice(list(values))

    def maybe(self, values: Any) -> Any:
        return None if self._random.random() < 0.3 else self.one(values)

    def some(self) -> range:
        return range(self._random.randrange(4))


async def enrich(transaction: Transaction) -> None:
    """Add to the small bank; `transaction` writes to every branch."""
    made = _Rows()
    units = t.unit.c.id
    for unit_id in (SHANGHAI, BEIJING):
        await transaction.rows(update(t.unit).where(units == unit_id).values(opened_on=made.one(DAYS)))
    rows: dict[Table, list[Facts]] = defaultdict(list)
    for value in (Decimal("0.1"), Decimal("-3"), Decimal("12345678901234567890.5")):
        own = {"region_code": "310000", "year": 2000 + len(rows[t.region_indicator]), "indicator": "gdp"}
        rows[t.region_indicator].append({**own, "value": value, "unit": "%", "source": made.one(TEXTS)})
    for branch in (SHANGHAI, PUDONG, JIANGSU, BEIJING):
        for number in range(2):
            rows[t.staff].append(_staff(made, branch, number))
        for number in range(4):
            _client(made, rows, branch, number)
    for table, values in rows.items():
        await transaction.rows(insert(table).values(values))


def _staff(made: _Rows, branch: int, number: int) -> Facts:
    return {
        "branch_id": branch,
        "id": made.id(),
        "code": f"S{number}",
        "name": made.one(TEXTS),
        "role": made.one(["BRANCH_MANAGER", "CREDIT_OFFICER"]),
        "email": made.maybe(TEXTS),
        "active": made.one([True, False]),
    }


def _client(made: _Rows, rows: dict[Table, list[Facts]], branch: int, number: int) -> None:
    managers = [staff["id"] for staff in rows[t.staff] if staff["branch_id"] == branch]
    own = {"branch_id": branch, "client_id": made.id()}
    rows[t.client].append(
        {
            "branch_id": branch,
            "id": own["client_id"],
            "registration_country": "SG",
            "registration_number": f"{branch}-{number}",
            "legal_name": made.one(TEXTS),
            "currency": made.one(CURRENCIES),
            "registered_capital_minor": made.maybe([0, 1, 50_000_000_00, 2**63 - 1]),
            "size_class": made.maybe(["LARGE", "MICRO"]),
            "employees": made.maybe([0, 10, 2**31 - 1]),
            "established_on": made.maybe(DAYS),
            "region_code": made.maybe(["310000", "320000"]),
            "city": made.maybe(TEXTS),
            "credit_grade": made.maybe("ABC"),
            "relationship_manager_id": made.maybe(managers),
            "created_at": dt.datetime(2024, 1, 1, 12, 0, 0, number, tzinfo=dt.UTC),
        }
    )
    for _ in made.some():
        person = {"name": made.one(TEXTS), "email": made.maybe(TEXTS), "is_primary": made.one([True, False])}
        rows[t.contact].append({**own, "id": made.id(), **person})
    for number in made.some():
        rows[t.financial_statement].append(_statement(made, own, number))
    _behaviour(made, rows, own)
    _connections(made, rows, own)
    for _ in made.some():
        rows[t.facility].append(_facility(made, own, len(rows[t.facility])))
        facility = {**own, "facility_id": rows[t.facility][-1]["id"]}
        rows[t.posting] += [_posting(made, facility) for _ in made.some()]
        rows[t.credit_event].append(
            _event(made, {**own, "facility_id": made.maybe([facility["facility_id"]])})
        )


def _statement(made: _Rows, own: Facts, number: int) -> Facts:
    return {
        **own,
        "id": made.id(),
        "period_end": dt.date(2021 + number, 12, 31),
        "period_months": made.one([3, 12]),
        "currency": made.one(CURRENCIES),
        "audited": made.one([True, False]),
        "source": made.one(TEXTS),
        "revenue_minor": made.maybe([-5, 0, 5]),
        "net_income_minor": made.maybe([-5, 0, 5]),
    }


def _behaviour(made: _Rows, rows: dict[Table, list[Facts]], own: Facts) -> None:
    for number in made.some():
        amounts = {f"{name}_minor": made.maybe([0, 7, 100]) for name in MONTHLY_AMOUNTS}
        month = {"month": dt.date(2024, 1 + number, 1), "currency": made.one(CURRENCIES), **amounts}
        peers = made.maybe([Decimal("-0.5"), Decimal(51)])
        rows[t.client_month].append(
            {**own, "id": made.id(), **month, "rate_over_peers_bps": peers, "source": made.one(TEXTS)}
        )
        model = {"model": made.one(TEXTS), "probability_of_default": made.one([Decimal(0), Decimal("0.05")])}
        rated = {**own, "id": made.id(), "rated_on": DAYS[number], "source": made.one(TEXTS)}
        rows[t.rating].append({**rated, **model})
    for _ in made.some():
        id_ = made.id()
        spoken = {"kind": made.one(InteractionKind).value, "occurred_on": made.one(DAYS[:3])}
        about = {"subject": made.one(TEXTS), "reference": str(id_), "nps": made.maybe([0, 10])}
        rows[t.interaction].append({**own, "id": id_, **spoken, **about})
        id_ = made.id()
        open_or_not = {"received_on": DAYS[0], "resolved_on": made.maybe(DAYS[:3])}
        rows[t.complaint].append(
            {**own, "id": id_, **open_or_not, "subject": made.one(TEXTS), "reference": str(id_)}
        )


def _connections(made: _Rows, rows: dict[Table, list[Facts]], own: Facts) -> None:
    """Links in a circle through the branch's own clients, and to a company that two branches serve."""
    number = int(rows[t.client][-1]["registration_number"].rpartition("-")[2])
    neighbour = {"related_country": "SG", "related_number": f"{own['branch_id']}-{(number + 1) % 4}"}
    shared = {"related_country": "CN", "related_number": "91310115MA1K35X12A"}
    for other in (neighbour, made.one([neighbour, shared])):
        id_, kind, amount = made.id(), made.one(LinkKind), made.maybe([0, 9])
        link = {**own, **other, "id": id_, "kind": kind.value, "direction": made.one(LinkDirection).value}
        link |= {"related_name": made.maybe(TEXTS), "source": made.one(TEXTS), "reference": str(id_)}
        link |= {"recorded_by": None if kind is LinkKind.OWNERSHIP else f"officer-{own['branch_id']}"}
        link |= {"share": Decimal("0.1") if kind is LinkKind.OWNERSHIP else None}
        link |= {"valid_from": made.one(DAYS[:3]), "valid_until": made.maybe([None, None, DAYS[3]])}
        amount = amount if kind is LinkKind.GUARANTEE else None
        link |= {"amount_minor": amount, "currency": None if amount is None else made.one(CURRENCIES)}
        rows[t.client_link].append(link)
    group = {"group_no": 2**40 + number % 2, "members": 2, "worst_days_past_due": made.maybe([0, 31])}
    group |= {"exposure_minor": made.maybe([0, 5]), "worst_loan_class": made.maybe(["LOSS"])}
    group |= {"currency": None if group["exposure_minor"] is None else made.one(CURRENCIES)}
    rows[t.client_group].append(own | group)


def _facility(made: _Rows, own: Facts, number: int) -> Facts:
    return {
        **own,
        "id": made.id(),
        "reference": f"R-{number}",
        "product": made.one(Product).value,
        "purpose": made.maybe(TEXTS),
        "currency": made.one(CURRENCIES),
        "limit_minor": made.one([0, 1, 100]),
        "guaranteed_minor": made.maybe([0, 1]),
        "annual_rate": made.maybe([Decimal("0.0435"), Decimal("0.043501"), Decimal("-0.5")]),
        "term_months": made.maybe([0, 12]),
        "revolving": made.one([True, False]),
        "matures_on": made.maybe(DAYS),
        "status": made.one(FacilityStatus).value,
    }


def _posting(made: _Rows, own: Facts) -> Facts:
    return {
        **own,
        "id": made.id(),
        "kind": made.one(PostingKind).value,
        "due_on": made.one(DAYS),
        "paid_on": made.maybe(DAYS),
        "currency": made.one(CURRENCIES),
        "principal_minor": made.one([0, 7]),
    }


def _event(made: _Rows, own: Facts) -> Facts:
    amount, id_ = made.maybe([3, 4]), made.id()
    return {
        **own,
        "id": id_,
        "kind": made.one(CreditEventKind).value,
        "occurred_on": made.one(DAYS),
        "amount_minor": amount,
        "currency": None if amount is None else made.one(CURRENCIES),
        "source": made.one(TEXTS),
        "reference": str(id_),
    }


async def read_facts(
    transaction: Transaction, organisation: Organisation, readable: list[Binding]
) -> dict[str, list[Facts]]:
    """Every row that the transaction sees, by type; relations lead to what it sees."""
    records = {bound.type_name: await _rows_of(transaction, bound) for bound in readable}
    seen = {name: [_plain(binding(name), record) for record in records[name]] for name in records}
    for name, rows in seen.items():
        for facts, record in zip(rows, records[name], strict=True):
            for python_name, source in binding(name).sources.items():
                if isinstance(source, ToOneSource | ManySource):
                    # Of what is hidden there is nothing.
                    pairs = zip(seen.get(source.target, []), records.get(source.target, []), strict=True)
                    found = [f for f, other in pairs if _belongs(source, record, other, organisation)]
                    one = isinstance(source, ToOneSource)
                    facts[camel(python_name)] = next(iter(found), None) if one else found
    return seen


async def _rows_of(transaction: Transaction, bound: Binding) -> list[Any]:
    text, values = compiled(select(bound.table))
    if mentions_segments(text):
        text = with_segments(text, await Rules().fresh(transaction))
    return await transaction.fetch(text, values)


def _plain(bound: Binding, record: Any) -> Facts:
    facts: Facts = {}
    for python_name, source in bound.sources.items():
        match source:
            case IdSource():
                facts[camel(python_name)] = encode(bound.type_name, tuple(record[name] for name in bound.key))
            case ColumnSource(name=name):
                facts[camel(python_name)] = record[name]
            case AmountSource(minor=minor, currency=currency):
                known = record[minor] is not None
                facts[camel(python_name)] = Money(record[minor], record[currency]) if known else None
    return facts


def _belongs(source: ToOneSource | ManySource, record: Any, other: Any, organisation: Organisation) -> bool:
    if isinstance(source, ConnectionSource) and source.below:
        return other["branch_id"] in organisation.subtree(record["id"])
    return all(
        other[theirs] == record[ours] and record[ours] is not None
        for theirs, ours in (source.on or {}).items()
    )


def bound_types() -> list[Binding]:
    """Every bound type."""
    return list(bindings().values())
