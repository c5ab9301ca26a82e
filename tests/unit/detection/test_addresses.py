"""Postal addresses, switched on by name."""

from __future__ import annotations

import pytest

from connectors.detection.addresses import StreetAddresses


def found(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in StreetAddresses().search(text)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "Ship it to 4120 Juniper Hollow Road, Millbrook, NY 12545 please",
            "4120 Juniper Hollow Road, Millbrook, NY 12545",
        ),
        ("Wir wohnen in der Lindenstrasse 14, 50674 Köln", "Lindenstrasse 14"),
        ("rendez-vous au 27 rue de la Fontaine, merci", "27 rue de la Fontaine"),
        (
            "his office is at 9 Harbour Lane Suite 210, Dover, Australia 6021.",
            "9 Harbour Lane Suite 210, Dover, Australia 6021",
        ),
        ("send it to PSC 4402, Box 118\nAPO AE 09128 soon", "PSC 4402, Box 118\nAPO AE 09128"),
        ("She lives at Via Garibaldi 31.", "Via Garibaldi 31"),
    ],
)
def test_an_address_is_found_whole(text, address):
    assert any(address in part or part in address for part in found(text))
    assert found(text)[0].startswith(address[:8])


def test_an_address_in_lines_is_found_line_by_line():
    text = "Orla Finch\n\n318 Kanalvej 52\n Apt. 7\n Svendborg\n Denmark 57001"
    assert found(text) == ["318", "Kanalvej 52", "Apt. 7", "57001"]


@pytest.mark.parametrize(
    "text",
    [
        "We had 20 people in 3 rooms",
        "on 12 March 2024 at 10:30",
        "version 3.11.7 needs 200 MB and 5 minutes",
        "call 415 555 0100 for 2 tickets",
        "for i in range(10): total += 5 * step",
        "",
    ],
)
def test_amounts_dates_and_code_are_none(text):
    assert found(text) == []
