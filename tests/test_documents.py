"""A document is read once and kept within bounds; what is wrong or too much in it is said at once, with a code."""

from __future__ import annotations

import gc
import hashlib
import time
import tracemalloc

import pytest
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import strategies as st
from serving_http import nested

from schema.documents import Documents
from schema.errors import CodedError
from schema.graph import graph
from schema.limits import DEFAULT_LIMITS, Limits

VIEWER = "{ viewer { role } }"
CLIENTS = "query Q%d { clients(first: 3) { nodes { id legalName branch { code } } } }"


def store(limits: Limits = DEFAULT_LIMITS, most_bytes: int = 10_000_000, *, hide: bool = False) -> Documents:
    return Documents(graph()._schema, limits=limits, most_bytes=most_bytes, hide_suggestions=hide)


def refusals(text: str, **limits: int) -> list[tuple[str, str]]:
    """Code and message of everything that is wrong with the text."""
    found = store(Limits(**limits)).find(text).refused
    assert all(error.extensions for error in found)
    return [((error.extensions or {})["code"], error.message) for error in found]


# --- reading ----------------------------------------------------------------------------------------------


def test_a_text_is_read_once() -> None:
    documents = store()
    assert documents.find(VIEWER) is documents.find(VIEWER)
    assert documents.find("{ nonsense }") is documents.find("{ nonsense }")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{ viewer { role } }" + " #x\n" * 5_000, "GRAPHQL_PARSE_FAILED", "comments"),
        ("{ viewer { " + "role " * 4_000 + "} }", "GRAPHQL_PARSE_FAILED", "tokens"),
        (nested("{ a", "}", 300), "GRAPHQL_PARSE_FAILED", "nested too deeply"),
        ("{ vewer { role } }", "GRAPHQL_VALIDATION_FAILED", "Did you mean 'viewer'?"),
        ("{ viewer { role(x: 1) } }", "GRAPHQL_VALIDATION_FAILED", "Unknown argument"),
        ("{ ...F }", "GRAPHQL_VALIDATION_FAILED", "Unknown fragment 'F'"),
        ("subscription { anything }", "GRAPHQL_VALIDATION_FAILED", "subscription"),
        ("type Query { a: Int }", "GRAPHQL_VALIDATION_FAILED", "not executable"),
        ('{ unit(code: "\\u0000") { id } }', "BAD_USER_INPUT", "U+0000"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(text: str, code: str, said: str) -> None:
    found = refusals(text)
    assert found[0][0] == code
    assert said in found[0][1]


def test_a_refusal_points_into_the_document() -> None:
    (error,) = store().find("{\n  vewer { role }\n}").refused
    assert error.formatted["locations"] == [{"line": 2, "column": 3}]


def test_hints_at_names_can_be_kept_back() -> None:
    (error,) = store(hide=True).find("{ vewer { role } }").refused
    assert error.message == "Cannot query field 'vewer' on type 'Query'."


def test_ten_mistakes_are_told_and_no_more_and_none_at_length() -> None:
    many = (
        "query " + "x" * 100_000 + "(" + " ".join(f"$v{i}: Int" for i in range(500)) + ") { viewer { role } }"
    )
    found = refusals(many)
    assert len(found) == 10
    assert all(len(message) < 600 for _, message in found)


# --- which operation --------------------------------------------------------------------------------------


def test_the_only_operation_needs_no_name() -> None:
    assert store().find(f"query A {VIEWER}").operation(None).name == "A"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (f"query A {VIEWER} query B {VIEWER}", None, "operationName"),
        (f"query A {VIEWER} query B {VIEWER}", "C", "no operation named 'C'"),
        (f"query A {VIEWER}", "", "no operation named ''"),
        (VIEWER, "A", "no operation named 'A'"),
    ],
)
def test_an_operation_that_is_not_clearly_meant_is_not_chosen(text: str, name: str | None, said: str) -> None:
    with pytest.raises(CodedError, match=said) as refused:
        store().find(text).operation(name)
    assert refused.value.extensions == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("{ __typename viewer { __typename } }", False),
        ('{ __type(name: "Client") { name } }', True),
        ("{ ...F } fragment F on Query { ... { a: __schema { types { name } } } }", True),
    ],
)
def test_an_operation_that_asks_for_the_schema_is_known_by_it(text: str, asks: bool) -> None:
    assert store().find(text).operation(None).introspects is asks


