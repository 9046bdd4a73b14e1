"""Everything an operator may set: its default, its meaning, and a clear no when it is wrong."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.setting_values import Algorithms, HomePath, KeyLocation, LogLevel, PostgresUrl, RoleMap, up_to
from schema.admission import Introspection
from schema.limits import DEFAULT_LIMITS, Limits

DEVELOPMENT_ISSUER = "https://development.branchgraph.invalid"
"""The `iss` of tokens that the development issuer signs; `.invalid` can never be a real host (RFC 2606)."""


class SettingsError(Exception):
    """The settings cannot be used; str() lists each variable, what is wrong with it and how to mend it."""


class Settings(BaseSettings):
    """What the process was told by its environment; the variable is the field's name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    environment: Literal["development", "production"] = Field(
        default="development",
        description="`production` refuses the development issuer and demands real token keys.",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; other than loopback needs TOKEN_JWKS, or ENVIRONMENT set to "
        "`development` explicitly.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one."
    )
    log_level: LogLevel = Field(
        default="info", description="`debug`, `info`, `warning`, `error` or `critical`."
    )

    # repr=False: the URL holds a password, and settings get printed in tracebacks.
    database_url: PostgresUrl = Field(
        default=None,
        repr=False,
        description="PostgreSQL to use (`postgresql://…`); unset runs the embedded server.",
    )
    read_database_url: PostgresUrl = Field(
        default=None,
        repr=False,
        description="Streaming replica from which headquarters reads; unset reads the primary.",
    )
    database_role_password: SecretStr | None = Field(
        default=None, description="Password of the login roles that the migrations create."
    )
    database_pooler: Literal["none", "transaction"] = Field(
        default="none",
        description="`transaction` behind PgBouncer in transaction mode: no prepared statements are kept.",
    )
    database_connections: int = Field(
        default=10, ge=1, le=1000, description="Most connections each login role may hold open."
    )
    data_home: HomePath = Field(
        default=None,
        description="Directory of the embedded server and the development key; unset uses the user's own.",
    )
    statement_timeout_ms: int = Field(
        # Before the request's own end: the database then says itself what was too long.
        default=7000,
        ge=1,
        le=600_000,
        description="Milliseconds after which the database gives up a statement.",
    )
    request_timeout_s: float = Field(
        # Everything counts, waiting for a connection included; an answer in eight seconds has to be written, too.
        default=7.5,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="Seconds after which a request is answered TIMEOUT.",
    )

    jobs_in_server: bool = Field(
        default=True,
        description="Whether the server does scheduled jobs beside requests; else run `python -m api work`.",
    )
    idempotency_key_days: int = up_to(
        3650, 30, "Days after which the answer under an idempotency key is forgotten."
    )
    job_log_days: int = up_to(3650, 30, "Days after which the jobs' log is forgotten.")

    trusted_documents: HomePath = Field(
        default=None,
        description="JSON file of documents by id, as graphql-codegen, relay-compiler or Apollo write it, for "
        "requests with a `documentId`.",
    )
    trusted_documents_only: bool = Field(
        default=False,
        description="Whether anything but the trusted documents, introspection too, is refused.",
    )
    introspection: Literal["everyone", "headquarters", "nobody"] | None = Field(
        default=None,
        description="Who is shown the schema: `everyone`, `headquarters` or `nobody`; hints at names in errors "
        "go with `everyone`. Unset: everyone in development, headquarters in production.",
    )
    lexical_token_limit: int = up_to(100_000, DEFAULT_LIMITS.tokens, "Most lexical tokens in a document.")
    depth_limit: int = up_to(50, DEFAULT_LIMITS.depth, "Most levels of fields in an operation.")
    field_limit: int = up_to(
        100_000, DEFAULT_LIMITS.fields, "Most fields in an operation, counted wherever a fragment is spread."
    )
    root_field_limit: int = up_to(10_000, DEFAULT_LIMITS.root_fields, "Most fields at an operation's root.")
    alias_limit: int = up_to(10_000, DEFAULT_LIMITS.aliases, "Most aliases in an operation.")
    directive_limit: int = up_to(10_000, DEFAULT_LIMITS.directives, "Most directives in an operation.")
    cost_limit: int = up_to(
        10**9, DEFAULT_LIMITS.cost, "Most objects that one operation may ask for (`extensions.cost`)."
    )
    cost_bucket: int = up_to(
        10**12,
        5_000_000,
        "Objects that one caller may ask for at once; an office or company, ten times as many.",
    )
    cost_restore_per_s: int = up_to(
        10**12,
        100_000,
        "Objects by which a caller's bucket fills up each second; an office's, ten times as fast.",
    )
    response_bytes_limit: int = up_to(10**9, 10_000_000, "Most bytes of data in one answer.")

    token_jwks: KeyLocation = Field(
        default=None,
        description="URL or file of the JSON Web Key Set that signs tokens; required in production, "
        "unset in development uses the development issuer.",
    )
    token_issuer: str | None = Field(
        default=None, description="The exact `iss` that tokens must carry; required with TOKEN_JWKS."
    )
    token_audience: str = Field(
        default="branchgraph", min_length=1, description="The `aud` that tokens must carry."
    )
    token_algorithms: Algorithms = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"),
        description="Signature algorithms accepted, comma-separated.",
    )
    token_role_claim: str = Field(
        default="role",
        min_length=1,
        description="Claim with the role; dots reach inside: `realm_access.roles`.",
    )
    token_office_claim: str = Field(
        default="office", min_length=1, description="Claim with the code of the caller's organisation unit."
    )
    token_client_claim: str = Field(
        default="client",
        min_length=1,
        description="Claim with a client user's company registration number; outside of China led by its "
        "country: `US:…`.",
    )
    token_role_map: RoleMap = Field(
        default={},
        description="JSON object from the bank's role names to ours; when set, only names in it count.",
    )
    token_leeway_s: int = Field(
        default=10,
        ge=0,
        le=300,
        description="Seconds by which the token issuer's clock may differ from ours.",
    )

    @property
    def signs_in_the_network(self) -> bool:
        """Whether the development issuer is there for everybody on the network: a decision, never a default."""
        return self.token_jwks is None and not is_loopback(self.host) and _is_said_to_be_development(self)

    @property
    def limits(self) -> Limits:
        """How large one operation may be."""
        return Limits(
            tokens=self.lexical_token_limit,
            depth=self.depth_limit,
            fields=self.field_limit,
            root_fields=self.root_field_limit,
            aliases=self.alias_limit,
            directives=self.directive_limit,
            cost=self.cost_limit,
        )

    @property
    def introspection_is_for(self) -> Introspection:
        """Who is shown the schema."""
        if self.trusted_documents_only:
            return Introspection.NOBODY
        if self.introspection is not None:
            return Introspection(self.introspection)
        in_production = self.environment == "production"
        return Introspection.HEADQUARTERS if in_production else Introspection.EVERYONE

    @model_validator(mode="after")
    def _documents_settings_agree(self) -> Self:
        if self.trusted_documents_only and self.trusted_documents is None:
            raise ValueError(
                "TRUSTED_DOCUMENTS: is required with TRUSTED_DOCUMENTS_ONLY. Set it to the manifest that your "
                "client's build writes."
            )
        if self.cost_limit > self.cost_bucket:
            raise ValueError(
                "COST_BUCKET: must hold what one operation may cost. Set it to COST_LIMIT or more."
            )
        return self

    @model_validator(mode="after")
    def _token_settings_agree(self) -> Self:
        faults = _token_faults(self)
        if faults:
            raise ValueError("\n".join(faults))
        return self


