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
        ("Kontor: Oles gate 22, 0159 Oslo", "Oles gate 22, 0159 Oslo"),
        ("Am Stadtgarten 3, 22303 Hamburg", "Am Stadtgarten 3, 22303 Hamburg"),
        ("12 rue des Lilas, 75011 Paris", "12 rue des Lilas, 75011 Paris"),
        ("Visit us: 10 Tanner Street, London SW1A 2AB", "10 Tanner Street, London SW1A 2AB"),
        ("Kanaalgracht 241, 1016 EA Amsterdam", "Kanaalgracht 241, 1016 EA Amsterdam"),
        ("ul. Lipowa 10, 00-590 Warszawa", "ul. Lipowa 10, 00-590 Warszawa"),
        ("Av. Libertad 1602, 03940 Ciudad de México", "Av. Libertad 1602, 03940 Ciudad de México"),
        ("I live at 9 Oak Lane.", "9 Oak Lane"),
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
        "Deploy 45 Canary 10",
        "Model 3 Tesla 2020",
        "GPT 4 Turbo 128",
        "Boeing 737 Max 8",
        "Phase 2 Kickoff 9 May",
        "Budget 12, 2024 Results",
        "",
    ],
)
def test_amounts_dates_and_code_are_none(text):
    assert found(text) == []


def test_what_says_little_by_itself_is_less_certain():
    text = "Orla Finch\n\n318 Kanalvej 52\n Apt. 7\n Svendborg\n Denmark 57001"
    assert [c.name for *_, c in StreetAddresses().search(text)] == ["POSSIBLE", "LIKELY", "POSSIBLE", "POSSIBLE"]
