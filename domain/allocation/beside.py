"""What the scarcity rules would give, beside the optimum: who claims how much of what.

What is committed is honoured first. The rest is the estate; a claim is what is asked beyond what is committed. A
rule is applied twice: among the branches, and what a branch is awarded among its own segments. None of the run's
bounds is asked: that is what the optimum is for.
"""

from __future__ import annotations

from domain.allocation.problem import Problem
from domain.allocation.scarcity import ScarcityRule, shared_out


def by_rule(problem: Problem, rule: ScarcityRule) -> list[int]:
    """What each cell gets by the rule, in minor units; what is committed is part of it."""
    places: dict[int, list[int]] = {}
    for place, cell in enumerate(problem.cells):
        places.setdefault(cell.unit, []).append(place)
    claims = [max(cell.asked - cell.committed, 0) for cell in problem.cells]
    estate = max(problem.distributable - problem.committed, 0)
    awards = shared_out(rule, estate, [sum(claims[p] for p in of_unit) for of_unit in places.values()])
    given = [cell.committed for cell in problem.cells]
    for award, of_unit in zip(awards, places.values(), strict=True):
        for place, more in zip(of_unit, shared_out(rule, award, [claims[p] for p in of_unit]), strict=True):
            given[place] += more
    return given
