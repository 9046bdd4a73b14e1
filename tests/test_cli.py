"""The command line: each command works, and what a person can mend is said in a few lines without a traceback."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import asyncpg
import jwt
import pytest
from sqlalchemy.engine import make_url

from api.__main__ import main
from api.settings import Settings
from tenants import migrations
from tenants.credentials import Credentials

CHECKOUT = Path(__file__).resolve().parent.parent
Told = Callable[..., tuple[int, str]]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `python -m api …` to its end."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        ours = {name.upper() for name in Settings.model_fields}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        environment = inherited | {"DATA_HOME": str(tmp_path)} | settings
        words = [sys.executable, "-W", "error", "-m", "api", *arguments]
        return subprocess.run(
            words, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command within this process, where it ends by itself: its exit code, and what it said.

    What `serve` makes of the process, of its signals and logs, is left out: tests/test_serving*.py have that.
    """
    monkeypatch.setattr("api.serving._until_a_signal", nullcontext)
    monkeypatch.setattr("api.serving.configure_logs", lambda _: None)

    def run(*arguments: str, **settings: str) -> tuple[int, str]:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in ({"DATA_HOME": str(tmp_path)} | settings).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["api", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, said.out if code == 0 else said.err

    return run


def refused(told: tuple[int, str], code: int = 1) -> str:
    """What was said by a command that failed as it should."""
    ended, said = told
    assert ended == code, said
    lines = [line for line in said.splitlines() if not line.startswith('{"event"')]
    assert "Traceback" not in said
    assert 0 < len(lines) < 12, said
    return "\n".join(lines)


def test_help_names_every_command(told: Told) -> None:
    code, said = told("--help")
    assert code == 0
    for name in ("run", "serve", "token", "migrate", "demo", "sdl", "settings", "import"):
        assert f"\n  {name} " in said
    for name in ("run", "demo", "token"):
        assert told(name, "--help")[0] == 0


def test_no_command_waits_for_what_it_does_not_use() -> None:
    program = """
import sys
from importlib import import_module
from api.__main__ import MODULES
with_the_graph = {"sdl_command", "serve_command"}
for module in MODULES.keys() - with_the_graph:
    import_module(f"api.{module}")
print([name for name in ("schema.graph", "schema.query") if name in sys.modules])
for module in with_the_graph:
    import_module(f"api.{module}")
print([name for name in ("alembic", "highspy", "numpy") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_the_table_of_settings_is_printed(told: Told) -> None:
    code, said = told("settings")
    assert code == 0
    assert said.startswith("| Variable | Default | Meaning |")
    assert all(f"`{name.upper()}`" in said for name in Settings.model_fields)


def test_a_token_stands_alone_on_the_last_line(command: Command) -> None:
    done = command("token", "--persona", "branch:310000")
    assert done.returncode == 0
    claims = jwt.decode(done.stdout.splitlines()[-1], options={"verify_signature": False})
    assert (claims["role"], claims["office"]) == ("BRANCH_MANAGER", "310000")


@pytest.mark.parametrize(
    "persona", ["king", "branch:", "branch:a b", "client:", "", "headquarters:1", "x\ny"]
)
def test_an_unknown_persona_is_told_which_there_are(told: Told, persona: str) -> None:
    code, said = told("token", "--persona", persona)
    assert code == 2
    assert "headquarters, headquarters:second, analyst, auditor, region:CODE" in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "abc"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL: must begin with postgresql://"),
        ({"DATABASE_URL": "postgresql://u:p#canary/w@h/d"}, "DATABASE_URL"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"ENVIRONMENT": "production"}, "TOKEN_JWKS: is required in production"),
        ({"ENVIRONMENT": "test"}, "ENVIRONMENT"),
        ({"HOST": "0.0.0.0"}, "HOST: the development issuer signs in anybody"),
        ({"TOKEN_JWKS": "/keys.json"}, "TOKEN_ISSUER: is required"),
        ({"REQUEST_TIMEOUT_S": "0"}, "REQUEST_TIMEOUT_S"),
        ({"TOKEN_ALGORITHMS": "HS256"}, "TOKEN_ALGORITHMS"),
    ],
)
def test_a_setting_that_will_not_do_is_named(told: Told, settings: dict[str, str], words: str) -> None:
    code, said = told("serve", **settings)
    assert code == 2
    assert words in said
    assert "canary" not in said


def test_the_development_issuer_gives_nothing_in_production(told: Told) -> None:
    keys = {"TOKEN_JWKS": "https://bank/keys", "TOKEN_ISSUER": "https://bank"}
    code, said = told("token", "--persona", "auditor", ENVIRONMENT="production", **keys)
    assert code == 1
    assert "refused in production" in said


def test_a_mistake_shows_no_traceback_to_a_shell(command: Command) -> None:
    done = command("serve", PORT="abc")
    assert "PORT" in refused((done.returncode, done.stderr), 2)


@contextmanager
def nobody_listens() -> Iterator[int]:
    """A port that is nobody else's meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize("name", ["serve", "migrate", "demo"])
def test_a_database_that_is_not_there_is_said_in_a_sentence(told: Told, name: str) -> None:
    with nobody_listens() as port:
        url = f"postgresql://bank:canary@127.0.0.1:{port}/bank"
        said = refused(told(name, DATABASE_URL=url, PORT="0"))
    assert "DATABASE_URL" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [({"password": "canary"}, "password authentication failed"), ({"database": "nowhere"}, "does not exist")],
)
def test_a_database_that_does_not_let_us_in_says_why(
    told: Told, credentials: Credentials, change: dict[str, str], words: str
) -> None:
    url = make_url(credentials.url).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
    said = refused(told("serve", DATABASE_URL=url, PORT="0"))
    assert words in said
    assert "canary" not in said


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1", "a" * 300])
def test_an_address_that_is_not_ours_is_said_in_a_sentence(told: Told, host: str) -> None:
    assert "set HOST or PORT" in refused(told("serve", HOST=host, PORT="0", ENVIRONMENT="development"))


def test_a_taken_port_is_said_before_anything_is_started(told: Told, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(told("run", PORT=port))
    assert f"port {port} on 127.0.0.1 is taken" in said
    assert "set PORT" in said
    assert list(tmp_path.iterdir()) == []


def test_migrating_says_where_the_database_stands(told: Told, credentials: Credentials) -> None:
    for _ in range(2):
        code, said = told("migrate", DATABASE_URL=credentials.url)
        assert code == 0, said
        assert migrations.head() in said


async def test_an_unsafe_database_is_not_served(
    told: Told, credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("alter table bank.client disable row level security")
    for name in ("serve", "migrate"):
        said = refused(await asyncio.to_thread(told, name, DATABASE_URL=credentials.url, PORT="0"))
        assert "not safe to serve from" in said
        assert "client" in said


def test_the_demo_bank_is_not_mixed_into_another(told: Told, credentials: Credentials) -> None:
    assert "another bank" in refused(told("demo", DATABASE_URL=credentials.url))


def test_the_schema_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    monkeypatch.setattr("api.sdl_command.SDL", tmp_path / "schema.graphql")
    assert told("sdl")[0] == 0
    assert "type Query" in (tmp_path / "schema.graphql").read_text(encoding="utf-8")
