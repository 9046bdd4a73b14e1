"""A token that is malformed, unsigned, forged or signed by a stranger makes nobody."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from signed_tokens import (
    CLAIMS,
    Clock,
    Issuer,
    claims_with,
    fault_of,
    jwk_of,
    private_key,
    segment,
    settings_with,
    signed,
    verifier_of,
)

from api.tokens import TokenFault, TokenVerifier

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
