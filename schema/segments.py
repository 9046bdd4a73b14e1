"""Who a client is to the bank, by the rules in force, with the reasons; and who is in a segment."""

from __future__ import annotations

import datetime as dt
from typing import Any

import strawberry
from sqlalchemy import func, literal_column

from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.fields import bound, column, expression, members, named_by, objects, texts, to_one
from tenants.tables.virtual import client_segment

RULE_SET = {"id": "rule_set_id"}


@strawberry.type(description="One comparison of the rule that decided.")
class Reason:
    """A leaf of the rule's condition, with what is known of the client."""

    condition: str = strawberry.field(description="The comparison in words, e.g. `daysPastDue > 30`.")
    value: str | None = strawberry.field(description="The client's value; null where it is not known.")
    holds: bool = strawberry.field(description="Whether it holds of the client.")


@bound(client_segment, hidden_from_clients=True)
class ClientSegment(Node):
    """A client's value in one dimension, from today's facts and the rules in force at its branch."""

    dimension: str = column("dimension", "The dimension's code.", where=True, fixed=True)
    value: str = column("value", "The value in it, a code.", where=True)
    rule: int | None = column(
        "rule", "Which rule decided, counted from 0; null where none held and the default is meant."
    )
    note: str | None = column("note", "What the rule and the remarks that hold say beside the value.")
    because: list[Reason] = objects(
        "because",
        Reason,
        ("condition", "value", "holds"),
        "The comparisons of the rule that decided, in its order; of the default, none.",
    )
    missing: list[str] = texts(
        "missing", "The facts that the rules asked for up to the one that decided, and that are not known."
    )
    also_matched: list[str] = texts("also_matched", "Other values whose rules hold, too, but come later.")
    rule_set: Any = to_one("RuleSet", RULE_SET, "The rule set that decided.")
    client: Any = to_one("Client", CLIENT, "Whose segment it is.", required=True)


@bound("segment_history", hidden_from_clients=True)
class SegmentPeriod(Node):
    """A time in which a client had one value in a dimension, as it was recorded."""

    dimension: str = column("dimension_code", "The dimension's code.", where=True)
    value: str = column("value", "The value in it.", where=True)
    valid_from: dt.datetime = column("valid_from", "Since when.", where=True, order=True)
    valid_until: dt.datetime | None = expression(
        lambda row: func.nullif(row.c.valid_until, literal_column("timestamptz 'infinity'")),
        "Until when; null while it lasts.",
    )
    cause: str = column("cause", "Why it was recorded: CHANGE, ACTIVATION or SNAPSHOT.", where=True)
    rule_set: Any = to_one("RuleSet", RULE_SET, "The rule set that decided.")
    client: Any = to_one("Client", CLIENT, "Whose segment it was.", required=True)


@strawberry.type(description="A dimension and a value in it, and who has that value by the rules in force.")
class Segment:
    """A segment that was asked for by its names."""

    dimension: str = named_by("dimension", "The dimension's code.")
    value: str = named_by("value", "The value in it.")
    clients: Any = members("Client", "The clients in sight that are in it.")