# --- how large --------------------------------------------------------------------------------------------


def levels(count: int) -> str:
    return "{ units { nodes { " + "parent { " * (count - 3) + "id" + " }" * (count - 3) + " } } }"


def doubled(count: int) -> str:
    """Fragments that each spread the next one twice: 2 to the power of `count` fields."""
    links = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ... {{ ...F{i + 1} }} }}" for i in range(count))
    return f"{{ ...F0 }} {links} fragment F{count} on Query {VIEWER}"


@pytest.mark.parametrize(
    ("allowed", "refused", "said"),
    [
        (levels(15), levels(16), "16 levels of fields; at most 15"),
        (
            "{ viewer { " + "role " * 900 + "} }",
            "{ viewer { " + "role " * 1_000 + "} }",
            "fields and fragments",
        ),
        (doubled(5), doubled(40), "over a milliard"),
        ("{ " + "viewer { role } " * 50 + "}", "{ " + "viewer { role } " * 51 + "}", "51 fields at its root"),
        (
            "{ viewer { " + " ".join(f"a{i}: role" for i in range(200)) + "} }",
            "{ viewer { " + " ".join(f"a{i}: role" for i in range(900)) + "} }",
            "900 aliases; at most 200",
        ),
        (
            "{ viewer { " + "role @skip(if: false) " * 100 + "} }",
            "{ viewer { " + "role @skip(if: false) " * 101 + "} }",
            "101 directives",
        ),
        (
            "{ __schema { queryType { " + "ofType { " * 17 + "name" + " }" * 17 + " } } }",
            "{ __schema { queryType { " + "ofType { " * 28 + "name" + " }" * 28 + " } } }",
            "31 levels of introspection",
        ),
    ],
    ids=["depth", "fields", "doubling", "root", "aliases", "directives", "introspection"],
)
def test_each_limit_takes_what_is_at_it_and_nothing_beyond(allowed: str, refused: str, said: str) -> None:
    assert "at most" not in str(refusals(allowed))
    code, message = refusals(refused)[0]
    assert (code, said in message) == ("GRAPHQL_VALIDATION_FAILED", True)


def test_limits_are_the_operators_to_choose() -> None:
    assert "at most 1 are taken" in refusals(VIEWER, depth=1)[0][1]
    assert refusals(levels(30), depth=30) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{ ...A } fragment A on Query { viewer { role } ...A }", "'A' spreads itself: take"),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ... { ...C } } "
            "fragment C on Query { ...A }",
            "spreads itself by way of",
        ),
    ],
)
def test_fragments_in_a_cycle_have_no_end_and_are_refused(text: str, said: str) -> None:
    ((code, message),) = refusals(text)
    assert (code, said in message) == ("GRAPHQL_VALIDATION_FAILED", True)


@pytest.mark.parametrize(
    "text",
    [
        "{ " + "a" * 64 + ": viewer { role } }",
        "{ clients { nodes { " + " ".join(f"a{i}: id" for i in range(200)) + " } } }",
        get_introspection_query(descriptions=True, specified_by_url=True, input_value_deprecation=True),
    ],
    ids=["an alias of 64 letters", "200 fields in one object", "what GraphiQL asks for"],
)
def test_what_good_clients_send_is_taken(text: str) -> None:
    assert refusals(text) == []


def spread_twice(count: int) -> str:
    """Fragments that each reach the next one by two ways, one of them ever deeper."""
    links = " ".join(
        f"fragment F{i} on Client {{ branch {{ code }} ...F{i + 1} "
        f"facilities {{ nodes {{ client {{ ...F{i + 1} }} }} }} }}"
        for i in range(count)
    )
    return f"{{ clients {{ nodes {{ ...F0 }} }} }} {links} fragment F{count} on Client {{ id }}"


