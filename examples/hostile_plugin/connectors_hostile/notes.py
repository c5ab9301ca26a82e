"""A small app with notes, its fake, and a connector that keeps the contract: what the defects are made from."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import requests
from pydantic import Field, SecretStr

from connectors import Budget, ConnectionConfig, Connector
from connectors.errors import (
    AuthError,
    ConnectorsError,
    Malformed,
    MissingScope,
    NotFound,
    Transient,
    Unsupported,
    Unverified,
)
from connectors.model import (
    ActionResult,
    ActionSpec,
    Check,
    Container,
    Cursor,
    Delivery,
    Event,
    EventKind,
    Level,
    Outcome,
    Page,
    Partition,
    Person,
    PersonRef,
    Receipt,
    Resource,
    ScanUnit,
    Subscription,
    Target,
    UnitFailure,
)
from connectors.testing.contract import Bench
from connectors.testing.fakeapps import FakeApp, Request, Response, route

TOKEN = "fake-token"
NOTES = Container("notes", "notes")
TOLERANCE = 300


class FakeNotes(FakeApp):
    """Notes, and a feed that holds the latest state of each."""

    name = "notes"

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret
        self.page_size = 100
        self.notes: dict[int, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def write(self, text: str, note: int | None = None) -> dict[str, Any]:
        """Make a note, or change one."""
        return self._store({"id": note or next(self._numbers), "text": text})

    def remove(self, note: int) -> dict[str, Any]:
        """Delete a note."""
        return self._store({"id": note, "deleted": True})

    def _store(self, note: dict[str, Any]) -> dict[str, Any]:
        self.notes[note["id"]] = {**note, "revision": next(self._numbers)}
        return self.notes[note["id"]]

    def post(self, body: bytes) -> Delivery:
        """Return the webhook request that carries `body`, signed."""
        sent, delivery = str(int(time.time())), f"d{next(self._numbers)}"
        signed = f"{sent}:{delivery}:".encode() + body
        mac = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return Delivery("notes", {"x-time": sent, "x-delivery": delivery, "x-signature": mac}, body)

    def post_note(self, note: dict[str, Any]) -> Delivery:
        """Return the webhook request about a note."""
        return self.post(json.dumps({"note": note}).encode())

    @route("GET", "/me")
    def me(self, request: Request) -> Response:
        """Say whose token it is."""
        return self._allowed(request) or Response.of({"name": "kit"})

    @route("GET", "/changes")
    def changes(self, request: Request) -> Response:
        """List the notes that changed since a revision."""
        since = int(request.query["since"])
        due = sorted((n for n in self.notes.values() if n["revision"] > since), key=lambda n: n["revision"])
        shown = due[: self.page_size]
        page = {"notes": shown, "cursor": shown[-1]["revision"] if shown else since, "more": len(due) > len(shown)}
        return self._allowed(request) or Response.of(page)

    @route("GET", "/notes/(?P<note>[0-9]+)")
    def show(self, request: Request, note: str) -> Response:
        """Show one note."""
        return self._allowed(request) or Response.of(self.notes[int(note)])

    @route("PUT", "/notes/(?P<note>[0-9]+)")
    def change(self, request: Request, note: str) -> Response:
        """Replace a note's text."""
        return self._allowed(request) or Response.of(self.write(request.json()["text"], int(note)))

    def _allowed(self, request: Request) -> Response | None:
        good = request.headers.get("authorization") == f"Bearer {TOKEN}"
        return None if good else Response.of({"error": "bad token"}, status=401)


class NotesConfig(ConnectionConfig):
    """One notes account."""

    url: str = Field(description="Base URL of the API.", examples=["https://notes.example"])
    token: SecretStr = Field(description="API token.", examples=["${env:NOTES_TOKEN}"])