def load_settings() -> Settings:
    """The settings in the environment; raises SettingsError, which never quotes a value that was set."""
    try:
        return Settings()
    except ValidationError as error:
        # include_input and include_context are off so that no secret can reach the message.
        found = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [line for details in found for line in _sentences(details)]
    raise SettingsError("\n".join(["The settings cannot be used:", *(f"  {line}" for line in lines)]))


def settings_table() -> str:
    """The README's table of settings, in Markdown: variable, default, meaning."""
    rows = [
        f"| `{name.upper()}` | {_default(name)} | {(field.description or '').replace('|', chr(92) + '|')} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


def is_loopback(host: str | None) -> bool:
    """Whether a host, without port or brackets, can be nothing but this machine; no name is looked up."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return (host or "").lower() == "localhost"


def _token_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.environment == "production":
        faults += _production_faults(settings)
    elif settings.token_jwks and not settings.token_issuer:
        faults.append("TOKEN_ISSUER: is required with TOKEN_JWKS. Set it to the `iss` of the tokens.")
    elif settings.token_issuer and not settings.token_jwks:
        # Else the operator believes in his own issuer while the development one is in use.
        faults.append("TOKEN_JWKS: is required with TOKEN_ISSUER. Set it to the issuer's key set.")
    elif not (settings.token_jwks or is_loopback(settings.host) or _is_said_to_be_development(settings)):
        # Else a deployment that forgot ENVIRONMENT would make everybody an administrator.
        faults.append(
            "HOST: the development issuer signs in anybody who can reach it. Set TOKEN_JWKS and TOKEN_ISSUER, "
            "or ENVIRONMENT=development to let everybody on this network sign in."
        )
    return faults


def _is_said_to_be_development(settings: Settings) -> bool:
    return settings.environment == "development" and "environment" in settings.model_fields_set


def _production_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.token_jwks is None:
        faults.append(
            "TOKEN_JWKS: is required in production. Set it to your issuer's key set: a URL or file."
        )
    elif settings.token_jwks.startswith("http:") and not is_loopback(urlsplit(settings.token_jwks).hostname):
        # Whoever sits on the wire could otherwise hand us keys of his own.
        faults.append("TOKEN_JWKS: must not travel in the clear in production. Use https:// or a file.")
    if settings.token_issuer is None:
        faults.append("TOKEN_ISSUER: is required in production. Set it to the exact `iss` of your tokens.")
    elif settings.token_issuer == DEVELOPMENT_ISSUER:
        faults.append("TOKEN_ISSUER: the development issuer is refused in production. Set your own issuer.")
    return faults


def _sentences(details: ErrorDetails) -> list[str]:
    wrong = details["msg"].removeprefix("Value error, ")
    if not details["loc"]:
        # Raised over several fields: each line already names its variable and the remedy.
        return wrong.split("\n")
    name = str(details["loc"][0])
    field = Settings.model_fields.get(name)
    meaning = field.description if field else ""
    default = "" if _default(name) == "unset" else f" for {_default(name)}"
    return [f"{name.upper()}: {wrong}. Set: {meaning} Or unset it{default}."]


def _default(name: str) -> str:
    field = Settings.model_fields.get(name)
    match field.default if field else None:
        case None:
            return "unset"
        case bool() as switch:
            return f"`{str(switch).lower()}`"
        case tuple() as names:
            return f"`{','.join(names)}`"
        case default:
            return f"`{default}`"
