"""What a person can mend: told in a sentence, without a traceback, and with which code the process ends."""

from __future__ import annotations

from api.embedded import EmbeddedError
from api.issuer import IssuerRefused, UnknownPersona
from api.serving import CannotServe
from api.settings import SettingsError
from tenants.database import DatabaseUnavailable
from tenants.demo import ForeignBank
from tenants.guard import UnsafeDatabase

MISUSED = (SettingsError, UnknownPersona)
EXPECTED = (
    *MISUSED,
    EmbeddedError,
    CannotServe,
    DatabaseUnavailable,
    UnsafeDatabase,
    IssuerRefused,
    ForeignBank,
)


def code_of(problem: Exception) -> int | None:
    """The exit code; None of what is a fault of ours."""
    if isinstance(problem, MISUSED):
        return 2
    return 1 if isinstance(problem, EXPECTED) else None
