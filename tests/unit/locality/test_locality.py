"""The statements that keep rows in their regions, word for word, and only as long as they are needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigError
from connectors.store.locality import HOME, WITHOUT_CONTENT, Profile, State, load_profile, problems, statements
from connectors.store.tables import metadata

HERE = Path(__file__).parent
PROFILE = load_profile(HERE / "regions.yaml")
REGIONS = frozenset(PROFILE.regions)
DONE = State(
    "dlp",
    cluster_regions=REGIONS,
    primary="europe-west1",
    regions=REGIONS,
    super_regions={name: frozenset(each.regions) for name, each in PROFILE.residencies.items()},
    localities={
        **{table.name: f"REGIONAL BY ROW AS {HOME}" for table in metadata.sorted_tables},
        **dict.fromkeys(WITHOUT_CONTENT, "GLOBAL"),
    },
    ttl=frozenset(table.name for table in metadata.sorted_tables if "expires_at" in table.c),
)


def test_the_statements_are_as_written_down() -> None:
    """Set CONNECTORS_REGENERATE_GOLDEN=1 to write the file anew, then look at the difference."""
    golden, made = HERE / "locality.sql", "".join(f"{line};\n" for line in statements(PROFILE, State("dlp")))
    if os.environ.get("CONNECTORS_REGENERATE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8")


def test_every_table_of_the_product_is_placed() -> None:
    made = list(statements(PROFILE, State("dlp")))
    for table in metadata.sorted_tables:
        assert f'ALTER TABLE "{table.name}" SET LOCALITY REGIONAL BY ROW AS home_region' in made


def test_nothing_is_left_to_do_when_it_is_done() -> None:
    assert list(statements(PROFILE, DONE)) == []


def test_only_what_is_missing_is_done() -> None:
    localities = {name: kind for name, kind in DONE.localities.items() if name != "gap"}
    made = list(statements(PROFILE, replace(DONE, localities=localities, ttl=DONE.ttl - {"upload"})))
    assert {line.split('"')[1] for line in made} == {"gap", "upload"}
    assert sum("ttl_" in line for line in made) == 1


def test_a_residency_without_a_region_has_no_home() -> None:
    [line] = [line for line in statements(PROFILE, State("dlp")) if '"finding" ADD COLUMN' in line]
    assert "ELSE" not in line  # NOT NULL refuses the row
    assert "NOT NULL" in line


def test_what_the_cluster_lacks_is_said_before_anything_is_changed() -> None:
    lacking = replace(DONE, cluster_regions=REGIONS - {"us-east1"})
    assert problems(PROFILE, lacking, ("eu", "jp")) == [
        "the cluster has no region 'us-east1'",
        "the profile has no residency 'jp'",
    ]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("primary: a\nresidencies: {eu: {home: b, regions: [a]}}", "home"),
        ("primary: c\nresidencies: {eu: {home: a, regions: [a]}}", "primary"),
        ("primary: a\nresidencies: {eu: {home: a, regions: [a]}, us: {home: a, regions: [a]}}", "one residency only"),
        ("primary: a\nsurvive: region\nresidencies: {eu: {home: a, regions: [a, b]}}", "three regions"),
        ("primary: a'b\nresidencies: {eu: {home: a, regions: [a]}}", "primary"),
        ("- a", "regions.yaml"),
        ("{", "YAML"),
    ],
)
def test_a_profile_that_cannot_hold_is_refused(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "regions.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(file)
    assert word in str(caught.value)


def test_a_profile_is_a_value() -> None:
    assert Profile.model_validate(PROFILE.model_dump()) == PROFILE
