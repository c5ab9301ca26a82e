"""From GitHub's objects to resources and events. Pure; the same from webhook and API.

Ids: `repo:<id>`, `ref:<repo>:<branch>`, `file:<repo>:<path>` (default branch), `file:<repo>@<branch>:<path>`,
`commit:<repo>:<sha>`, `issue:<repo>:<number>`, `pull:<repo>:<number>`, `issue_comment:<id>`, `review:<id>`,
`review_comment:<id>`, `commit_comment:<id>`, `discussion:<repo>:<number>`, `discussion_comment:<id>`,
`wiki:<repo>:<page>`, `release:<id>`, `release_asset:<id>`, `gist:<id>`. Versions are microseconds of `updated_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.errors import Malformed
from connectors.model import Container, Event, EventKind, Partition, PersonRef, Resource, Visibility

JsonObject = dict[str, Any]

KINDS = (
    "code",
    "issues",
    "issue_comments",
    "reviews",
    "review_comments",
    "commit_comments",
    "discussions",
    "wiki",
    "releases",
)
"""The partitions of a repository. `commits` joins them when commit_history is on; a push hints at it anyway."""


def need(value: Mapping[str, Any], key: str) -> str:
    """Return the non-empty string under `key`, or raise `Malformed`."""
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise Malformed(f"{key} is absent or not a string")
    return found


def number(value: Mapping[str, Any], key: str) -> int:
    """Return the integer under `key`, or raise `Malformed`."""
    found = value.get(key)
    if not isinstance(found, int) or isinstance(found, bool):
        raise Malformed(f"{key} is absent or not a number")
    return found


def inner(value: Mapping[str, Any], key: str) -> JsonObject:
    """Return the object under `key`, or raise `Malformed`."""
    found = value.get(key)
    if not isinstance(found, dict):
        raise Malformed(f"{key} is absent or not an object")
    return found


def text(value: Mapping[str, Any], key: str) -> str:
    """Return the string under `key`, empty when there is none."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def micros(stamp: Any) -> int:
    """Return an ISO time in microseconds, or raise `Malformed`."""
    try:
        moment = datetime.fromisoformat(stamp)
    except (TypeError, ValueError):
        raise Malformed("a time is not an ISO time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    except (OverflowError, ValueError):
        raise Malformed("a time is out of range") from None


def version_of(value: Mapping[str, Any]) -> int:
    """Return the version of an object: the latest of its times."""
    names = ("updated_at", "submitted_at", "published_at", "created_at", "updatedAt", "createdAt")
    stamps = [value[name] for name in names if isinstance(value.get(name), str)]
    if not stamps:
        raise Malformed("updated_at is absent")
    return max(micros(stamp) for stamp in stamps)


def at(version: int) -> datetime | None:
    """Return the time of a version."""
    return datetime.fromtimestamp(version / 1_000_000, UTC) if 1 < version < 10**17 else None


def author_of(value: Mapping[str, Any]) -> PersonRef | None:
    """Return who wrote an object, by the numeric id that stays when a login changes."""
    user = value.get("user") or value.get("author")
    if not isinstance(user, dict) or not isinstance(user.get("login"), str):
        return None
    found = user.get("id") if isinstance(user.get("id"), int) else user.get("databaseId")
    return PersonRef(str(found) if isinstance(found, int) else user["login"], user["login"])


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository as events are made from it."""

    id: int
    full_name: str
    visibility: Visibility
    default_branch: str = "main"
    url: str = ""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Repo:
        """Read a repository object of a webhook or of the REST API."""
        private, told = value.get("private"), value.get("visibility")
        if told == "internal":
            visibility = Visibility.INTERNAL
        elif private is None and told is None:
            visibility = Visibility.UNKNOWN
        else:
            visibility = Visibility.PRIVATE if private or told == "private" else Visibility.PUBLIC
        branch = text(value, "default_branch") or text(value, "master_branch") or "main"
        return cls(number(value, "id"), need(value, "full_name"), visibility, branch, text(value, "html_url"))

    @property
    def container(self) -> Container:
        """The repository as the container of its resources."""
        return Container(str(self.id), self.full_name, self.visibility)

    @property
    def key(self) -> str:
        """The id of the repository as a resource."""
        return f"repo:{self.id}"

    def partition(self, kind: str, branch: str = "") -> Partition:
        """Return one of the repository's partitions."""
        tail = f":{branch or self.default_branch}" if kind in ("code", "commits") else ""
        label = f"{self.full_name} {kind.replace('_', ' ')}"
        return Partition(f"{kind}:{self.id}{tail}", label, container=self.full_name)

    def resource(self, kind: str, ident: str, *, label: str, parent: str = "", **more: Any) -> Resource:
        """Return a resource in this repository."""
        return Resource(
            id=ident,
            kind=kind,
            container=self.container,
            label=f"{label} in {self.full_name}",
            visibility=self.visibility,
            parent=parent or self.key,
            **more,
        )

    def hint(self, partition: Partition, version: int, *, cursor: JsonObject | None = None) -> Event:
        """Return a hint that something in a partition changed. Its resource is the partition: two hints are two."""
        resource = Resource(partition.id, "partition", self.container, partition.label, self.url)
        return Event(EventKind.SYNC, resource, version, None, at(version), partition=partition, cursor=cursor)

    def about(self, kind: EventKind, version: int) -> Event:
        """Return an event about the repository as a whole."""
        resource = Resource(
            self.key, "repository", self.container, f"repository {self.full_name}", self.url, visibility=self.visibility
        )
        return Event(kind, resource, version=version, occurred_at=at(version))


def _event(resource: Resource, payload: JsonObject, version: int) -> Event:
    return Event(EventKind.CHANGED, resource, version=version, payload=payload, occurred_at=at(version))


def issue_key(repo: Repo, value: Mapping[str, Any], *, pull: bool) -> str:
    """Return the resource id of an issue or pull request."""
    return f"{'pull' if pull else 'issue'}:{repo.id}:{number(value, 'number')}"


def is_pull(value: Mapping[str, Any]) -> bool:
    """Tell whether an issue object, or a comment by its address, belongs to a pull request."""
    return isinstance(value.get("pull_request"), dict) or "/pull/" in text(value, "html_url")


def issue(repo: Repo, value: JsonObject, *, pull: bool) -> Event:
    """Return the event of an issue or pull request: title and body."""
    named = "pull request" if pull else "issue"
    resource = repo.resource(
        "pull" if pull else "issue",
        issue_key(repo, value, pull=pull),
        label=f"{named} #{number(value, 'number')}",
        url=text(value, "html_url"),
        author=author_of(value),
    )
    return _event(resource, {"title": text(value, "title"), "body": text(value, "body")}, version_of(value))


COMMENTS = {
    "issue_comment": "comment",
    "review": "review",
    "review_comment": "review comment",
    "commit_comment": "commit comment",
    "discussion_comment": "discussion comment",
}


def comment(repo: Repo, kind: str, value: JsonObject, *, parent: str = "", version: int = 0) -> Event:
    """Return the event of a comment or review: its body, and the diff hunk that it stands at."""
    ident = value.get("id")
    found = ident if isinstance(ident, int) else number(value, "databaseId")
    resource = repo.resource(
        kind,
        f"{kind}:{found}",
        label=COMMENTS[kind],
        url=text(value, "html_url") or text(value, "url"),
        author=author_of(value),
        parent=parent,
    )
    payload = {"body": text(value, "body"), "diff_hunk": text(value, "diff_hunk")}
    return _event(resource, payload, max(version, version_of(value)))


def numbered(url: str, kind: str) -> int:
    """Return the number at the end of an API address such as `…/issues/12`, or raise `Malformed`."""
    head, _, tail = url.rpartition("/")
    if not head.endswith(kind) or not (tail.isascii() and tail.isdigit()):
        raise Malformed("an address does not end in a number")
    return int(tail)


def comment_parent(repo: Repo, kind: str, value: Mapping[str, Any]) -> str:
    """Return the parent of a comment that the API listed, from the addresses in it."""
    if kind == "issue_comment":
        found = numbered(text(value, "issue_url"), "issues")
        return f"{'pull' if is_pull(value) else 'issue'}:{repo.id}:{found}"
    if kind in ("review", "review_comment"):
        return f"pull:{repo.id}:{numbered(text(value, 'pull_request_url'), 'pulls')}"
    return repo.key


def discussion(repo: Repo, value: JsonObject) -> Event:
    """Return the event of a discussion: title and body."""
    found = number(value, "number")
    resource = repo.resource(
        "discussion",
        f"discussion:{repo.id}:{found}",
        label=f"discussion #{found}",
        url=text(value, "html_url") or text(value, "url"),
        author=author_of(value),
    )
    return _event(resource, {"title": text(value, "title"), "body": text(value, "body")}, version_of(value))


def wiki(repo: Repo, page: JsonObject, sender: JsonObject, version: int) -> Event:
    """Return the event of a wiki page; its text is fetched by `units`."""
    name = need(page, "page_name")
    resource = repo.resource(
        "wiki",
        f"wiki:{repo.id}:{name}",
        label="wiki page",
        url=text(page, "html_url"),
        author=author_of({"user": sender}),
    )
    payload = {"title": text(page, "title"), "summary": text(page, "summary"), "wiki": name, "repo": repo.full_name}
    return _event(resource, payload, version)


def release(repo: Repo, value: JsonObject) -> list[Event]:
    """Return the events of a release and of its assets."""
    key = f"release:{number(value, 'id')}"
    resource = repo.resource("release", key, label="release", url=text(value, "html_url"), author=author_of(value))
    payload = {"title": text(value, "name"), "body": text(value, "body"), "tag": text(value, "tag_name")}
    assets = value.get("assets")
    listed = [asset for asset in assets if isinstance(asset, dict)] if isinstance(assets, list) else []
    return [_event(resource, payload, version_of(value)), *(asset_of(repo, key, asset) for asset in listed)]


def asset_of(repo: Repo, parent: str, value: JsonObject) -> Event:
    """Return the event of a file attached to a release."""
    ident = number(value, "id")
    resource = repo.resource(
        "release_asset",
        f"release_asset:{ident}",
        label="release file",
        url=text(value, "browser_download_url"),
        author=author_of({"user": value.get("uploader")}),
        parent=parent,
    )
    payload = {
        "title": text(value, "label"),
        "asset": ident,
        "repo": repo.full_name,
        "name": need(value, "name"),
        "size": value.get("size"),
        "media_type": text(value, "content_type"),
    }
    return _event(resource, payload, version_of(value))


def file_key(repo: Repo, branch: str, path: str) -> str:
    """Return the resource id of a file at the head of a branch."""
    return f"file:{repo.id}:{path}" if branch == repo.default_branch else f"file:{repo.id}@{branch}:{path}"


def ref_key(repo: Repo, branch: str) -> str:
    """Return the resource id of a branch; files of other branches than the default one disappear with it."""
    return f"ref:{repo.id}:{branch}"


def _file_resource(repo: Repo, branch: str, path: str, author: PersonRef | None = None) -> Resource:
    main = branch == repo.default_branch
    return repo.resource(
        "file",
        file_key(repo, branch, path),
        label=f"file {path}" if main else f"file {path} on branch {branch}",
        url=f"{repo.url}/blob/{branch}/{path}" if repo.url else "",
        author=author,
        parent=repo.key if main else ref_key(repo, branch),
    )


def file(repo: Repo, branch: str, entry: Mapping[str, Any], version: int, author: PersonRef | None = None) -> Event:
    """Return the event of a file: `entry` has path, blob sha and, from a tree, size."""
    path = need(entry, "path")
    size = entry.get("size")
    payload = {
        "path": path,
        "blob": need(entry, "sha"),
        "repo": repo.full_name,
        "size": size if isinstance(size, int) else None,
    }
    return _event(_file_resource(repo, branch, path, author), payload, version)


def file_gone(repo: Repo, branch: str, path: str, version: int) -> Event:
    """Return the event of a deleted file."""
    return Event(EventKind.DELETED, _file_resource(repo, branch, path), version=version, occurred_at=at(version))


def ref_gone(repo: Repo, branch: str, version: int) -> Event:
    """Return the event of a deleted branch."""
    resource = repo.resource("ref", ref_key(repo, branch), label=f"branch {branch}")
    return Event(EventKind.DELETED, resource, version=version, occurred_at=at(version))


def commit(repo: Repo, value: JsonObject, *, patches: bool) -> Event:
    """Return the event of a commit: its message, and its changes when `patches` asks for them."""
    sha, held = need(value, "sha"), inner(value, "commit")
    committer = held.get("committer")
    version = micros(committer.get("date")) if isinstance(committer, dict) else 1
    resource = repo.resource(
        "commit",
        f"commit:{repo.id}:{sha}",
        label=f"commit {sha[:8]}",
        url=text(value, "html_url"),
        author=author_of(value) or _git_author(held),
    )
    payload: JsonObject = {"message": text(held, "message")}
    if patches:
        payload |= {"commit": sha, "repo": repo.full_name}
    return _event(resource, payload, version)


def _git_author(value: Mapping[str, Any]) -> PersonRef | None:
    author = value.get("author")
    if not isinstance(author, dict):
        return None
    email = text(author, "email")
    return PersonRef(email, text(author, "name"), email) if email else None


def repo_info(repo: Repo, value: JsonObject) -> Event:
    """Return the event of a repository's own texts: description, homepage, topics."""
    resource = repo.resource("repository", f"repo_info:{repo.id}", label="description", url=repo.url)
    topics = value.get("topics")
    payload = {
        "title": text(value, "description"),
        "body": text(value, "homepage"),
        "topics": " ".join(t for t in topics if isinstance(t, str)) if isinstance(topics, list) else "",
    }
    return _event(resource, payload, version_of(value))


def gist(value: JsonObject) -> Event:
    """Return the event of a gist; its files are fetched by `units`."""
    ident = need(value, "id")
    visibility = Visibility.PUBLIC if value.get("public") else Visibility.LINK
    resource = Resource(
        id=f"gist:{ident}",
        kind="gist",
        container=Container("gists", "gists", visibility),
        label="gist",
        url=text(value, "html_url"),
        author=author_of({"user": value.get("owner")}),
        visibility=visibility,
    )
    return _event(resource, {"body": text(value, "description"), "gist": ident}, version_of(value))
