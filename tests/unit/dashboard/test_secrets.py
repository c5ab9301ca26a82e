"""Passwords, time-based codes and signed links."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dashboard import secrets
from connectors.dashboard.visit import local_path
from connectors.errors import Unverified
from connectors.vault import Vault, new_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VAULT = Vault([new_key()], "a key for fingerprints of tests")
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert secrets.totp(RFC_SECRET, seconds // 30) == code


def test_a_code_holds_one_step_early_or_late() -> None:
    step = int(NOW.timestamp()) // 30
    assert secrets.totp_step(RFC_SECRET, secrets.totp(RFC_SECRET, step - 1), NOW) == step - 1
    assert secrets.totp_step(RFC_SECRET, secrets.totp(RFC_SECRET, step - 2), NOW) is None
    assert secrets.totp_step(RFC_SECRET, "١٢٣٤٥٦", NOW) is None


def test_passwords() -> None:
    stored = secrets.hash_password("a long enough password")
    assert stored.startswith("$argon2id$")
    assert secrets.check_password(stored, "a long enough password")
    assert not secrets.check_password(stored, "another long password")
    assert not secrets.check_password("", "")
    assert not secrets.check_password("not a hash", "x")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaa", "xx-ada-xx-12345", "x" * 300])
def test_weak_passwords_are_named(weak: str) -> None:
    assert secrets.weakness(weak, "ada")


def test_a_link_is_for_one_purpose_and_a_time() -> None:
    token = secrets.make_link(VAULT, "review", {"alert": "1"}, NOW + timedelta(days=1))
    assert secrets.read_link(VAULT, "review", token, NOW)["alert"] == "1"
    with pytest.raises(Unverified, match="not valid"):
        secrets.read_link(VAULT, "setup", token, NOW)
    with pytest.raises(Unverified, match="expired"):
        secrets.read_link(VAULT, "review", token, NOW + timedelta(days=2))


@given(st.text(max_size=80))
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(Unverified):
        secrets.read_link(VAULT, "review", token, NOW)


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("/findings?q=x", "/findings?q=x"), ("https://evil.example/", "/"), ("//evil.example", "/"),
        ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("", "/"), ("/a\nb", "/"),
    ],
)  # fmt: skip
def test_sign_in_goes_on_to_this_site_only(wanted: str, where: str) -> None:
    assert local_path(wanted) == where
