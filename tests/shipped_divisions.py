"""The models of regional division that ship, as they are and changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tenants.divisions
from domain.divisions.json_form import read
from domain.divisions.models import DivisionKind

SHIPPED = Path(tenants.divisions.__file__).with_name("shipped")


def shipped(kind: DivisionKind) -> dict[str, Any]:
    """The shipped model's JSON form."""
    found: dict[str, Any] = json.loads((SHIPPED / f"{kind.value.lower()}.json").read_text())
    return found


def form(kind: DivisionKind, **changes: Any) -> Any:
    """The shipped model with some of its values changed."""
    return read(kind, json.dumps(shipped(kind) | changes))
