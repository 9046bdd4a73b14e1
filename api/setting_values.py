"""How the values of settings are written: what is taken, and a sentence for what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from domain.access import Role

ASYMMETRIC_ALGORITHMS = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
"""All that may be configured: HS* would make the public key a secret, and `none` is no signature."""


def up_to(most: int, default: int, description: str) -> Any:
    """A whole number from 1."""
    return Field(default=default, ge=1, le=most, description=description)


def _postgres_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        # Read for its errors: a password with a bare # or / shows up as a port that is no number.
        _ = urlsplit(value).port
    except ValueError:
        # The standard library's own message quotes the part that it could not read: perhaps the password.
        raise ValueError("is not a URL; percent-encode special characters in the password") from None
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql:// or postgres://")
    return value


def _key_location(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        scheme, hostname = urlsplit(value).scheme, urlsplit(value).hostname
    except ValueError:
        raise ValueError("is neither a URL nor a file path") from None
    if "://" in value and not (scheme in ("http", "https") and hostname):
        raise ValueError("must be an https:// URL or the path of a file")
    return value


def _algorithm_names(value: object) -> object:
    """ "RS256, ES256" as people write it, or a JSON list."""
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return _json(value)
    return [name.strip() for name in value.split(",") if name.strip()]


def _asymmetric(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not ASYMMETRIC_ALGORITHMS.issuperset(value):
        raise ValueError(
            f"must be some of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}; symmetric ones and none are refused"
        )
    return value


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None


def _our_roles(value: dict[str, str]) -> dict[str, str]:
    if not set(Role).issuperset(value.values()):
        raise ValueError(f"must map to our role names only: {', '.join(Role)}")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


PostgresUrl = Annotated[str | None, AfterValidator(_postgres_url)]
KeyLocation = Annotated[str | None, AfterValidator(_key_location)]
Algorithms = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_algorithm_names), AfterValidator(_asymmetric)
]
RoleMap = Annotated[dict[str, str], NoDecode, BeforeValidator(_json), AfterValidator(_our_roles)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]
HomePath = Annotated[Path | None, AfterValidator(lambda path: path.expanduser() if path else path)]
