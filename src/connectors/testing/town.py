"""The fake apps of the invented company, running, and the configuration that watches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.testing.company import Planted, seed
from connectors.testing.fakeapps import FakeApps
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.gdrive import FakeDrive, service_account
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.slack import FakeSlack

KEY_FILE = "drive-key.json"

CONFIG = """\
# What `connectors demo` runs: an invented company on fake apps.
gateway:
  public_url: https://connectors.acme.example
connections:
  acme-slack:
    connector: slack
    config:
      token: {slack_token}
      user_token: {slack_user_token}
      webhook_secret: {slack_secret}
      base_url: {slack}/api/
  acme-github:
    connector: github
    config:
      token: {github_token}
      webhook_secret: {github_secret}
      api_url: {github}
      raw_url: {github}/raw
  acme-gdrive:
    connector: gdrive
    config:
      service_account: ${{file:{drive_key}}}
      users: all
      admin: admin@acme.example
      webhook_secret: shared-with-the-fake-drive
      act: true
      api_url: {gdrive}
  acme-jira:
    connector: jira
    config:
      url: {jira}
      cloud: true
      email: {jira_email}
      token: {jira_token}
      webhook_secret: {jira_secret}
  acme-confluence:
    connector: confluence
    config:
      url: {confluence}/wiki
      cloud: true
      email: {confluence_email}
      token: {confluence_token}
      webhook_secret: {confluence_secret}
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
        self.gdrive = FakeDrive()
        self.jira = FakeJira(now=lambda: datetime.now(UTC))
        self.confluence = FakeConfluence(now=lambda: datetime.now(UTC))
        self.planted: tuple[Planted, ...] = seed(**self.apps_for_company())
        self._apps = FakeApps(self.slack, self.github, self.gdrive, self.jira, self.confluence)

    @contextmanager
    def running(self) -> Iterator[Town]:
        """Serve the apps for the length of a `with` block."""
        with self._apps.running():
            yield self

    def config(self, folder: Path) -> str:
        """Return the YAML that watches these apps; the key file that it names is written into `folder`."""
        (folder / KEY_FILE).write_text(service_account(self._apps.url("gdrive")), encoding="utf-8")
        return CONFIG.format(
            slack=self._apps.url("slack"),
            slack_token=self.slack.token,
            slack_user_token=self.slack.user_token,
            slack_secret=self.slack.signing_secret,
            github=self._apps.url("github"),
            github_token=self.github.token,
            github_secret=self.github.webhook_secret,
            gdrive=self._apps.url("gdrive"),
            drive_key=KEY_FILE,
            jira=self._apps.url("jira"),
            jira_email=self.jira.email,
            jira_token=self.jira.token,
            jira_secret=self.jira.webhook_secret,
            confluence=self._apps.url("confluence"),
            confluence_email=self.confluence.email,
            confluence_token=self.confluence.token,
            confluence_secret=self.confluence.webhook_secret,
        )

    @property
    def listening(self) -> bool:
        """Tell whether the push channels are open: the Drive posts nothing before that."""
        return len(self.gdrive.channels) >= len(self.gdrive.users) + len(self.gdrive.drives)

    def apps_for_company(self) -> dict[str, Any]:
        """Return the apps by the names that `company` knows them by."""
        return {
            "slack": self.slack,
            "github": self.github,
            "gdrive": self.gdrive,
            "jira": self.jira,
            "confluence": self.confluence,
        }

    def connection(self, app: str) -> str:
        """Return the connection that watches an app."""
        return f"acme-{app}"
