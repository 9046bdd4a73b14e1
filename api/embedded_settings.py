"""What the embedded server is told at each start, so that an upgrade's settings reach old homes too."""

import contextlib
import os
from pathlib import Path

Settings = dict[str, str | int]

_SERVING: Settings = {
    "listen_addresses": "",
    "port": 5432,
    "unix_socket_permissions": "0700",
    "jit": "off",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "idle_in_transaction_session_timeout": "60s",
}

# Values of clients' rows stay out of the log. They occur in statements, in parameters, in details and in the
# errors' own words (invalid input syntax: "…"); whoever sent the statement gets those errors anyway.
_LOGGING: Settings = {
    "logging_collector": "on",
    "log_directory": "../log",
    "log_filename": "postgresql-%a.log",  # a week of days, each overwritten by its successor
    "log_truncate_on_rotation": "on",
    "log_rotation_size": 0,
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
}

_THROW_AWAY: Settings = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
}


def settings_text(
    *, cluster: str, socket: Path, libraries: Path, durable: bool, max_connections: int, memory_mib: int
) -> str:
    """The lines of a PostgreSQL configuration file; `socket` is a directory and has no quotes in its path."""
    settings = _SERVING | _LOGGING
    settings["cluster_name"] = cluster
    settings["unix_socket_directories"] = str(socket)
    settings["max_connections"] = max_connections
    settings["shared_buffers"] = f"{max(16, min(2048, memory_mib // 8))}MB"
    settings["effective_cache_size"] = f"{max(16, memory_mib // 2)}MB"
    if (libraries / "pg_stat_statements.so").exists():
        settings["shared_preload_libraries"] = "pg_stat_statements"
    if not durable:
        settings |= _THROW_AWAY
    return "".join(f"{name} = '{value}'\n" for name, value in settings.items())


def usable_memory_mib() -> int:
    """Memory this process may use: the machine's, or its container's if that is less."""
    limits_bytes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # absent, or "max"
            limits_bytes.append(int(Path(path).read_text()))
    return min(limits_bytes) // 2**20
