"""`POST /v3/scan` over the whole application: what is found, redacted and refused."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

pytestmark = pytest.mark.parametrize("runtime", ["sqlite"], indirect=True)

CARD = "4012-8888-8888-1881"
CARDS = {"detectorType": "NIGHTFALL_DETECTOR", "nightfallDetector": "CREDIT_CARD_NUMBER"}


def body(payload: list[str], *detectors: dict[str, Any], **policy: Any) -> dict[str, Any]:
    rule = {"logicalOp": policy.pop("op", "ANY"), "detectors": list(detectors)}
    return {"payload": payload, "policy": {"detectionRules": [rule], **policy}}


def scan(client: TestClient, auth: dict[str, str], request: dict[str, Any]) -> Any:
    answer = client.post("/v3/scan", json=request, headers=auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_card_is_found_with_its_place_in_bytes_and_code_points(client: TestClient, auth: dict[str, str]) -> None:
    answer = scan(client, auth, body([f"ünïcode {CARD} end", "nothing"], CARDS))
    [[finding], nothing] = answer["findings"]
    assert nothing == []
    assert finding["finding"] == CARD
    assert finding["detector"]["name"] == "CREDIT_CARD_NUMBER"
    assert finding["location"]["codepointRange"] == {"start": 8, "end": 27}
    assert finding["location"]["byteRange"] == {"start": 10, "end": 29}
    assert finding["location"]["rowRange"] is None
    assert finding["matchedDetectionRules"] == ["Inline Detection Rule #1"]
    assert "beforeContext" not in finding
    assert answer["redactedPayload"] == ["", ""]


def test_context_never_splits_a_character(client: TestClient, auth: dict[str, str]) -> None:
    [[finding]] = scan(client, auth, body([f"€€ {CARD} €€"], CARDS, contextBytes=5))["findings"]
    assert (finding["beforeContext"], finding["afterContext"]) == ("€ ", " €")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"maskConfig": {"maskingChar": "👀", "charsToIgnore": ["-"], "numCharsToLeaveUnmasked": 3}},
         "401👀-👀👀👀👀-👀👀👀👀-👀👀👀👀"),
        ({"maskConfig": {"numCharsToLeaveUnmasked": 4, "maskLeftToRight": True}}, "***************1881"),
        ({"maskConfig": {"numCharsToLeaveUnmasked": 4, "maskRightToLeft": True}}, "4012***************"),
        ({"substitutionConfig": {"substitutionPhrase": "[GONE]"}}, "[GONE]"),
        ({"infoTypeSubstitutionConfig": {}}, "[CREDIT_CARD_NUMBER]"),
    ],
)  # fmt: skip
def test_redaction_replaces_the_value(
    client: TestClient, auth: dict[str, str], config: dict[str, Any], expected: str
) -> None:
    answer = scan(client, auth, body([f"é {CARD}!"], CARDS | {"redactionConfig": config}))
    [[finding]] = answer["findings"]
    assert finding["redactedFinding"] == expected
    assert answer["redactedPayload"] == [f"é {expected}!"]
    place = finding["redactedLocation"]
    assert place["codepointRange"] == {"start": 2, "end": 2 + len(expected)}
    assert place["byteRange"] == {"start": 3, "end": 3 + len(expected.encode())}


def test_encryption_is_undone_by_the_private_key(client: TestClient, auth: dict[str, str]) -> None:
    import base64

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    config = {"cryptoConfig": {"publicKey": pem}, "removeFinding": True}
    [[finding]] = scan(client, auth, body([CARD], CARDS, defaultRedactionConfig=config))["findings"]
    assert "finding" not in finding
    padding = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
    assert private.decrypt(base64.b64decode(finding["redactedFinding"]), padding).decode() == CARD


def test_the_detectors_own_redaction_beats_the_default(client: TestClient, auth: dict[str, str]) -> None:
    own = CARDS | {"redactionConfig": {"substitutionConfig": {"substitutionPhrase": "own"}}}
    default = {"substitutionConfig": {"substitutionPhrase": "default"}}
    answer = scan(client, auth, body([CARD], own, defaultRedactionConfig=default))
    assert answer["redactedPayload"] == ["own"]


def test_own_detectors_with_context_and_exclusions(client: TestClient, auth: dict[str, str]) -> None:
    regex = {
        "detectorType": "REGEX",
        "regex": {"pattern": r"EMP-\d{6}", "isCaseSensitive": True},
        "displayName": "staff number",
        "minConfidence": "VERY_LIKELY",
        "contextRules": [
            {
                "regex": {"pattern": "badge"},
                "proximity": {"windowBefore": 20, "windowAfter": 0},
                "confidenceAdjustment": {"fixedConfidence": "VERY_LIKELY"},
            }
        ],
        "exclusionRules": [{"matchType": "FULL", "exclusionType": "WORD_LIST", "wordList": {"values": ["EMP-000000"]}}],
    }
    texts = ["badge EMP-123456", "badge EMP-000000", "EMP-123456 alone"]
    found = scan(client, auth, body(texts, regex))["findings"]
    assert [[finding["finding"] for finding in item] for item in found] == [["EMP-123456"], [], []]
    assert found[0][0]["detector"]["name"] == "staff number"


def test_all_needs_every_detector_and_a_minimum_count_every_match(client: TestClient, auth: dict[str, str]) -> None:
    words = {"detectorType": "WORD_LIST", "wordList": {"values": ["heron"]}, "minNumFindings": 2}
    texts = [f"heron {CARD}", f"heron heron {CARD}"]
    found = scan(client, auth, body(texts, CARDS, words, op="ALL"))["findings"]
    assert [len(item) for item in found] == [0, 3]


def test_a_table_gives_row_and_column(client: TestClient, auth: dict[str, str]) -> None:
    table = f"owner,card\nann,{CARD}\nbob,none\n"
    [[finding], [other]] = scan(client, auth, body([table, f"card\n{CARD}\n"], CARDS))["findings"]
    assert finding["location"]["rowRange"] == {"start": 2, "end": 2}
    assert finding["location"]["columnRange"] == {"start": 2, "end": 2}
    assert other["location"]["rowRange"] is None


def test_names_are_found_when_asked_for(client: TestClient, auth: dict[str, str]) -> None:
    names = {"nightfallDetector": "PERSON_NAME", "minConfidence": "VERY_UNLIKELY"}
    [[finding]] = scan(client, auth, body(["My name is Ann Miller and I am here."], names))["findings"]
    assert finding["finding"] == "Ann Miller"


def test_a_zero_width_space_hides_nothing(client: TestClient, auth: dict[str, str]) -> None:
    words = {"detectorType": "WORD_LIST", "wordList": {"values": ["bluebird"]}}
    [[finding]] = scan(client, auth, body(["blue\u200bbird"], words))["findings"]
    assert finding["finding"] == "blue\u200bbird"


def test_nulls_and_the_old_name_of_the_policy_are_taken(client: TestClient, auth: dict[str, str]) -> None:
    request = body([CARD], CARDS | {"regex": None, "redactionConfig": None}, alertConfig=None)
    request["config"] = request.pop("policy")
    assert len(scan(client, auth, request | {"policyUUIDs": None})["findings"][0]) == 1


def test_the_same_policy_again_gives_the_same_answer(client: TestClient, auth: dict[str, str]) -> None:
    request = body([CARD], CARDS, contextBytes=4)
    assert scan(client, auth, request) == scan(client, auth, request)


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"payload": []}, 400, 40002, "payload"),
        ({"payload": ["x" * 512_001]}, 400, 40003, "payload"),
        ({"payload": ["x"] * 50_001}, 400, 40004, "payload"),
        ({"payload": "text"}, 400, 40002, "payload"),
        ({"policy": None}, 400, 40002, "body"),
        ({"policyUUIDs": ["00000000-0000-4000-8000-000000000000"], "policy": None}, 422, 42203, "policyUUID"),
        ({"policyUUIDs": ["nonsense"], "policy": None}, 400, 40002, "policyUUIDs[0]"),
    ],
)
def test_a_wrong_request_names_its_field(
    client: TestClient, auth: dict[str, str], change: dict[str, Any], status: int, code: int, field: str
) -> None:
    answer = client.post("/v3/scan", json=body([CARD], CARDS) | change, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert field in answer.json()["additionalData"]
    assert CARD not in answer.text


@pytest.mark.parametrize(
    ("detector", "status", "code", "field"),
    [
        ({"detectorType": "REGEX", "regex": {"pattern": r"(a+)+\1"}}, 422, 42201, ".regex.pattern"),
        ({"detectorType": "REGEX", "regex": {"pattern": "(?=a)b"}}, 422, 42201, ".regex.pattern"),
        ({"nightfallDetector": "NO_SUCH"}, 422, 42202, ".nightfallDetector"),
        ({"detectorUUID": "00000000-0000-4000-8000-000000000000"}, 422, 42202, ".detectorUUID"),
        (CARDS | {"minConfidence": "SURE"}, 400, 40002, ".minConfidence"),
        (CARDS | {"redactionConfig": {}}, 400, 40002, ".redactionConfig"),
        (CARDS | {"redactionConfig": {"cryptoConfig": {"publicKey": "no"}}}, 422, 42200, ".redactionConfig"),
        ({"detectorType": "REGEX", "wordList": {"values": ["a"]}}, 400, 40002, ""),
    ],
)
def test_a_wrong_detector_is_refused_by_name(
    client: TestClient, auth: dict[str, str], detector: dict[str, Any], status: int, code: int, field: str
) -> None:
    answer = client.post("/v3/scan", json=body([CARD], detector), headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert f"policy.detectionRules[0].detectors[0]{field}" in answer.json()["additionalData"]


def test_a_regex_that_matches_everything_is_refused_before_it_makes_an_answer(
    client: TestClient, auth: dict[str, str]
) -> None:
    answer = client.post("/v3/scan", json=body(["x" * 50_000], {"regex": {"pattern": "."}}), headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, 42206)


def test_eleven_rules_are_too_many(client: TestClient, auth: dict[str, str]) -> None:
    request = body([CARD], CARDS)
    request["policy"]["detectionRules"] *= 11
    assert client.post("/v3/scan", json=request, headers=auth).json()["code"] == 40002


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"payload": ["\\ud800"]}', b""])
def test_what_is_not_json_is_said_to_be(client: TestClient, auth: dict[str, str], raw: bytes) -> None:
    answer = client.post("/v3/scan", content=raw, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (400, 40001)


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"text"', b"null"])
def test_what_is_no_object_is_said_to_be(client: TestClient, auth: dict[str, str], raw: bytes) -> None:
    answer = client.post("/v3/scan", content=raw, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (400, 40002)
    assert answer.json()["additionalData"] == {"body": "Input should be a JSON object"}


def test_a_body_over_the_limit_is_not_read(client: TestClient, auth: dict[str, str]) -> None:
    answer = client.post("/v3/scan", content=b" " * (9 * 2**20), headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (413, 41300)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/hook", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/x", "file:///etc/passwd"],
)
def test_a_webhook_into_a_private_network_is_refused(client: TestClient, auth: dict[str, str], url: str) -> None:
    answer = client.post("/v3/scan", json=body([CARD], CARDS, alertConfig={"url": {"address": url}}), headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, 42204)
    assert "policy.alertConfig.url.address" in answer.json()["additionalData"]


def test_an_alert_without_a_destination_is_refused(client: TestClient, auth: dict[str, str]) -> None:
    request = body([CARD], CARDS, alertConfig={"slack": {"target": "#general"}})
    assert client.post("/v3/scan", json=request, headers=auth).json()["code"] == 42205


ZERO: dict[str, Any] = {
    "minNumFindings": 0, "minConfidence": "", "displayName": "", "detectorType": "", "nightfallDetector": "",
    "contextRules": None, "exclusionRules": None,
}  # fmt: skip
"""The fields that a client in Go writes for a detector that says nothing of them."""


@pytest.mark.parametrize(
    ("detector", "found"),
    [
        ({"nightfallDetector": "CREDIT_CARD_NUMBER"}, [CARD]),
        ({"regex": {"pattern": "EMP-[0-9]{6}", "isCaseSensitive": False}}, ["EMP-123456"]),
        ({"wordList": {"values": ["heron"], "isCaseSensitive": False}}, ["heron"]),
    ],
)
@pytest.mark.parametrize("op", ["", "ALL"])
def test_what_a_client_writes_for_absent_fields_counts_as_absent(
    client: TestClient, auth: dict[str, str], detector: dict[str, Any], found: list[str], op: str
) -> None:
    mask = {"maskingChar": "", "charsToIgnore": None, "numCharsToLeaveUnmasked": 0, "maskLeftToRight": False}
    policy = {
        "detectionRules": [{"name": "", "detectors": [ZERO | detector], "logicalOp": op}],
        "detectionRuleUUIDs": None, "contextBytes": 0, "alertConfig": None,
        "defaultRedactionConfig": {"maskConfig": mask, "removeFinding": False},
    }  # fmt: skip
    texts = [f"{CARD} EMP-123456 heron", "nothing"]
    sent = {"payload": texts, "config": None, "policy": policy, "policyUUIDs": None}
    first, second = scan(client, auth, sent)["findings"]
    assert [each["finding"] for each in first] == found
    assert first[0]["redactedFinding"] == "*" * len(found[0])
    assert first[0]["matchedDetectionRules"] == ["Inline Detection Rule #1"]
    assert second == []
