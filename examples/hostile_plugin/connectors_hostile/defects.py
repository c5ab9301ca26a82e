"""One broken promise per class. `DEFECTS` says which check of the kit must catch it."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors import Context
from connectors.errors import ConnectorsError, NotFound, RateLimited, Transient, Unverified
from connectors.model import (
    ActionResult,
    Check,
    Cursor,
    Delivery,
    Event,
    EventKind,
    Gap,
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
from connectors_hostile.notes import Notes, NotesConfig

# -- configuration


class Undescribed(Notes):
    class Config(NotesConfig):
        colour: str = "red"


class SecretInTheOpen(Notes):
    class Config(NotesConfig):
        refresh_token: str = Field(default="", description="A token.")


class WrongExample(Notes):
    class Config(NotesConfig):
        tries: int = Field(description="How often.", examples=["often"])


class OtherApi(Notes):
    requires_api = 99


class NoModel(Notes):
    class Config(BaseModel):
        url: str = Field(description="URL.")
        token: SecretStr = Field(description="Token.")
        webhook_secret: SecretStr | None = Field(default=None, description="Secret.")


class Lenient(Notes):
    class Config(NotesConfig):
        model_config = ConfigDict(extra="ignore")


class Eager(Notes):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.call("GET", "/me")


class UnreadTwice(Notes):
    def not_read(self) -> Iterator[UnitFailure]:
        yield from [UnitFailure("drawings", Gap.NOT_IN_API)] * 2


class UnreadNameless(Notes):
    def not_read(self) -> Iterator[UnitFailure]:
        yield UnitFailure("", Gap.NOT_IN_API)


class AskingWhatIsNotRead(Notes):
    def not_read(self) -> Iterator[UnitFailure]:
        self.call("GET", "/me")
        yield UnitFailure("drawings", Gap.NOT_IN_API)


# -- check


class Pessimist(Notes):
    def check(self) -> Iterator[Check]:
        yield Check("token", Level.FAILED, "surely not")


class Optimist(Notes):
    def check(self) -> Iterator[Check]:
        yield Check("token", Level.OK, "surely")


class RaisingCheck(Notes):
    def check(self) -> Iterator[Check]:
        self.call("GET", "/me")
        yield Check("token", Level.OK, "accepted")


class NoHint(Notes):
    def check(self) -> Iterator[Check]:
        for check in super().check():
            yield replace(check, hint="")


# -- webhooks


class Deaf(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        return replace(super().receive(delivery, now), events=())


class Chatty(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        self.call("GET", "/me")
        return super().receive(delivery, now)


class Remembering(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        self.context.state.put("seen", delivery.headers.get("x-delivery", ""))
        return super().receive(delivery, now)


class Believing(Notes):
    """Believes whoever brings a signature header."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if not delivery.headers.get("x-signature"):
            raise Unverified("no signature")


class BelievingTheAbsent(Notes):
    """Checks a signature only when there is one."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if delivery.headers.get("x-signature"):
            super().verify(delivery, now)


class Timeless(Notes):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        super().verify(delivery, datetime.fromtimestamp(int(delivery.headers["x-time"]), UTC))


class OpenWithoutSecret(Notes):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        if self.config.webhook_secret is not None:
            super().verify(delivery, now)


class CrashingVerifier(Notes):
    """Takes the header for granted: a `KeyError` instead of `Unverified`."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        int(delivery.headers["x-time"])
        super().verify(delivery, now)


