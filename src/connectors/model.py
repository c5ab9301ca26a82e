"""The values that travel through the house: frozen, small, and silent about content.

No repr here shows scanned text, a webhook body or a detected value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, BinaryIO

JSON = Any
"""A value that `json.dumps` takes."""


class Confidence(IntEnum):
    """How sure a detector is of a match, worst to best."""

    VERY_UNLIKELY = 1
    UNLIKELY = 2
    POSSIBLE = 3
    LIKELY = 4
    VERY_LIKELY = 5


class Severity(IntEnum):
    """How much a finding matters, as the policy that matched says."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Visibility(StrEnum):
    """Who can see a resource in its app, narrowest first."""

    PRIVATE = "private"
    """Only people named one by one."""
    INTERNAL = "internal"
    """Everybody in the organisation."""
    EXTERNAL = "external"
    """Named people outside the organisation."""
    LINK = "link"
    """Anybody who has the link."""
    PUBLIC = "public"
    """The whole internet."""
    UNKNOWN = "unknown"


class EventKind(StrEnum):
    """What an event says happened."""

    CHANGED = "changed"
    """The resource was made or changed: scan it."""
    DELETED = "deleted"
    """The resource is gone: resolve its findings and those of resources whose parent it is."""
    SYNC = "sync"
    """A hint: something in this partition changed. The host reads it from its cursor."""
    EXPOSURE = "exposure"
    """The container's visibility changed; its findings are judged again."""
    REVOKED = "revoked"
    """The app withdrew the connection's access: the host marks it broken."""


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person by the app's own id, as seen in an event; resolved to a `Person` only when an alert needs it."""

    id: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A person that an alert can reach: by the app's own channel (`id`) or by e-mail."""

    id: str
    name: str = ""
    email: str = ""
    external: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """Where a resource lives: channel, drive, repository, project or space.

    `name` is shown to admins and matched by policies: `#general`, `acme/api`, `OPS`.
    """

    id: str
    name: str = ""
    visibility: Visibility = Visibility.UNKNOWN


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing in an app: message, file, issue, page, commit.

    `id` is built from the app's own stable ids and is the same from every door (webhook, sync, redelivery).
    `parent` is the id of the resource this one disappears with, if any.
    `label` is shown in alerts ("message in #general", "issue OPS-12"); build it from ids and container names,
    never from the content.
    """

    id: str
    kind: str
    container: Container
    label: str = ""
    url: str = ""
    author: PersonRef | None = None
    visibility: Visibility = Visibility.UNKNOWN
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Partition:
    """One independently resumable part of a sync: normally one container. `id` is stable over time."""

    id: str
    label: str = ""
    estimate: int | None = None
    """How many resources it is expected to list, when the app tells."""
    since: datetime | None = None
    """Set by the host when history older than this is not wanted; a connector that cannot filter reads it all."""
    container: str = ""
    """Name of its container, which include and exclude lists match; the label when empty."""


Cursor = Mapping[str, JSON]
"""Where a sync stands, as the plugin likes it: small, JSON-able, without content or tokens."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery or a sync page says happened, normalized.

    `version` is an integer that grows with every change of the resource and is the same from every door:
    microseconds of the app's change time, or the app's own version number. The host keeps the highest it has
    seen, skips an older event as superseded and an equal one as duplicate.

    `payload` is whatever `units` needs later; it rests encrypted and is dropped after processing.
    `complete` says that `units` yields every part of the resource, so that findings in parts which are no
    longer there are resolved. `partition` and `cursor` are for SYNC hints: the cursor is used only when the
    partition has none yet.
    """

    kind: EventKind
    resource: Resource
    version: int = 0
    payload: JSON = field(default=None, repr=False)
    occurred_at: datetime | None = None
    complete: bool = True
    partition: Partition | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are fetched only when they are needed, so that a skip costs no download.

    `open()` returns a binary stream and is called at most once per attempt. `size` is what the app says,
    None when it does not; the host stops reading at its own budget whatever the size says.
    """

    name: str
    media_type: str = ""
    size: int | None = None
    open: Callable[[], BinaryIO] = field(repr=False, default=None)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class ScanUnit:
    """One text or blob of a resource.

    `part` is stable across edits: `body`, `title`, `comment:123`, `file:F1`. Exactly one of `text` and `blob`
    is set. `url` and `author` override the resource's own for this part.
    """

    part: str
    text: str | None = field(default=None, repr=False)
    blob: Blob | None = None
    label: str = ""
    url: str = ""
    author: PersonRef | None = None


class Gap(StrEnum):
    """Why something was not scanned. `skipped` reasons are decisions, `failed` ones are faults."""

    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    ENCRYPTED = "encrypted"
    MISSING_SCOPE = "missing_scope"
    GONE = "gone"
    EXCLUDED = "excluded"
    NO_TEXT = "no_text"
    BUDGET = "budget"
    NOT_IN_API = "not_in_api"
    OWN_ALERT = "own_alert"
    CORRUPT = "corrupt"
    FETCH_FAILED = "fetch_failed"
    PLUGIN_FAULT = "plugin_fault"
    MALFORMED = "malformed"
    GAVE_UP = "gave_up"