class Notes(Connector[NotesConfig]):
    """Keeps every promise of the contract."""

    name = "notes"
    title = "Notes"
    Config = NotesConfig
    budgets: ClassVar[Mapping[str, Budget]] = {"default": Budget(units=60)}
    actions: ClassVar[tuple[ActionSpec, ...]] = (ActionSpec("redact", "Replace the value in the note"),)

    def check(self) -> Iterator[Check]:
        """Try the token."""
        try:
            self.call("GET", "/me")
        except ConnectorsError as error:
            yield Check("token", Level.FAILED, str(error.args[0]), "check url and token")
            return
        yield Check("token", Level.OK, "accepted")

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        """Verify, then parse."""
        self.verify(delivery, now)
        try:
            events = (self.event(json.loads(delivery.body)["note"]),)
        except (ValueError, KeyError, TypeError):
            raise Malformed("not a note") from None
        return Receipt(events, delivery_id=delivery.headers["x-delivery"])

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """Raise `Unverified` unless the sender is proven."""
        if self.config.webhook_secret is None:
            raise Unverified("the connection has no webhook_secret")
        sent, given = delivery.headers.get("x-time", ""), delivery.headers.get("x-signature", "")
        signed = f"{sent}:{delivery.headers.get('x-delivery', '')}:".encode() + delivery.body
        secret = self.config.webhook_secret.get_secret_value().encode()
        expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unverified("signature absent or wrong")
        if abs(now.timestamp() - int(sent)) > TOLERANCE:
            raise Unverified("sent too long ago")

    def event(self, note: dict[str, Any]) -> Event:
        """Turn a note into an event."""
        resource = Resource(f"note:{int(note['id'])}", "note", NOTES, label="note")
        if note.get("deleted"):
            return Event(EventKind.DELETED, resource, int(note["revision"]))
        return Event(EventKind.CHANGED, resource, int(note["revision"]), {"text": str(note["text"])})

    def partitions(self) -> Iterator[Partition]:
        """All notes are one partition."""
        yield Partition("notes")

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        """Read the feed of changes."""
        at, more = str((cursor or {}).get("at", "0")), True
        while more:
            answer = self.call("GET", "/changes", since=at)
            try:
                events = tuple(self.event(note) for note in answer["notes"])
                at, more = str(answer["cursor"]), bool(answer["more"])
            except (KeyError, TypeError, ValueError):
                raise Transient("not a page of notes") from None
            yield Page(events, cursor={"at": at}, listed=len(events), done=not more)

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        """A note is one text."""
        yield ScanUnit("body", str(event.payload["text"]))

    def person(self, ref: PersonRef) -> Person:
        """Ask the app, which knows nobody."""
        self.call("GET", f"/people/{ref.id}")
        return Person(ref.id)

    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        """Pretend to open a channel; the app posts without one."""
        return Subscription("notes", self.context.now() + timedelta(days=1), {"callback": callback})

    def unsubscribe(self, current: Subscription) -> None:
        """There is nothing to close."""

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Replace the value in the note."""
        if action != "redact":
            raise Unsupported(f"no action {action!r}")
        path = f"/notes/{target.resource.id.removeprefix('note:')}"
        text = str(self.call("GET", path).get("text", ""))
        if not target.matches(text):
            return Outcome(ActionResult.NOTHING_TO_DO, "the value is gone")
        before = hashlib.sha256(text.encode()).hexdigest()
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would replace the value", before)
        self.call("PUT", path, {"text": target.redact(text)})
        return Outcome(ActionResult.DONE, "replaced the value", before)

    def reread(self, resource: Resource) -> Event:
        """Show one note."""
        return self.event(self.call("GET", f"/notes/{resource.id.removeprefix('note:')}"))

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Call the API."""
        headers = {"Authorization": f"Bearer {self.config.token.get_secret_value()}"}
        try:
            answer = self.context.session().request(
                method, self.config.url + path, params=query, json=body, headers=headers
            )
            problem = {401: AuthError, 403: MissingScope, 404: NotFound}.get(answer.status_code)
            if problem is None and answer.ok:
                return answer.json()
        except requests.RequestException as error:
            raise Transient(f"no answer that can be read: {type(error).__name__}") from None
        raise (problem or Transient)(f"answered {answer.status_code}")


class NotesBench(Bench):
    """How to make, edit and delete a note."""

    signature = ("x-signature", "x-time", "x-delivery")
    stale_after = timedelta(seconds=TOLERANCE + 1)

    def __init__(self) -> None:
        self.fake: FakeNotes = FakeNotes(self.secret)

    def config(self, url: str) -> dict[str, Any]:
        """Return the settings for the fake at `url`."""
        return {"url": url, "token": TOKEN, "webhook_secret": self.secret}

    def create(self, text: str) -> tuple[str, Delivery | None]:
        """Write a note."""
        note = self.fake.write(text)
        return str(note["id"]), self.fake.post_note(note)

    def edit(self, key: str, text: str) -> Delivery | None:
        """Change a note."""
        return self.fake.post_note(self.fake.write(text, int(key)))

    def delete(self, key: str) -> Delivery | None:
        """Delete a note."""
        return self.fake.post_note(self.fake.remove(int(key)))

    def small_pages(self) -> None:
        """Two notes a page."""
        self.fake.page_size = 2

    def sign(self, body: bytes, like: Delivery) -> Delivery:
        """Sign another body."""
        return self.fake.post(body)

    def show(self, key: str) -> object:
        """Return the note."""
        return dict(self.fake.notes[int(key)])
