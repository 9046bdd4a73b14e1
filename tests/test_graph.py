"""The graph answers: relations, pages, filters, each from the caller's own rows."""

from __future__ import annotations

from conftest import Ask
from small_bank import SmallBank

TREE = """
{ viewer { subject role branchCount office { code } companies { legalName } }
  units(where: {kind: {eq: BRANCH}}) { totalCount nodes { code parent { code } ancestors { code } region { name }
    exposure { amount currency } children { nodes { code } } staff { nodes { code } }
    clients(first: 2, orderBy: [{field: LEGAL_NAME}]) { totalCount pageInfo { hasNextPage endCursor }
      edges { cursor node { id legalName registeredCapital { amount currency } exposure { amount }
        branch { code } relationshipManager { code }
        facilities { nodes { reference limit { amount } postings { nodes { dueOn daysLate } } } }
        statements { nodes { revenue { amount } } } contacts { nodes { name } }
        creditEvents { nodes { kind facility { reference } } } } } } } } }
"""


async def test_a_deep_view_takes_one_statement_per_field_not_per_parent(ask: Ask) -> None:
    data = await ask(SmallBank.headquarters, TREE)
    import json
    print(json.dumps(data, indent=1, ensure_ascii=False)[:6000])
    print(len(ask.statements))
    for s in ask.statements: print(s, "\n")
    assert data["units"]["totalCount"] == 3
