"""Which addresses and URLs the guard refuses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from connectors.errors import Transient
from connectors.net import AddressRefused, Guard, refusal

REFUSED = [
    "127.0.0.1", "127.255.0.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.192", "198.18.0.1",
    "224.0.1.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
    "2001:db8::1", "::ffff:0:127.0.0.1", "2001:0:7f00:1::",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_the_public_internet_are_refused(address: str) -> None:
    assert refusal(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert refusal(ip_address(address)) == ""


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_like_the_address_itself(address: IPv4Address) -> None:
    if not refusal(address):
        return
    number = int(address)
    for spelled in (0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number):
        assert refusal(IPv6Address(spelled))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com",
        "", "http://", "http:///path", "http://user@example.com/", "http://user:pw@example.com/",
        "http://@example.com/", "http://example.com:0/", "http://example.com:99999/", "http://[::1/",
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]:80/", "http://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_urls_that_need_no_resolver_to_be_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard().check(url)


@pytest.mark.parametrize("url", ["http://example.com/", "https://example.com:8443/x", "https://8.8.8.8/"])
def test_good_urls_pass_on_any_port(url: str) -> None:
    assert Guard().check(url)


def test_https_can_be_made_the_only_scheme() -> None:
    with pytest.raises(AddressRefused, match="https"):
        Guard.of(https_only=True).check("http://example.com/")


@pytest.mark.parametrize("spelling", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "localhost"])
def test_spellings_are_judged_by_what_they_resolve_to(spelling: str) -> None:
    with pytest.raises(AddressRefused, match="loopback"):
        Guard().addresses(spelling, 80)


def test_one_private_answer_refuses_the_name() -> None:
    guard = Guard(resolver=lambda host, port: ("8.8.8.8", "10.0.0.1"))
    with pytest.raises(AddressRefused, match=r"mixed\.test"):
        guard.addresses("mixed.test", 80)


def test_allowed_networks_and_hosts_pass() -> None:
    guard = Guard.of(["10.0.0.0/8", "jira.corp.test"], resolver=lambda host, port: ("10.1.2.3",))
    assert guard.addresses("anything.test", 80) == ("10.1.2.3",)
    private = Guard.of(["Jira.corp.test."], resolver=lambda host, port: ("192.168.0.9",))
    assert private.addresses("jira.corp.test", 80) == ("192.168.0.9",)
    with pytest.raises(AddressRefused):
        private.addresses("other.corp.test", 80)
    assert Guard.of(["127.0.0.1"]).check("http://[::ffff:127.0.0.1]/")


def test_verify_resolves_and_says_when_a_name_does_not() -> None:
    def nothing(host: str, port: int) -> tuple[str, ...]:
        raise OSError

    with pytest.raises(Transient, match=r"gone\.test does not resolve"):
        Guard(resolver=nothing).verify("https://gone.test/?token=x")
    with pytest.raises(AddressRefused):
        Guard(resolver=lambda host, port: ("127.0.0.1",)).verify("https://inner.test/")


def test_a_refusal_shows_the_host_and_nothing_else_of_the_url() -> None:
    with pytest.raises(AddressRefused) as caught:
        Guard().check("http://127.0.0.1/secret-path?token=canary")
    assert "127.0.0.1" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "secret-path" not in str(caught.value)


@given(st.one_of(st.text(), st.from_regex(r"https?://[\x20-\x7e]{0,40}", fullmatch=True)))
def test_any_text_is_a_host_or_a_refusal(url: str) -> None:
    try:
        host = Guard().check(url)
    except AddressRefused:
        return
    assert host
    assert "@" not in host


@given(st.from_regex(r"https?://[a-z0-9.\\@:\[\]%/?#-]{1,40}", fullmatch=True))
def test_the_judged_host_is_the_one_that_is_connected_to(url: str) -> None:
    try:
        prepared = requests.Request("GET", url).prepare().url or ""
        host = Guard().check(prepared)
    except (requests.RequestException, AddressRefused):
        return
    assert (parse_url(prepared).host or "").strip("[]").lower() == host.lower()
