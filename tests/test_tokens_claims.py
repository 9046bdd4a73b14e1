"""Whom the claims of a signed token make of its sender, and which claims make nobody."""

from __future__ import annotations

from typing import Any

import pytest
from signed_tokens import (
    ISSUER,
    NOW,
    WITHOUT,
    claims_with,
    fault_of,
    jwk_of,
    signed,
    verifier_of,
)

from api.tokens import TokenFault, TokenRefused
from domain.access import HEADQUARTERS_ROLES, OFFICE_ROLES, Caller, Role

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
