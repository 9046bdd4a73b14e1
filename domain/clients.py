"""Who may be a client: registration numbers, names, and what a branch must know."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from stdnum.cn import uscc


class SizeClass(StrEnum):
    """Size of an enterprise, as the statistics office classes it."""

    LARGE = "LARGE"
    MEDIUM = "MEDIUM"
    SMALL = "SMALL"
    MICRO = "MICRO"


class CreditGrade(StrEnum):
    """The bank's own grade: A probability of default up to 1 %, B up to 5 %, C above."""

    A = "A"
    B = "B"
    C = "C"


class ClientStatus(StrEnum):
    """Whether the relationship is alive."""

    PROSPECT = "PROSPECT"
    ACTIVE = "ACTIVE"
    DORMANT = "DORMANT"
    CLOSED = "CLOSED"


class WatchList(StrEnum):
    """How closely a client is watched; who is on no list has none."""

    AMBER = "AMBER"
    RED = "RED"


class InteractionKind(StrEnum):
    """How the bank and a client spoke to each other."""

    VISIT = "VISIT"
    CALL = "CALL"
    MAIL = "MAIL"
    MEETING = "MEETING"
    SURVEY = "SURVEY"


class RegistrationRefusal(StrEnum):
    """Why a registration number cannot be one, in the order in which it is asked."""

    COUNTRY_UNKNOWN = "COUNTRY_UNKNOWN"
    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    ODD_CHARACTERS = "ODD_CHARACTERS"
    WRONG_LENGTH = "WRONG_LENGTH"
    WRONG_CHECK_DIGIT = "WRONG_CHECK_DIGIT"


LONGEST_REGISTRATION = 40
_PUNCTUATION = frozenset("-./ ")


def registration_number(country: str, number: str) -> str | RegistrationRefusal:
    """The number in its one written form, or why it is none.

    `country` is ISO 3166 alpha-2. China's unified social credit code (GB 32100-2015) is held to its length
    and check digit; other countries' numbers to letters, digits and the separators they are written with.
    """
    if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        return RegistrationRefusal.COUNTRY_UNKNOWN
    written = unicodedata.normalize("NFKC", number).strip().upper()
    if not written:
        return RegistrationRefusal.EMPTY
    if len(written) > LONGEST_REGISTRATION:
        return RegistrationRefusal.TOO_LONG
    if not all(c.isascii() and (c.isalnum() or c in _PUNCTUATION) for c in written):
        return RegistrationRefusal.ODD_CHARACTERS
    return _unified_social_credit_code(written) if country == "CN" else written


def _unified_social_credit_code(written: str) -> str | RegistrationRefusal:
    compact: str = uscc.compact(written)
    if len(compact) != 18:
        return RegistrationRefusal.WRONG_LENGTH
    return compact if uscc.is_valid(compact) else RegistrationRefusal.WRONG_CHECK_DIGIT
