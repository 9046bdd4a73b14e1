"""From a bearer token to a caller."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import httpx
import jwt

from api.settings import Settings
from domain.access import OFFICE_ROLES, Caller, Role

AUTHORIZATION_BYTES_MAX: Final = 8 * 1024
KEY_SET_BYTES_MAX: Final = 256 * 1024
FETCH_TIMEOUT_S: Final = 3.0
REFETCH_EVERY_S: Final = 60.0
"""An unknown key id fetches the set at most this often: forged ids must not flood the issuer."""
RETRY_EVERY_S: Final = 2.0
"""While no key was ever read nobody can sign in, so the wait is shorter."""
FRESH_FOR_S: Final = 300.0
"""An older set is read again in the background, so that a key the issuer withdrew stops working."""
KEPT_FOR_S: Final = 600.0
KEPT_TOKENS_MAX: Final = 10_000
SUBJECT_CHARACTERS_MAX: Final = 255
CODE_CHARACTERS_MAX: Final = 64
REGISTRATION_CHARACTERS_MAX: Final = CODE_CHARACTERS_MAX + len("CN:")

KeySource = Callable[[], Awaitable[bytes]]
"""Reads a JSON Web Key Set; may fail with OSError, httpx.HTTPError or ValueError."""

logger = logging.getLogger(__name__)


class TokenFault(StrEnum):
    """Why a token was refused. KEYS_UNAVAILABLE is our own fault (503), the others are the caller's (401)."""

    MISSING = "MISSING"
    MALFORMED = "MALFORMED"
    TOO_LARGE = "TOO_LARGE"
    ALGORITHM_REFUSED = "ALGORITHM_REFUSED"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    WRONG_ISSUER = "WRONG_ISSUER"
    WRONG_AUDIENCE = "WRONG_AUDIENCE"
    MISSING_CLAIM = "MISSING_CLAIM"
    INVALID_CLAIM = "INVALID_CLAIM"
    UNKNOWN_ROLE = "UNKNOWN_ROLE"
    AMBIGUOUS_ROLE = "AMBIGUOUS_ROLE"
    KEYS_UNAVAILABLE = "KEYS_UNAVAILABLE"


_SENTENCES: Final = {
    TokenFault.MISSING: "A bearer token is required: send the header 'Authorization: Bearer <token>'.",
    TokenFault.MALFORMED: "The Authorization header does not hold a well-formed bearer token.",
    TokenFault.TOO_LARGE: f"The Authorization header is longer than {AUTHORIZATION_BYTES_MAX} bytes.",
    TokenFault.ALGORITHM_REFUSED: "The token's signature algorithm is not accepted for its key.",
    TokenFault.UNKNOWN_KEY: "The token names no key of the configured issuer.",
    TokenFault.BAD_SIGNATURE: "The token's signature does not match.",
    TokenFault.EXPIRED: "The token has expired; obtain a new one.",
    TokenFault.NOT_YET_VALID: "The token is not valid yet; check the issuer's clock.",
    TokenFault.WRONG_ISSUER: "The token was not issued by the configured issuer.",
    TokenFault.WRONG_AUDIENCE: "The token was not issued for this service.",
    TokenFault.MISSING_CLAIM: "The token lacks the claim '{claim}'.",
    TokenFault.INVALID_CLAIM: "The token's claim '{claim}' has a value that cannot be used.",
    TokenFault.UNKNOWN_ROLE: "The token names no role that is known here.",
    TokenFault.AMBIGUOUS_ROLE: "The token names several roles; it must name one.",
    TokenFault.KEYS_UNAVAILABLE: "Tokens cannot be checked just now; try again shortly.",
}


