"""One DSN from the operator, and the login roles' own DSNs made from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

import asyncpg
from sqlalchemy.engine import URL, make_url

from tenants.roles import Login

SCRAM_ROUNDS = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the database is and with which passwords the login roles enter.

    `url` belongs to whoever migrates and is never used to answer a request. Without a `role_password` each
    role's is derived from the URL's own, so that one DSN is enough; with neither, the roles log in without
    a password (the server's pg_hba.conf decides).
    """

    url: str
    read_url: str | None = None
    role_password: str | None = None

    def dsn(self, login: Login) -> str:
        """The DSN under which transactions of this role are opened."""
        return self._as(login, make_url(self.url))

    @property
    def administrator_dsn(self) -> str:
        """The DSN of whoever migrates, as asyncpg takes it."""
        return make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def read_dsn(self) -> str | None:
        """Headquarters' DSN on the read replica, where there is one."""
        return self._as(Login.HEADQUARTERS, make_url(self.read_url)) if self.read_url else None

    def password(self, login: Login) -> str | None:
        """The role's password; None where it has none."""
        if self.role_password:
            return self.role_password
        own = make_url(self.url).password
        return hmac.digest(str(own).encode(), login.encode(), "sha256").hex() if own else None

    def _as(self, login: Login, url: URL) -> str:
        changed = url.set(drivername="postgresql", username=login, password=self.password(login))
        return changed.render_as_string(hide_password=False)


async def set_passwords(credentials: Credentials) -> None:
    """Give the login roles their passwords; the server is sent verifiers, so its log never holds one."""
    connection = await asyncpg.connect(credentials.administrator_dsn, timeout=10)
    try:
        # Roles belong to the whole server; two processes changing one at once would fail each other.
        await connection.execute("select pg_advisory_lock(hashtext('branchgraph passwords'))")
        for login in Login:
            if password := credentials.password(login):
                await connection.execute(f"alter role {login} password '{scram_verifier(password)}'")
    finally:
        await connection.close()


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a SCRAM-SHA-256 password (RFC 5803); 4,096 rounds, 16 bytes of salt."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
