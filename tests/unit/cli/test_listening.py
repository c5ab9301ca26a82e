"""The address of the command line counts wherever the configuration's would: in links, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.cli.state import State
from connectors.config import parse_config


@pytest.mark.parametrize(
    ("written", "host", "port", "url"),
    [
        ("", None, None, "http://127.0.0.1:8080"),
        ("", "127.0.0.2", 8123, "http://127.0.0.2:8123"),
        ("gateway: {host: 0.0.0.0, port: 9000}", None, 0, "http://localhost:0"),
        ("gateway: {public_url: 'https://dlp.example/'}", "0.0.0.0", 8123, "https://dlp.example"),
    ],
)
def test_links_lead_to_where_the_command_line_listens(
    tmp_path: Path, written: str, host: str | None, port: int | None, url: str
) -> None:
    path = tmp_path / "connectors.yaml"
    path.write_text(written)
    assert State(path).listening(host, port).config().gateway.base_url == url


def test_the_file_alone_says_where_without_a_command_line() -> None:
    assert parse_config("gateway: {port: 9000}").gateway.base_url == "http://127.0.0.1:9000"