class NoDeliveryId(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        return replace(super().receive(delivery, now), delivery_id="")


class NewDeliveryId(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        return replace(super().receive(delivery, now), delivery_id=uuid.uuid4().hex)


class OneDeliveryId(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        return replace(super().receive(delivery, now), delivery_id="delivery")


class ArrivalOrder(Notes):
    """Takes the order of arrival for the order of changes."""

    _arrivals = itertools.count(1_000_000)

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        receipt = super().receive(delivery, now)
        return replace(receipt, events=tuple(replace(e, version=next(self._arrivals)) for e in receipt.events))


class CrashingParser(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        self.verify(delivery, now)
        return Receipt((self.event(json.loads(delivery.body)["note"]),), delivery_id="d")


# -- sync


class FirstPageOnly(Notes):
    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        yield replace(next(super().read(partition, cursor)), done=True)


class RenamedPartitions(Notes):
    def partitions(self) -> Iterator[Partition]:
        yield Partition(f"notes-{uuid.uuid4().hex}")


class Miscounting(Notes):
    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().read(partition, cursor):
            yield replace(page, listed=page.listed + 1)


class NeverDone(Notes):
    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().read(partition, cursor):
            yield replace(page, done=False)


class ContentInCursor(Notes):
    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().read(partition, cursor):
            text = page.events[-1].payload["text"] if page.events else ""
            yield replace(page, cursor={**(page.cursor or {}), "last": text})


class CursorAhead(Notes):
    """Gives each page the cursor of the one after it: a kill between the two loses a page."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        pages = list(super().read(partition, cursor))
        for page, following in itertools.zip_longest(pages, pages[1:]):
            yield replace(page, cursor=(following or page).cursor)


class Forgetful(Notes):
    """Its last cursor is far ahead: later changes are never seen."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().read(partition, cursor):
            yield replace(page, cursor={"at": "999999"}) if page.done else page


class TwoNames(Notes):
    """Names a note differently by webhook than by history."""

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        receipt = super().receive(delivery, now)
        events = (replace(e, resource=replace(e.resource, id="hook-" + e.resource.id)) for e in receipt.events)
        return replace(receipt, events=tuple(events))


class TwoParts(Notes):
    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        receipt = super().receive(delivery, now)
        return replace(receipt, events=tuple(replace(e, payload={**e.payload, "p": "x"}) for e in receipt.events))

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        yield ScanUnit(event.payload.get("p", "body"), str(event.payload["text"]))


class OneShot(Notes):
    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        yield ScanUnit(f"part-{uuid.uuid4().hex}", str(event.payload["text"]))


class Immortal(Notes):
    """Never tells of a deletion."""

    def event(self, note: dict[str, Any]) -> Event:
        return super().event({**note, "text": "", "deleted": False} if note.get("deleted") else note)


# -- faults


class Swallowing(Notes):
    """Takes any fault for an empty page, and would delete what is known."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().read(partition, cursor)
        except ConnectorsError:
            yield Page(cursor=cursor, done=True, reconcile=True)


class Blaming(Notes):
    """Calls every fault a passing one."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().read(partition, cursor)
        except ConnectorsError:
            raise Transient("something") from None


class Leaking(Notes):
    """Lets the bare error of its HTTP library out."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().read(partition, cursor)
        except ConnectorsError:
            raise RuntimeError("boom") from None


class Impatient(Notes):
    """Asks again and again although it was asked to wait."""

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        for _ in range(5):
            try:
                yield from super().read(partition, cursor)
            except RateLimited:
                continue
            return
        raise RateLimited(after=37)


class Untold(Notes):
    """Keeps what `Retry-After` said to itself."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        context.throttled = lambda bucket, after: None  # type: ignore[method-assign]  # hostile on purpose

    def read(self, partition: Partition, cursor: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().read(partition, cursor)
        except RateLimited:
            raise RateLimited(after=None) from None


class CrashingUnits(Notes):
    """Fetches late, and lets the bare error of its HTTP library out."""

    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        try:
            self.call("GET", "/me")
        except ConnectorsError:
            raise RuntimeError("boom") from None
        yield from super().units(event)


# -- people and channels


class Inventing(Notes):
    def person(self, ref: PersonRef) -> Person:
        return Person(ref.id, "Somebody")


class OverAtOnce(Notes):
    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        return replace(super().subscribe(callback, current), expires_at=self.context.now())


class EndedOnce(Notes):
    def unsubscribe(self, current: Subscription) -> None:
        if self.context.state.get("ended"):
            raise NotFound("there is no such channel")
        self.context.state.put("ended", True)


class Unstorable(Notes):
    def subscribe(self, callback: str, current: Subscription | None) -> Subscription:
        return replace(super().subscribe(callback, current), state={"since": self.context.now()})


# -- leaks


class LoggingContent(Notes):
    def units(self, event: Event) -> Iterator[ScanUnit | UnitFailure]:
        self.context.log.info("scanning", text=event.payload["text"])
        yield from super().units(event)


class LabellingContent(Notes):
    def event(self, note: dict[str, Any]) -> Event:
        made = super().event(note)
        return replace(made, resource=replace(made.resource, label=str(note.get("text", ""))[:80]))


class QuotingErrors(Notes):
    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = self.context.session().request(method, self.config.url + path, json=body, params=query,
                                                headers={"Authorization": "Bearer fake-token"})  # fmt: skip
        try:
            return answer.json() if answer.ok else {}
        except ValueError:
            raise Transient(f"the app says {answer.text}") from None


class QuotingCauses(Notes):
    """Its message is clean; the cause that hangs on it is not."""

    def receive(self, delivery: Delivery, now: datetime) -> Receipt:
        try:
            return super().receive(delivery, now)
        except ConnectorsError as error:
            raise error from ValueError(delivery.body.decode())


class LoggingSecrets(Notes):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        secret = self.config.webhook_secret
        self.context.log.debug("verifying", secret=secret.get_secret_value() if secret else "")
        super().verify(delivery, now)


class TokenInTheUrl(Notes):
    """Sends its token in the query, where every log of requests shows it."""

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        return super().call(method, path, body, **query, token=self.config.token.get_secret_value())


# -- actions


class Zealous(Notes):
    """Acts in a dry run."""

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        return replace(super().act(action, target, dry_run=False), result=ActionResult.DRY_RUN)


class Blind(Notes):
    """Acts without looking."""

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        if not dry_run:
            self.call("PUT", f"/notes/{target.resource.id.removeprefix('note:')}", {"text": "[redacted]"})
        return Outcome(ActionResult.DRY_RUN if dry_run else ActionResult.DONE, "replaced")


class Stuttering(Notes):
    """Adds a mark each time it is called."""

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        path = f"/notes/{target.resource.id.removeprefix('note:')}"
        text = self.call("GET", path)["text"]
        self.call("PUT", path, {"text": target.redact(text) + " (redacted)"})
        return Outcome(ActionResult.DONE, "replaced")


class Revealing(Notes):
    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        text = self.call("GET", f"/notes/{target.resource.id.removeprefix('note:')}")["text"]
        done = super().act(action, target, dry_run=dry_run)
        return replace(done, message=f"replaced in: {text}")


class Lying(Notes):
    """Says done, and does nothing when the value is gone."""

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        super().act(action, target, dry_run=dry_run)
        return Outcome(ActionResult.DONE, "replaced")


class Dreaming(Notes):
    """Gives back what was asked about instead of looking."""

    def reread(self, resource: Resource) -> Event:
        return Event(EventKind.CHANGED, resource, 1, {"text": "nothing"})


class Misnaming(Notes):
    def reread(self, resource: Resource) -> Event:
        event = super().reread(resource)
        return replace(event, resource=replace(event.resource, id=f"{resource.id}#again"))


class Recalling(Notes):
    """Gives back what it read the first time."""

    def reread(self, resource: Resource) -> Event:
        known = self.context.state.get(resource.id) or self.call("GET", f"/notes/{resource.id.removeprefix('note:')}")
        self.context.state.put(resource.id, known)
        return self.event(known)


class Undead(Notes):
    """Shows what is gone as if it were there."""

    def reread(self, resource: Resource) -> Event:
        event = super().reread(resource)
        return replace(event, kind=EventKind.CHANGED, payload=event.payload or {"text": ""})


class Worst(LoggingContent, Believing):
    """What the plugin registers."""

    name = "hostile"
    title = "Hostile"
    Config = NotesConfig


DEFECTS: dict[str, tuple[type[Notes], ...]] = {
    "test_config_is_described_and_its_example_holds": (
        Undescribed, SecretInTheOpen, WrongExample, OtherApi, NoModel,
    ),
    "test_unknown_settings_are_refused": (Lenient,),
    "test_building_does_no_io": (Eager,),
    "test_what_is_not_read_is_named_once": (UnreadTwice, UnreadNameless, AskingWhatIsNotRead),
    "test_check_says_that_all_is_well": (Pessimist,),
    "test_check_reports_faults": (Optimist, RaisingCheck, NoHint),
    "test_a_proven_delivery_is_accepted": (Deaf, Chatty, Remembering),
    "test_a_forgery_leaves_no_trace": (
        Believing, BelievingTheAbsent, Timeless, OpenWithoutSecret, CrashingVerifier, Chatty,
    ),
    "test_a_delivery_sent_twice_is_one": (NoDeliveryId, NewDeliveryId, OneDeliveryId),
    "test_an_edit_before_its_create_wins": (ArrivalOrder,),
    "test_broken_bodies_are_malformed": (CrashingParser,),
    "test_a_sync_lists_everything": (FirstPageOnly, RenamedPartitions),
    "test_pages_account_for_what_they_list": (Miscounting, NeverDone, ContentInCursor),
    "test_a_killed_sync_resumes_with_nothing_lost": (CursorAhead,),
    "test_a_later_read_sees_what_changed": (Forgetful,),
    "test_webhook_and_sync_agree": (TwoNames, TwoParts, ArrivalOrder),
    "test_units_can_be_asked_again": (OneShot,),
    "test_deletions_are_seen": (Immortal,),
    "test_reading_raises_what_the_host_understands": (Swallowing, Blaming, Leaking),
    "test_units_raise_what_the_host_understands": (CrashingUnits,),
    "test_strangers_are_not_found": (Inventing,),
    "test_a_subscription_can_be_renewed": (OverAtOnce, Unstorable, EndedOnce),
    "test_retry_after_is_obeyed": (Impatient, Untold),
    "test_nothing_leaks": (
        LoggingContent, LabellingContent, QuotingErrors, QuotingCauses, LoggingSecrets, TokenInTheUrl,
    ),
    "test_actions_act_once": (Stuttering, Revealing),
    "test_dry_runs_touch_nothing": (Zealous,),
    "test_nothing_is_done_when_the_value_is_gone": (Blind, Lying),
    "test_what_is_read_again_is_what_a_sync_lists": (Dreaming, Misnaming, Recalling, Undead),
}  # fmt: skip
"""For each check of the kit, the connectors that it must fail."""
