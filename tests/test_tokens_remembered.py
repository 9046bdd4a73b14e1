"""A verified token is remembered for ten minutes at most, a refused one not at all; none reaches the log."""

from __future__ import annotations

import logging
from typing import Any

import jwt
import pytest
from signed_tokens import (
    NOW,
    Clock,
    Issuer,
    claims_with,
    fault_of,
    jwk_of,
    keys_of,
    settings_with,
    signed,
    verifier_of,
)

import api.tokens
from api.tokens import TokenFault, TokenVerifier


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
