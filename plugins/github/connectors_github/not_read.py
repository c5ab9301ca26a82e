"""What GitHub holds that no reading and no webhook of a connection shows: it stands in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.model import Gap, UnitFailure
from connectors_github.config import GitHubConfig


def not_read(config: GitHubConfig) -> Iterator[UnitFailure]:
    """Name what is left out. https://docs.github.com/en/rest"""
    if not config.commit_history:
        yield UnitFailure("commits", Gap.EXCLUDED, "what only old commits hold: commit_history is off")
    if not config.gists:
        yield UnitFailure("gists", Gap.EXCLUDED, "switched off in the configuration")
    yield UnitFailure("earlier versions", Gap.NOT_IN_API, "of edited issues and comments: no list of the API has them")
    yield UnitFailure("wiki history", Gap.NOT_IN_API, "a wiki page is read when it changes: the API lists none")
    yield UnitFailure("gist comments", Gap.EXCLUDED, "comments on gists are not read")
    yield UnitFailure("tags", Gap.EXCLUDED, "names of releases are read, messages of annotated tags are not")
    yield UnitFailure("projects", Gap.EXCLUDED, "fields and draft items of project boards are not read")
    yield UnitFailure("milestones and labels", Gap.EXCLUDED, "their names and descriptions are not read")
    yield UnitFailure("packages", Gap.EXCLUDED, "packages and container images are not read")
    yield UnitFailure("Actions", Gap.EXCLUDED, "logs, artifacts and caches of workflow runs are not read")
    yield UnitFailure("security", Gap.EXCLUDED, "advisories and secret scanning alerts are not read")
