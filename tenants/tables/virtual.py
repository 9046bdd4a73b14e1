"""Tables that are in no database: a statement that mentions one gets it in front, as a common table expression."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, Integer, MetaData, Table, Text, Uuid

client_segment = Table(
    "client_segment",
    # No schema: the name is the expression's.
    MetaData(),
    Column("branch_id", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Uuid, primary_key=True),
    Column("dimension", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("rule_set_id", Integer, nullable=False),
    # Which rule decided, from 0; of the default, none.
    Column("rule", Integer),
    Column("note", Text),
    # A list in JSON, its objects' members in the order condition, value, holds; as text, for it is sent as it is.
    Column("because", Text, nullable=False),
    Column("missing", ARRAY(Text), nullable=False),
    Column("also_matched", ARRAY(Text), nullable=False),
    # The value as well: cheaper where something else is looked up by the rule, dearer where nothing is.
    Column("value_by_rule", Text, nullable=False),
)
"""A client's value in every dimension by the rules in force, with the reasons."""
