"""Asks by the compiled plan and by the normal executor, and lets a test go on only where both answer the same."""

from __future__ import annotations

from typing import Any

from conftest import Ask

from domain.access import Caller
from schema.graph import Engine
from tenants.database import Database
from tenants.organisation import Directory

_COMPILED, _NORMAL = Engine(explains=True), Engine(compiled=False)


class AskBothWays(Ask):
    """What the compiled plan takes is in `statements`, what the normal executor takes in `normal_statements`.

    `compiles` says whether there should be a plan at all.
    """

    compiles = True
    normal_statements: list[str]

    def __init__(self, database: Database, directory: Directory) -> None:
        super().__init__(database, directory, _NORMAL)

    async def full(self, caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
        """The whole response but for its extensions."""
        self.engine = _NORMAL
        normal = await super().full(caller, query, **variables)
        self.normal_statements = self.statements.copy()
        self.engine = _COMPILED
        compiled = await super().full(caller, query, **variables)
        plan = compiled.pop("extensions", {}).get("plan", {})
        normal.pop("extensions", None)
        assert compiled == normal
        assert "errors" in normal or (plan["tier"] == "compiled") is self.compiles, plan
        return normal
