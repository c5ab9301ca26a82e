"""What may stand in the YAML, as pydantic models. Unknown keys are errors."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.model import Confidence, Severity, Validity, Visibility

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: object) -> object:
    """Turn `90d`, `15m` or `0` into a timedelta; leave anything else to pydantic."""
    if value == 0:
        return timedelta(0)
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+)\s*([smhd])\s*", value)
        if not found:
            raise ValueError("write a number and s, m, h or d: 30s, 15m, 12h, 90d")
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])
    return value


def parse_level(value: object) -> object:
    """Turn the name of a confidence or severity into what pydantic can look up, in any case."""
    return value.strip().upper().replace(" ", "_").replace("-", "_") if isinstance(value, str) else value


def _confidence(value: object) -> object:
    value = parse_level(value)
    if isinstance(value, str):
        if value not in Confidence.__members__:
            raise ValueError("write one of " + ", ".join(Confidence.__members__))
        return Confidence[value]
    return value


def _severity(value: object) -> object:
    value = parse_level(value)
    if isinstance(value, str):
        if value not in Severity.__members__:
            raise ValueError("write one of " + ", ".join(name.lower() for name in Severity.__members__))
        return Severity[value]
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
ConfidenceName = Annotated[Confidence, BeforeValidator(_confidence)]
SeverityName = Annotated[Severity, BeforeValidator(_severity)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]


class Settings(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DatabaseSettings(Settings):
    """Where rows are kept. `residencies` sends the rows of a residency to a database of its own."""

    url: SecretStr = SecretStr("sqlite:///connectors.db")
    residencies: dict[Name, SecretStr] = {}
    pool_size: int = Field(default=8, ge=1, le=200)
    isolation_level: Literal["SERIALIZABLE", "READ COMMITTED"] | None = None


class VaultSettings(Settings):
    """Keys for encryption at rest: inline by reference, or in a key file that is made at first use."""

    keys: tuple[SecretStr, ...] = ()
    fingerprint_key: SecretStr | None = None
    key_file: str = "connectors.keys"

    @model_validator(mode="after")
    def _both_or_none(self) -> VaultSettings:
        if bool(self.keys) != bool(self.fingerprint_key):
            raise ValueError("`keys` and `fingerprint_key` go together: write both, or neither to use the key file")
        return self


class GatewaySettings(Settings):
    """Where webhooks arrive."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = Field(default="", description="URL under which apps and people reach this server")
    body_limit: int = Field(default=26 * 2**20, ge=1024, description="bytes; apps send up to 25 MB")

    @property
    def base_url(self) -> str:
        """Where people reach this server, without a slash at the end."""
        host = "localhost" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 (compared, not bound)
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class TenantSettings(Settings):
    """A customer of this installation, and where its rows live."""

    residency: Name | None = None
    tier: str = "free"


class SyncSettings(Settings):
    """When history and changes are read by API."""

    enabled: bool = True
    every: Duration = timedelta(minutes=15)
    since: Duration | None = None
    full_every: Duration | None = Field(default=None, description="read from the beginning again, to find deletions")


