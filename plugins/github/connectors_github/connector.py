"""The GitHub connector: the contract, thin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors import Budget, Connector, Context
from connectors.errors import MissingScope, NotFound, Unsupported, Unverified
from connectors.model import (
    ActionSpec,
    Blob,
    Check,
    Container,
    Cursor,
    Delivery,
    Event,
    Gap,
    Outcome,
    Page,
    Partition,
    Person,
    PersonRef,
    Receipt,
    Resource,
    ScanUnit,
    Target,
    UnitFailure,
)
from connectors_github import checks, current, events, lists, things
from connectors_github.actions import ACTIONS, Actor
from connectors_github.client import BUDGETS, GitHubClient, objects
from connectors_github.code import CodeReader
from connectors_github.config import GitHubConfig
from connectors_github.not_read import not_read
from connectors_github.things import JsonObject, Repo

DELIVERIES = Partition("deliveries", "failed webhook deliveries")
GISTS = Partition("gists", "gists")

_COMMENT_LISTS = {"issue_comments": "issues/comments", "review_comments": "pulls/comments"}


_FRESH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Known:
    """A repository as it was at a time."""

    data: JsonObject
    etag: str
    at: datetime


class GitHubConnector(Connector[GitHubConfig]):
    """Reads GitHub repositories by webhooks, REST and GraphQL."""

    name: ClassVar[str] = "github"
    title: ClassVar[str] = "GitHub"
    Config: ClassVar[type[GitHubConfig]] = GitHubConfig
    budgets: ClassVar[Mapping[str, Budget]] = BUDGETS
    actions: ClassVar[tuple[ActionSpec, ...]] = ACTIONS

    def __init__(self, config: GitHubConfig, context: Context) -> None:
        super().__init__(config, context)
        self.client = GitHubClient(config, context)
        self._repositories: dict[int, _Known] = {}

    @property
    def _kinds(self) -> tuple[str, ...]:
        return (*things.KINDS, "commits") if self.config.commit_history else things.KINDS

    def check(self) -> Iterator[Check]:
        """Check the credentials, their rights, the webhook secret and the rate headroom."""
        yield from checks.checks(self.config, self.client)

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify and parse one webhook."""
        secret = self.config.webhook_secret
        if secret is None or not secret.get_secret_value():
            raise Unverified("the connection has no webhook_secret")
        events.verify(delivery.headers, delivery.body, secret.get_secret_value())
        payload = events.parse(delivery.headers, delivery.body)
        guid = things.need(delivery.headers, "x-github-delivery")
        name = things.need(delivery.headers, "x-github-event")
        return Receipt(events=self._events(name, payload, now), delivery_id=guid)

    def _events(self, name: str, payload: JsonObject, now: datetime) -> tuple[Event, ...]:
        reader = events.Reader(payload, int(now.timestamp() * 1_000_000), self._kinds)
        return reader.events(name)

    def not_read(self) -> Iterator[UnitFailure]:
        """Name the kinds of places that are left out."""
        yield from not_read(self.config)

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """Yield the texts of an event's resource; files, wiki pages, commits and gists are fetched late."""
        payload: JsonObject = event.payload if isinstance(event.payload, dict) else {}
        for part in ("title", "body", "message", "summary", "tag", "topics", "path", "name", "diff_hunk"):
            if things.text(payload, part):
                yield ScanUnit(part, text=payload[part], label=part.replace("_", " "))
        if "blob" in payload:
            yield self._blob(payload)
        elif "asset" in payload:
            yield self._asset(payload)
        elif "wiki" in payload:
            yield from self._wiki(payload)
        elif "commit" in payload:
            yield from self._commit(payload)
        elif "gist" in payload:
            yield from self._gist(payload)

    def _blob(self, payload: JsonObject) -> ScanUnit:
        def fetch() -> Any:
            return self.client.open_blob(payload["repo"], payload["blob"])

        return ScanUnit("content", blob=Blob(payload["path"], size=payload.get("size"), open=fetch))

    def _asset(self, payload: JsonObject) -> ScanUnit:
        def fetch() -> Any:
            return self.client.open_asset(payload["repo"], payload["asset"])

        size = payload.get("size")
        blob = Blob(payload["name"], payload["media_type"], size if isinstance(size, int) else None, fetch)
        return ScanUnit("content", blob=blob)

    def _wiki(self, payload: JsonObject) -> Iterator[ScanUnit | UnitFailure]:
        try:
            with self.client.open_wiki(payload["repo"], payload["wiki"]) as stream:
                source = stream.read(_WIKI_LIMIT)
        except (NotFound, MissingScope, Unsupported) as error:
            yield UnitFailure("content", Gap.NOT_IN_API, f"the page's source cannot be read: {error}")
            return
        yield ScanUnit("content", text=source.decode("utf-8", "replace"), label="page")

    def _commit(self, payload: JsonObject) -> Iterator[ScanUnit | UnitFailure]:
        """Yield the changes of a commit by file. https://docs.github.com/en/rest/commits/commits#get-a-commit"""
        page = 1
        while True:
            path = f"repos/{payload['repo']}/commits/{payload['commit']}"
            answer = self.client.get(path, per_page=100, page=page)
            found = answer.data if isinstance(answer.data, dict) else {}
            for entry in objects(found.get("files")):
                named = f"patch:{things.need(entry, 'filename')}"
                if isinstance(entry.get("patch"), str):
                    yield ScanUnit(named, text=entry["patch"], label="change")
                elif entry.get("changes"):
                    yield UnitFailure(named, Gap.NOT_IN_API, "GitHub shows no change of large and binary files")
            if answer.last_page:
                return
            page += 1

    def _gist(self, payload: JsonObject) -> Iterator[ScanUnit | UnitFailure]:
        found = self.client.get(f"gists/{payload['gist']}").data
        files = found.get("files") if isinstance(found, dict) else {}
        for name, entry in files.items() if isinstance(files, dict) else ():
            if not isinstance(entry, dict):
                continue
            if entry.get("truncated") is True:
                url = things.need(entry, "raw_url")
                blob = Blob(name, things.text(entry, "type"), entry.get("size"), self._raw(url))
                yield ScanUnit(f"file:{name}", blob=blob)
            else:
                yield ScanUnit(f"file:{name}", text=things.text(entry, "content"), label=name)

    def _raw(self, url: str) -> Any:
        return lambda: self.client.open_raw(url)

    def partitions(self) -> Iterator[Partition]:
        """List the partitions of every repository, then gists and failed deliveries."""
        for value in self._list_repositories():
            repo = Repo.of(value)
            yield from (repo.partition(kind) for kind in self._kinds)
        if self.config.gists:
            yield GISTS
        if self.config.hook_path:
            yield DELIVERIES

    def _list_repositories(self) -> Iterator[JsonObject]:
        for path in self._listings():
            page = 1
            while True:
                answer = self.client.get(path, per_page=100, page=page)
                wrapped = answer.data.get("repositories") if isinstance(answer.data, dict) else answer.data
                yield from objects(wrapped)
                if answer.last_page:
                    break
                page += 1

    def _listings(self) -> tuple[str, ...]:
        if self.config.token is None:
            return ("installation/repositories",)
        return tuple(f"orgs/{name}/repos" for name in self.config.organizations) or ("user/repos",)

    def _info(self, ident: int) -> JsonObject:
        """Return a repository as it was at most five minutes ago; asking whether it changed costs no budget."""
        known = self._repositories.get(ident)
        now = self.context.now()
        if known is None or now - known.at > _FRESH:
            answer = self.client.get(f"repositories/{ident}", etag=known.etag if known else "")
            data = known.data if known and answer.unchanged else answer.data
            held: JsonObject = data if isinstance(data, dict) else {}
            known = self._repositories[ident] = _Known(held, answer.headers.get("etag", ""), now)
        return known.data

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read one partition; the modules `code` and `lists` say what their cursors hold.

        Raises `NotFound` and `MissingScope` for a repository that is gone or a kind that the rights do not cover.
        """
        if partition.id == GISTS.id:
            yield from lists.by_page(self.client, "gists", cursor, lambda value: [things.gist(value)])
            return
        if partition.id == DELIVERIES.id:
            yield from lists.deliveries(self.client, self.config.hook_path, cursor, self._recovered)
            return
        kind, _, rest = partition.id.partition(":")
        ident, _, branch = rest.partition(":")
        if not ident.isdigit():
            raise Unsupported(f"no such partition: {partition.id}")
        info = self._info(int(ident))
        repo = Repo.of(info)
        if cursor is None and partition.since is not None:
            cursor = {"since": partition.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        if kind == "code":
            yield from CodeReader(self.client, repo, info, branch or repo.default_branch).read(cursor)
        elif kind == "commits":
            patches = self.config.commit_history
            yield from lists.Commits(self.client, repo, branch or repo.default_branch, patches).read(cursor)
        else:
            yield from self._list(kind, repo, info, partition, cursor)

    def _list(
        self, kind: str, repo: Repo, info: JsonObject, partition: Partition, cursor: Cursor | None
    ) -> Iterator[Page]:
        root = f"repos/{repo.full_name}"
        if kind == "issues":
            yield from lists.issues(self.client, repo, cursor, _issues(repo), enabled=_has_issues(info))
        elif kind in _COMMENT_LISTS:
            yield from lists.by_time(
                self.client, f"{root}/{_COMMENT_LISTS[kind]}", cursor, _comments(repo, kind.removesuffix("s"))
            )
        elif kind == "commit_comments":
            yield from lists.by_page(self.client, f"{root}/comments", cursor, _comments(repo, "commit_comment"))
        elif kind == "releases":
            yield from lists.by_page(self.client, f"{root}/releases", cursor, lambda v: things.release(repo, v))
        elif kind == "reviews":
            yield from lists.reviews(self.client, repo, cursor, enabled=_has_issues(info))
        elif kind == "discussions":
            yield from lists.discussions(self.client, repo, cursor)
        elif kind == "wiki":
            why = "GitHub has no API for wikis: their pages are scanned when they are edited"
            yield _nothing(partition, cursor, Gap.NOT_IN_API, why) if info.get("has_wiki") else Page(done=True)
        else:
            raise Unsupported(f"no such partition: {partition.id}")

    def _recovered(self, held: JsonObject) -> list[Event]:
        """Turn a delivery that GitHub kept into its events, as of the time it was sent."""
        request = things.inner(held, "request")
        sent = datetime.fromtimestamp(things.micros(held.get("delivered_at")) / 1_000_000, self.context.now().tzinfo)
        return list(self._events(things.need(held, "event"), things.inner(request, "payload"), sent))

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one of `actions`, or say what would be done."""
        name = self._repo_of(target.resource).full_name
        return Actor(self.client, name).act(action, target, dry_run=dry_run)

    def reread(self, resource: Resource) -> Event:
        """Return an issue, pull request, comment or review as it is now."""
        return current.reread(self.client, self._repo_of(resource), resource)

    def _repo_of(self, resource: Resource) -> Repo:
        """Return the repository that a resource is in; it may have been renamed meanwhile."""
        ident = resource.container.id
        if not ident.isdigit():
            raise Unsupported("the resource is in no repository")
        return Repo.of(self._info(int(ident)))

    def person(self, ref: PersonRef) -> Person:
        """Return a user's name and public e-mail. https://docs.github.com/en/rest/users/users"""
        if "@" in ref.id:
            return Person(ref.id, ref.name, ref.email)
        user = self.client.get(f"user/{ref.id}" if ref.id.isdigit() else f"users/{ref.id}").data
        found: JsonObject = user if isinstance(user, dict) else {}
        name = things.text(found, "name") or things.text(found, "login") or ref.name
        return Person(ref.id, name, things.text(found, "email") or ref.email)


_WIKI_LIMIT = 5_000_000


def _has_issues(info: JsonObject) -> bool:
    return info.get("has_issues") is not False


def _issues(repo: Repo) -> lists.Make:
    def make(value: JsonObject) -> list[Event]:
        return [things.issue(repo, value, pull=things.is_pull(value))]

    return make


def _comments(repo: Repo, kind: str) -> lists.Make:
    def make(value: JsonObject) -> list[Event]:
        return [things.comment(repo, kind, value, parent=things.comment_parent(repo, kind, value))]

    return make


def _nothing(partition: Partition, cursor: Cursor | None, gap: Gap, why: str) -> Page:
    about = Resource(
        f"partition:{partition.id}", "partition", Container(partition.id, partition.label), partition.label
    )
    return Page(failures=(UnitFailure("history", gap, why, about),), listed=1, cursor=cursor, done=True)