class TokenRefused(Exception):
    """No caller could be made of the request; str() is safe to show and quotes nothing of the token."""

    def __init__(self, reason: TokenFault, *, claim: str = "") -> None:
        # `claim` is the name of a claim as configured by us, never a value.
        super().__init__(_SENTENCES[reason].format(claim=claim))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A caller, and the Unix time from which the token is refused (leeway included): sockets close then."""

    caller: Caller
    refused_from_s: float


class TokenVerifier:
    """Checks bearer tokens of one issuer; remembers the good ones, since a signature costs about 80 µs."""

    def __init__(self, settings: Settings, keys: KeySet, *, clock: Callable[[], float] = time.time) -> None:
        self._rules = ClaimRules.of(settings)
        self._algorithms = frozenset(settings.token_algorithms)
        self._keys = keys
        self._clock = clock
        self._kept = _KeptTokens()

    async def caller(self, authorization: str | None) -> Caller:
        """Who sent this Authorization header ("Bearer x"); raises TokenRefused."""
        return (await self.verified(authorization)).caller

    async def verified(self, authorization: str | None) -> VerifiedToken:
        """As `caller`, with the time at which the token ends; raises TokenRefused."""
        token = bearer_token(authorization)
        fingerprint = sha256(token.encode()).digest()
        kept = self._kept.find(fingerprint, self._clock(), self._keys.version)
        if kept is not None:
            return kept
        kid, algorithm = _key_and_algorithm(token, self._algorithms)
        key = await self._keys.find(kid, algorithm)
        now = self._clock()
        claims = _signed_claims(token, key, algorithm)
        verified = VerifiedToken(read_caller(claims, self._rules, now), claims["exp"] + self._rules.leeway_s)
        # Kept up to exp itself: within the leeway each request is judged anew.
        self._kept.keep(fingerprint, verified, min(claims["exp"], now + KEPT_FOR_S), self._keys.version)
        return verified


class KeySet:
    """The issuer's public keys, fetched when needed; a failed fetch leaves the earlier keys in force."""

    def __init__(
        self, read: KeySource, algorithms: Collection[str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._algorithms = frozenset(algorithms)
        self._monotonic = monotonic
        self._keys: tuple[VerifyingKey, ...] = ()
        self._digest = b""
        self._attempted_at_s = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self.version = 0
        """Grows when the keys change; what was verified under an earlier version must be verified again."""

    @classmethod
    def at(
        cls,
        location: str,
        algorithms: Collection[str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The keys at a URL (http:// or https://) or in a file."""
        if location.startswith(("http://", "https://")):
            return cls(lambda: _read_url(location, transport), algorithms, monotonic=monotonic)
        return cls(lambda: asyncio.to_thread(_read_file, Path(location)), algorithms, monotonic=monotonic)

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey:
        """The key with this id, fit for this algorithm; without an id, the only key there is.

        Raises TokenRefused: KEYS_UNAVAILABLE, UNKNOWN_KEY or ALGORITHM_REFUSED.
        """
        if not self._keys:
            await self._settled(self._fetch_unless_within(RETRY_EVERY_S))
        elif self._monotonic() - self._attempted_at_s >= FRESH_FOR_S:
            self._fetch_unless_within(REFETCH_EVERY_S)
        if not self._keys:
            raise TokenRefused(TokenFault.KEYS_UNAVAILABLE)
        if kid is not None and not self._named(kid):
            await self._settled(self._fetch_unless_within(REFETCH_EVERY_S))
        named = self._named(kid)
        if not named:
            raise TokenRefused(TokenFault.UNKNOWN_KEY)
        fit = next((key for key in named if algorithm in key.algorithms), None)
        if fit is None:
            raise TokenRefused(TokenFault.ALGORITHM_REFUSED)
        return fit

    def _named(self, kid: str | None) -> tuple[VerifyingKey, ...]:
        if kid is None:
            return self._keys if len(self._keys) == 1 else ()
        return tuple(key for key in self._keys if key.kid == kid)

    def _fetch_unless_within(self, seconds: float) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one; None if the last began less than `seconds` ago."""
        if self._fetching is None and self._monotonic() - self._attempted_at_s >= seconds:
            self._attempted_at_s = self._monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    @staticmethod
    async def _settled(fetching: asyncio.Task[None] | None) -> None:
        if fetching is not None:
            # Shielded: one request that is given up must not end the fetch on which others wait.
            await asyncio.shield(fetching)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                body = await self._read()
            keys = usable_keys(body, self._algorithms)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            # The type only: a message may quote the location, which may hold a password.
            logger.warning(
                "token keys could not be read: %s; %d earlier keys stay in force",
                type(error).__name__,
                len(self._keys),
            )
        else:
            self._adopt(keys, sha256(body).digest())
        finally:
            self._fetching = None

    def _adopt(self, keys: tuple[VerifyingKey, ...], digest: bytes) -> None:
        if digest != self._digest:
            self._keys, self._digest, self.version = keys, digest, self.version + 1


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key and the algorithms that it may verify; `public` is a key object of `cryptography`."""

    kid: str | None
    algorithms: frozenset[str]
    public: Any


# Pinned by type of key: a token's header may choose among these, never outside them.
_ALGORITHMS_OF_KEY: Final = {
    ("RSA", None): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
_PUBLIC_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")


def usable_keys(body: bytes, allowed: frozenset[str]) -> tuple[VerifyingKey, ...]:
    """The keys of a key set that may verify our tokens; raises ValueError when there is none."""
    document = json.loads(body)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JSON Web Key Set")
    keys = tuple(key for entry in listed if (key := _verifying_key(entry, allowed)) is not None)
    if not keys:
        raise ValueError("the key set holds no usable key")
    return keys


def _verifying_key(entry: object, allowed: frozenset[str]) -> VerifyingKey | None:
    """None for a key that is symmetric, weak, meant for something else, or of a kind that we do not know."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    if "key_ops" in entry and "verify" not in _listed(entry["key_ops"]):
        return None
    kty, kid, stated = entry.get("kty"), entry.get("kid"), entry.get("alg")
    curve = None if kty == "RSA" else entry.get("crv")
    algorithms = _ALGORITHMS_OF_KEY.get((str(kty), curve and str(curve)), frozenset()) & allowed
    if stated is not None:
        algorithms &= {str(stated)}
    if not algorithms or not isinstance(kid, str | None):
        return None
    try:
        # Only the public half is taken, should the issuer have published more.
        parsed = jwt.PyJWK({name: entry[name] for name in _PUBLIC_MEMBERS if name in entry}, min(algorithms))
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    weak = parsed.Algorithm.check_key_length(parsed.key) is not None
    return None if weak else VerifyingKey(kid, algorithms, parsed.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """What the claims of a token must say, and which claim says what."""

    issuer: str
    audience: str
    leeway_s: int
    role_claim: str
    office_claim: str
    client_claim: str
    roles: Mapping[str, Role]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises ValueError without an issuer: tokens of anybody would be accepted."""
        if not settings.token_issuer:
            raise ValueError("a token verifier needs TOKEN_ISSUER")
        # A map is the whole truth: the bank's own "AUDITOR" must not become ours by coincidence.
        names = settings.token_role_map or {role.value: role.value for role in Role}
        return cls(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            leeway_s=settings.token_leeway_s,
            role_claim=settings.token_role_claim,
            office_claim=settings.token_office_claim,
            client_claim=settings.token_client_claim,
            roles={theirs: Role(ours) for theirs, ours in names.items()},
        )


def read_caller(claims: Mapping[str, Any], rules: ClaimRules, now_s: float) -> Caller:
    """Whom signed claims describe at a moment (Unix seconds); raises TokenRefused. Checked in this order:

    issuer, audience, expiry, not-before, issued-at, subject, role, then the claim that the role needs.
    """
    if claims.get("iss") != rules.issuer:
        raise TokenRefused(TokenFault.WRONG_ISSUER)
    if rules.audience not in _listed(claims.get("aud")):
        raise TokenRefused(TokenFault.WRONG_AUDIENCE)
    if now_s >= _moment(claims, "exp") + rules.leeway_s:
        raise TokenRefused(TokenFault.EXPIRED)
    if any(name in claims and _moment(claims, name) > now_s + rules.leeway_s for name in ("nbf", "iat")):
        raise TokenRefused(TokenFault.NOT_YET_VALID)
    subject = _text(claims, "sub", SUBJECT_CHARACTERS_MAX)
    role = _role(claims, rules)
    if role in OFFICE_ROLES:
        return Caller(subject, role, office=_text(claims, rules.office_claim, CODE_CHARACTERS_MAX))
    if role is Role.CLIENT_USER:
        registration = _text(claims, rules.client_claim, REGISTRATION_CHARACTERS_MAX)
        return Caller(subject, role, client_registration=registration)
    return Caller(subject, role)


def _role(claims: Mapping[str, Any], rules: ClaimRules) -> Role:
    stated = claim_at(claims, rules.role_claim)
    if stated is None:
        raise TokenRefused(TokenFault.MISSING_CLAIM, claim=rules.role_claim)
    # Names that are not ours are passed over: issuers list all of a user's roles, most for other systems.
    found = {rules.roles[name] for name in _listed(stated) if name in rules.roles}
    if not found:
        raise TokenRefused(TokenFault.UNKNOWN_ROLE)
    if len(found) > 1:
        # Any choice of ours would be a guess, and the wider role the worst of them.
        raise TokenRefused(TokenFault.AMBIGUOUS_ROLE)
    return found.pop()


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this very name, which may hold dots (a URL), else the one reached by its dotted parts."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(claims: Mapping[str, Any], path: str, characters_max: int) -> str:
    stated = claim_at(claims, path)
    if isinstance(stated, list) and len(stated) == 1:
        # Keycloak writes a user attribute as a list even when it has one value.
        stated = stated[0]
    if stated is None or stated in ("", []):
        raise TokenRefused(TokenFault.MISSING_CLAIM, claim=path)
    if not isinstance(stated, str) or not is_plain_text(stated, characters_max):
        raise TokenRefused(TokenFault.INVALID_CLAIM, claim=path)
    return stated


def is_plain_text(text: str, characters_max: int) -> bool:
    """Whether text is bounded, not blank at its ends, and free of NUL, controls and lone surrogates."""
    return 0 < len(text) <= characters_max and text.isprintable() and text.strip() == text


def _moment(claims: Mapping[str, Any], name: str) -> float:
    stated = claims.get(name)
    if stated is None:
        raise TokenRefused(TokenFault.MISSING_CLAIM, claim=name)
    # bool is an int in Python; NaN would compare false with everything, and so never expire.
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not abs(stated) < 2**53:
        raise TokenRefused(TokenFault.INVALID_CLAIM, claim=name)
    return stated


def _listed(stated: object) -> list[str]:
    values = stated if isinstance(stated, list) else [stated]
    return [value for value in values if isinstance(value, str)]


# Strict on purpose: laxer base64 would give one token many spellings.
_BEARER: Final = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]*) *", re.ASCII | re.IGNORECASE)


def bearer_token(authorization: str | None) -> str:
    """The token in an Authorization header; raises TokenRefused: MISSING, TOO_LARGE or MALFORMED."""
    if authorization is None or not authorization.strip():
        raise TokenRefused(TokenFault.MISSING)
    if len(authorization) > AUTHORIZATION_BYTES_MAX:
        raise TokenRefused(TokenFault.TOO_LARGE)
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise TokenRefused(TokenFault.MALFORMED)
    return match[1]


def _key_and_algorithm(token: str, allowed: frozenset[str]) -> tuple[str | None, str]:
    """What the header asks for. Checked before any key is looked up, so that `none` never causes a fetch."""
    segment = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        raise TokenRefused(TokenFault.MALFORMED) from None
    if not isinstance(header, dict) or "crit" in header or "b64" in header:
        # `crit` says "refuse me unless you understand these"; we understand none.
        raise TokenRefused(TokenFault.MALFORMED)
    kid, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(kid, str | None):
        raise TokenRefused(TokenFault.MALFORMED)
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise TokenRefused(TokenFault.ALGORITHM_REFUSED)
    return kid, algorithm


_SIGNATURES: Final = jwt.PyJWS()


def _signed_claims(token: str, key: VerifyingKey, algorithm: str) -> dict[str, Any]:
    try:
        claims = json.loads(_SIGNATURES.decode(token, key.public, algorithms=[algorithm]))
    except jwt.InvalidSignatureError:
        raise TokenRefused(TokenFault.BAD_SIGNATURE) from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefused(TokenFault.MALFORMED) from None
    if not isinstance(claims, dict):
        raise TokenRefused(TokenFault.MALFORMED)
    return claims


class _KeptTokens:
    """Verified tokens by fingerprint, least recently used first; never the tokens themselves."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[VerifiedToken, float]] = OrderedDict()
        self._version = 0

    def find(self, fingerprint: bytes, now_s: float, version: int) -> VerifiedToken | None:
        if version != self._version:
            self._entries.clear()
            self._version = version
        verified, until_s = self._entries.get(fingerprint, (None, 0.0))
        if verified is None:
            return None
        if now_s >= until_s:
            del self._entries[fingerprint]
            return None
        self._entries.move_to_end(fingerprint)
        return verified

    def keep(self, fingerprint: bytes, verified: VerifiedToken, until_s: float, version: int) -> None:
        if version != self._version:
            self._entries.clear()
            self._version = version
        self._entries[fingerprint] = (verified, until_s)
        if len(self._entries) > KEPT_TOKENS_MAX:
            self._entries.popitem(last=False)


async def _read_url(url: str, transport: httpx.AsyncBaseTransport | None) -> bytes:
    # Uncompressed, because a bound on compressed bytes is none; a client each time, because it is rare.
    async with (
        httpx.AsyncClient(transport=transport, timeout=FETCH_TIMEOUT_S) as client,
        client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
    ):
        response.raise_for_status()
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > KEY_SET_BYTES_MAX:
                raise ValueError("the key set is too large")
        return body


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(KEY_SET_BYTES_MAX + 1)
    if len(body) > KEY_SET_BYTES_MAX:
        raise ValueError("the key set is too large")
    return body
