"""What somebody may have meant who named what there is not."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean "x"?`, or all that is known."""
    close = get_close_matches(name.lower(), {k.lower(): k for k in known}, n=1)
    if close:
        return f"; did you mean {next(k for k in known if k.lower() == close[0])!r}?"
    return f"; known: {', '.join(known)}" if known else ""
