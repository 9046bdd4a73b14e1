"""Keys, the tokens signed with them, and a verifier that trusts them: an issuer in the tests' own hands."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.settings import Settings
from api.tokens import KeySet, TokenFault, TokenRefused, TokenVerifier

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
