"""Whom a bearer token makes of its sender, and which tokens make nobody."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import multiprocessing
import stat
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

import api.tokens
from api.issuer import (
    KEY_FILE,
    PERSONA_FORMS,
    DevelopmentIssuer,
    IssuerRefused,
    UnknownPersona,
    parse_persona,
    verifier_for,
)
from api.settings import DEVELOPMENT_ISSUER, Settings
from api.tokens import KeySet, TokenFault, TokenRefused, TokenVerifier
from domain.access import HEADQUARTERS_ROLES, OFFICE_ROLES, Caller, Role

NOW = 1_800_000_000
ISSUER = "https://login.bank.example"
JWKS_URL = "https://login.bank.example/jwks"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "branchgraph",
    "sub": "u-1",
    "exp": NOW + 300,
    "role": "BRANCH_MANAGER",
    "office": "310000",
}
WITHOUT = object()
"""Stands for a claim or member that is left out."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(kind: str) -> PrivateKey:
    """One key of each kind for all tests; RSA keys are slow to make."""
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "rsa-weak":
            return rsa.generate_private_key(65537, 1024)
        case "ed":
            return ed25519.Ed25519PrivateKey.generate()
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return ec.generate_private_key(ec.SECP256R1())


def jwk_of(kind: str, **members: object) -> dict[str, Any]:
    """The public key as a member of a key set, with the kind as its id."""
    public = private_key(kind).public_key()
    match public:
        case rsa.RSAPublicKey():
            jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            jwk = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    # PyJWT adds key_ops of its own; the tests state what they need.
    jwk.pop("key_ops", None)
    return {name: value for name, value in {**jwk, "kid": kind, **members}.items() if value is not WITHOUT}


def document_of(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def claims_with(**changes: object) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not WITHOUT}


def signed(
    claims: dict[str, Any] | None = None,
    *,
    by: str = "ec",
    algorithm: str = "ES256",
    headers: dict[str, Any] | None = None,
) -> str:
    payload = CLAIMS if claims is None else claims
    named = {"kid": by} if headers is None else headers
    return jwt.PyJWS().encode(json.dumps(payload).encode(), private_key(by), algorithm, headers=named)


def segment(part: bytes | dict[str, Any]) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def settings_with(**changes: Any) -> Settings:
    return Settings(
        **{"token_issuer": ISSUER, "token_jwks": JWKS_URL, "environment": "development", **changes}
    )


def keys_of(*keys: dict[str, Any], algorithms: tuple[str, ...] = ()) -> KeySet:
    async def read() -> bytes:
        return document_of(*keys)

    return KeySet(read, algorithms or settings_with().token_algorithms)


def verifier_of(*keys: dict[str, Any], now: float = NOW, **changes: Any) -> TokenVerifier:
    return TokenVerifier(settings_with(**changes), keys_of(*(keys or (jwk_of("ec"),))), clock=lambda: now)


