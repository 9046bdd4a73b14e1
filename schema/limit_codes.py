"""The closed code lists of limits as GraphQL enums, each value with what it means."""

from __future__ import annotations

from domain.limits.nodes import (
    Bucket,
    CommitmentStatus,
    NodeKind,
    NodeStatus,
    Operation,
    Reinstatement,
    Sharing,
)
from schema.codes import described

described(
    NodeKind,
    "What a limit is for. The first three are units' own limits, under which all others of the unit stand.",
    {
        NodeKind.BANK: "The whole bank.",
        NodeKind.REGION: "A region's own.",
        NodeKind.BRANCH: "A branch's or sub-branch's own.",
        NodeKind.GROUP: "Several clients together.",
        NodeKind.CLIENT: "A client.",
        NodeKind.FACILITY: "One contract or product of a client.",
        NodeKind.SUBLIMIT: "A part: of a client for a product, or of a branch for a segment or a product.",
    },
    name="LimitKind",
)
described(
    NodeStatus,
    "Where a limit is in its life.",
    {
        NodeStatus.DRAFT: "Written down.",
        NodeStatus.APPROVED: "Approved by a second person, and not in force yet.",
        NodeStatus.ACTIVE: "In force, on the days of its validity.",
        NodeStatus.FROZEN: "Nothing new is booked on it.",
        NodeStatus.EXPIRED: "Its validity has passed.",
        NodeStatus.CLOSED: "Not needed any more.",
    },
    name="LimitStatus",
)
described(
    Sharing,
    "How a limit stands in the one above it.",
    {
        Sharing.SHARED: "It draws on the room of the one above.",
        Sharing.RING_FENCED: "Its whole amount is taken out of the one above.",
    },
    name="LimitSharing",
)
described(
    Reinstatement,
    "What becomes of a limit's room when something drawn is paid back.",
    {
        Reinstatement.REVOLVING: "It can be drawn again.",
        Reinstatement.NON_REVOLVING: "It is used up.",
        Reinstatement.REDUCING: "The limit becomes smaller by as much.",
    },
    name="LimitReinstatement",
)
described(
    CommitmentStatus,
    "Where a commitment is in its life.",
    {
        CommitmentStatus.EARMARKED: "Held for an application, until it expires.",
        CommitmentStatus.RESERVED: "Approved, nothing drawn.",
        CommitmentStatus.UTILISED: "Drawn, in part or in whole.",
        CommitmentStatus.REPAID: "Drawn and paid back.",
        CommitmentStatus.RELEASED: "Given back undrawn.",
        CommitmentStatus.EXPIRED: "A hold whose time passed.",
        CommitmentStatus.CANCELLED: "A hold that was given back.",
        CommitmentStatus.REVERSED: "Undone by a compensating movement.",
        CommitmentStatus.WRITTEN_OFF: "Drawn, and not paid back.",
    },
)
described(
    Bucket,
    "What a posting adds to.",
    {
        Bucket.EARMARKED: "Held for applications.",
        Bucket.RESERVED: "Approved and not drawn.",
        Bucket.UTILISED: "Drawn and owed.",
    },
    name="LimitBucket",
)
described(
    Operation,
    "What a movement records.",
    {
        Operation.EARMARK: "Room was held for an application.",
        Operation.EXTEND: "A hold got another expiry.",
        Operation.EXPIRE: "A hold's time passed.",
        Operation.RESERVE: "Credit was approved.",
        Operation.UTILISE: "Credit was drawn.",
        Operation.REPAY: "Credit was paid back.",
        Operation.RELEASE: "What was not drawn was given back.",
        Operation.CANCEL: "A hold was given back.",
        Operation.WRITE_OFF: "What was drawn will not be paid back.",
        Operation.REVERSE: "An earlier movement was undone.",
        Operation.ADJUST: "A limit's terms were changed.",
        Operation.ADD: "A limit got an addition for some days.",
        Operation.TRANSFER: "Part of a limit went to one beside it.",
        Operation.ALLOCATE: "An adopted allocation set the limit.",
        Operation.RECLAIM: "Headquarters took back what was not used.",
        Operation.FREEZE: "The limit was frozen.",
        Operation.UNFREEZE: "A freeze ended.",
        Operation.CLOSE: "The limit was closed.",
        Operation.OPEN: "The limit was drafted.",
        Operation.APPROVE: "The limit was approved.",
        Operation.ACTIVATE: "The limit was put into force.",
        Operation.MOVE: "The limit was put under another one.",
        Operation.SYNDICATE: "A branch's part of a shared deal was approved.",
        Operation.REVALUE: "The rate to the currency above was changed.",
        Operation.OVERRIDE: "Credit was approved beyond what was available.",
        Operation.PROPOSE: "A raise beyond one person's authority was proposed to a second one.",
    },
    name="LimitOperation",
)

__all__ = [
    "Bucket",
    "CommitmentStatus",
    "NodeKind",
    "NodeStatus",
    "Operation",
    "Reinstatement",
    "Sharing",
]
