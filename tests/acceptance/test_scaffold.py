"""A plugin is generated, installed, passes its own tests, and is loaded by a host: as a third party would do it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.cli.plugin import plugin
from connectors.errors import ConfigError
from connectors.scaffold import generate


@dataclass(frozen=True)
class Installed:
    """A generated package, and the folder it is installed in."""

    source: Path
    target: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the package installed."""
        env = {**os.environ, "PYTHONPATH": str(self.target), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.source, env=env, capture_output=True, text=True, timeout=100
        )


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("scaffold")
    made = CliRunner().invoke(plugin, ["new", "acme_notes", "--into", str(folder)])
    assert made.exit_code == 0, made.output
    acme = Installed(folder / "connectors-acme-notes", folder / "site")
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    pip = acme.run("-m", "pip", "install", *options, "--target", str(acme.target), str(acme.source))
    assert pip.returncode == 0, pip.stderr
    return acme


def test_its_tests_pass_as_generated(acme: Installed) -> None:
    ran = acme.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "passed" in ran.stdout


def test_its_tests_fail_when_the_connector_is_broken(acme: Installed, tmp_path: Path) -> None:
    """The generated tests do test the generated connector."""
    connector = acme.source / "connectors_acme_notes" / "connector.py"
    whole = connector.read_text()
    connector.write_text(whole.replace("if not hmac.compare_digest", "if False and not hmac.compare_digest"))
    try:
        ran = acme.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "forgery")
    finally:
        connector.write_text(whole)
    assert ran.returncode == 1, ran.stdout[-3000:]


def test_a_host_loads_it(acme: Installed) -> None:
    ran = acme.run(
        "-c",
        "from connectors.host import Host\n"
        "plugin = Host.build(['acme_notes']).plugins['acme_notes']\n"
        "print(plugin.problem, plugin.distribution, plugin.version, *plugin.powers, sep='|')\n",
    )
    assert ran.stdout.strip() == "|connectors-acme-notes|0.1.0|ReceivesWebhooks|Syncs", ran.stderr


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    made = CliRunner().invoke(plugin, ["new", "acme", "--into", str(tmp_path)])
    assert "pytest" in made.output
    assert sorted(path.name for path in (tmp_path / "connectors-acme").iterdir()) == [
        "README.md",
        "connectors_acme",
        "pyproject.toml",
        "tests",
    ]


@pytest.mark.parametrize("name", ["Acme", "9lives", "a-b", "", "../x", "a__b", "class def"])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        generate(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    generate("acme", tmp_path)
    with pytest.raises(ConfigError):
        generate("acme", tmp_path)


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    folder = generate("acme", tmp_path)
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "${env:ACME_TOKEN}" in text
    assert "$name" not in text
    assert "${Name}" not in text
