"""Who is asking, in which role, and what that role may do at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.organisation import KINDS_WITH_CLIENTS, UnitKind


class Role(StrEnum):
    """The roles a token may carry; the value is what stands in the claim."""

    HEADQUARTERS_ADMINISTRATOR = "HEADQUARTERS_ADMINISTRATOR"
    HEADQUARTERS_ANALYST = "HEADQUARTERS_ANALYST"
    AUDITOR = "AUDITOR"
    REGIONAL_MANAGER = "REGIONAL_MANAGER"
    BRANCH_MANAGER = "BRANCH_MANAGER"
    RELATIONSHIP_MANAGER = "RELATIONSHIP_MANAGER"
    CREDIT_OFFICER = "CREDIT_OFFICER"
    CLIENT_USER = "CLIENT_USER"


HEADQUARTERS_ROLES = frozenset({Role.HEADQUARTERS_ADMINISTRATOR, Role.HEADQUARTERS_ANALYST, Role.AUDITOR})
"""Roles that see every branch."""

OFFICE_ROLES = frozenset(
    {Role.REGIONAL_MANAGER, Role.BRANCH_MANAGER, Role.RELATIONSHIP_MANAGER, Role.CREDIT_OFFICER}
)
"""Roles that see the organisation unit named in their token and everything below it."""


KINDS_OF_OFFICE: dict[Role, frozenset[UnitKind]] = {
    Role.REGIONAL_MANAGER: frozenset({UnitKind.REGION}),
    # A token that puts one of these at headquarters or a region would hand out every branch below.
    Role.BRANCH_MANAGER: KINDS_WITH_CLIENTS,
    Role.RELATIONSHIP_MANAGER: KINDS_WITH_CLIENTS,
    Role.CREDIT_OFFICER: KINDS_WITH_CLIENTS,
}
"""Where each of the office roles may have its office."""


class Action(StrEnum):
    """What a mutation does, as far as permission is concerned."""

    REGISTER_CLIENT = "REGISTER_CLIENT"
    UPDATE_CLIENT = "UPDATE_CLIENT"
    KEEP_CONTACTS = "KEEP_CONTACTS"
    RECORD_STATEMENT = "RECORD_STATEMENT"
    RECORD_CREDIT_EVENT = "RECORD_CREDIT_EVENT"
    MOVE_UNIT = "MOVE_UNIT"
    CONTROL_IMPORT = "CONTROL_IMPORT"
    COMPLETE_TASK = "COMPLETE_TASK"
    KEEP_PLAYBOOKS = "KEEP_PLAYBOOKS"
    KEEP_DIVISIONS = "KEEP_DIVISIONS"
    EDIT_RULES = "EDIT_RULES"
    ACTIVATE_RULES = "ACTIVATE_RULES"
    RECORD_LINK = "RECORD_LINK"
    CONFIRM_LINK = "CONFIRM_LINK"
    DERIVE_GROUPS = "DERIVE_GROUPS"
    EARMARK_QUOTA = "EARMARK_QUOTA"
    BOOK_QUOTA = "BOOK_QUOTA"
    SYNDICATE_QUOTA = "SYNDICATE_QUOTA"
    OVERRIDE_QUOTA = "OVERRIDE_QUOTA"
    KEEP_LIMITS = "KEEP_LIMITS"
    KEEP_CAPS = "KEEP_CAPS"
    ENROL_LOAN = "ENROL_LOAN"
    CLAIM_COMPENSATION = "CLAIM_COMPENSATION"
    KEEP_FUNDS = "KEEP_FUNDS"
    KEEP_SCORECARDS = "KEEP_SCORECARDS"
    KEEP_ALLOCATIONS = "KEEP_ALLOCATIONS"


_STAFF_OF_A_BRANCH = frozenset({Role.REGIONAL_MANAGER, Role.BRANCH_MANAGER, Role.RELATIONSHIP_MANAGER})

PERMITTED: dict[Action, frozenset[Role]] = {
    Action.REGISTER_CLIENT: _STAFF_OF_A_BRANCH | {Role.HEADQUARTERS_ADMINISTRATOR},
    Action.UPDATE_CLIENT: _STAFF_OF_A_BRANCH | {Role.HEADQUARTERS_ADMINISTRATOR},
    Action.KEEP_CONTACTS: _STAFF_OF_A_BRANCH | {Role.HEADQUARTERS_ADMINISTRATOR},
    # The credit officer judges, and so keeps the facts that judgement rests on; the salesman does not.
    Action.RECORD_STATEMENT: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    Action.RECORD_CREDIT_EVENT: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    Action.RECORD_LINK: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    # Whoever sees both ends, and has recorded neither.
    Action.CONFIRM_LINK: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.DERIVE_GROUPS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.MOVE_UNIT: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.CONTROL_IMPORT: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    # Whoever a task may be for says that it is done; headquarters was not there.
    Action.COMPLETE_TASK: _STAFF_OF_A_BRANCH | {Role.CREDIT_OFFICER},
    Action.KEEP_PLAYBOOKS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.KEEP_DIVISIONS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    # One of them writes, another one puts into force: the action sees to it.
    Action.EDIT_RULES: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.ACTIVATE_RULES: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    # The salesman holds room for an application; whether credit is granted, others decide.
    Action.EARMARK_QUOTA: frozenset({Role.RELATIONSHIP_MANAGER, Role.BRANCH_MANAGER, Role.CREDIT_OFFICER}),
    Action.BOOK_QUOTA: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    # Whoever sees the branches that share a deal.
    Action.SYNDICATE_QUOTA: frozenset({Role.REGIONAL_MANAGER, Role.HEADQUARTERS_ADMINISTRATOR}),
    # Within what has been delegated to the role: the action sees to it.
    Action.OVERRIDE_QUOTA: frozenset(
        {Role.BRANCH_MANAGER, Role.REGIONAL_MANAGER, Role.HEADQUARTERS_ADMINISTRATOR}
    ),
    # Below headquarters only what stands below a unit's own node: the action sees to it.
    Action.KEEP_LIMITS: frozenset(
        {Role.BRANCH_MANAGER, Role.REGIONAL_MANAGER, Role.HEADQUARTERS_ADMINISTRATOR}
    ),
    # One of them drafts, another one puts in force: the action sees to it.
    Action.KEEP_CAPS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    # The loan is the branch's; what the fund pays for it, headquarters decides.
    Action.ENROL_LOAN: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    Action.CLAIM_COMPENSATION: frozenset({Role.CREDIT_OFFICER, Role.BRANCH_MANAGER}),
    Action.KEEP_FUNDS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    Action.KEEP_SCORECARDS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
    # One of them writes and simulates, another one adopts: the action sees to it.
    Action.KEEP_ALLOCATIONS: frozenset({Role.HEADQUARTERS_ADMINISTRATOR}),
}
"""The whole permission table. Analyst, auditor and client user appear nowhere: they read."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified bearer of a token.

    `office` is the code of an organisation unit and is set for `OFFICE_ROLES` only;
    `client_registration` is a company's registration number, optionally led by its country
    ("CN:91310000MA1K35X12P"), and is set for `CLIENT_USER` only.
    """

    subject: str
    role: Role
    office: str | None = None
    client_registration: str | None = None

    def may(self, action: Action) -> bool:
        """Whether the role may do this anywhere at all; where, is decided by the scope."""
        return self.role in PERMITTED[action]
