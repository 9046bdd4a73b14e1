"""A model's JSON form: read with every mistake named by its place, written so that it reads back the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from domain.divisions.models import (
    FORMS,
    HIGHER_IS_BETTER,
    ClimateForm,
    ClusterMeasure,
    DivisionForm,
    DivisionKind,
    EconomicForm,
    IndustryForm,
)
from domain.money import EXPONENTS

LONGEST_FORM = 100_000


class Unreadable(ValueError):
    """JSON that is no model. `path` leads to the place, `reason` says why; the text has both."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


def read(kind: DivisionKind, text: str) -> DivisionForm:
    """The model in its JSON form. Raises Unreadable at the first place that cannot be meant."""
    if len(text) > LONGEST_FORM:
        raise Unreadable("", f"a model has at most {LONGEST_FORM} characters")
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_refused)
        form = FORMS[kind].model_validate(data)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise Unreadable("", f"this is not JSON: {problem}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        raise Unreadable(_place(first["loc"]), first["msg"]) from None
    for path, reason in _mistakes(form):
        raise Unreadable(path, reason)
    return form


def written(form: DivisionForm) -> dict[str, Any]:
    """The model as JSON values; numbers that must stay exact are strings."""
    return form.model_dump(mode="json", by_alias=True)


def _refused(constant: str) -> Any:
    raise Unreadable("", f"{constant} is no number")


def _place(loc: tuple[int | str, ...]) -> str:
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return written.removeprefix(".")


def _mistakes(form: DivisionForm) -> Iterator[tuple[str, str]]:
    """What each value alone cannot show."""
    match form:
        case EconomicForm():
            yield from _of_economic(form)
        case IndustryForm():
            yield from _of_industry(form)
        case ClimateForm():
            yield from _of_climate(form)
    yield from _of_policies(form)


def _of_economic(form: EconomicForm) -> Iterator[tuple[str, str]]:
    total = sum(one.weight for one in form.indicators)
    if total != 1:
        yield "indicators", f"the weights add up to {total}, not to 1"
    yield from _repeated("indicators", [one.name for one in form.indicators])
    if not form.key_from < form.core_from:
        yield "keyFrom", f"key regions begin below {form.core_from}, where the core begins"


def _of_industry(form: IndustryForm) -> Iterator[tuple[str, str]]:
    yield from _repeated("groups", [form.otherwise, *(group.class_code for group in form.groups)])
    if (form.measure is ClusterMeasure.EXPOSURE) != (form.currency is not None):
        yield "currency", "say the currency where exposure is the measure, and only there"
    if form.currency is not None and form.currency not in EXPONENTS:
        yield "currency", f"{form.currency} is not a currency that the bank deals in"


def _of_climate(form: ClimateForm) -> Iterator[tuple[str, str]]:
    yield from _repeated("bounds", [bound.figure for bound in form.bounds])
    for n, bound in enumerate(form.bounds):
        higher = bound.figure in HIGHER_IS_BETTER
        if bound.best == bound.worst or (bound.best > bound.worst) != higher:
            better = "higher" if higher else "lower"
            yield (
                f"bounds[{n}]",
                f"of {bound.figure} {better} is better: `best` must be {better} than `worst`",
            )


def _of_policies(form: DivisionForm) -> Iterator[tuple[str, str]]:
    yield from _repeated("policies", [policy.class_code for policy in form.policies])
    for n, policy in enumerate(form.policies):
        if policy.class_code not in form.classes:
            known = ", ".join(sorted(form.classes))
            yield f"policies[{n}].classCode", f"{policy.class_code} is none of its classes: {known}"
        yield from _repeated(f"policies[{n}].products", list(policy.products))
    for class_code in sorted(form.classes - {policy.class_code for policy in form.policies}):
        yield "policies", f"say what follows from {class_code}"


def _repeated(path: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for n, name in enumerate(names):
        if name in names[:n]:
            yield path, f"{name} stands there twice"