class ConnectionSettings(Settings):
    """One configured instance of a connector."""

    connector: Name
    tenant: Name = "default"
    enabled: bool = True
    config: dict[str, Any] = Field(default={}, repr=False)
    sync: SyncSettings = SyncSettings()
    include: tuple[str, ...] = Field(default=("*",), description="containers, by id or name; * and ? are wildcards")
    exclude: tuple[str, ...] = ()


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class WhenSettings(Settings):
    """What must be known of a match beyond itself and its place."""

    validity: Annotated[tuple[Validity, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="only what its vendor says this of: see `detection.verify`; empty is all"
    )

    def holds(self, validity: Validity | None) -> bool:
        """Tell whether it holds for what the vendor said; None is that nobody was asked."""
        return not self.validity or validity in self.validity


class ActionSettings(Settings):
    """An action that a policy asks for, after a delay in which people may act themselves."""

    do: Name
    after: Duration = timedelta(0)


class PolicySettings(Settings):
    """Which findings matter, how much, who is told, and what is done."""

    name: Name
    rules: tuple[str, ...] = Field(default=(), description="matches that count by these of `detection.rules`")
    detectors: tuple[str, ...] = Field(
        default=(), validate_default=True, description="ids, families, categories or names; * is all"
    )
    except_detectors: tuple[str, ...] = ()
    min_confidence: ConfidenceName = Confidence.LIKELY
    min_count: int = Field(default=1, ge=1, description="distinct values in one part before it counts")
    connections: tuple[str, ...] = ("*",)
    containers: tuple[str, ...] = ("*",)
    except_containers: tuple[str, ...] = ()
    visibility: tuple[Visibility, ...] = Field(default=(), description="only where this many can see it; empty is all")
    tenants: tuple[str, ...] = ("*",)
    when: WhenSettings = WhenSettings()
    severity: SeverityName = Severity.MEDIUM
    alert: tuple[Name, ...] = ()
    message: str = Field(default="", max_length=2000)
    actions: tuple[ActionSettings, ...] = ()
    choices: tuple[Literal["remove", "needed", "false_positive"], ...] = Field(
        default=("remove", "needed", "false_positive"), description="what the alerted author may choose"
    )
    enabled: bool = True

    @field_validator("detectors")
    @classmethod
    def _asks_for_something(cls, detectors: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not detectors and not info.data.get("rules"):
            raise ValueError('write `detectors: [secret]`, or "*" for all, or `rules: [...]` with names of your rules')
        return detectors


class ThrottleSettings(Settings):
    """At most `limit` alerts per `per`; the rest arrive as one summary."""

    limit: int = Field(default=30, ge=1)
    per: Duration = timedelta(hours=1)


class DestinationSettings(Settings):
    """A place alerts go to."""

    kind: Name
    config: dict[str, Any] = Field(default={}, repr=False)
    throttle: ThrottleSettings = ThrottleSettings()


class ExactDataSettings(Settings):
    """A list that `connectors exact-data build` wrote, and its salt when that is kept elsewhere."""

    file: str
    salt: SecretStr | None = Field(default=None, description="hexadecimal, as the list was built with")


class VerifySettings(Settings):
    """Whose tokens are asked of their vendor, and what that may cost."""

    detectors: tuple[str, ...] = Field(default=(), description="ids, families, vendors or names")
    addresses: dict[Name, str] = Field(default={}, description="a vendor's API elsewhere: your own server, a region")
    seconds: float = Field(default=10, gt=0, le=60, description="for all questions of one batch of events")
    per_minute: int = Field(default=30, ge=1, le=600, description="questions to one vendor, per worker process")


def _exact_data(value: object) -> object:
    return {"file": value} if isinstance(value, str) else value


def _verify(value: object) -> object:
    return {"detectors": value} if isinstance(value, list | tuple) else value


class DetectionSettings(Settings):
    """Detectors beside the catalog, and how the engine runs."""

    detectors: tuple[dict[str, Any], ...] = Field(default=(), description="your own: a regex or words")
    rules: tuple[dict[str, Any], ...] = Field(default=(), description="which matches in a text count: ANY or ALL")
    imports: tuple[str, ...] = Field(default=(), description="gitleaks configurations to read")
    exact_data: Annotated[ExactDataSettings | None, BeforeValidator(_exact_data)] = None
    backend: Literal["auto", "sieve", "hyperscan", "fallback"] = "auto"
    cache: str | None = Field(default=None, description="folder of compiled detectors; `off` for none")
    calibration: str | None = Field(default=None, description="what analysts said, from `detectors calibrate`")
    names: bool = Field(default=False, description="look for person names and street addresses: slower")
    verify: Annotated[VerifySettings, BeforeValidator(_verify)] = VerifySettings()

    @model_validator(mode="before")
    @classmethod
    def _only_imported(cls, values: Any) -> Any:
        """Take `detectors: {import: gitleaks.toml}` as a short way to write `imports`, for who has no others."""
        own = values.get("detectors") if isinstance(values, dict) else None
        if not (isinstance(own, dict) and own.keys() == {"import"}):
            return values
        named = own["import"] if isinstance(own["import"], list) else [own["import"]]
        return {**values, "detectors": [], "imports": [*values.get("imports", ()), *named]}


class ExtractionSettings(Settings):
    """What one file may cost."""

    max_bytes: int = Field(default=50 * 2**20, ge=1024)
    max_seconds: float = Field(default=30, gt=0)
    max_memory: int = Field(default=512 * 2**20, ge=64 * 2**20)
    max_depth: int = Field(default=5, ge=0)
    ocr: bool = True


class RetentionSettings(Settings):
    """How long what is kept."""

    bodies: Duration = Field(default=timedelta(0), description="processed events, for replay")
    failed: Duration = Field(default=timedelta(days=7), description="failed deliveries and dead letters")
    deliveries: Duration = timedelta(days=3)
    findings: Duration | None = Field(default=None, description="resolved findings; empty keeps them")
    alerts: Duration = Field(default=timedelta(days=90), description="alerts of which nothing is open any more")
    requests: Duration = timedelta(days=30)


class WorkSettings(Settings):
    """How workers work."""

    threads: int = Field(default=4, ge=1, le=64)
    batch: int = Field(default=100, ge=1, le=1000)
    lease: Duration = timedelta(minutes=2)
    attempts: int = Field(default=8, ge=1, le=100)
    poll: float = Field(default=0.5, gt=0, le=60, description="seconds between looks at an empty queue")
    nice: int = Field(default=0, ge=0, le=19, description="how far `connectors worker` steps back for others")


class StreamSettings(Settings):
    """What carries events from gateway and sync to the workers."""

    kind: Literal["sql", "kafka"] = "sql"
    brokers: str = ""
    topic: str = "connectors-events"
    group: str = "connectors-workers"
    partitions: int = Field(default=12, ge=1, description="of a topic that is made at first use")
    replication: int = Field(default=-1, description="of such a topic; -1 is the brokers' default")
    residencies: dict[Name, str] = Field(default={}, description="brokers of residencies that have their own")
    options: dict[str, str] = Field(default={}, repr=False)


class CdcSettings(Settings):
    """Where findings and their changes are written as files, for a lake or a SIEM."""

    url: str = Field(default="", description="s3://bucket/path, gs://, az:// or a folder; empty writes nothing")
    residencies: dict[Name, str] = Field(default={}, description="URLs of residencies that have their own bucket")
    every: Duration = timedelta(minutes=1)
    options: dict[str, str] = Field(default={}, repr=False, description="of the store: endpoint, region, keys")

    def url_of(self, residency: str) -> str:
        """Return where a residency's changes are written; empty for nowhere."""
        return self.residencies.get(residency, self.url)


class OutboundSettings(Settings):
    """Where requests may go whose URL a user or an app supplied."""

    allow: tuple[str, ...] = Field(default=(), description="private networks or hosts that are allowed")
    proxy: SecretStr | None = None
    timeout: float = Field(default=30, gt=0)


class LogSettings(Settings):
    """How to log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class UploadSettings(Settings):
    """How much a tenant may have uploaded to the developer API at a time, until it is scanned."""

    files: int = Field(default=1000, ge=1)
    bytes: int = Field(default=10 * 2**30, ge=1, description="of all its files together")


class ApiSettings(Settings):
    """The developer API."""

    enabled: bool = True
    allow_webhooks: tuple[str, ...] = Field(default=(), description="private addresses that result webhooks may use")
    uploads: UploadSettings = UploadSettings()


class DashboardSettings(Settings):
    """The dashboard."""

    enabled: bool = True
    session: Duration = timedelta(hours=12)
    links: Duration = Field(default=timedelta(days=14), description="how long a link in an alert holds")
    oidc: dict[str, Any] | None = Field(default=None, repr=False)


class Config(Settings):
    """The whole file."""

    database: DatabaseSettings = DatabaseSettings()
    residency: Name = "default"
    tenants: dict[Name, TenantSettings] = {"default": TenantSettings()}
    vault: VaultSettings = VaultSettings()
    gateway: GatewaySettings = GatewaySettings()
    plugins: tuple[Name, ...] = Field(default=(), description="entry points to load beside those of the connections")
    connections: dict[Name, ConnectionSettings] = {}
    policies: tuple[PolicySettings, ...] = ()
    destinations: dict[Name, DestinationSettings] = {}
    operators: tuple[Name, ...] = Field(default=(), description="destinations that hear of broken connections")
    detection: DetectionSettings = DetectionSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    retention: RetentionSettings = RetentionSettings()
    work: WorkSettings = WorkSettings()
    stream: StreamSettings = StreamSettings()
    cdc: CdcSettings = CdcSettings()
    outbound: OutboundSettings = OutboundSettings()
    api: ApiSettings = ApiSettings()
    dashboard: DashboardSettings = DashboardSettings()
    log: LogSettings = LogSettings()

    def residency_of(self, tenant: str) -> str:
        """Return where a tenant's rows live."""
        settings = self.tenants.get(tenant)
        return (settings.residency if settings else None) or self.residency

    def residencies(self) -> tuple[str, ...]:
        """Return every residency that this configuration uses."""
        return tuple(sorted({self.residency, *(self.residency_of(tenant) for tenant in self.tenants)}))
