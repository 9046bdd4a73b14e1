"""Signs in the people of the demonstration: a token issuer for development, refused in production."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from api.settings import DEVELOPMENT_ISSUER, Settings
from api.tokens import CODE_CHARACTERS_MAX, KeySet, TokenVerifier, is_plain_text
from domain.access import Caller, Role

ALGORITHM: Final = "ES256"
KEY_FILE: Final = "development-issuer.jwk"
WORKING_DAY_S: Final = 8 * 3600


class IssuerRefused(ValueError):
    """The development issuer may not run (production) or cannot keep its key; str() says what to do."""


class UnknownPersona(ValueError):
    """Text that names no persona; str() lists the forms that do."""


class DevelopmentIssuer:
    """Signs tokens for personas with a key made at first use and kept in `home`.

    `home` is created (0700) if it is missing. Raises IssuerRefused in production.
    """

    def __init__(self, home: Path, *, environment: str, audience: str = "branchgraph") -> None:
        if environment != "development":
            raise IssuerRefused(
                "The development issuer signs in anybody and is refused in production. "
                "Set TOKEN_JWKS and TOKEN_ISSUER to the bank's own issuer."
            )
        self._file = home / KEY_FILE
        self._audience = audience

    def jwks(self) -> dict[str, Any]:
        """The public key set; raises IssuerRefused when the key can be neither read nor made."""
        private = self._private_jwk()
        public = {name: value for name, value in private.items() if name != "d"}
        return {"keys": [public]}

    def token(self, persona: str, *, now: int | None = None, lifetime_s: int = WORKING_DAY_S) -> str:
        """A token for a persona, from `now` (Unix seconds) on; raises UnknownPersona, IssuerRefused."""
        caller = parse_persona(persona)
        issued_at_s = int(time.time()) if now is None else now
        claims: dict[str, Any] = {
            "iss": DEVELOPMENT_ISSUER,
            "aud": self._audience,
            "sub": caller.subject,
            "iat": issued_at_s,
            "exp": issued_at_s + lifetime_s,
            "role": caller.role.value,
        }
        if caller.office is not None:
            claims["office"] = caller.office
        if caller.client_registration is not None:
            claims["client"] = caller.client_registration
        key = self._private_jwk()
        return jwt.encode(claims, jwt.PyJWK(key, ALGORITHM), ALGORITHM, headers={"kid": key["kid"]})

    def verifier(self, settings: Settings) -> TokenVerifier:
        """Verifies this issuer's tokens; of the token settings only audience and leeway count.

        The others describe the bank's issuer, and would refuse ours.
        """
        ours = {
            "token_issuer": DEVELOPMENT_ISSUER,
            "token_audience": self._audience,
            "token_algorithms": (ALGORITHM,),
            "token_role_claim": "role",
            "token_office_claim": "office",
            "token_client_claim": "client",
            "token_role_map": {},
        }

        async def read() -> bytes:
            return json.dumps(await asyncio.to_thread(self.jwks)).encode()

        return TokenVerifier(settings.model_copy(update=ours), KeySet(read, (ALGORITHM,)))

    def _private_jwk(self) -> dict[str, Any]:
        # Read each time: another process may have made the key, or somebody deleted it to get a new one.
        try:
            if not self._file.exists():
                _write_once(self._file, json.dumps(_new_key()))
            key = json.loads(self._file.read_bytes())
            jwt.PyJWK(key, ALGORITHM)
        except OSError as error:
            raise IssuerRefused(
                f"The development issuer cannot keep its key in {self._file.parent} ({error.strerror}). "
                "Set DATA_HOME to a directory that this user may write."
            ) from None
        except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
            raise IssuerRefused(f"{self._file} holds no usable key. Delete it; a new one is made.") from None
        if not isinstance(key, dict) or not isinstance(key.get("kid"), str) or "d" not in key:
            raise IssuerRefused(f"{self._file} holds no usable key. Delete it; a new one is made.")
        return key


def verifier_for(settings: Settings, home: Path) -> TokenVerifier:
    """Verifies the configured issuer's tokens; without one, the development issuer's (its key is in `home`).

    Raises IssuerRefused when the development issuer would be needed and may not run or cannot keep its key.
    """
    if settings.token_jwks is not None:
        return TokenVerifier(settings, KeySet.at(settings.token_jwks, settings.token_algorithms))
    issuer = DevelopmentIssuer(home, environment=settings.environment, audience=settings.token_audience)
    # Made now, so that a home which cannot be written stops the start rather than every request.
    issuer.jwks()
    return issuer.verifier(settings)


_HEADQUARTERS: Final = {
    "headquarters": Role.HEADQUARTERS_ADMINISTRATOR,
    # Another person, for what takes two of them.
    "headquarters:second": Role.HEADQUARTERS_ADMINISTRATOR,
    "analyst": Role.HEADQUARTERS_ANALYST,
    "auditor": Role.AUDITOR,
}
_OFFICES: Final = {
    "region": Role.REGIONAL_MANAGER,
    "branch": Role.BRANCH_MANAGER,
    "manager": Role.RELATIONSHIP_MANAGER,
    "officer": Role.CREDIT_OFFICER,
}
PERSONA_FORMS: Final = (
    *_HEADQUARTERS,
    *(f"{kind}:CODE" for kind in _OFFICES),
    "client:REGISTRATION_NUMBER",
    "client:CC:REGISTRATION_NUMBER",
)
"""What a persona may look like. CODE is an office's (for manager and officer a branch's), CC a country's."""


def parse_persona(text: str) -> Caller:
    """Whom a persona stands for ("branch:310000"); raises UnknownPersona."""
    kind, _, code = text.partition(":")
    subject = f"development|{text}"
    if text in _HEADQUARTERS:
        return Caller(subject, _HEADQUARTERS[text])
    if kind in _OFFICES and _is_code(code):
        return Caller(subject, _OFFICES[kind], office=code)
    if kind == "client" and _is_code(re.sub("^[A-Z]{2}:", "", code)):
        return Caller(subject, Role.CLIENT_USER, client_registration=code)
    raise UnknownPersona(
        f"{text[:40]!r} is not a persona. Use one of: {', '.join(PERSONA_FORMS)}. "
        f"Codes have 1 to {CODE_CHARACTERS_MAX} characters without spaces or further colons."
    )


def _is_code(text: str) -> bool:
    return is_plain_text(text, CODE_CHARACTERS_MAX) and " " not in text and ":" not in text


def _new_key() -> dict[str, Any]:
    jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    # RFC 7638: the key's id is a digest of its required members in this order, without spaces.
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    kid = urlsafe_b64encode(sha256(members.encode()).digest()).rstrip(b"=").decode()
    return {**jwk, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _write_once(file: Path, text: str) -> None:
    """Write a private file whole, or leave the one that another process wrote first; raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes it 0600. A link fails if the name is taken, where a rename would replace the winner's key.
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as unfinished:
            unfinished.write(text)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        os.link(temporary, file)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