FAULTS = frozenset({Gap.CORRUPT, Gap.FETCH_FAILED, Gap.PLUGIN_FAULT, Gap.MALFORMED, Gap.GAVE_UP})
"""The gaps that count as failed; the others count as skipped."""


@dataclass(frozen=True, slots=True)
class UnitFailure:
    """A part that will not be scanned, and why. It becomes a gap in the ledger.

    `detail` is shown to admins: sizes, types and status codes, never content.
    """

    part: str
    reason: Gap
    detail: str = ""
    resource: Resource | None = None
    """Set in a `Page`, where a resource could not be turned into an event; unset in `units`."""


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a sync. The host commits events, failures, counts and cursor in one transaction.

    `listed` counts what the app listed, before any filter: `len(events) + len(failures)`.
    `cursor` is where the next page starts. `done` says that the partition is read to its end for now, with
    `cursor` the place for the next incremental read. `reconcile` on the last page says that this read listed
    every resource of the partition, so what was known and not listed is gone. `estimate` is how many things the
    whole reading is expected to list, when that shows only on the way; people are told when it will be ready by it.
    """

    events: tuple[Event, ...] = ()
    failures: tuple[UnitFailure, ...] = ()
    cursor: Cursor | None = None
    listed: int = 0
    done: bool = False
    reconcile: bool = False
    estimate: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One inbound webhook request as received. Header names are lower case; `body` is raw."""

    connection: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    query: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the app wants to read in the answer to a delivery (a challenge, say)."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a connector made of a verified delivery.

    `delivery_id` is the app's own id of it, the same over retries; the host drops a delivery whose id it has.
    `failure` marks a verified delivery that could not be understood: it is kept with that reason.
    """

    events: tuple[Event, ...] = ()
    reply: Reply | None = None
    delivery_id: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A push channel that expires. `state` is the plugin's own; `secret` values in it rest encrypted."""

    id: str
    expires_at: datetime | None
    state: Mapping[str, JSON] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Match:
    """A sensitive value found in a text, by code points (`start`, `end`, end exclusive).

    `value` is what was matched and `normalized` what identifies it over spellings; neither leaves the process.
    `row` and `column` are 1-based and set for tabular text.
    """

    detector: str
    family: str
    start: int
    end: int
    confidence: Confidence
    value: str = field(repr=False)
    normalized: str = field(default="", repr=False)
    row: int | None = None
    column: int | None = None


class FindingState(StrEnum):
    """Where a finding stands in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    IGNORED = "ignored"
    FALSE_POSITIVE = "false_positive"


class Validity(StrEnum):
    """What the vendor's own identity endpoint said of a credential, when it was last asked."""

    ACTIVE = "active"
    """The vendor took it: whoever reads it can use it."""
    EXPIRED = "expired"
    """The vendor refused it as revoked, expired or unknown."""
    UNVERIFIED = "unverified"
    """The vendor could not be asked, or its answer proves nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a part a value stands: code points, and row, column or inner path when there are any.

    `mismatch` says in words when the file that holds it claims to be something else: a sign of hiding.
    """

    start: int
    end: int
    path: str = ""
    row: int | None = None
    column: int | None = None
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sensitive value seen in one part of one resource. Holds a redacted preview, never the value.

    It is named by (residency, connection, resource, part, family, fingerprint): the same value twice in a part
    is one finding with two places, the same value elsewhere is another finding with the same fingerprint.
    """

    id: str
    connection: str
    app: str
    resource: Resource
    part: str
    detector: str
    family: str
    confidence: Confidence
    severity: Severity
    fingerprint: str
    preview: str
    places: tuple[Place, ...]
    policies: tuple[str, ...] = ()
    state: FindingState = FindingState.OPEN
    version: int = 0
    validity: Validity | None = None
    """What the vendor said when it was asked whether the credential is live; None when nobody was."""


class Level(StrEnum):
    """Outcome of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `connectors check`: what was looked at, how it is, and what to do when it is not well."""

    name: str
    level: Level
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action that a connector offers.

    `destructive` ones ask for confirmation and are re-checked right before acting. `kinds` are the resource
    kinds it applies to; empty means all.
    """

    name: str
    summary: str
    destructive: bool = True
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What an action is to change: one part of one resource, and how to recognise the values in it.

    `matches` re-detects in a text and returns what still stands there, so that an action changes nothing that
    has changed meanwhile; `redact` replaces those values in a text and keeps everything else.
    """

    resource: Resource
    part: str
    detector: str
    matches: Callable[[str], tuple[Match, ...]] = field(repr=False)
    redact: Callable[[str], str] = field(repr=False)
    note: str = ""
    """The human sentence that a notify or comment action writes, free of content."""


class ActionResult(StrEnum):
    """How an action ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing_to_do"
    CHANGED_MEANWHILE = "changed_meanwhile"
    REFUSED = "refused"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did, honestly.

    `before_hash` is the SHA-256 of what stood there (of its name and version, where that is bytes); `remaining` says
    where the value still is ("3 old versions still hold it"), empty when nowhere.
    """

    result: ActionResult
    message: str
    before_hash: str = ""
    remaining: str = ""
