"""What links between companies are made of."""

from __future__ import annotations

from enum import StrEnum

Company = tuple[str, str]
"""A company, whoever's client it is: the country of its register (ISO 3166) and its number there."""


class LinkKind(StrEnum):
    """What connects two companies."""

    OWNERSHIP = "OWNERSHIP"
    CONTROL = "CONTROL"
    GUARANTEE = "GUARANTEE"


class LinkDirection(StrEnum):
    """Which end of a link the client is: a link leads from holder, controller or guarantor to the other."""

    OUTWARD = "OUTWARD"
    INWARD = "INWARD"
