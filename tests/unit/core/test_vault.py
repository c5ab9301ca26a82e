"""Encryption that is bound to its place, keyed fingerprints, signatures with one purpose, key files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigError
from connectors.vault import Vault, load_key_file, new_key, write_key_file

KEY = new_key()
VAULT = Vault([KEY], "fingerprint")
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(codec=None))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
)


@given(JSON)
def test_what_is_sealed_comes_back(value: object) -> None:
    assert VAULT.open(VAULT.seal(value, context="a"), context="a") == value


def test_a_value_in_another_place_or_under_another_key_is_refused() -> None:
    sealed = VAULT.seal("x", context="event:1")
    with pytest.raises(ConfigError, match="another place"):
        VAULT.open(sealed, context="event:2")
    with pytest.raises(ConfigError, match="cannot be decrypted"):
        Vault([new_key()], "fingerprint").open(sealed, context="event:1")
    with pytest.raises(ConfigError):
        VAULT.open(b"\0garbage", context="event:1")


def test_rotation_keeps_values_and_fingerprints() -> None:
    newest = new_key()
    both, only = Vault([newest, KEY], "fingerprint"), Vault([newest], "fingerprint")
    assert only.open(both.rotate(VAULT.seal("x", context="a")), context="a") == "x"
    prints = {vault.fingerprint(tenant="t", family="f", value="v") for vault in (VAULT, both, only)}
    assert len(prints) == 1


def test_fingerprints_tell_tenants_families_values_and_keys_apart() -> None:
    other = Vault([KEY], "another")
    made = [
        VAULT.fingerprint(tenant="t", family="f", value="v"), VAULT.fingerprint(tenant="u", family="f", value="v"),
        VAULT.fingerprint(tenant="t", family="g", value="v"), VAULT.fingerprint(tenant="t", family="f", value="w"),
        other.fingerprint(tenant="t", family="f", value="v"),
    ]  # fmt: skip
    assert len(set(made)) == len(made)


def test_a_signature_holds_for_its_purpose_and_message_only() -> None:
    signed = VAULT.sign("link", b"m")
    assert VAULT.verify("link", b"m", signed)
    assert not VAULT.verify("session", b"m", signed)
    assert not VAULT.verify("link", b"n", signed)
    assert not VAULT.verify("link", b"m", signed + "é")


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "connectors.keys"
    first = load_key_file(path, create=True)
    assert load_key_file(path, create=True) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_key_file(path, ("other",), "f", exclusive=True)
    assert load_key_file(path, create=False) == first
    assert [child.name for child in path.parent.iterdir()] == ["connectors.keys"]


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"keys": ["k"]})])
def test_a_key_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "connectors.keys"
    path.write_text(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_key_file(path, create=True)
    with pytest.raises(ConfigError, match="missing"):
        load_key_file(tmp_path / "gone", create=False)


@pytest.mark.parametrize("keys", [[], ["short"]])
def test_keys_that_are_none_are_named(keys: list[str]) -> None:
    with pytest.raises(ConfigError):
        Vault(keys, "f")
    assert repr(VAULT) == "<Vault>"


def test_a_sealed_text_fits_a_cookie_and_comes_back() -> None:
    sealed = VAULT.seal_text({"half": "\ud83d", "big": 2**70}, context="oidc")
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")
    assert VAULT.open_text(sealed, context="oidc") == {"half": "\ud83d", "big": 2**70}
    for forged in ("", "é", "AAAA", sealed[:-8], sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:]):
        with pytest.raises(ConfigError):
            VAULT.open_text(forged, context="oidc")


@pytest.mark.parametrize("place", [0, 1, 5, 21, 33, -1])
def test_no_byte_of_a_sealed_value_can_be_changed(place: int) -> None:
    sealed = bytearray(VAULT.seal("x", context="a"))
    sealed[place] ^= 1
    with pytest.raises(ConfigError, match="cannot be decrypted"):
        VAULT.open(bytes(sealed), context="a")


def test_equal_values_are_sealed_differently_and_other_processes_read_them() -> None:
    assert VAULT.seal("x", context="a") != VAULT.seal("x", context="a")
    assert Vault([KEY], "fingerprint").open(VAULT.seal("x", context="a"), context="a") == "x"
