"""What headquarters says of who is who: the dimensions, their rule sets, and what is found of a rule set."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, select
from strawberry.types import Info

from domain.money import Money as Amount
from domain.money import to_minor
from domain.segmentation.rules import RuleSetStatus
from schema.bound_fields import Node
from schema.budget import width_of
from schema.codes import described
from schema.fields import bound, column, connection, object_of, to_one
from schema.money import Money
from schema.request import request_of
from schema.rule_set_review import (
    MovingClient,
    RuleDifference,
    RuleFinding,
    differences_of,
    findings_of,
    moving_of,
)
from schema.scalars import Json
from tenants.tables import rule_set_simulation

described(
    RuleSetStatus,
    "Where a version of a dimension's rules is in its life.",
    {
        RuleSetStatus.DRAFT: "Being written; nobody is judged by it.",
        RuleSetStatus.SIMULATED: "It is known what it would do, as it stands.",
        RuleSetStatus.ACTIVE: "Put into force, from its first day on.",
        RuleSetStatus.ARCHIVED: "No longer in force, or given up.",
    },
)
_FROM = strawberry.argument(
    name="from",
    description="The other one; if not said, what is in force for its unit, else for the bank.",
)


_AFTER = strawberry.argument(description="Only those behind this client.")
_VALUE_FROM = strawberry.argument(name="from", description="Only those with this value now.")
_VALUE_TO = strawberry.argument(description="Only those that would have this value.")
_BRANCH = strawberry.argument(description="Only those of this branch.")


def _told(description: str, **more: Any) -> Any:
    return strawberry.field(description=description, **more)


@strawberry.type(description="The rule set that a simulation compared with.")
class SimulatedAgainst:
    """What was in force at the time."""

    number: int = _told("Its number.")
    unit_code: str | None = _told("The unit whose rules they were; null for the bank's.")


@strawberry.type(description="How many clients of one value would have another, or the same one.")
class SimulatedMove:
    """One cell of the matrix from before to after."""

    before: str | None = _told("The value by the rules in force; null without any.", name="from")
    after: str | None = _told("The value by this rule set.", name="to")
    clients: int = _told("How many clients.")
    exposure: list[Money] = _told("What they owe, one amount per currency.")


@strawberry.type(description="What would move at one branch.")
class SimulatedBranch:
    """One branch of a simulation."""

    branch_code: str = _told("The branch's code.")
    branch_name: str = _told("The branch's name.")
    clients: int = _told("How many clients it has.")
    moved: int = _told("How many of them would have another value.")
    exposure: list[Money] = _told("What those owe, one amount per currency.")


@strawberry.type(description="What a rule set would do to the clients, had it been in force on that day.")
class Simulation:
    """The result of a simulation."""

    clients: int = _told("How many clients were looked at.")
    moved: int = _told("How many of them would have another value.")
    day: dt.date = _told("The day by which their facts were reckoned.")
    against: SimulatedAgainst | None = _told("The rules in force at the time; null without any.")
    matrix: list[SimulatedMove] = _told("From which value to which, those that stay included.")
    by_branch: list[SimulatedBranch] = _told("The branches at which somebody moves.")
    warnings: list[str] = _told("What the check found odd.")


def _simulation(kept: dict[str, Any]) -> Simulation:
    """A simulation of its JSON, for the normal executor."""
    against = kept["against"]
    return Simulation(
        clients=kept["clients"],
        moved=kept["moved"],
        day=dt.date.fromisoformat(kept["day"]),
        against=against and SimulatedAgainst(number=against["number"], unit_code=against["unitCode"]),
        matrix=[
            SimulatedMove(
                before=one["from"],
                after=one["to"],
                clients=one["clients"],
                exposure=_amounts(one["exposure"]),
            )
            for one in kept["matrix"]
        ],
        by_branch=[
            SimulatedBranch(
                branch_code=one["branchCode"],
                branch_name=one["branchName"],
                clients=one["clients"],
                moved=one["moved"],
                exposure=_amounts(one["exposure"]),
            )
            for one in kept["byBranch"]
        ],
        warnings=kept["warnings"],
    )


def _amounts(kept: list[dict[str, str]]) -> Any:
    minors = [(to_minor(Decimal(one["amount"]), one["currency"]), one["currency"]) for one in kept]
    return [Amount(minor, currency) for minor, currency in minors if isinstance(minor, int)]


def _found(row: FromClause) -> ColumnElement[Any]:
    kept = rule_set_simulation.c
    return select(kept.found).where(kept.rule_set_id == row.c.id).correlate(row).scalar_subquery()


@bound("dimension", hidden_from_clients=True)
class Dimension(Node):
    """One way of telling clients apart, such as the relationship type or the risk class."""

    code: str = column("code", "Its code, as rules write it: `segment.<code>`.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True, order=True)
    description: str | None = column("description", "What it is about.", where=True)
    overridable: bool = column(
        "overridable", "Whether units may have rules of their own, for themselves and below.", where=True
    )
    created_at: dt.datetime = column("created_at", "When it was added.", where=True, order=True)
    rule_sets: Any = connection(
        "RuleSet",
        "Its rule sets, the bank's own and units', the latest first.",
        on={"dimension_code": "code"},
        order=("-number",),
    )


@bound("rule_set", hidden_from_clients=True)
class RuleSet(Node):
    """A version of the rules of a dimension, the bank's own or a unit's."""

    number: int = column("number", "Counts the versions of one dimension and unit.", where=True, order=True)
    status: RuleSetStatus = column("status", "Where it is in its life.", where=True)
    body: Json = column("body", "The rules: values, scores, rules in order, default; docs/rule-sets.md.")
    effective_from: dt.date | None = column(
        "effective_from", "Its first day in force; null until it is activated.", where=True, order=True
    )
    effective_until: dt.date | None = column(
        "effective_until",
        "The day from which it is no longer in force; null while it is.",
        where=True,
        order=True,
    )
    note: str | None = column("note", "What its writer says of it.")
    created_by: str = column("created_by", "Who drafted it.", where=True)
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    edited_by: str = column("edited_by", "Who wrote it last.", where=True)
    edited_at: dt.datetime = column("edited_at", "When it was last written.", where=True, order=True)
    simulated_by: str | None = column("simulated_by", "Who simulated it.", where=True)
    simulated_at: dt.datetime | None = column("simulated_at", "When it was simulated.", where=True)
    activated_by: str | None = column("activated_by", "Who put it into force.", where=True)
    activated_at: dt.datetime | None = column(
        "activated_at", "When that was decided.", where=True, order=True
    )
    archived_by: str | None = column(
        "archived_by", "Who archived it; null where it was not, or ended with its last day."
    )
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    simulation: Simulation | None = object_of(
        "simulation",
        _simulation,
        "What it would do as it stands, for headquarters: it tells of all branches. Null until it is simulated.",
        for_headquarters=True,
        sql=_found,
    )
    dimension: Any = to_one("Dimension", {"code": "dimension_code"}, "The dimension.", required=True)
    unit: Any = to_one("OrganisationUnit", {"id": "unit_id"}, "Whose rules they are; null for the bank's.")

    @strawberry.field(
        description="What is wrong with it, given the others' rules in force: the errors, else what is odd."
    )
    async def findings(self: Any, info: Info[Any, Any]) -> list[RuleFinding]:
        """The check of the row's body; `self` is the row."""
        return await findings_of(request_of(info), self)

    @strawberry.field(description="What was changed to make it of another rule set, in words.")
    async def differences(
        self: Any, info: Info[Any, Any], from_: Annotated[strawberry.ID | None, _FROM] = None
    ) -> list[RuleDifference]:
        """The row's body against another's."""
        return await differences_of(request_of(info), self, from_)

    @strawberry.field(
        description="The clients in sight that it would move, by branch and id; null where it has errors. It may "
        "take seconds."
    )
    async def moving(
        self: Any,
        info: Info[Any, Any],
        first: Annotated[int, strawberry.argument(description="How many, a thousand at most.")] = 100,
        after_client: Annotated[strawberry.ID | None, _AFTER] = None,
        from_: Annotated[str | None, _VALUE_FROM] = None,
        to: Annotated[str | None, _VALUE_TO] = None,
        branch_code: Annotated[str | None, _BRANCH] = None,
    ) -> list[MovingClient] | None:
        """Whom the row's rules put elsewhere than those in force."""
        return await moving_of(
            request_of(info),
            self,
            width_of(info),
            value_from=from_,
            value_to=to,
            branch_code=branch_code,
            after_client=after_client,
            first=first,
        )
