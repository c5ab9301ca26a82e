"""What Jira holds that no reading and no webhook of a connection shows: it stands in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.model import Gap, UnitFailure
from connectors_jira.config import JiraConfig

_OFF = "switched off in the configuration"


def not_read(config: JiraConfig) -> Iterator[UnitFailure]:
    """Name what is left out. https://developer.atlassian.com/cloud/jira/platform/rest/v3/"""
    if not config.changelog:
        yield UnitFailure("changelog", Gap.EXCLUDED, _OFF)
    if not config.remote_links:
        yield UnitFailure("remotelinks", Gap.EXCLUDED, _OFF)
    yield UnitFailure("comment history", Gap.NOT_IN_API, "Jira keeps no earlier versions of comments and worklogs")
    yield UnitFailure("properties", Gap.EXCLUDED, "what apps keep on issues, projects and comments is not read")
    yield UnitFailure("forms", Gap.EXCLUDED, "answers in forms of service projects are not read")
    yield UnitFailure("boards and sprints", Gap.EXCLUDED, "their names and goals are not read")
    yield UnitFailure("projects", Gap.EXCLUDED, "descriptions of projects, components and versions are not read")
    yield UnitFailure("filters and dashboards", Gap.EXCLUDED, "their names and descriptions are not read")
