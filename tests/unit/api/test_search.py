"""The search language: what it reads, what it refuses, and that it never fails in another way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.search import FIELDS, QueryError, Term, Value, conditions, parse, search

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def sql(query: str) -> str:
    return " AND ".join(
        str(condition.compile(compile_kwargs={"literal_binds": True})) for condition in search(query, NOW)
    )


def test_a_query_is_terms_of_fields_and_values() -> None:
    assert parse('state:open,acknowledged -container:"two words" severity:>=high note') == (
        Term("state", (Value("open"), Value("acknowledged")), at=0),
        Term("container", (Value("two words"),), negated=True, at=24),
        Term("severity", (Value("high", ">="),), at=47),
        Term("", (Value("note"),), at=63),
    )


def test_a_star_at_the_end_asks_for_a_prefix_and_a_quoted_one_does_not() -> None:
    assert parse("container:#gen*")[0].values == (Value("#gen", prefix=True),)
    assert parse('container:"#gen*"')[0].values == (Value("#gen*"),)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("severity:>=high", "finding.severity >= 4"),
        ("state:OPEN", "finding.state = 'open'"),
        ("-app:slack", "finding.app != 'slack'"),
        ("-validity:active", "coalesce(finding.validity, '') != 'active'"),
        ("count:>3", "finding.count > 3"),
        ("detector:aws*", "finding.detector LIKE 'aws' || '%' ESCAPE '/'"),
        ("last_seen:<7d", "finding.last_seen > '2026-11-16 12:00:00"),
        ("last_seen:2026-11-20", "finding.last_seen < '2026-11-21"),
    ],
)
def test_a_term_compiles_to_a_condition(query: str, expected: str) -> None:
    assert expected in sql(query)


def test_wildcards_of_sql_in_a_value_are_plain_characters() -> None:
    assert "100/%" in sql("detector:100%*")


@pytest.mark.parametrize(
    ("query", "at", "message"),
    [
        ("severty:high", 0, "did you mean severity"),
        ("state:open severity:loud", 11, "is one of info"),
        ("state:open container:", 11, "cannot be read"),
        ('container:"open', 0, "cannot be read"),
        ('state:open "never', 11, "not closed"),
        ("last_seen:yesterday", 0, "is a date"),
        ("count:many", 0, "whole number"),
        ("app:>slack", 0, "cannot be compared"),
        ("id:7", 0, "is a UUID"),
    ],
)
def test_a_wrong_query_says_where_and_what_instead(query: str, at: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as refused:
        search(query, NOW)
    assert refused.value.at == at


def test_every_field_says_what_it_takes() -> None:
    assert all(description for description, _ in FIELDS.values())


@given(st.text(max_size=80))
def test_any_text_is_a_query_or_a_query_error(query: str) -> None:
    place = 0
    try:
        conditions(parse(query), NOW)
    except QueryError as refused:
        place = refused.at
    assert 0 <= place <= len(query)


@given(
    st.sampled_from(sorted(FIELDS)),
    st.text(alphabet=st.characters(exclude_characters='"\\\x00'), min_size=1, max_size=30),
)
def test_a_quoted_value_is_read_back_whole(field: str, text: str) -> None:
    assert parse(f'{field}:"{text}"') == (Term(field, (Value(text),)),)
