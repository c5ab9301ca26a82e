"""One issue, pull request, comment or review as it is in GitHub now: for actions, and for reading it again after."""

from __future__ import annotations

import re

from connectors.errors import Unsupported
from connectors.model import Event, Resource
from connectors_github import things
from connectors_github.client import GitHubClient
from connectors_github.things import JsonObject, Repo

_PATHS = {
    "issue": "issues",
    "pull": "issues",
    "issue_comment": "issues/comments",
    "review_comment": "pulls/comments",
    "commit_comment": "comments",
}

_NUMBERED = re.compile(r"/(?:pull|issues)/([0-9]+)(?:[#/?]|$)")


def path(full_name: str, resource: Resource) -> str:
    """Return the address of a resource in the REST API. Raises `Unsupported` for a kind that is not read alone."""
    ident = resource.id.rpartition(":")[2]
    if resource.kind == "review":
        return f"repos/{full_name}/pulls/{number(resource)}/reviews/{ident}"
    if resource.kind not in _PATHS:
        raise Unsupported(f"a {resource.kind} is not read alone")
    return f"repos/{full_name}/{_PATHS[resource.kind]}/{ident}"


def number(resource: Resource) -> int:
    """Return the number of the issue or pull request that a resource is, or belongs to, from its address."""
    if resource.kind in ("issue", "pull"):
        return int(resource.id.rpartition(":")[2])
    found = _NUMBERED.search(resource.url)
    if found is None:
        raise Unsupported("it belongs to no issue or pull request")
    return int(found[1])


def value(client: GitHubClient, full_name: str, resource: Resource) -> JsonObject:
    """Return GitHub's object of a resource. Raises `NotFound` when it is gone."""
    found = client.get(path(full_name, resource)).data
    return found if isinstance(found, dict) else {}


def reread(client: GitHubClient, repo: Repo, resource: Resource) -> Event:
    """Return the event of a resource, as a sync would."""
    found = value(client, repo.full_name, resource)
    if resource.kind in ("issue", "pull"):
        return things.issue(repo, found, pull=things.is_pull(found))
    return things.comment(repo, resource.kind, found, parent=things.comment_parent(repo, resource.kind, found))
