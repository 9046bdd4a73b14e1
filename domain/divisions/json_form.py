"""A model's JSON form: read with every mistake named by its place, written so that it reads back the same."""

from __future__ import annotations

from typing import Any

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
from domain.json_forms import Mistakes, read_form, repeated, written_form
from domain.money import EXPONENTS


def read(kind: DivisionKind, text: str) -> DivisionForm:
    """The model in its JSON form. Raises Unreadable at the first place that cannot be meant."""
    return read_form(text, FORMS[kind], _mistakes, what="a model has")


def written(form: DivisionForm) -> dict[str, Any]:
    """The model as JSON values; numbers that must stay exact are strings."""
    return written_form(form)


def _mistakes(form: DivisionForm) -> Mistakes:
    """What each value alone cannot show."""
    match form:
        case EconomicForm():
            yield from _of_economic(form)
        case IndustryForm():
            yield from _of_industry(form)
        case ClimateForm():
            yield from _of_climate(form)
    yield from _of_policies(form)


def _of_economic(form: EconomicForm) -> Mistakes:
    total = sum(one.weight for one in form.indicators)
    if total != 1:
        yield "indicators", f"the weights add up to {total}, not to 1"
    yield from _repeated("indicators", [one.name for one in form.indicators])
    if not form.key_from < form.core_from:
        yield "keyFrom", f"key regions begin below {form.core_from}, where the core begins"


def _of_industry(form: IndustryForm) -> Mistakes:
    yield from _repeated("groups", [form.otherwise, *(group.class_code for group in form.groups)])
    if (form.measure is ClusterMeasure.EXPOSURE) != (form.currency is not None):
        yield "currency", "say the currency where exposure is the measure, and only there"
    if form.currency is not None and form.currency not in EXPONENTS:
        yield "currency", f"{form.currency} is not a currency that the bank deals in"


def _of_climate(form: ClimateForm) -> Mistakes:
    yield from _repeated("bounds", [bound.figure for bound in form.bounds])
    for n, bound in enumerate(form.bounds):
        higher = bound.figure in HIGHER_IS_BETTER
        if bound.best == bound.worst or (bound.best > bound.worst) != higher:
            better = "higher" if higher else "lower"
            yield (
                f"bounds[{n}]",
                f"of {bound.figure} {better} is better: `best` must be {better} than `worst`",
            )


def _of_policies(form: DivisionForm) -> Mistakes:
    yield from _repeated("policies", [policy.class_code for policy in form.policies])
    for n, policy in enumerate(form.policies):
        if policy.class_code not in form.classes:
            known = ", ".join(sorted(form.classes))
            yield f"policies[{n}].classCode", f"{policy.class_code} is none of its classes: {known}"
        yield from _repeated(f"policies[{n}].products", list(policy.products))
    for class_code in sorted(form.classes - {policy.class_code for policy in form.policies}):
        yield "policies", f"say what follows from {class_code}"


def _repeated(path: str, names: list[str]) -> Mistakes:
    return ((path, f"{name} stands there twice") for _, name in repeated(names))
