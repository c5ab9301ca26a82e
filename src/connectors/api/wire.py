"""The wire format of `/v3`: what clients send and what they read. Field names are the format's own.

Nulls and empty texts count as absent, a count of 0 as 1, and unknown keys are passed over: clients in languages whose
structures have no absent fields send all of them.
"""

# ruff: noqa: N815 (field names are those of the wire)

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.model import Confidence

PAYLOAD_BYTES = 500 * 1024
PAYLOAD_ITEMS = 50_000
RULES = 10
DETECTORS = 100
CONTEXT_BYTES = 40
METADATA_BYTES = 10 * 1024
CHUNK = 10_485_760

ConfidenceName = Literal["VERY_UNLIKELY", "UNLIKELY", "POSSIBLE", "LIKELY", "VERY_LIKELY"]


def _given(data: Any) -> Any:
    """Drop nulls and empty texts, which some clients write for absent fields."""
    if isinstance(data, dict):
        return {name: value for name, value in data.items() if value is not None and value != ""}
    return data


class Wire(BaseModel):
    """Base of every request model."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_absent(cls, data: Any) -> Any:
        return _given(data)


class RegexBody(Wire):
    """A regular expression in RE2 syntax."""

    pattern: str = Field(min_length=1, max_length=4096, examples=["EMP-\\d{6}"])
    isCaseSensitive: bool = False


class WordListBody(Wire):
    """Words and phrases, matched on word borders."""

    values: list[Annotated[str, Field(min_length=1, max_length=1000)]] = Field(
        min_length=1, max_length=10_000, examples=[["Bluebird"]]
    )
    isCaseSensitive: bool = False


class Proximity(Wire):
    """How far around a match a context rule looks, in characters."""

    windowBefore: int = Field(default=30, ge=0, le=1000)
    windowAfter: int = Field(default=30, ge=0, le=1000)


class Adjustment(Wire):
    """What a context rule does."""

    fixedConfidence: ConfidenceName


class ContextRuleBody(Wire):
    """Sets the confidence of a match that has something near it."""

    regex: RegexBody
    proximity: Proximity = Proximity()
    confidenceAdjustment: Adjustment


class ExclusionRuleBody(Wire):
    """Drops matches that are (FULL) or contain (PARTIAL) something."""

    matchType: Literal["FULL", "PARTIAL"] = "FULL"
    exclusionType: Literal["REGEX", "WORD_LIST"] | None = None
    regex: RegexBody | None = None
    wordList: WordListBody | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "regex", "wordList")
        return self


class MaskConfig(Wire):
    """Replaces characters by a mask. Without a direction the left end stays readable."""

    maskingChar: str = Field(default="*", min_length=1, max_length=1)
    charsToIgnore: list[Annotated[str, Field(min_length=1, max_length=1)]] = Field(default=[], max_length=100)
    numCharsToLeaveUnmasked: int = Field(default=0, ge=0, le=1_000_000)
    maskLeftToRight: bool = False
    maskRightToLeft: bool = False

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if self.maskLeftToRight and self.maskRightToLeft:
            raise ValueError("set one of maskLeftToRight and maskRightToLeft")
        return self


class SubstitutionConfig(Wire):
    """Replaces a match by a phrase."""

    substitutionPhrase: str = Field(default="", max_length=1000)


class InfoTypeConfig(Wire):
    """Replaces a match by the name of its detector."""


class CryptoConfig(Wire):
    """Replaces a match by its RSA-OAEP encryption, in base64."""

    publicKey: str = Field(min_length=1, max_length=20_000, description="PEM, RSA")


class RedactionConfig(Wire):
    """How matches are replaced: exactly one of the four ways."""

    removeFinding: bool = False
    maskConfig: MaskConfig | None = None
    infoTypeSubstitutionConfig: InfoTypeConfig | None = None
    substitutionConfig: SubstitutionConfig | None = None
    cryptoConfig: CryptoConfig | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "maskConfig", "infoTypeSubstitutionConfig", "substitutionConfig", "cryptoConfig")
        return self


class DetectorBody(Wire):
    """One detector of a rule: built in, a regex, a word list, or one named by UUID."""

    detectorUUID: UUID | None = None
    detectorType: Literal["NIGHTFALL_DETECTOR", "REGEX", "WORD_LIST"] | None = None
    nightfallDetector: str | None = Field(default=None, max_length=128, examples=["CREDIT_CARD_NUMBER"])
    regex: RegexBody | None = None
    wordList: WordListBody | None = None
    displayName: str = Field(default="", max_length=256)
    minNumFindings: int = Field(default=1, ge=0, le=1_000_000, description="0 is the same as 1")
    minConfidence: ConfidenceName = "POSSIBLE"
    contextRules: list[ContextRuleBody] = Field(default=[], max_length=20)
    exclusionRules: list[ExclusionRuleBody] = Field(default=[], max_length=20)
    redactionConfig: RedactionConfig | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "detectorUUID", "nightfallDetector", "regex", "wordList")
        expected = {"nightfallDetector": "NIGHTFALL_DETECTOR", "regex": "REGEX", "wordList": "WORD_LIST"}
        given = next(name for name in (*expected, "detectorUUID") if getattr(self, name) is not None)
        if self.detectorType is not None and given in expected and self.detectorType != expected[given]:
            raise ValueError(f"detectorType is {self.detectorType}, but {given} is given")
        return self

    @property
    def confidence(self) -> Confidence:
        """The minimum confidence as the house has it."""
        return Confidence[self.minConfidence]


class RuleBody(Wire):
    """A detection rule: matches of ANY of its detectors count, or only where ALL have some."""

    name: str = Field(default="", max_length=128)
    logicalOp: Literal["ANY", "ALL"] = "ANY"
    detectors: list[DetectorBody] = Field(min_length=1, max_length=DETECTORS)


class SlackTarget(Wire):
    """A public channel."""

    target: str = Field(min_length=1, max_length=100, examples=["#general"])


class EmailTarget(Wire):
    """An e-mail address."""

    address: str = Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")


class UrlTarget(Wire):
    """An HTTPS address that answers the challenge."""

    address: str = Field(min_length=8, max_length=2048)


class AlertConfig(Wire):
    """Who is told when there are findings."""

    slack: SlackTarget | None = None
    email: EmailTarget | None = None
    url: UrlTarget | None = None


class PolicyBody(Wire):
    """What to look for, in a request or stored."""

    detectionRuleUUIDs: list[UUID] = Field(default=[], max_length=RULES)
    detectionRules: list[RuleBody] = Field(default=[], max_length=RULES)
    contextBytes: int = Field(default=0, ge=0, le=CONTEXT_BYTES)
    defaultRedactionConfig: RedactionConfig | None = None
    alertConfig: AlertConfig | None = None
    webhookURL: str | None = Field(default=None, max_length=2048, description="deprecated: use alertConfig.url")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.detectionRuleUUIDs and not self.detectionRules:
            raise ValueError("give detectionRules, detectionRuleUUIDs or both")
        return self


class ScanBody(Wire):
    """`POST /v3/scan`: texts, and either a policy or the UUID of a stored one."""

    payload: list[str] = Field(min_length=1)
    policyUUIDs: list[UUID] = Field(default=[], max_length=1)
    policy: PolicyBody | None = Field(default=None, validation_alias=AliasChoices("policy", "config"))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.policyUUIDs) == (self.policy is not None):
            raise ValueError("give exactly one of policy and policyUUIDs")
        return self


class UploadBody(Wire):
    """`POST /v3/upload`: a file is about to come."""

    fileSizeBytes: int = Field(ge=0, le=2**50, strict=True)
    mimeType: str = Field(default="", max_length=255)


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > METADATA_BYTES:
        raise ValueError(f"is longer than {METADATA_BYTES} bytes")
    return value


class FileScanBody(Wire):
    """`POST /v3/upload/{id}/scan`: a policy or the UUID of a stored one, and what to send back."""

    policyUUID: UUID | None = None
    policy: PolicyBody | None = None
    requestMetadata: Annotated[str, BeforeValidator(_bounded)] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "policyUUID", "policy")
        return self


class Range(BaseModel):
    """A range; the end is exclusive."""

    start: int
    end: int


class Location(BaseModel):
    """Where a finding stands: UTF-8 bytes and code points of the item, row and column of a table from 1."""

    byteRange: Range
    codepointRange: Range
    rowRange: Range | None
    columnRange: Range | None
    commitHash: str
    commitAuthor: str


class FindingDetector(BaseModel):
    """The detector of a finding."""

    name: str
    uuid: str


class FindingBody(BaseModel):
    """One finding. `finding` is left out when the redaction config says removeFinding."""

    finding: str | None = None
    redactedFinding: str | None = None
    beforeContext: str | None = None
    afterContext: str | None = None
    detector: FindingDetector
    confidence: ConfidenceName
    location: Location
    redactedLocation: Location | None = None
    matchedDetectionRuleUUIDs: list[str]
    matchedDetectionRules: list[str]
    path: str | None = None


class ScanAnswer(BaseModel):
    """The answer of a scan: one list of findings for each item of the payload."""

    findings: list[list[FindingBody]]
    redactedPayload: list[str]


class UploadAnswer(BaseModel):
    """An upload as the server sees it. `received` lists the byte ranges that have arrived."""

    id: str
    fileSizeBytes: int
    chunkSize: int
    mimeType: str
    state: str
    received: list[Range]


class FileScanAnswer(BaseModel):
    """A scan has begun; its result goes to the webhook."""

    id: str
    message: str


class ResultBody(BaseModel):
    """What the findings URL answers."""

    findings: list[FindingBody]
    errors: list[dict[str, Any]] = []


def _one_of(model: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}")
