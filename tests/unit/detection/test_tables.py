"""Tables: what a column is called counts for each of its cells, however far down."""

from __future__ import annotations

import pytest

from connectors.detection.surroundings import Table


def table(header: list[str], cells: list[list[str]], delimiter: str) -> tuple[str, tuple[int, ...]]:
    """Return the text of a table and the offsets of its rows, the header's not among them."""
    text, rows = delimiter.join(header) + "\n", []
    for row in cells:
        rows.append(len(text))
        text += delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) + "\n"
    return text, tuple(rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("header", "cell", "family"),
    [
        ("ssn", "53248{:04}", "us_ssn"),
        ("Social Security Number", "53248{:04}", "us_ssn"),
        ("date_of_birth", "19850412", "dob"),
        ("Geburtsdatum", "12.04.19{:02}", "dob"),
        ("password", "Blau{:03}tiger", "secret"),
        ("Passwort", "whiskers{:02}", "secret"),
    ],
)
def test_a_header_counts_far_down(engine, delimiter, header, cell, family):
    cells = [
        [f"Roe{delimiter.strip()} J", cell.format(7291 + n if "{:04}" in cell else 10 + n), "x"] for n in range(80)
    ]
    text, rows = table(["name", header, "note"], cells, delimiter)
    found = engine.scan(text, columns=("name", header, "note"), rows=rows, delimiter=delimiter)
    places = [(m.row, m.column) for m in found if m.family == family]
    assert places == [(row, 2) for row in range(1, 81)]


def test_a_header_counts_for_its_own_column_only(engine):
    text, rows = table(["order", "ssn"], [["532487291", "none"]] * 40, ",")
    found = engine.scan(text, columns=("order", "ssn"), rows=rows, delimiter=",")
    assert all(match.row is not None and match.row < 10 for match in found)  # the header is close to those


def test_what_is_said_of_passwords_in_a_table_is_none(engine):
    said = ["required", "see vault", "yes", "-", "********", "2026-11-02", "expired", "${DB_PASSWORD}"]
    text, rows = table(["user", "password"], [["jo", each] for each in said], ",")
    assert not engine.scan(text, columns=("user", "password"), rows=rows, delimiter=",")


def test_cells_end_where_their_delimiter_stands_outside_quotes():
    text = 'a,"b, c",d\n1,2\n,"",\n'
    grid = Table(("x", "y", "z"), (0, 11, 15), ",")
    assert [text[:end].rpartition("\n")[2] for end in grid.ends(text, 2)] == ['a,"b, c"', "1,2", ',""']
