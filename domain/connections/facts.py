"""What may be written down about a link between two companies, checked before it reaches the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.connections.kinds import LinkKind
from domain.facts import checked, checked_registration
from domain.refusals import Refusal, RefusalCode, invalid

SHARE_PLACES = Decimal("0.000001")


def checked_link(facts: Mapping[str, Any], *, today: dt.date) -> dict[str, Any] | Refusal:
    """The columns of a link, or the first refusal: texts and dates, other party, share, amount, end.

    Amounts are in minor units already (`amount_minor`, `currency`). That a company is not linked with itself, and
    not owned beyond the whole, is for whoever knows the client and the other links.
    """
    stored = checked(facts, today=today)
    if isinstance(stored, Refusal):
        return stored
    number = checked_registration(stored["related_country"], stored["related_number"])
    if isinstance(number, Refusal):
        return _of_related(number)
    share = _share(stored.get("share"))
    kind = LinkKind(stored["kind"])
    if refusal := _misfit(kind, share, stored.get("amount_minor")):
        return refusal
    if refusal := refuse_end(stored["valid_from"], stored.get("valid_until")):
        return refusal
    return {**stored, "related_number": number, "share": share}


def refuse_end(valid_from: dt.date, valid_until: dt.date | None) -> Refusal | None:
    """Why a link may not end on a day: it cannot end before it begins. On that very day it never held."""
    if valid_until is not None and valid_until < valid_from:
        return invalid(f"the link would end before it begins, on {valid_from.isoformat()}", "validUntil")
    return None


def is_made_longer(before: dt.date | None, after: dt.date | None) -> bool:
    """Whether a link would hold on days on which it did not: a new claim."""
    return before is not None and (after is None or after > before)


def refuse_confirmation(recorded_by: str | None, confirmed_by: str | None, subject: str) -> Refusal | None:
    """Why somebody may not confirm a link: it takes another person than the recorder, and once is enough."""
    if recorded_by is None:
        return Refusal(
            RefusalCode.STATUS_MAY_NOT_FOLLOW, "this link was imported, which confirms it", ("linkId",)
        )
    if confirmed_by is not None:
        return Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, "this link has been confirmed already", ("linkId",))
    if recorded_by == subject:
        return Refusal(
            RefusalCode.SECOND_PERSON_NEEDED,
            "you have recorded this link yourself: ask another administrator at headquarters to confirm it",
            ("linkId",),
        )
    return None


def refuse_itself(client: tuple[str, str], related: tuple[str, str]) -> Refusal | None:
    """Why two registrations (country, number) may not be linked: they are one company's."""
    if client == related:
        return invalid("a company cannot be linked with itself: name the other party", "relatedNumber")
    return None


def _share(given: Decimal | None) -> Decimal | None:
    # What is no fraction is refused as it stands; it may be too long to be rounded.
    return given.quantize(SHARE_PLACES) if given is not None and _is_fraction(given) else given


def _is_fraction(share: Decimal) -> bool:
    return share.is_finite() and 0 < share <= 1


def _misfit(kind: LinkKind, share: Decimal | None, amount_minor: int | None) -> Refusal | None:
    if kind is LinkKind.OWNERSHIP and share is None:
        return invalid("ownership needs the share that is owned, e.g. 0.51", "share")
    if kind is not LinkKind.OWNERSHIP and share is not None:
        return invalid(f"{kind} has no share: leave it out", "share")
    if share is not None and not _is_fraction(share):
        return invalid("a share is a fraction above 0 and at most 1: 51 % is 0.51", "share")
    if kind is not LinkKind.GUARANTEE and amount_minor is not None:
        return invalid(f"{kind} has no amount: leave it out", "amount")
    return None


def _of_related(refusal: Refusal) -> Refusal:
    """A refusal of the other party's registration, at its own place in the input."""
    place = "relatedCountry" if refusal.path == ("registrationCountry",) else "relatedNumber"
    return Refusal(refusal.code, refusal.message, (place,))
