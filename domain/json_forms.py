"""Versioned data in JSON: read into a typed form with the first mistake named by its place, and written back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

LONGEST_FORM = 100_000

Mistakes = Iterator[tuple[str, str]]
"""Places in a form, each with what is wrong there."""


class Unreadable(ValueError):
    """JSON that cannot be meant. `path` leads to the place, `reason` says why; the text has both."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class Form(BaseModel):
    """A form or a part of one; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


F = TypeVar("F", bound=Form)


def read_form(text: str, form: type[F], mistakes: Callable[[F], Mistakes]) -> F:
    """The form. Raises Unreadable at the first place that cannot be meant.

    `mistakes` finds what each value alone cannot show.
    """
    if len(text) > LONGEST_FORM:
        raise Unreadable("", f"this has more than {LONGEST_FORM} characters")
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_refused)
        made = form.model_validate(data)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise Unreadable("", f"this is not JSON: {problem}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        raise Unreadable(_place(first["loc"]), first["msg"]) from None
    for path, reason in mistakes(made):
        raise Unreadable(path, reason)
    return made


def written_form(form: Form) -> dict[str, Any]:
    """The form as JSON values; numbers that must stay exact are strings."""
    return form.model_dump(mode="json", by_alias=True)


def repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    """The names that stand there a second time, with their places."""
    return ((n, name) for n, name in enumerate(names) if name in names[:n])


def _refused(constant: str) -> Any:
    raise Unreadable("", f"{constant} is no number")


def _place(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".")
