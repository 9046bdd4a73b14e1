"""What the parts of one statement share while it is built: who may see what, and the parameters."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Subquery,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from schema.binding import Binding
from schema.compiler.reads import Read
from schema.relations import nothing_of
from schema.request import Request
from tenants.roles import Login
from tenants.scope import literals_of

_CODE = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)

Fill = Callable[[Sequence[Read], Request], Any]
"""Where a parameter's value comes from: the arguments as read, or the request itself."""


class Sight(enum.Enum):
    """How many branches a caller sees, as far as it changes the SQL."""

    ONE = "one branch"
    SEVERAL = "several branches"
    ALL = "every branch"


@dataclass(frozen=True, slots=True)
class Audience:
    """The kind of caller that a plan is for; never which one."""

    login: Login
    sight: Sight

    @classmethod
    def of(cls, request: Request) -> Audience:
        """The kind of caller that asks."""
        scope = request.scope
        if scope.sees_everything:
            return cls(scope.login, Sight.ALL)
        return cls(scope.login, Sight.ONE if len(scope.branches) == 1 else Sight.SEVERAL)


class Building:
    """One statement under construction."""

    def __init__(self, audience: Audience, reads: Sequence[Read], varying: Collection[int]) -> None:
        """`varying` are the places of the fields whose arguments depend on variables."""
        self.audience = audience
        self.reads = reads
        self._varying = varying
        self.fills: dict[str, Fill] = {}
        self._bound: dict[str, BindParameter[Any]] = {}
        self._names = 0

    def name(self, letter: str) -> str:
        """A name for a table of this statement that no other has."""
        self._names += 1
        return f"{letter}{self._names}"

    def argument(self, place: int, slot: int, type_: Any) -> ColumnElement[Any]:
        """One value of a field's arguments: the parameter that it fills, or the plain number or code that the
        document itself says, which PostgreSQL then plans for once and for all.
        """
        if place not in self._varying and (known := _plain(self.reads[place].values[slot])) is not None:
            return literal_column(known, type_)
        return self._parameter(f"a{place}_{slot}", type_, lambda reads, _: reads[place].values[slot])

    def branch_in_sight(self, place: int, slot: int) -> ColumnElement[int]:
        """A branch that an argument names, as far as the caller sees it: else no branch at all."""
        if self.audience.sight is Sight.ALL:
            return self.argument(place, slot, Integer())

        def fill(reads: Sequence[Read], request: Request) -> int | None:
            branch: int = reads[place].values[slot]
            return branch if branch in request.scope.branches else None

        return self._parameter(f"b{place}_{slot}", Integer(), fill)

    def arguments(self, place: int, first: int) -> Callable[[Any, Any], ColumnElement[Any]]:
        """A `bind` for SQL builders: each call takes the next value of a field's arguments."""
        slot = first - 1

        def bind(_: Any, type_: Any) -> ColumnElement[Any]:
            nonlocal slot
            slot += 1
            return self.argument(place, slot, type_)

        return bind

    def fact(self, name: str, type_: Any, of_request: Callable[[Request], Any]) -> BindParameter[Any]:
        """The parameter that the request itself fills."""
        return self._parameter(f"f_{name}", type_, lambda _, request: of_request(request))

    def in_scope(self, table: FromClause) -> ColumnElement[bool] | None:
        """That a row is of a branch in the caller's sight; None where that is all, or the table has no branches.

        The policy is the net, and where there are several branches gives the plan as well: stated a second time as
        it stands, PostgreSQL takes it for another condition, expects few rows and leaves the index of the order.
        """
        if "branch_id" not in table.c or self.audience.sight is Sight.ALL:
            return None
        if self.audience.sight is Sight.ONE:
            return table.c.branch_id == self.fact("branch", Integer(), lambda r: r.scope.branches[0])
        return func.coalesce(table.c.branch_id == func.any(self.branches()), literal_column("false", Boolean))

    def branches(self) -> ColumnElement[Any]:
        """The branches in sight, as an array; sent as text, which the driver need not encode one by one."""
        text = self.fact("branches", Text(), lambda r: literals_of(r.scope, write=True)[0])
        # In a query of its own, so that it is read once, not for each row.
        return cast(select(cast(cast(text, Text), ARRAY(Integer))).scalar_subquery(), ARRAY(Integer))

    def hides(self, target: Binding) -> bool:
        """Whether the caller's login may not read the target's table at all."""
        return target.is_hidden_from(self.audience.login)

    def table(self, target: Binding) -> FromClause:
        """The target's table under a name of its own; where the caller may not read it, no rows instead."""
        if self.hides(target):
            return nothing_of(target, self.name("t"))
        return _alias(target, self.name("t"))

    def subquery(self, of: Any) -> Subquery:
        """A subquery under a name of its own."""
        made: Subquery = of.subquery(self.name("s"))
        return made

    def _parameter(self, name: str, type_: Any, fill: Fill) -> BindParameter[Any]:
        if name not in self._bound:
            self.fills[name] = fill
            self._bound[name] = bindparam(name, type_=type_)
        return self._bound[name]


def _plain(value: Any) -> str | None:
    """A value whose SQL cannot be anything else."""
    if type(value) is int:
        return str(value) if value >= 0 else None
    return f"'{value}'" if isinstance(value, str) and _CODE.fullmatch(value) else None


@lru_cache(maxsize=4096)
def _alias(target: Binding, name: str) -> FromClause:
    # An alias is the same in every statement, and making its columns anew took a third of a plan's time.
    return target.table.alias(name)
