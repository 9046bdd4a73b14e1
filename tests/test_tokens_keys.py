"""Which of the issuer's keys count, when they are fetched, and that a bad fetch takes none away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from signed_tokens import (
    WITHOUT,
    Clock,
    Issuer,
    claims_with,
    document_of,
    fault_of,
    jwk_of,
    keys_of,
    settings_with,
    signed,
    verifier_of,
)

import api.tokens
from api.settings import Settings
from api.tokens import KeySet, TokenFault, TokenRefused, TokenVerifier

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
