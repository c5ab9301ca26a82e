"""Passwords that people chat about are found, and talk about passwords is not taken for them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CHAT = runpy.run_path(str(Path(__file__).parents[3] / "bench" / "chat.py"))


@pytest.mark.parametrize(("name", "least"), [("first", 0.96), ("second", 0.91), ("third", 0.95), ("fourth", 0.9)])
def test_told_secrets_are_found_and_talk_is_not(engine, name, least):
    results = list(CHAT["measure"](engine, name))
    hit, lost = sum(r[1] for r in results), sum(r[3] for r in results)
    assert hit / (hit + lost) >= least, [r[0] for r in results if r[3]]
    assert sum(len(r[2]) for r in results) <= 1, [(r[0], r[2]) for r in results if r[2]]


@pytest.mark.parametrize(
    "text",
    [
        "login: {v}",
        "the {v} is required",
        "use {v} for testing",
        "see {v}",
        "{v} was changed yesterday",
        "merge {v} into main",
        "deploy {v} to prod",
        "who owns {v}?",
        "{v} / {v}",
    ],
)
@pytest.mark.parametrize(
    "value", ["OPS-4821", "v2.3.1", "web-02.acme.test", "user42", "sha256", "Office365", "2026-11-02"]
)
def test_names_of_things_are_no_passwords(engine, text, value):
    assert not [m for m in engine.scan(text.format(v=value)) if m.family == "secret"]
