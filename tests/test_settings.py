"""What an operator may set, and how a wrong setting is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, load_settings, settings_table

PRODUCTION = {
    "ENVIRONMENT": "production",
    "TOKEN_JWKS": "https://login.bank.example/jwks",
    "TOKEN_ISSUER": "https://login.bank.example",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in set(os.environ) & {name.upper() for name in Settings.model_fields}:
        monkeypatch.delenv(variable)


def settings_from(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return load_settings()


def refusal_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as refused:
        settings_from(monkeypatch, **environment)
    # Nor may a traceback print what the message withholds.
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    return str(refused.value)


def test_nothing_needs_to_be_set_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(monkeypatch)
    assert (settings.environment, settings.host, settings.port) == ("development", "127.0.0.1", 8000)
    assert settings.database_url is None
    assert settings.token_jwks is None
    assert settings.token_algorithms == ("RS256", "PS256", "ES256", "EdDSA")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(monkeypatch, PORT="", DATABASE_URL="", TOKEN_ROLE_MAP="", TOKEN_ALGORITHMS="")
    assert settings == Settings()


def test_settings_are_read_from_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(
        monkeypatch,
        **PRODUCTION,
        DATABASE_URL="postgres://portal@db/bank",
        DATA_HOME="~/bank",
        LOG_LEVEL="WARNING",
        TOKEN_ALGORITHMS="ES256, EdDSA",
        TOKEN_ROLE_MAP='{"Filialleitung": "BRANCH_MANAGER"}',
    )
    assert settings.database_url == "postgres://portal@db/bank"
    assert settings.data_home == Path.home() / "bank"
    assert settings.log_level == "warning"
    assert settings.token_algorithms == ("ES256", "EdDSA")
    assert settings.token_role_map == {"Filialleitung": "BRANCH_MANAGER"}


def test_algorithms_may_also_be_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_from(monkeypatch, TOKEN_ALGORITHMS='["PS256"]').token_algorithms == ("PS256",)


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("DATABASE_URL", "mysql://db/bank"),
        ("DATABASE_URL", "postgresql+asyncpg://db/bank"),
        ("READ_DATABASE_URL", "replica.bank.example"),
        ("DATABASE_POOLER", "session"),
        ("DATABASE_CONNECTIONS", "0"),
        ("STATEMENT_TIMEOUT_MS", "0"),
        ("REQUEST_TIMEOUT_S", "nan"),
        ("REQUEST_TIMEOUT_S", "inf"),
        ("LOG_LEVEL", "loud"),
        ("INTROSPECTION", "friends"),
        ("TRUSTED_DOCUMENTS_ONLY", "perhaps"),
        ("LEXICAL_TOKEN_LIMIT", "0"),
        ("DEPTH_LIMIT", "51"),
        ("ALIAS_LIMIT", "many"),
        ("COST_LIMIT", "0"),
        ("RESPONSE_BYTES_LIMIT", "-1"),
        ("TOKEN_JWKS", "ftp://login.bank.example/jwks"),
        ("TOKEN_JWKS", "https://"),
        ("TOKEN_ALGORITHMS", "HS256"),
        ("TOKEN_ALGORITHMS", "RS256,none"),
        ("TOKEN_ALGORITHMS", ","),
        ("TOKEN_ALGORITHMS", "[1"),
        ("TOKEN_ROLE_MAP", "{"),
        ("TOKEN_ROLE_MAP", "[]"),
        ("TOKEN_ROLE_MAP", '{"chef": "KING"}'),
        ("TOKEN_LEEWAY_S", "-1"),
        ("TOKEN_LEEWAY_S", "301"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    message = refusal_of(monkeypatch, **{variable: value})
    assert f"  {variable}: " in message
    assert "unset it" in message


def test_every_wrong_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal_of(monkeypatch, PORT="x", DATABASE_CONNECTIONS="many")
    assert "PORT: " in message
    assert "DATABASE_CONNECTIONS: " in message


@pytest.mark.parametrize(
    "url",
    ["mysql://portal:hunter2@db/bank", "postgresql://portal:hunter2#/@db/bank", "postgresql://[hunter2"],
)
def test_a_refusal_never_quotes_a_secret(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = refusal_of(monkeypatch, DATABASE_URL=url, DATABASE_ROLE_PASSWORD="hunter2", PORT="hunter2")
    assert "hunter2" not in message


def test_settings_made_in_code_do_not_quote_a_secret_either() -> None:
    with pytest.raises(ValueError, match="database_url") as refused:
        Settings(database_url="mysql://portal:hunter2@db/bank")
    assert "hunter2" not in str(refused.value)


def test_printed_settings_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(
        monkeypatch,
        DATABASE_URL="postgresql://portal:hunter2@db/bank",
        READ_DATABASE_URL="postgresql://portal:hunter2@replica/bank",
        DATABASE_ROLE_PASSWORD="hunter2",
    )
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("variable", ["TOKEN_JWKS", "TOKEN_ISSUER"])
def test_production_needs_the_banks_own_issuer(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    message = refusal_of(monkeypatch, **{**PRODUCTION, variable: ""})
    assert f"{variable}: is required in production. Set it to" in message


def test_production_refuses_the_development_issuer_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal_of(
        monkeypatch, **{**PRODUCTION, "TOKEN_ISSUER": "https://development.branchgraph.invalid"}
    )
    assert "TOKEN_ISSUER: the development issuer is refused in production" in message


def test_production_keys_do_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal_of(monkeypatch, **{**PRODUCTION, "TOKEN_JWKS": "http://login.bank.example/jwks"})
    assert "TOKEN_JWKS: must not travel in the clear" in message


@pytest.mark.parametrize("location", ["http://127.0.0.1:8080/jwks", "/etc/bank/jwks.json"])
def test_production_keys_may_come_from_this_machine(monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    assert settings_from(monkeypatch, **{**PRODUCTION, "TOKEN_JWKS": location}).token_jwks == location


@pytest.mark.parametrize(
    ("given", "lacking"), [("TOKEN_JWKS", "TOKEN_ISSUER"), ("TOKEN_ISSUER", "TOKEN_JWKS")]
)
def test_half_an_issuer_is_no_issuer(monkeypatch: pytest.MonkeyPatch, given: str, lacking: str) -> None:
    assert f"{lacking}: is required" in refusal_of(monkeypatch, **{given: PRODUCTION[given]})


@pytest.mark.parametrize(
    ("environment", "shown_to"),
    [
        ({}, "everyone"),
        ({"INTROSPECTION": "nobody"}, "nobody"),
        (PRODUCTION, "headquarters"),
        ({**PRODUCTION, "INTROSPECTION": "everyone"}, "everyone"),
        (
            {"TRUSTED_DOCUMENTS": "/m.json", "TRUSTED_DOCUMENTS_ONLY": "true", "INTROSPECTION": "everyone"},
            "nobody",
        ),
    ],
)
def test_the_schema_is_shown_to_everyone_only_where_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], shown_to: str
) -> None:
    assert settings_from(monkeypatch, **environment).introspection_is_for == shown_to


def test_strictness_needs_documents_to_be_strict_about(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TRUSTED_DOCUMENTS: is required" in refusal_of(monkeypatch, TRUSTED_DOCUMENTS_ONLY="true")


def test_a_bucket_holds_what_one_operation_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "COST_BUCKET: must hold" in refusal_of(monkeypatch, COST_LIMIT="1000", COST_BUCKET="999")


def test_every_limit_of_an_operation_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = settings_from(monkeypatch, LEXICAL_TOKEN_LIMIT="11", DEPTH_LIMIT="12", COST_LIMIT="13").limits
    assert (limits.tokens, limits.depth, limits.cost) == (11, 12, 13)


LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"]
NETWORK = ["0.0.0.0", "::", "0", "192.168.1.5", "::ffff:192.168.1.5", "bank.example", "localhost.example"]


@pytest.mark.parametrize("host", NETWORK)
@pytest.mark.parametrize("environment", [{}, {"ENVIRONMENT": ""}])
def test_the_development_issuer_does_not_meet_a_network_unasked(
    monkeypatch: pytest.MonkeyPatch, host: str, environment: dict[str, str]
) -> None:
    message = refusal_of(monkeypatch, HOST=host, **environment)
    assert "HOST: the development issuer signs in anybody who can reach it. Set TOKEN_JWKS and" in message
    assert "or ENVIRONMENT=development to let everybody on this network sign in." in message
    assert host == "0" or host not in message


@pytest.mark.parametrize("host", NETWORK)
@pytest.mark.parametrize(
    ("environment", "is_open"),
    [
        ({"ENVIRONMENT": "development"}, True),
        (PRODUCTION, False),
        ({**PRODUCTION, "ENVIRONMENT": ""}, False),
        ({**PRODUCTION, "ENVIRONMENT": "development"}, False),
    ],
)
def test_a_network_is_served_by_the_banks_issuer_or_by_decision(
    monkeypatch: pytest.MonkeyPatch, host: str, environment: dict[str, str], is_open: bool
) -> None:
    settings = settings_from(monkeypatch, HOST=host, **environment)
    assert (settings.host, settings.signs_in_the_network) == (host, is_open)


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("environment", ["", "development"])
def test_the_development_issuer_serves_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str, environment: str
) -> None:
    settings = settings_from(monkeypatch, HOST=host, ENVIRONMENT=environment)
    assert (settings.host, settings.signs_in_the_network) == (host, False)


def test_the_table_names_every_variable_with_default_and_meaning() -> None:
    rows = settings_table().splitlines()
    assert rows[0] == "| Variable | Default | Meaning |"
    assert len(rows) == 2 + len(Settings.model_fields)
    assert "| `PORT` | `8000` | TCP port to listen on; 0 takes any free one. |" in rows
    for name, field in Settings.model_fields.items():
        assert f"| `{name.upper()}` |" in settings_table()
        assert field.description
