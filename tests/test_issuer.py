"""The development issuer signs in every persona, in development only, with one key that it keeps private."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import jwt
import pytest
from signed_tokens import (
    NOW,
    Clock,
    claims_with,
    document_of,
    fault_of,
    jwk_of,
    settings_with,
    signed,
)

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
from api.tokens import KeySet, TokenFault, TokenVerifier
from domain.access import Caller, Role

PERSONAS = {
    "headquarters": Caller("development|headquarters", Role.HEADQUARTERS_ADMINISTRATOR),
    "headquarters:second": Caller("development|headquarters:second", Role.HEADQUARTERS_ADMINISTRATOR),
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
        "headquarters:second:1",
        "analyst:second",
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
