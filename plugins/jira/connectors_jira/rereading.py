"""One issue, comment or attachment, read again after an action."""

from __future__ import annotations

from dataclasses import replace

from connectors.errors import Unsupported
from connectors.model import Event, Resource
from connectors_jira.client import Jira
from connectors_jira.config import JiraConfig
from connectors_jira.resources import Issue, attachment_event, comment_event, issue_event


def reread(jira: Jira, config: JiraConfig, resource: Resource) -> Event:
    """Return the event of a resource as it is now, as a sync would.

    Jira's answers about comments and attachments do not name their issue, nor Data Center's their own id: they stay
    where they were.
    """
    kind, _, rest = resource.id.partition(":")
    if kind == "issue":
        return issue_event(jira.issue(rest), config.site, fetch=False)
    if kind == "comment":
        issue_id, _, comment_id = rest.partition(":")
        event = comment_event(jira.comment(issue_id, comment_id), Issue(issue_id, "", resource.container, ""))
        return replace(event, resource=replace(resource, parent=event.resource.parent))
    if kind == "attachment":
        event = attachment_event({**jira.attachment_facts(rest), "id": rest}, Issue("", "", resource.container, ""))
        return replace(event, resource=resource)
    raise Unsupported(f"a {kind} is not read alone")
