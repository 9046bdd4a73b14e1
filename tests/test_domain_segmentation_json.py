"""The JSON form of rule sets is strict: what it takes it gives back, and what it refuses it says where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from drawn_rule_sets import rule_sets
from hypothesis import given, settings

from domain.conditions import Unreadable
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.checking import check
from domain.segmentation.json_form import read, written
from domain.segmentation.rules import RuleSet

LATE = {"field": "daysPastDue", "operator": "gt", "value": 30}
FORM: dict[str, Any] = {
    "version": 1,
    "dimension": "riskClass",
    "values": ["LOW", "HIGH"],
    "scores": [{"name": "lapse", "cap": 100, "items": [[{"points": 25, "when": LATE}]]}],
    "rules": [{"value": "HIGH", "when": LATE, "note": "watch"}],
    "default": {"value": "LOW", "note": "provisional"},
    "remarks": [{"when": LATE, "note": "late"}],
}


def changed(path: str, value: Any) -> Any:
    """The form with another value at `a.b.0`; None takes it away."""
    form = json.loads(json.dumps(FORM))
    place: Any = form
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    if value is None:
        del place[last]
    return form


def test_the_form_is_given_back() -> None:
    assert written(read(FORM)) == FORM
    assert json.loads(json.dumps(written(read(FORM)))) == FORM


@given(rule_sets("kind", ("riskClass",)))
@settings(deadline=None, max_examples=40)
def test_every_rule_set_comes_back_from_its_form(rule_set: RuleSet) -> None:
    assert read(json.loads(json.dumps(written(rule_set)))) == rule_set


@pytest.mark.parametrize(
    ("form", "path", "reason"),
    [
        ([], "the rule set", "a list is no object"),
        (changed("version", 2), "version", "only 1"),
        (changed("version", True), "version", "only 1"),
        (changed("rules", None), "the rule set", "rules is needed"),
        (changed("defaults", {}), "the rule set", "'defaults' is not known"),
        (changed("default", None), "default", "of whom no rule holds"),
        (changed("dimension", "Risk class"), "dimension", "a dimension's code"),
        (changed("values.1", "high"), "values[1]", "capitals"),
        (changed("values", ["A"] * 51), "values", "at most 50"),
        (changed("rules", "all"), "rules", "no list"),
        (changed("rules", [FORM["rules"][0]] * 101), "rules", "at most 100"),
        (changed("rules.0", 5), "rules[0]", "5 is no object"),
        (changed("rules.0.value", None), "rules[0]", "value is needed"),
        (changed("rules.0.note", " "), "rules[0].note", "1 to 500"),
        (changed("rules.0.note", "\0"), "rules[0].note", "1 to 500"),
        (changed("rules.0.when", {"anyOf": [LATE, {}]}), "rules[0].when.anyOf[1]", "a condition has"),
        (changed("rules.0.when.field", "score.Lapse"), "rules[0].when.field", "the name of a field"),
        (
            changed("rules.0.when", {"some": "facilities", "where": LATE}),
            "rules[0].when",
            "not of related rows",
        ),
        (
            changed("rules.0.when", {"not": {"one": "a", "where": LATE}}),
            "rules[0].when",
            "not of related rows",
        ),
        (changed("rules.0.when.value", 0.05), "rules[0].when.value", "a float is no value"),
        (changed("scores.0.name", "lapse score"), "scores[0].name", "a score's name"),
        (changed("scores.0.cap", 1.5), "scores[0].cap", "whole numbers"),
        (changed("scores.0.items.0", []), "scores[0].items[0]", "one alternative"),
        (changed("scores.0.items.0.0.points", "5"), "scores[0].items[0][0].points", "whole numbers"),
        (changed("remarks.0.note", None), "remarks[0]", "note is needed"),
        (changed("default.value", 3), "default.value", "capitals"),
        (
            changed("rules", [{"value": "HIGH", "when": {"anyOf": [LATE] * 30}}] * 70),
            "rules",
            "more than 2000 conditions",
        ),
    ],
)
def test_what_is_no_rule_set_is_refused_with_its_place(form: Any, path: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(form)
    assert refused.value.path == path
    assert reason in refused.value.reason


def test_the_example_of_the_document_is_a_rule_set_without_errors() -> None:
    (example,) = re.findall(
        r"```json\n(.*?)```", Path("docs/rule-sets.md").read_text(encoding="utf-8"), re.DOTALL
    )
    rule_set = read(json.loads(example))
    risk = RuleSet("riskClass", ("LOW", "MID", "HIGH"), (), "MID")
    assert check(rule_set, CATALOGUE, {"riskClass": risk}) == []
