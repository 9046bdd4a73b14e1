"""How clients behave, what was talked of with them and complained of, how they are rated: the bank's own view."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.clients import InteractionKind
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.fields import amount, bound, column, to_one
from schema.money import Money


@bound("client_month", hidden_from_clients=True)
class ClientMonth(Node):
    """One month of a client's accounts, and what it contributed. What is missing is null."""

    month: dt.date = column("month", "The month's first day.", where=True, order=True)
    currency: str = column("currency", "ISO 4217 code of the amounts.", where=True)
    average_balance: Money | None = amount(
        "average_balance", "What lay on its accounts on the average day.", where=True, order=True
    )
    inflow: Money | None = amount("inflow", "What came in.", where=True)
    outflow: Money | None = amount("outflow", "What went out.", where=True)
    limit: Money | None = amount("limit", "The credit lines at the month's end.", where=True)
    utilised: Money | None = amount("utilised", "What was drawn of them.", where=True)
    net_interest: Money | None = amount("net_interest", "Interest after the transfer price.", where=True)
    fees: Money | None = amount("fees", "Fees and commissions.", where=True)
    cost: Money | None = amount("cost", "What serving it cost.", where=True)
    expected_loss: Money | None = amount(
        "expected_loss", "The loss to be expected of its credit.", where=True
    )
    capital_held: Money | None = amount("capital_held", "The economic capital held for it.", where=True)
    rate_over_peers_bps: Decimal | None = column(
        "rate_over_peers_bps",
        "By how many basis points it pays more than its peers.",
        where=True,
        order=True,
    )
    source: str = column("source", "Where the figures come from.", where=True)
    recorded_at: dt.datetime = column("recorded_at", "Since when the bank has known it.", where=True)
    client: Any = to_one("Client", CLIENT, "Whose month.", required=True)


@bound("interaction", hidden_from_clients=True)
class Interaction(Node):
    """One contact between the bank and a client."""

    kind: InteractionKind = column("kind", "How they spoke.", where=True)
    occurred_on: dt.date = column("occurred_on", "When.", where=True, order=True)
    subject: str = column("subject", "About what.", where=True)
    nps: int | None = column(
        "nps",
        "How likely the client would recommend the bank, 0 to 10, where it was asked.",
        where=True,
        order=True,
    )
    reference: str = column("reference", "Its number, unique in the branch.", where=True)
    client: Any = to_one("Client", CLIENT, "With whom.", required=True)
    staff: Any = to_one("Staff", {"branch_id": "branch_id", "id": "staff_id"}, "Who spoke for the bank.")


@bound("complaint", hidden_from_clients=True)
class Complaint(Node):
    """Something that a client complained of."""

    received_on: dt.date = column("received_on", "When it came.", where=True, order=True)
    resolved_on: dt.date | None = column(
        "resolved_on", "When it was settled; null while it is open.", where=True, order=True
    )
    subject: str = column("subject", "What it is about.", where=True)
    reference: str = column("reference", "Its number, unique in the branch.", where=True)
    client: Any = to_one("Client", CLIENT, "Who complained.", required=True)


@bound("rating", hidden_from_clients=True)
class Rating(Node):
    """How likely one model thought a client's default within a year."""

    rated_on: dt.date = column("rated_on", "When it was rated.", where=True, order=True)
    model: str = column("model", "By which model.", where=True)
    probability_of_default: Decimal = column(
        "probability_of_default", "Within a year, as a fraction: 0.01 is 1 %.", where=True, order=True
    )
    source: str = column("source", "Where it comes from.", where=True)
    recorded_at: dt.datetime = column("recorded_at", "Since when the bank has known it.", where=True)
    client: Any = to_one("Client", CLIENT, "Who was rated.", required=True)
