"""The statements for CockroachDB, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.cdc.changefeed import Feed, connection_sql, feed_sql, feeds, missing
from connectors.cli.root import cli
from connectors.errors import ConfigError

GOLDEN = Path(__file__).parent / "changefeeds.sql"


def test_the_statements_are_as_written_down() -> None:
    wanted = feeds({"us": "gs://us-lake/dlp", "eu": "s3://eu-lake/dlp?AUTH=implicit"}, regions={"eu": "europe-west1"})
    text = "\n".join(f"{connection_sql(feed)};\n{feed_sql(feed)};\n" for feed in wanted)
    assert text == GOLDEN.read_text()


def test_a_feed_that_runs_is_not_started_again() -> None:
    wanted = feeds({"eu": "s3://eu-lake"})
    # CockroachDB describes a changefeed in its own spelling.
    described = (
        "CREATE CHANGEFEED INTO 'external://connectors_lake_eu' WITH OPTIONS (format = 'json') "
        "AS SELECT id FROM dlp.public.finding WHERE (residency = 'eu') AND (event_op() != 'delete')"
    )
    running = [{"description": described, "status": "running"}]
    assert [feed.topic for feed in missing(wanted, running)] == ["finding_change"]
    assert len(missing(wanted, [{"description": described, "status": "canceled"}])) == 2
    assert len(missing(feeds({"us": "s3://us-lake"}), running)) == 2


def test_a_name_that_sql_must_not_hold_is_refused() -> None:
    with pytest.raises(ConfigError):
        feed_sql(Feed("eu' OR true --", "finding", "s3://lake"))


def test_the_url_and_its_keys_are_quoted() -> None:
    assert "s3://lake?KEY=it''s&" in connection_sql(Feed("eu", "finding", "s3://lake?KEY=it's"))


CONFIG = """
residency: eu
cdc: {residencies: {eu: "s3://eu-lake/dlp"}}
"""
REGIONS = "primary: europe-west1\nresidencies: {%s: {home: europe-west1, regions: [europe-west1]}}\n"


def test_a_profile_confines_where_a_changefeed_runs(tmp_path: Path) -> None:
    (tmp_path / "connectors.yaml").write_text(CONFIG)
    profile = tmp_path / "regions.yaml"

    def run(*options: str) -> Result:
        config = str(tmp_path / "connectors.yaml")
        return CliRunner().invoke(cli, ["--config", config, "cdc", "apply", "--dry-run", *options])

    profile.write_text(REGIONS % "eu")
    assert run("--profile", str(profile)).output.count("execution_locality = 'region=europe-west1'") == 2
    assert "execution_locality" not in run().output
    profile.write_text(REGIONS % "us")
    assert "no residency 'eu'" in str(run("--profile", str(profile)).exception)
