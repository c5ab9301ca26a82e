"""Alerts as Jira issues, Cloud and Data Center.

Written against the version 2 API, which both have: https://developer.atlassian.com/cloud/jira/platform/rest/v2/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

import requests
from pydantic import Field, SecretStr

from connectors.alerts import render
from connectors.alerts.answers import settle
from connectors.alerts.destination import Alert, Delivered, Destination, DestinationConfig
from connectors.alerts.web import WebConfig
from connectors.errors import Transient

_RESOLVED: Final = "connectors-resolved"
_HINT: Final = "check the project, the issue type and what the account may do there"


class Deployment(StrEnum):
    """Which Jira it is."""

    CLOUD = "cloud"
    DATACENTER = "datacenter"


class JiraIssueConfig(WebConfig):
    """Options of the `jira` destination."""

    url: str = Field(
        description="Base URL of Jira.", examples=["https://acme.atlassian.net"], pattern=r"^https?://[^?#@\s]+$"
    )
    deployment: Deployment = Field(default=Deployment.CLOUD, description="`cloud` or `datacenter`.", examples=["cloud"])
    user: str = Field(
        default="",
        description="E-mail address of the account (Cloud). Empty for a personal access token (Data Center).",
        examples=["dlp-bot@example.com"],
    )
    token: SecretStr = Field(description="API token or personal access token.", examples=["${env:JIRA_TOKEN}"])
    project: str = Field(description="Key of the project.", examples=["SEC"], pattern=r"^[A-Z][A-Z0-9_]{0,254}$")
    issue_type: str = Field(default="Task", description="Name of the issue type.", examples=["Task"])
    labels: tuple[str, ...] = Field(default=(), description="Labels on every issue.", examples=[["dlp"]])
    resolve_transition: str = Field(
        default="",
        description="Name of the transition when every finding is resolved; empty leaves the state alone.",
        examples=["Done"],
    )


class JiraDestination(Destination[JiraIssueConfig]):
    """Opens one issue per alert, found again by a label made from the alert's id.

    Jira Cloud's search lags seconds behind its writes: a retry within that time can open a second issue.
    """

    kind: ClassVar[str] = "jira"
    Config: ClassVar[type[DestinationConfig]] = JiraIssueConfig

    def deliver(self, alert: Alert) -> Delivered:
        """Open the issue, unless it is there."""
        with self._session() as session:
            known = self._find(session, alert)
            key = str(known["key"]) if known else self._open(session, alert)
        return Delivered(reference=key, recipient=self.config.project)

    def resolve(self, alert: Alert) -> Delivered:
        """Comment that every finding is resolved, and take the configured transition."""
        with self._session() as session:
            known = self._find(session, alert)
            if known is None:
                return Delivered(recipient=self.config.project)
            key = str(known["key"])
            if _RESOLVED not in (known.get("fields") or {}).get("labels", ()):
                self._close(session, key)
        return Delivered(reference=key, recipient=self.config.project)

    def probe(self) -> str:
        """Read the project with the account that alerts are written by."""
        with self._session() as session:
            project = self._ask(session, "GET", f"/rest/api/2/project/{self.config.project}")
        return f"opens issues in {render.clean(str(project.get('key', '')))}"

    def _session(self) -> requests.Session:
        session = self.context.session()
        token = self.config.token.get_secret_value()
        if self.config.user:
            session.auth = (self.config.user, token)
        else:
            session.headers["Authorization"] = f"Bearer {token}"
        return session

    def _find(self, session: requests.Session, alert: Alert) -> Mapping[str, Any] | None:
        cloud = self.config.deployment is Deployment.CLOUD
        query = {
            "jql": f'project = "{self.config.project}" AND labels = "{_label(alert)}" ORDER BY created ASC',
            "fields": "labels",
            "maxResults": "1",
        }
        path = "/rest/api/3/search/jql" if cloud else "/rest/api/2/search"
        issues = self._ask(session, "GET", path, params=query).get("issues") or []
        return issues[0] if issues else None

    def _open(self, session: requests.Session, alert: Alert) -> str:
        fields = {
            "project": {"key": self.config.project},
            "issuetype": {"name": self.config.issue_type},
            "summary": render.title(alert, 250),
            "description": _as_is(render.text(alert)),
            "labels": sorted({*self.config.labels, "connectors", _label(alert)}),
        }
        return str(self._ask(session, "POST", "/rest/api/2/issue", json={"fields": fields}).get("key", ""))

    def _close(self, session: requests.Session, key: str) -> None:
        """Comment, take the transition, and mark it done last, so that a crash in between repeats it all."""
        issue = f"/rest/api/2/issue/{key}"
        self._ask(session, "POST", f"{issue}/comment", json={"body": "Every finding of this alert is resolved."})
        if self.config.resolve_transition:
            offered = self._ask(session, "GET", f"{issue}/transitions").get("transitions") or []
            wanted = self.config.resolve_transition.casefold()
            taken = next((each for each in offered if str(each.get("name", "")).casefold() == wanted), None)
            if taken is not None:
                chosen = {"transition": {"id": taken["id"]}}
                self._ask(session, "POST", f"{issue}/transitions", json=chosen)
        self._ask(session, "PUT", issue, json={"update": {"labels": [{"add": _RESOLVED}]}})

    def _ask(self, session: requests.Session, method: str, path: str, **options: Any) -> dict[str, Any]:
        url = self.config.url.rstrip("/") + path
        response = session.request(method, url, allow_redirects=False, **options)
        settle(response, hint=_HINT)
        if not response.content:
            return {}
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            # A proxy's or a login page's answer, with a 200 on it.
            raise Transient("Jira's answer is not what its API documents")
        return answer


def _label(alert: Alert) -> str:
    return "connectors-" + re.sub(r"[^A-Za-z0-9_-]", "-", alert.id)[:200]


def _as_is(text: str) -> str:
    """Keep Jira from reading wiki markup, macros and mentions in the text."""
    return "{noformat}\n" + text.replace("{noformat}", "{ noformat}") + "\n{noformat}"