async def fault_of(verifier: TokenVerifier, authorization: str | None) -> TokenFault:
    with pytest.raises(TokenRefused) as refused:
        await verifier.caller(authorization)
    # Safe to show: a sentence, and nothing out of the token.
    assert str(refused.value).endswith(".")
    assert all(part not in str(refused.value) for part in (authorization or "").split(".") if len(part) > 20)
    return refused.value.reason


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Issuer:
    """An issuer's key endpoint, counting how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.body = document_of(*keys)
        self.status = 200
        self.asked = 0
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.reached.set()
        await asyncio.sleep(0)
        await self.released.wait()
        return httpx.Response(self.status, content=self._stream())

    async def _stream(self) -> AsyncIterator[bytes]:
        yield self.body

    def keys(self, monotonic: Callable[[], float]) -> KeySet:
        transport = httpx.MockTransport(self.answer)
        return KeySet.at(JWKS_URL, settings_with().token_algorithms, transport=transport, monotonic=monotonic)


# Who the caller is


@pytest.mark.parametrize("role", sorted(OFFICE_ROLES))
async def test_an_office_role_comes_with_its_office(role: Role) -> None:
    caller = await verifier_of().caller(f"Bearer {signed(claims_with(role=role))}")
    assert caller == Caller("u-1", role, office="310000")


@pytest.mark.parametrize("role", sorted(HEADQUARTERS_ROLES))
async def test_headquarters_need_no_office_and_one_is_ignored(role: Role) -> None:
    caller = await verifier_of().caller(f"Bearer {signed(claims_with(role=role, client='X'))}")
    assert caller == Caller("u-1", role)


async def test_a_client_user_comes_with_his_company() -> None:
    claims = claims_with(role="CLIENT_USER", client="CN:91310000MA1K35X12P")
    caller = await verifier_of().caller(f"Bearer {signed(claims)}")
    assert caller == Caller("u-1", Role.CLIENT_USER, client_registration="CN:91310000MA1K35X12P")


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa", "RS256"), ("rsa", "PS256"), ("ec", "ES256"), ("ed", "EdDSA")]
)
async def test_each_kind_of_key_verifies_its_own_algorithms(kind: str, algorithm: str) -> None:
    verifier = verifier_of(jwk_of("rsa"), jwk_of("ec"), jwk_of("ed"))
    assert (await verifier.caller(f"bearer {signed(by=kind, algorithm=algorithm)}")).office == "310000"


async def test_the_role_may_stand_in_a_nested_claim_under_the_banks_own_name() -> None:
    verifier = verifier_of(
        token_role_claim="realm_access.roles", token_role_map={"Filialleitung": "BRANCH_MANAGER"}
    )
    claims = claims_with(role=WITHOUT, realm_access={"roles": ["offline_access", "Filialleitung"]})
    assert (await verifier.caller(f"Bearer {signed(claims)}")).role is Role.BRANCH_MANAGER


async def test_a_role_map_is_the_whole_list_of_roles() -> None:
    verifier = verifier_of(token_role_map={"Filialleitung": "BRANCH_MANAGER"})
    claims = claims_with(role="HEADQUARTERS_ADMINISTRATOR")
    assert await fault_of(verifier, f"Bearer {signed(claims)}") is TokenFault.UNKNOWN_ROLE


async def test_a_claim_may_be_named_by_a_url_with_dots_in_it() -> None:
    verifier = verifier_of(token_office_claim="https://bank.example/office")
    claims = claims_with(office=WITHOUT) | {"https://bank.example/office": "440000"}
    assert (await verifier.caller(f"Bearer {signed(claims)}")).office == "440000"


async def test_a_list_of_one_office_is_that_office() -> None:
    assert (await verifier_of().caller(f"Bearer {signed(claims_with(office=['7']))}")).office == "7"


async def test_one_of_several_audiences_is_enough() -> None:
    claims = claims_with(aud=["account", "branchgraph"])
    assert (await verifier_of().caller(f"Bearer {signed(claims)}")).subject == "u-1"


async def test_a_token_without_a_key_id_is_verified_by_the_only_key() -> None:
    assert (await verifier_of().caller(f"Bearer {signed(headers={})}")).subject == "u-1"


# Claims that are refused


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"iss": WITHOUT}, TokenFault.WRONG_ISSUER),
        ({"iss": ISSUER + "/"}, TokenFault.WRONG_ISSUER),
        ({"iss": [ISSUER]}, TokenFault.WRONG_ISSUER),
        ({"aud": WITHOUT}, TokenFault.WRONG_AUDIENCE),
        ({"aud": "payments"}, TokenFault.WRONG_AUDIENCE),
        ({"aud": {"branchgraph": 1}}, TokenFault.WRONG_AUDIENCE),
        ({"exp": WITHOUT}, TokenFault.MISSING_CLAIM),
        ({"exp": NOW - 10}, TokenFault.EXPIRED),
        ({"exp": "tomorrow"}, TokenFault.INVALID_CLAIM),
        ({"exp": True}, TokenFault.INVALID_CLAIM),
        ({"exp": float("nan")}, TokenFault.INVALID_CLAIM),
        ({"exp": float("inf")}, TokenFault.INVALID_CLAIM),
        ({"exp": 10**400}, TokenFault.INVALID_CLAIM),
        ({"nbf": NOW + 11}, TokenFault.NOT_YET_VALID),
        ({"nbf": "now"}, TokenFault.INVALID_CLAIM),
        ({"iat": NOW + 11}, TokenFault.NOT_YET_VALID),
        ({"sub": WITHOUT}, TokenFault.MISSING_CLAIM),
        ({"sub": ""}, TokenFault.MISSING_CLAIM),
        ({"sub": 7}, TokenFault.INVALID_CLAIM),
        ({"sub": "u\x00"}, TokenFault.INVALID_CLAIM),
        ({"sub": "\ud800"}, TokenFault.INVALID_CLAIM),
        ({"sub": "u" * 256}, TokenFault.INVALID_CLAIM),
        ({"role": WITHOUT}, TokenFault.MISSING_CLAIM),
        ({"role": "KING"}, TokenFault.UNKNOWN_ROLE),
        ({"role": "branch_manager"}, TokenFault.UNKNOWN_ROLE),
        ({"role": {"BRANCH_MANAGER": True}}, TokenFault.UNKNOWN_ROLE),
        ({"role": ["BRANCH_MANAGER", "AUDITOR"]}, TokenFault.AMBIGUOUS_ROLE),
        ({"office": WITHOUT}, TokenFault.MISSING_CLAIM),
        ({"office": ""}, TokenFault.MISSING_CLAIM),
        ({"office": []}, TokenFault.MISSING_CLAIM),
        ({"office": 310000}, TokenFault.INVALID_CLAIM),
        ({"office": ["1", "2"]}, TokenFault.INVALID_CLAIM),
        ({"office": "1\x00"}, TokenFault.INVALID_CLAIM),
        ({"office": "1" * 65}, TokenFault.INVALID_CLAIM),
        ({"role": "CLIENT_USER"}, TokenFault.MISSING_CLAIM),
        ({"role": "CLIENT_USER", "client": " "}, TokenFault.INVALID_CLAIM),
    ],
)
async def test_a_signed_token_with_a_wrong_claim_is_refused(
    changes: dict[str, Any], fault: TokenFault
) -> None:
    assert await fault_of(verifier_of(), f"Bearer {signed(claims_with(**changes))}") is fault


async def test_a_missing_claim_is_named() -> None:
    with pytest.raises(TokenRefused, match="lacks the claim 'office'"):
        await verifier_of().caller(f"Bearer {signed(claims_with(office=WITHOUT))}")


@pytest.mark.parametrize("changes", [{"exp": NOW - 9}, {"nbf": NOW + 10}, {"iat": NOW + 10}])
async def test_clocks_may_differ_by_the_leeway(changes: dict[str, int]) -> None:
    assert (await verifier_of().caller(f"Bearer {signed(claims_with(**changes))}")).subject == "u-1"


# Headers that are refused


@pytest.mark.parametrize(
    ("authorization", "fault"),
    [
        (None, TokenFault.MISSING),
        ("", TokenFault.MISSING),
        ("  ", TokenFault.MISSING),
        ("Bearer", TokenFault.MALFORMED),
        ("Bearer ", TokenFault.MALFORMED),
        ("Basic dXNlcjpwYXNz", TokenFault.MALFORMED),
        ("Bearer abc", TokenFault.MALFORMED),
        ("Bearer a.b", TokenFault.MALFORMED),
        ("Bearer a.b.c.d", TokenFault.MALFORMED),
        ("Bearer a.b.c, Bearer a.b.c", TokenFault.MALFORMED),
        ("Bearer é.b.c", TokenFault.MALFORMED),
        ("Bearer a.b.c\x00", TokenFault.MALFORMED),
        ("Bearer abcde.b.c", TokenFault.MALFORMED),
        (f"Bearer {segment(b'[]')}.e30.c", TokenFault.MALFORMED),
        (f"Bearer {segment(bytes([255, 254]))}.e30.c", TokenFault.MALFORMED),
        (f"Bearer {segment(b'[' * 5000)}.e30.c", TokenFault.MALFORMED),
        (f"Bearer {segment(b'9' * 5000)}.e30.c", TokenFault.MALFORMED),
        ("Bearer " + "a" * 8192 + ".b.c", TokenFault.TOO_LARGE),
    ],
)
async def test_a_header_that_holds_no_token_is_refused(authorization: str | None, fault: TokenFault) -> None:
    assert await fault_of(verifier_of(), authorization) is fault


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"kid": "ec", "crit": ["exp"], "exp": 1}, TokenFault.MALFORMED),
        ({"kid": "ec", "crit": []}, TokenFault.MALFORMED),
        ({"kid": "ec", "b64": False}, TokenFault.MALFORMED),
        ({"kid": 7}, TokenFault.MALFORMED),
        ({"kid": "other"}, TokenFault.UNKNOWN_KEY),
        ({"kid": "ec", "alg": None}, TokenFault.ALGORITHM_REFUSED),
        ({"kid": "ec", "alg": ["ES256"]}, TokenFault.ALGORITHM_REFUSED),
        ({"kid": "ec", "alg": "EdDSA"}, TokenFault.ALGORITHM_REFUSED),
    ],
)
async def test_a_token_with_a_wrong_header_is_refused(headers: dict[str, Any], fault: TokenFault) -> None:
    token = f"{segment({'alg': 'ES256', **headers})}.{segment(CLAIMS)}.{segment(b's' * 64)}"
    assert await fault_of(verifier_of(), f"Bearer {token}") is fault


async def test_a_token_without_a_key_id_is_refused_when_there_are_several_keys() -> None:
    verifier = verifier_of(jwk_of("ec"), jwk_of("rsa"))
    assert await fault_of(verifier, f"Bearer {signed(headers={})}") is TokenFault.UNKNOWN_KEY


async def test_claims_that_are_no_object_are_refused() -> None:
    token = jwt.PyJWS().encode(b"[]", private_key("ec"), "ES256", headers={"kid": "ec"})
    assert await fault_of(verifier_of(), f"Bearer {token}") is TokenFault.MALFORMED


# Forgeries


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
async def test_an_unsigned_token_is_refused_without_asking_for_keys(name: str) -> None:
    issuer = Issuer(jwk_of("ec"))
    verifier = TokenVerifier(settings_with(), issuer.keys(Clock()), clock=Clock())
    token = f"{segment({'alg': name, 'kid': 'ec'})}.{segment(CLAIMS)}."
    assert await fault_of(verifier, f"Bearer {token}") is TokenFault.ALGORITHM_REFUSED
    assert issuer.asked == 0


async def test_the_public_key_is_no_shared_secret() -> None:
    public = private_key("rsa").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{segment({'alg': 'HS256', 'kid': 'rsa'})}.{segment(CLAIMS)}"
    token = f"{body}.{segment(hmac.digest(pem, body.encode(), hashlib.sha256))}"
    assert await fault_of(verifier_of(jwk_of("rsa")), f"Bearer {token}") is TokenFault.ALGORITHM_REFUSED


async def test_a_key_of_one_type_does_not_verify_the_algorithm_of_another() -> None:
    verifier = verifier_of(jwk_of("rsa"), jwk_of("ec"))
    token = signed(by="ec", algorithm="ES256", headers={"kid": "rsa"})
    assert await fault_of(verifier, f"Bearer {token}") is TokenFault.ALGORITHM_REFUSED


async def test_a_signature_by_another_key_is_refused() -> None:
    token = signed(by="ec-of-a-stranger", headers={"kid": "ec"})
    assert await fault_of(verifier_of(), f"Bearer {token}") is TokenFault.BAD_SIGNATURE


async def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = signed().split(".")
    forged = segment(claims_with(role="HEADQUARTERS_ADMINISTRATOR"))
    fault = await fault_of(verifier_of(), f"Bearer {header}.{forged}.{signature}")
    assert fault is TokenFault.BAD_SIGNATURE


async def test_a_key_inside_the_token_is_not_trusted() -> None:
    stranger = "ec-of-a-stranger"
    token = signed(by=stranger, headers={"kid": "ec", "jwk": jwk_of(stranger), "jku": "https://evil.example"})
    assert await fault_of(verifier_of(), f"Bearer {token}") is TokenFault.BAD_SIGNATURE


# Which keys count


@pytest.mark.parametrize(
    "key",
    [
        jwk_of("ec", use="enc"),
        jwk_of("ec", key_ops=["encrypt"]),
        jwk_of("ec", key_ops=7),
        jwk_of("ec", alg="ES384"),
        jwk_of("ec", crv="P-384"),
        jwk_of("ec", crv=["P-256"]),
        jwk_of("ec", kid=7),
        jwk_of("ec", x=7),
        jwk_of("ec", x=WITHOUT),
        jwk_of("rsa", n="!"),
        {"kty": "oct", "kid": "ec", "k": "c2VjcmV0", "alg": "ES256"},
        {},
    ],
    # Not the random halves: the workers must name the cases alike.
    ids=lambda key: ",".join(
        f"{n}={str(key[n])[:9]}" if n not in ("x", "y") or key[n] == 7 else n for n in key
    ),
)
async def test_a_key_meant_for_something_else_is_passed_over(key: dict[str, Any]) -> None:
    verifier = verifier_of(key, jwk_of("ed"))
    assert (await verifier.caller(f"Bearer {signed(by='ed', algorithm='EdDSA')}")).subject == "u-1"
    assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.UNKNOWN_KEY


@pytest.mark.parametrize(("kind", "algorithm"), [("rsa-weak", "RS256"), ("p384", "ES384")])
async def test_a_key_too_weak_or_of_an_unconfigured_algorithm_is_not_a_key(kind: str, algorithm: str) -> None:
    keys = keys_of(jwk_of(kind), jwk_of("ec"))
    with pytest.raises(TokenRefused) as refused:
        await keys.find(kind, algorithm)
    assert refused.value.reason is TokenFault.UNKNOWN_KEY


async def test_a_key_verifies_only_the_algorithm_that_it_states() -> None:
    verifier = verifier_of(jwk_of("rsa", alg="PS256"))
    assert (await verifier.caller(f"Bearer {signed(by='rsa', algorithm='PS256')}")).subject == "u-1"
    fault = await fault_of(verifier, f"Bearer {signed(by='rsa', algorithm='RS256')}")
    assert fault is TokenFault.ALGORITHM_REFUSED


async def test_only_configured_algorithms_are_accepted() -> None:
    verifier = verifier_of(token_algorithms=("RS256",))
    assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.ALGORITHM_REFUSED


def test_a_verifier_without_an_issuer_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="TOKEN_ISSUER"):
        TokenVerifier(Settings(token_issuer=None, token_jwks=None, environment="development"), keys_of())


# When keys are fetched


async def test_an_unknown_key_id_fetches_the_keys_at_most_once_a_minute() -> None:
    issuer, clock = Issuer(jwk_of("ec")), Clock()
    keys = issuer.keys(clock)
    verifier = TokenVerifier(settings_with(), keys, clock=Clock())
    await verifier.caller(f"Bearer {signed()}")
    issuer.body = document_of(jwk_of("ec"), jwk_of("ed"))
    rotated = f"Bearer {signed(by='ed', algorithm='EdDSA')}"

    clock.now += 59
    assert [await fault_of(verifier, rotated) for _ in range(5)] == [TokenFault.UNKNOWN_KEY] * 5
    assert issuer.asked == 1

    clock.now += 1
    assert (await verifier.caller(rotated)).subject == "u-1"
    forged = f"Bearer {signed(headers={'kid': 'forged'})}"
    assert [await fault_of(verifier, forged) for _ in range(5)] == [TokenFault.UNKNOWN_KEY] * 5
    assert issuer.asked == 2


async def test_requests_that_come_together_share_one_fetch() -> None:
    issuer = Issuer(jwk_of("ec"))
    verifier = TokenVerifier(settings_with(), issuer.keys(Clock()), clock=Clock())
    callers = await asyncio.gather(*(verifier.caller(f"Bearer {signed()}") for _ in range(50)))
    assert {caller.subject for caller in callers} == {"u-1"}
    assert issuer.asked == 1


async def test_a_slow_fetch_is_joined_rather_than_begun_again() -> None:
    issuer, clock = Issuer(jwk_of("ec")), Clock()
    issuer.released.clear()
    verifier = TokenVerifier(settings_with(), issuer.keys(clock), clock=Clock())
    first = asyncio.create_task(verifier.caller(f"Bearer {signed()}"))
    await issuer.reached.wait()
    clock.now += 60
    second = asyncio.create_task(verifier.caller(f"Bearer {signed()}"))
    for _ in range(100):
        await asyncio.sleep(0)
    issuer.released.set()
    await asyncio.gather(first, second)
    assert issuer.asked == 1


async def test_a_request_that_is_given_up_leaves_the_fetch_to_the_others() -> None:
    issuer = Issuer(jwk_of("ec"))
    verifier = TokenVerifier(settings_with(), issuer.keys(Clock()), clock=Clock())
    first = asyncio.create_task(verifier.caller(f"Bearer {signed()}"))
    second = asyncio.create_task(verifier.caller(f"Bearer {signed()}"))
    await issuer.reached.wait()
    first.cancel()
    assert (await second).subject == "u-1"
    assert issuer.asked == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (200, b"<html>"),
        (200, b"\xff"),
        (200, b"[]"),
        (200, b'{"keys": 7}'),
        (200, b'{"keys": []}'),
        (200, b"[" * 100_000),
        (200, document_of(jwk_of("ed")) + b" " * 300_000),
    ],
)
async def test_earlier_keys_stay_in_force_when_a_fetch_fails(status: int, body: bytes) -> None:
    issuer, clock = Issuer(jwk_of("ec")), Clock()
    verifier = TokenVerifier(settings_with(), issuer.keys(clock), clock=Clock())
    await verifier.caller(f"Bearer {signed()}")
    issuer.status, issuer.body = status, body
    clock.now += 60
    assert await fault_of(verifier, f"Bearer {signed(headers={'kid': 'new'})}") is TokenFault.UNKNOWN_KEY
    assert issuer.asked == 2
    assert (await verifier.caller(f"Bearer {signed(claims_with(sub='u-2'))}")).subject == "u-2"


async def test_unreachable_keys_are_told_as_such_and_tried_again_soon() -> None:
    issuer, clock = Issuer(jwk_of("ec")), Clock()
    issuer.status = 503
    verifier = TokenVerifier(settings_with(), issuer.keys(clock), clock=Clock())
    for _ in range(5):
        assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.KEYS_UNAVAILABLE
    assert issuer.asked == 1
    issuer.status = 200
    clock.now += 2
    assert (await verifier.caller(f"Bearer {signed()}")).subject == "u-1"


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/jwks", "/nowhere/jwks.json", "/"])
async def test_a_location_without_keys_is_no_crash(location: str) -> None:
    keys = KeySet.at(location, ("ES256",))
    verifier = TokenVerifier(settings_with(), keys, clock=Clock())
    assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.KEYS_UNAVAILABLE


async def test_a_silent_issuer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.tokens, "FETCH_TIMEOUT_S", 0.05)

    async def silent() -> bytes:
        await asyncio.sleep(60)
        return b""

    verifier = TokenVerifier(settings_with(), KeySet(silent, ("ES256",)), clock=Clock())
    assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.KEYS_UNAVAILABLE


async def test_keys_are_read_from_a_file_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file, clock = tmp_path / "jwks.json", Clock()
    file.write_bytes(document_of(jwk_of("ec")))
    verifier = TokenVerifier(
        settings_with(), KeySet.at(str(file), ("ES256", "EdDSA"), monotonic=clock), clock=Clock()
    )
    assert (await verifier.caller(f"Bearer {signed()}")).subject == "u-1"
    file.write_bytes(document_of(jwk_of("ed")))
    clock.now += 60
    assert (await verifier.caller(f"Bearer {signed(by='ed', algorithm='EdDSA')}")).subject == "u-1"
    assert await fault_of(verifier, f"Bearer {signed()}") is TokenFault.UNKNOWN_KEY


async def test_a_withdrawn_key_stops_working_though_nobody_names_a_new_one() -> None:
    issuer, clock = Issuer(jwk_of("ec")), Clock()
    verifier = TokenVerifier(settings_with(), issuer.keys(clock), clock=Clock())
    known = f"Bearer {signed()}"
    await verifier.caller(known)
    issuer.body = document_of(jwk_of("ed"))
    clock.now += 300
    # The request that notices does not wait for the issuer; those after it know.
    assert (await verifier.caller(f"Bearer {signed(claims_with(sub='u-2'))}")).subject == "u-2"
    for _ in range(100):
        await asyncio.sleep(0)
    assert await fault_of(verifier, known) is TokenFault.UNKNOWN_KEY


# What is remembered


class CountingSignatures(jwt.PyJWS):
    """Counts how often a signature is really checked."""

    def __init__(self) -> None:
        super().__init__()
        self.checked = 0

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        self.checked += 1
        return super().decode(*args, **kwargs)


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> CountingSignatures:
    counting = CountingSignatures()
    monkeypatch.setattr(api.tokens, "_SIGNATURES", counting)
    return counting


async def test_a_verified_token_is_remembered_for_ten_minutes(signatures: CountingSignatures) -> None:
    clock = Clock()
    verifier = TokenVerifier(settings_with(), keys_of(jwk_of("ec")), clock=clock)
    token = f"Bearer {signed(claims_with(exp=NOW + 3600))}"
    for at, checked in [(NOW, 1), (NOW + 599, 1), (NOW + 600, 2)]:
        clock.now = at
        await verifier.caller(token)
        assert signatures.checked == checked


async def test_a_remembered_token_is_refused_after_its_expiry() -> None:
    clock = Clock()
    verifier = TokenVerifier(settings_with(), keys_of(jwk_of("ec")), clock=clock)
    token = f"Bearer {signed(claims_with(exp=NOW + 60))}"
    assert (await verifier.verified(token)).refused_from_s == NOW + 70
    clock.now = NOW + 69
    assert (await verifier.caller(token)).subject == "u-1"
    clock.now = NOW + 70
    assert await fault_of(verifier, token) is TokenFault.EXPIRED


async def test_a_refused_token_is_not_remembered(signatures: CountingSignatures) -> None:
    verifier = verifier_of()
    for _ in range(2):
        await fault_of(verifier, f"Bearer {signed(claims_with(role='KING'))}")
    assert signatures.checked == 2


async def test_what_is_remembered_is_bounded_and_the_least_used_goes_first(
    signatures: CountingSignatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.tokens, "KEPT_TOKENS_MAX", 2)
    verifier = verifier_of()
    first, second, third = (f"Bearer {signed(claims_with(sub=f'u-{n}'))}" for n in range(3))
    for token in (first, second, first, third):
        await verifier.caller(token)
    assert signatures.checked == 3
    await verifier.caller(first)
    assert signatures.checked == 3
    await verifier.caller(second)
    assert signatures.checked == 4


async def test_nothing_of_a_token_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    issuer = Issuer()
    verifier = TokenVerifier(settings_with(), issuer.keys(Clock()), clock=Clock())
    await fault_of(verifier, f"Bearer {signed()}")
    assert "token keys could not be read" in caplog.text
    assert not any(part in caplog.text for part in signed().split(".")[:2])


# The development issuer


PERSONAS = {
    "headquarters": Caller("development|headquarters", Role.HEADQUARTERS_ADMINISTRATOR),
    "analyst": Caller("development|analyst", Role.HEADQUARTERS_ANALYST),
    "auditor": Caller("development|auditor", Role.AUDITOR),
    "region:EAST": Caller("development|region:EAST", Role.REGIONAL_MANAGER, office="EAST"),
    "branch:310000": Caller("development|branch:310000", Role.BRANCH_MANAGER, office="310000"),
    "manager:310000": Caller("development|manager:310000", Role.RELATIONSHIP_MANAGER, office="310000"),
    "officer:310000": Caller("development|officer:310000", Role.CREDIT_OFFICER, office="310000"),
    "client:91310000MA1K35X12P": Caller(
        "development|client:91310000MA1K35X12P",
        Role.CLIENT_USER,
        client_registration="91310000MA1K35X12P",
    ),
    "client:CN:91310000MA1K35X12P": Caller(
        "development|client:CN:91310000MA1K35X12P",
        Role.CLIENT_USER,
        client_registration="CN:91310000MA1K35X12P",
    ),
}


@pytest.mark.parametrize("persona", PERSONAS)
async def test_each_persona_signs_in_as_its_caller(persona: str, tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path, environment="development")
    verifier = verifier_for(Settings(environment="development", token_jwks=None, token_issuer=None), tmp_path)
    caller = await verifier.caller(f"Bearer {issuer.token(persona)}")
    assert caller == parse_persona(persona) == PERSONAS[persona]


def test_every_role_has_a_persona() -> None:
    assert {caller.role for caller in PERSONAS.values()} == set(Role)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "king",
        "Branch:310000",
        "headquarters:",
        "headquarters:1",
        "branch",
        "branch:",
        "branch: 1",
        "branch:1 2",
        "branch:1\n",
        "branch:1\x00",
        "branch:1:2",
        "branch:\ud800",
        "branch:" + "1" * 65,
        " branch:1",
        "client",
        "client:",
        "client:CN:",
        "client:cn:91310000",
        "client:CHN:91310000",
        "client:CN:DE:91310000",
        "client:CN:" + "1" * 65,
    ],
)
def test_anything_else_is_no_persona_and_the_forms_are_listed(text: str) -> None:
    with pytest.raises(UnknownPersona) as refused:
        parse_persona(text)
    assert all(form in str(refused.value) for form in PERSONA_FORMS)


def test_the_longest_code_is_sixty_four_characters() -> None:
    assert parse_persona("branch:" + "1" * 64).office == "1" * 64
    assert parse_persona("client:CN:" + "1" * 64).client_registration == "CN:" + "1" * 64


async def test_the_longest_client_persona_signs_in(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path, environment="development")
    verifier = issuer.verifier(Settings(environment="development", token_jwks=None, token_issuer=None))
    assert await verifier.caller(f"Bearer {issuer.token('client:CN:' + '1' * 64)}")


async def test_a_development_token_lasts_a_working_day(tmp_path: Path) -> None:
    claims = jwt.decode(
        DevelopmentIssuer(tmp_path, environment="development").token("analyst", now=NOW),
        options={"verify_signature": False},
    )
    assert (claims["iss"], claims["iat"], claims["exp"]) == (DEVELOPMENT_ISSUER, NOW, NOW + 8 * 3600)


async def test_settings_for_the_banks_issuer_do_not_lock_out_development(tmp_path: Path) -> None:
    settings = Settings(
        environment="development",
        token_jwks=None,
        token_issuer=None,
        token_audience="crm",
        token_algorithms=("RS256",),
        token_role_claim="realm_access.roles",
        token_role_map={"chef": "BRANCH_MANAGER"},
    )
    issuer = DevelopmentIssuer(tmp_path, environment="development", audience="crm")
    token = issuer.token("auditor")
    assert (await verifier_for(settings, tmp_path).caller(f"Bearer {token}")).role is Role.AUDITOR


@pytest.mark.parametrize("environment", ["production", "", "prod"])
def test_the_development_issuer_runs_in_development_only(environment: str, tmp_path: Path) -> None:
    with pytest.raises(IssuerRefused, match="refused in production"):
        DevelopmentIssuer(tmp_path, environment=environment)
    assert list(tmp_path.iterdir()) == []


async def test_with_a_key_set_configured_the_development_issuer_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(document_of(jwk_of("ec")))
    home = tmp_path / "home"
    verifier = verifier_for(settings_with(token_jwks=str(file)), home)
    # The verifier runs on the real clock here.
    assert (await verifier.caller(f"Bearer {signed(claims_with(exp=2**40))}")).subject == "u-1"
    assert not home.exists()
    token = DevelopmentIssuer(home, environment="development").token("headquarters")
    assert await fault_of(verifier, f"Bearer {token}") is TokenFault.UNKNOWN_KEY


def test_the_key_is_made_at_first_use_private_and_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    issuer = DevelopmentIssuer(home, environment="development")
    assert not home.exists()
    published = issuer.jwks()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in home.iterdir()] == [KEY_FILE]
    assert DevelopmentIssuer(home, environment="development").jwks() == published
    assert "d" not in published["keys"][0]


def test_processes_that_race_end_with_one_key(tmp_path: Path) -> None:
    # Spawned, not forked: a fork copies whatever threads and loops the other tests left.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        published = pool.map(_published_key, [str(tmp_path / "home")] * 8, chunksize=1)
    assert len(set(published)) == 1
    assert [file.name for file in (tmp_path / "home").iterdir()] == [KEY_FILE]


def test_who_finds_the_key_made_meanwhile_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = DevelopmentIssuer(tmp_path, environment="development")
    published = issuer.jwks()
    # The loser of a race is the one who saw no file, though there is one by now.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert issuer.jwks() == published


def _published_key(home: str) -> str:
    return json.dumps(DevelopmentIssuer(Path(home), environment="development").jwks())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kty": "EC"}', json.dumps(jwk_of("ec")), "\ud7ff"])
def test_a_spoilt_key_file_is_told_with_the_remedy(content: str, tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(IssuerRefused, match="Delete it"):
        DevelopmentIssuer(tmp_path, environment="development").token("analyst")


def test_a_home_that_cannot_hold_the_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IssuerRefused, match="Set DATA_HOME"):
        verifier_for(
            Settings(environment="development", token_jwks=None, token_issuer=None),
            tmp_path / "file" / "home",
        )


async def test_a_key_that_was_deleted_and_made_anew_is_picked_up(tmp_path: Path) -> None:
    clock = Clock()
    issuer = DevelopmentIssuer(tmp_path, environment="development")

    async def read() -> bytes:
        return json.dumps(issuer.jwks()).encode()

    keys = KeySet(read, ("ES256",), monotonic=clock)
    settings = settings_with(token_issuer=DEVELOPMENT_ISSUER)
    verifier = TokenVerifier(settings, keys)
    before = f"Bearer {issuer.token('analyst')}"
    await verifier.caller(before)
    (tmp_path / KEY_FILE).unlink()
    clock.now += 60
    assert (await verifier.caller(f"Bearer {issuer.token('auditor')}")).role is Role.AUDITOR
    assert await fault_of(verifier, before) is TokenFault.UNKNOWN_KEY
