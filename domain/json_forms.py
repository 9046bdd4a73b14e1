"""Versioned data in JSON: read into a typed form with the first mistake named by its place, and written back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from domain.refusals import Refusal, invalid
from domain.spelling import nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_FORM = 100_000
MOST_DIGITS = 100
# PostgreSQL keeps no U+0000; an even number of backslashes before it are a text's own.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

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
T = TypeVar("T")


def read_form(
    text: str, form: type[F], mistakes: Callable[[F], Mistakes], *, what: str, longest: int = LONGEST_FORM
) -> F:
    """The form. Raises Unreadable at the first place that cannot be meant.

    `mistakes` finds what each value alone cannot show; `what` begins a refusal: "a model has".
    """
    if len(text) > longest:
        raise Unreadable("", f"{what} at most {longest} characters")
    if _NUL.search(text):
        raise Unreadable("", "text may not hold U+0000")
    try:
        data = json.loads(text, parse_int=_whole, parse_float=Decimal, parse_constant=_refused)
        made = form.model_validate(data)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise Unreadable("", f"this is not JSON: {problem}") from None
    except ValidationError as problem:
        raise _first(problem.errors(include_url=False, include_context=False), form) from None
    for path, reason in mistakes(made):
        raise Unreadable(path, reason)
    return made


def read_parameters(read: Callable[[str], T], text: str) -> T | Refusal:
    """What a caller's `parameters` say, or why they cannot be meant."""
    try:
        return read(text)
    except Unreadable as mistake:
        return invalid(str(mistake), "parameters")


def written_form(form: Form, *, leave_out_none: bool = False) -> dict[str, Any]:
    """The form as JSON values; numbers that must stay exact are strings."""
    return form.model_dump(mode="json", by_alias=True, exclude_none=leave_out_none)


def repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    """The names that stand there a second time, with their places."""
    seen: set[str] = set()
    for n, name in enumerate(names):
        if name in seen:
            yield n, name
        seen.add(name)


def _first(errors: list[ErrorDetails], form: type[Form]) -> Unreadable:
    # Unknown keys first: what seems to be missing may be one of them, misspelt.
    error = min(errors, key=lambda one: one["type"] != "extra_forbidden")
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        *way, key = error["loc"]
        reason = "unknown key" + nearest(str(key)[:100], _keys_at(way, form))
    return Unreadable(_place(error["loc"]), reason)


def _keys_at(way: list[int | str], form: type[Form]) -> list[str]:
    """The keys of the part of a form to which the way leads."""
    for name in way:
        field = next((one for one in form.model_fields.values() if one.alias == name), None)
        form = _part_of(field.annotation) or form if field else form
    return [one.alias or name for name, one in form.model_fields.items()]


def _part_of(annotation: Any) -> type[Form] | None:
    """The form in an annotation such as `tuple[Ceiling, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Form):
        return annotation
    return next((found for one in get_args(annotation) if (found := _part_of(one))), None)


def _whole(digits: str) -> int:
    # Python itself refuses thousands of them, in words that are not for callers.
    if len(digits) > MOST_DIGITS:
        raise Unreadable("", f"a whole number has at most {MOST_DIGITS} digits")
    return int(digits)


def _refused(constant: str) -> Any:
    raise Unreadable("", f"{constant} is no number")


def _place(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".")
