"""What goes wrong between us and the database, and what the layers above are told of it."""

from __future__ import annotations

import asyncpg

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    # The driver's answer between a killed server's last word and the end of the connection.
    asyncpg.InternalClientError,
    OSError,
)

# A migration has run under a running server: what was prepared before has to be prepared anew.
OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)

# The statement was not at fault: sent again, it succeeds.
PASSING = (
    asyncpg.TooManyConnectionsError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A migration holds the table.
    asyncpg.LockNotAvailableError,
    *OUTDATED,
)


class DatabaseUnavailable(Exception):
    """The database did not answer; the caller may try again."""


class StatementTimeout(Exception):
    """The database gave up on a statement that took too long; the caller may ask for less."""


def translated(problem: BaseException) -> BaseException:
    """What the layers above need to tell apart; everything else as it is."""
    if isinstance(problem, asyncpg.QueryCanceledError):
        return StatementTimeout("the database gave up on a statement that took too long")
    if isinstance(problem, (*LOST, *PASSING)):
        return DatabaseUnavailable("the database did not answer")
    return problem
