"""The supervisors' limits on large exposures that come with the project: data, drafted as caps when asked for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from domain.limits.regulation import Preset, read_presets

SHIPPED = Path(__file__).resolve().parent / "shipped" / "regulatory_presets.json"


@cache
def shipped_presets() -> tuple[Preset, ...]:
    """What ships, the narrowest first."""
    return read_presets(json.loads(SHIPPED.read_text(encoding="utf-8")))
