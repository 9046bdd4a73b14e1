"""Who is asking, and so which rows exist."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from domain.access import HEADQUARTERS_ROLES, KINDS_OF_OFFICE, Caller, Role
from domain.organisation import Organisation
from tenants.roles import Login


class OutOfScope(Exception):
    """The token is genuine, but what it names is not there: nothing is visible. Safe to show to the caller."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The branches (and, for a client's user, the client rows) that one caller may see.

    Made once per request and handed to every transaction; there is no default and no global one.
    """

    caller: Caller
    login: Login
    branches: tuple[int, ...]
    clients: tuple[UUID, ...] = ()

    @property
    def sees_everything(self) -> bool:
        """Whether reads need no branch predicate, since headquarters' policy shows every row."""
        return self.login is Login.HEADQUARTERS


def scope_of_staff(caller: Caller, organisation: Organisation) -> Scope:
    """Headquarters' roles see every branch, office roles their office and what lies below it.

    Raises OutOfScope where the office is not in the tree.
    """
    if caller.role in HEADQUARTERS_ROLES:
        return Scope(caller, Login.HEADQUARTERS, organisation.all_ids())
    office = organisation.with_code(caller.office or "")
    if office is None:
        raise OutOfScope(f"the token's office {caller.office!r} is not an organisation unit of this bank")
    if office.kind not in KINDS_OF_OFFICE[caller.role]:
        raise OutOfScope(f"a {caller.role} cannot have a {office.kind} for an office")
    return Scope(caller, Login.PORTAL, organisation.subtree(office.id))


def scope_of_client(caller: Caller, rows: list[tuple[int, UUID]]) -> Scope:
    """A client's user sees its company's own rows, in whichever branches keep it.

    Raises OutOfScope where no branch does.
    """
    if not rows:
        raise OutOfScope("the token's company is not a client of this bank")
    branches = tuple(sorted({branch_id for branch_id, _ in rows}))
    return Scope(caller, Login.CLIENT, branches, tuple(sorted(client_id for _, client_id in rows)))


def operator_scope(organisation: Organisation) -> Scope:
    """The scope of a command that whoever runs the server runs on it: imports and the demo bank."""
    operator = Caller("operator", Role.HEADQUARTERS_ADMINISTRATOR)
    return Scope(operator, Login.HEADQUARTERS, organisation.all_ids())


def literals_of(scope: Scope, *, write: bool) -> tuple[str, str]:
    """The values of `app.branches` and `app.clients` for the scope, as PostgreSQL writes arrays.

    The texts hold nothing but integers and UUIDs, so nothing can be injected. Headquarters' reads leave the
    branches empty: their policy does not ask, and 2,000 numbers would be sent for nothing.
    """
    if not set(map(type, scope.branches)) <= {int}:
        raise TypeError("a scope's branches are ints and nothing that could be read as one")
    states_branches = write or not scope.sees_everything
    branches = _branches(scope.branches) if states_branches else "{}"
    return branches, _clients(scope.clients) if scope.clients else "{}"


def settings_of(scope: Scope, *, write: bool) -> str:
    """The statements that put the scope in force until the transaction ends."""
    branches, clients = literals_of(scope, write=write)
    return f"set local app.branches = '{branches}'; set local app.clients = '{clients}'"


@lru_cache(maxsize=256)
def _branches(branches: tuple[int, ...]) -> str:
    return f"{{{','.join(map(str, branches))}}}"


def _clients(clients: tuple[UUID, ...]) -> str:
    return f"{{{','.join(str(UUID(int=client.int)) for client in clients)}}}"
