from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import AuthError, MissingScope, NotFound, RateLimited, Transient
from connectors.model import Level, PersonRef, Visibility
from connectors.testing.fakeapps import Response
from connectors.testing.fakeapps.gdrive import service_account
from connectors_gdrive.answers import Refused, reason_of, translate
from connectors_gdrive.config import DriveConfig
from connectors_gdrive.exposure import visibility

ANA = "ana@acme.example"


def levels(connector):
    return {check.name: check.level for check in connector.check()}


def test_all_is_well(fake, drive):
    fake.add_drive("Sales", [ANA])
    assert set(levels(drive).values()) == {Level.OK}


def test_each_user_without_delegation_is_named_with_what_to_do(connect):
    found = [check for check in connect(users=[ANA, "left@acme.example"]).check() if check.level is Level.FAILED]
    assert [check.name for check in found] == ["access as left@acme.example"]
    assert "Admin console" in found[0].hint


def test_what_will_not_work_is_said(fake, connect):
    fake.add_drive("Board", ["chair@acme.example"])
    poor = connect(admin="admin@acme.example", webhook_secret=None, act=True, quarantine_folder="nowhere")
    assert levels(poor) | {"access": 0, "quota": 0} == {
        "access": 0,
        "quota": 0,
        "shared drives": Level.WARNING,
        "webhook": Level.WARNING,
        "quarantine folder": Level.FAILED,
    }


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (Response(401), Level.FAILED),
        (Response(403), Level.FAILED),
        (Response(429), Level.WARNING),
        (Response(503), Level.WARNING),
        (Response(200, b"<html>"), Level.WARNING),
        (None, Level.WARNING),
    ],
)
@pytest.mark.parametrize("path", [".*", "/token", "/drive/.*"])
def test_a_check_never_raises(fake, connect, answer, level, path):
    fake.fail(answer, times=99, path=path)
    found = [check.level for check in connect().check()]
    assert level in found
    assert Level.OK not in found[:1]


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (429, "", RateLimited),
        (403, "userRateLimitExceeded", RateLimited),
        (403, "dailyLimitExceeded", RateLimited),
        (401, "authError", AuthError),
        (403, "accessNotConfigured", AuthError),
        (403, "insufficientPermissions", MissingScope),
        (403, "", MissingScope),
        (403, "exportSizeLimitExceeded", Refused),
        (404, "notFound", NotFound),
        (410, "", NotFound),
        (500, "", Transient),
        (400, "invalid", Refused),
    ],
)
def test_errors_say_what_to_do(status, reason, error):
    assert type(translate(status, reason, None)) is error


@given(st.binary() | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["error", "errors", "reason", "details"]), x)).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_no_error_body_breaks_the_table(body):
    assert len(reason_of(body)) <= 60


def inside(address: str) -> bool:
    return address.endswith("acme.example")


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ([], Visibility.UNKNOWN),
        ([{"type": "user", "emailAddress": ANA}], Visibility.PRIVATE),
        ([{"type": "group", "emailAddress": "all@acme.example"}], Visibility.PRIVATE),
        ([{"type": "domain", "domain": "acme.example"}], Visibility.INTERNAL),
        ([{"type": "domain", "domain": "other.example"}], Visibility.EXTERNAL),
        ([{"type": "user", "emailAddress": "eve@other.example"}], Visibility.EXTERNAL),
        ([{"type": "user", "emailAddress": "eve@other.example", "deleted": True}], Visibility.UNKNOWN),
        ([{"type": "anyone", "id": "anyoneWithLink"}], Visibility.LINK),
        ([{"type": "anyone", "allowFileDiscovery": True}], Visibility.PUBLIC),
        ([{"type": "anyone", "id": "anyone"}, {"type": "user", "emailAddress": ANA}], Visibility.PUBLIC),
    ],
)
def test_the_widest_permission_decides(permissions, expected):
    assert visibility(permissions, inside) is expected


def test_people_have_names_from_the_directory(connect):
    admin = connect(admin="admin@acme.example")
    assert admin.person(PersonRef(ANA, email=ANA)).name == "Ana"
    assert admin.person(PersonRef("eve@other.example", "Eve")).external
    with pytest.raises(NotFound):
        admin.person(PersonRef("p123"))
    with pytest.raises(NotFound):
        admin.person(PersonRef("who@acme.example"))


def test_oauth_reads_one_drive(fake, url, connect, pages):
    made = fake.add_file("a")
    token = {"client_id": "c", "client_secret": "s", "refresh_token": "refresh", "token_uri": f"{url}/token"}
    own = connect(service_account=None, users=(), oauth=token)
    assert [part.id for part in own.partitions()] == [f"user:{ANA}"]
    assert pages(own, f"user:{ANA}")[0].events[0].resource.id == f"file:{made}"
    assert {check.level for check in own.check()} == {Level.OK}


def test_a_token_withdrawn_early_is_fetched_again(fake, drive, pages):
    pages(drive, f"user:{ANA}")
    fake.tokens.clear()
    assert pages(drive, f"user:{ANA}")[-1].done


@pytest.mark.parametrize(
    "wrong",
    [
        {"service_account": None},
        {"service_account": "not json"},
        {"service_account": "{}"},
        {"users": "all"},
        {"oauth": {"client_id": "c", "client_secret": "s", "refresh_token": "r"}},
        {"users": ["nobody"]},
        {"surprise": 1},
    ],
)
def test_a_wrong_config_is_refused(url, wrong):
    with pytest.raises(ValidationError):
        DriveConfig.model_validate({"service_account": service_account(url)} | wrong)


def test_strangers_at_a_mail_hoster_are_no_colleagues(url):
    config = DriveConfig.model_validate({"service_account": service_account(url), "users": ["me@gmail.com"]})
    assert config.internal("me@gmail.com")
    assert not config.internal("you@gmail.com")


def test_secrets_stay_out_of_reprs(connect):
    made = connect()
    assert "PRIVATE KEY" not in repr(made.config) + repr(vars(made))
    assert "shared-by-nobody-else" not in repr(made.config)
