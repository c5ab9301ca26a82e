"""Redacted previews: enough to recognise a value one knows, never enough to use it."""

from __future__ import annotations

from connectors.model import Match

_DOT = "*"


def preview(match: Match) -> str:
    """Return how a match is shown in findings and alerts: at most four characters of a long value."""
    match match.family:
        case "credit_card":
            return _tail(match.value, 4, least=12)
        case "email":
            return _email(match.value)
        case "us_ssn" | "phone" | "us_bank" | "account":
            return _tail(match.value, 2, least=8)
        case "person" | "address" | "date":
            return _initial(match.value)
        case _:
            return _ends(match.value)


def _tail(value: str, shown: int, *, least: int) -> str:
    """Keep the last `shown` letters and digits, and the punctuation that gives the value its shape."""
    solid = sum(c.isalnum() for c in value)
    hidden = solid - (shown if solid >= least else 0)
    out = []
    for character in value:
        if character.isalnum():
            out.append(_DOT if hidden > 0 else character)
            hidden -= 1
        else:
            out.append(character if character in " -.()/+" else _DOT)
    return "".join(out)


def _email(value: str) -> str:
    name, _, domain = value.rpartition("@")
    host, _, top = domain.rpartition(".")
    if not name or not host:
        return _ends(value)
    return f"{_first(name)}@{_first(host)}.{top}"


def _first(value: str) -> str:
    return f"{value[0]}***" if len(value) > 2 else "***"


def _initial(value: str) -> str:
    return f"{value[0]}***" if len(value) > 3 else "***"


def _ends(value: str) -> str:
    """Keep two characters at each end of a long value, one of a middling one, none of a short one."""
    flat = "".join(c for c in value if not c.isspace())
    shown = 2 if len(flat) >= 24 else 1 if len(flat) >= 16 else 0
    if not shown:
        return _DOT * 8
    return f"{flat[:shown]}{_DOT * 8}{flat[-shown:]}"
