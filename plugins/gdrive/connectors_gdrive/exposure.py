"""Permissions of a file turned into who can see it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from connectors.model import JSON, Visibility

Permission = Mapping[str, JSON]

WIDTH = (
    Visibility.PRIVATE,
    Visibility.INTERNAL,
    Visibility.EXTERNAL,
    Visibility.LINK,
    Visibility.PUBLIC,
)
"""Narrowest first: a file is as visible as its widest permission."""

ANYONE = frozenset({"anyone", "anyoneWithLink"})
"""Ids of the permissions that stand for everybody, with and without the link."""


def width_of(permission: Permission, internal: Callable[[str], bool]) -> Visibility:
    """Say how far one permission reaches. `internal` judges an e-mail address or a domain.

    A group of the own domain counts as people named one by one: who is in it is the directory's business.
    See https://developers.google.com/workspace/drive/api/reference/rest/v3/permissions.
    """
    kind = permission.get("type")
    if kind == "anyone":
        found = permission.get("allowFileDiscovery") or permission.get("id") == "anyone"
        return Visibility.PUBLIC if found else Visibility.LINK
    if kind == "domain":
        return Visibility.INTERNAL if internal(str(permission.get("domain", ""))) else Visibility.EXTERNAL
    address = str(permission.get("emailAddress", ""))
    # A permission without an address is a person who hides it, or a deleted account.
    return Visibility.PRIVATE if not address or internal(address) else Visibility.EXTERNAL


def visibility(permissions: Iterable[Permission], internal: Callable[[str], bool]) -> Visibility:
    """Return the widest reach of the permissions; UNKNOWN when there are none to judge by."""
    widths = [width_of(one, internal) for one in permissions if not one.get("deleted")]
    return max(widths, key=WIDTH.index, default=Visibility.UNKNOWN)


def external(permissions: Iterable[Permission], internal: Callable[[str], bool]) -> list[Permission]:
    """Return the permissions of people, groups and domains outside the organisation, owners excepted."""
    return [
        one
        for one in permissions
        if not one.get("deleted")
        and one.get("role") not in ("owner", "organizer")
        and width_of(one, internal) is Visibility.EXTERNAL
    ]


def anyone(permissions: Iterable[Permission]) -> list[Permission]:
    """Return the permissions that open a file to everybody or to everybody with the link."""
    return [one for one in permissions if one.get("type") == "anyone"]