def side_by_side(count: int) -> str:
    spreads = " ".join(f"...F{i}" for i in range(count))
    return f"{{ {spreads} }} " + " ".join(f"fragment F{i} on Query {VIEWER}" for i in range(count))


HOSTILE = {
    "one field 990 times": "{ viewer { " + "role " * 990 + "} }",
    "one field 3,980 times": "{ viewer { " + "role " * 3_980 + "} }",
    "fragments that double": doubled(150),
    "fragments that go deeper": spread_twice(100),
    "fragments side by side": side_by_side(240),
    "a long list": "{ nodes(ids: [" + '"a" ' * 3_900 + "]) { id } }",
    "a deep condition": "{ clients(where: " + nested("{and: [", "]}", 60) + ") { nodes { id } } }",
    "many operations": " ".join(f"query Q{i} {VIEWER}" for i in range(500)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_document_costs_a_moment_at_most(what: str) -> None:
    documents = store()
    documents.find(VIEWER)
    began = time.process_time()
    documents.find(HOSTILE[what])
    # Tens of milliseconds, with much room for a machine that does other things.
    assert time.process_time() - began < 1


# --- what is kept -----------------------------------------------------------------------------------------


def test_the_store_never_weighs_more_than_it_may() -> None:
    documents = store(most_bytes=200_000)
    for number in range(100):
        documents.find(CLIENTS % number)
        documents.find(f"{{ nonsense{number} }}")
        assert documents.bytes <= 200_000
    assert 5 < documents.count < 100


def test_what_was_used_last_stays_longest() -> None:
    documents = store(most_bytes=200_000)
    kept = documents.find(VIEWER)
    for number in range(100):
        documents.find(CLIENTS % number)
        assert documents.find(VIEWER) is kept


def test_a_document_too_heavy_for_the_store_is_answered_and_not_kept() -> None:
    documents = store(most_bytes=50_000)
    assert documents.find(CLIENTS % 1 + " #" + "x" * 10_000).refused == ()
    assert documents.count == 0


def test_plans_weigh_with_their_document() -> None:
    documents = store(most_bytes=400_000)
    operation = documents.find(VIEWER).operation(None)
    before = documents.bytes
    documents.weigh(operation, 10_000)
    assert documents.bytes == before + 10_000
    documents.weigh(operation, 45_000)
    assert (documents.count, documents.bytes) == (0, 0)
    documents.weigh(operation, 10_000)
    assert documents.bytes == 0


def test_the_weight_is_an_honest_estimate() -> None:
    documents = store(most_bytes=100_000_000)
    documents.find(VIEWER)
    before = documents.bytes
    tracemalloc.start()
    for number in range(20):
        documents.find(CLIENTS % number)
        documents.find("{ viewer { " + "role " * 50 + f" a{number}: role }} }}")
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken * 0.7 < documents.bytes - before < taken * 2


def test_a_trusted_document_is_kept_for_good() -> None:
    documents = store(most_bytes=200_000)
    trusted = documents.trust(VIEWER)
    for number in range(50):
        documents.find(CLIENTS % number)
    assert documents.find(VIEWER) is trusted
    assert documents.trust("{ nonsense }").refused


def test_a_text_is_found_by_its_hash_while_it_is_kept() -> None:
    documents = store(most_bytes=200_000)
    sha256 = hashlib.sha256(VIEWER.encode()).hexdigest()
    assert documents.text_of(sha256) is None
    documents.register(sha256, VIEWER)
    assert documents.text_of(sha256) == VIEWER
    for number in range(50):
        documents.find(CLIENTS % number)
    assert documents.text_of(sha256) is None


def test_a_text_is_not_registered_under_another_hash() -> None:
    with pytest.raises(CodedError, match="not the SHA-256"):
        store().register("0" * 64, VIEWER)


@given(st.text(max_size=60))
def test_no_text_breaks_the_store(text: str) -> None:
    document = _SHARED.find(text)
    assert document.refused or document.operations
    for error in document.refused:
        assert (error.extensions or {})["code"]


_SHARED = store()
