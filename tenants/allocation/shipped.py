"""The parameters that ship, for a run that says none of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.allocation.form import read, written

SHIPPED = Path(__file__).resolve().parent / "shipped" / "parameters.json"


def shipped_parameters() -> dict[str, Any]:
    """As JSON values, read and checked."""
    return written(read(SHIPPED.read_text(encoding="utf-8")))
