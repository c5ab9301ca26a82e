"""What one value becomes under each rule."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigError
from connectors.redaction import Encrypt, InfoType, KeyedHash, Mask, Substitute, decrypt

CARD = "4916-6734-7572-5015"


@pytest.mark.parametrize(
    ("mask", "masked"),
    [
        (Mask(), "*******************"),
        (Mask("👀", 3, ignore=frozenset("-")), "491👀-👀👀👀👀-👀👀👀👀-👀👀👀👀"),
        (Mask("x", 4, from_left=False, ignore=frozenset("-")), "xxxx-xxxx-xxxx-5015"),
        (Mask(leave=5, from_left=False), "**************-5015"),
        (Mask(leave=6, from_left=True, ignore=frozenset("-")), "4916-67**-****-****"),
        (Mask(leave=99), CARD),
    ],
)
def test_mask(mask, masked):
    assert mask.replace(CARD, "card") == masked


@given(st.text(), st.integers(0, 9), st.booleans())
def test_a_mask_keeps_the_length_and_leaves_no_more_than_asked(value, leave, from_left):
    masked = Mask("\0", leave, from_left).replace(value, "")
    assert len(masked) == len(value)
    assert sum(new != "\0" for new in masked) <= leave


@pytest.mark.parametrize("wrong", [{"char": ""}, {"char": "ab"}, {"leave": -1}])
def test_a_mask_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        Mask(**wrong)


def test_phrase_and_name():
    assert Substitute("gone").replace(CARD, "card") == "gone"
    assert InfoType().replace(CARD, "card") == "[card]"
    assert InfoType({"card": "Credit Card"}, "<{name}>").replace(CARD, "card") == "<Credit Card>"


def test_equal_values_have_equal_hashes_under_one_key_only():
    one, other = KeyedHash(b"k" * 16), KeyedHash(b"o" * 16)
    assert one.replace("a", "x") == one.replace("a", "y") != one.replace("b", "x")
    assert one.replace("a", "x") != other.replace("a", "x")
    assert len(one.replace("a", "x")) == 32
    assert "kkkk" not in repr(one)


@pytest.mark.parametrize(("key", "length"), [(b"short", 32), (b"k" * 16, 7), (b"k" * 16, 65)])
def test_a_weak_hash_is_refused(key, length):
    with pytest.raises(ConfigError):
        KeyedHash(key, length)


@pytest.fixture(scope="module")
def pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.mark.parametrize("value", ["", CARD, "größer " * 60])
def test_only_the_private_key_opens_an_encrypted_value(pair, value):
    private, public = pair
    sealed = Encrypt(public).replace(value, "card")
    assert decrypt(sealed, private) == value
    assert sealed != Encrypt(public).replace(value, "card")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ConfigError):
        decrypt(sealed, other.decode())


def test_what_is_no_strong_rsa_key_is_refused():
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for wrong in ("", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", pem):
        with pytest.raises(ConfigError):
            Encrypt(wrong)
