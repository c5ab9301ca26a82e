"""The page, the dashboard and the alert rules name the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from connectors.metrics import Metrics

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"\| `(connectors_\w+)` \| (\w+) \| (.*?) \| (.*) \|")


def families() -> dict[str, tuple[str, str]]:
    """Return every metric's type and meaning by its name."""
    found = {}
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = (family.type, family.documentation)
    return found


def test_the_table_is_what_the_code_has() -> None:
    written = {name: (kind, meaning) for name, kind, _, meaning in LINE.findall((ROOT / "docs/metrics.md").read_text())}
    assert written == families()


def test_dashboard_and_rules_use_metrics_that_exist() -> None:
    known = {re.sub(r"_total$", "", name) for name in families()}
    dashboard = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy/grafana/alerts.yaml").read_text())
    used = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    names = {re.sub(r"_(total|bucket)$", "", name) for each in used for name in re.findall(r"connectors_\w+", each)}
    assert names
    assert names <= known
