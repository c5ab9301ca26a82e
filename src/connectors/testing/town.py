"""The fake apps of the invented company, running, and the configuration that watches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.testing.company import Planted, seed
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.slack import FakeSlack

CONFIG = """\
# What `connectors demo` runs: an invented company on fake apps.
connections:
  acme-slack:
    connector: slack
    config:
      token: {slack_token}
      webhook_secret: {slack_secret}
      base_url: {slack}/api/
  acme-github:
    connector: github
    config:
      token: {github_token}
      webhook_secret: {github_secret}
      api_url: {github}
policies:
  - name: credentials
    detectors: [secret]
    min_confidence: LIKELY
    severity: critical
    alert: [security, author]
    message: Take it out and rotate it; then tell us in #alerts.
  - name: personal-data
    detectors: [credit_card, us_ssn, iban]
    min_confidence: LIKELY
    severity: high
    alert: [security]
destinations:
  security:
    kind: slack
    config: {{token: {slack_token}, channel: "#alerts", base_url: {slack}/api/}}
  author:
    kind: slack
    config: {{token: {slack_token}, to: author, channel: "#alerts", base_url: {slack}/api/}}
outbound:
  allow: [127.0.0.0/8]
work: {{threads: 4, poll: 0.1}}
"""


class Town:
    """Every fake app, filled with the company's past."""

    def __init__(self) -> None:
        self.slack = FakeSlack()
        self.github = FakeGitHub()
        self.planted: tuple[Planted, ...] = seed(slack=self.slack, github=self.github)
        self._apps = FakeApps(self.slack, self.github)

    @contextmanager
    def running(self) -> Iterator[Town]:
        """Serve the apps for the length of a `with` block."""
        with self._apps.running():
            yield self

    def config(self) -> str:
        """Return the YAML that watches these apps."""
        return CONFIG.format(
            slack=self._apps.url("slack"),
            slack_token=self.slack.token,
            slack_secret=self.slack.signing_secret,
            github=self._apps.url("github"),
            github_token=self.github.token,
            github_secret=self.github.webhook_secret,
        )

    def apps_for_company(self) -> dict[str, Any]:
        """Return the apps by the names that `company` knows them by."""
        return {"slack": self.slack, "github": self.github}

    def connection(self, app: str) -> str:
        """Return the connection that watches an app."""
        return f"acme-{app}"
