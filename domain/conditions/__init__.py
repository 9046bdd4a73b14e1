"""Conditions over facts: one typed tree for filters, segments, rules and alerts, what it means, its JSON form."""

from domain.conditions.evaluation import evaluate
from domain.conditions.explanation import Explanation, explain
from domain.conditions.json_form import read, written
from domain.conditions.tree import (
    DEEPEST_CONDITION,
    LONGEST_LIST,
    MOST_CONDITIONS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    NoneOf,
    Not,
    One,
    Operand,
    Operator,
    Some,
    mistake,
    size_of,
)
from domain.conditions.values import Kind, Value, fold, kind_of
from domain.json_forms import Unreadable

__all__ = [
    "DEEPEST_CONDITION",
    "LONGEST_LIST",
    "MOST_CONDITIONS",
    "AllOf",
    "AnyOf",
    "Compare",
    "Condition",
    "Every",
    "Explanation",
    "Kind",
    "NoneOf",
    "Not",
    "One",
    "Operand",
    "Operator",
    "Some",
    "Unreadable",
    "Value",
    "evaluate",
    "explain",
    "fold",
    "kind_of",
    "mistake",
    "read",
    "size_of",
    "written",
]
