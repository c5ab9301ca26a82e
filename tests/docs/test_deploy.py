"""What deploy/ runs is what the program understands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from connectors.cli.root import cli
from connectors.config import load_config, parse_config
from connectors.vault import new_key

DEPLOY = Path(__file__).parents[2] / "deploy"
KEYS = {"CONNECTORS_VAULT_KEY": new_key(), "CONNECTORS_FINGERPRINT_KEY": new_key()}
CHART = DEPLOY / "helm" / "connectors"


def test_the_composed_configuration_loads() -> None:
    config = load_config(DEPLOY / "config" / "connectors.yaml", environ=KEYS)
    assert config.stream.kind == "kafka"


def test_the_composed_services_call_commands_that_exist() -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name in ("migrate", "gateway", "worker"):
        command = composed["services"][name]["command"]
        context = cli.make_context("connectors", list(command), resilient_parsing=True)
        assert cli.get_command(context, command[0]) is not None
    roaches = [name for name, service in composed["services"].items() if service.get("command", "")[:5] == "start"]
    assert len(roaches) == 3


def test_the_charts_configuration_loads() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    environ = {"DATABASE_URL": "postgresql://db/x", "VAULT_KEY": new_key(), "FINGERPRINT_KEY": new_key()}
    assert parse_config(values["config"], environ=environ).gateway.host == "0.0.0.0"


def test_the_chart_renders() -> None:
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("no helm: the chart was not rendered")
    for values in ([], ["--set", "worker.autoscaling.enabled=true,ingress.enabled=true,ingress.host=dlp.example"]):
        made = subprocess.run([helm, "template", "x", str(CHART), *values], check=True, capture_output=True, text=True)
        kinds = {document["kind"] for document in yaml.safe_load_all(made.stdout) if document}
        assert kinds >= {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job", "ConfigMap"}
