"""Who may do what, and what they see. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.config import Config
from connectors.policy import matches_any
from connectors.store.dashboard.users import User


class Permission(StrEnum):
    """Something that a page or a button asks for."""

    VIEW = "view"
    TRIAGE = "triage"
    """Change states, annotate, suppress."""
    ACT = "act"
    """Change something in an app."""
    REVEAL = "reveal"
    """Read the original value from the app; given to each user by itself."""
    OPERATE = "operate"
    """Start syncs, replay deliveries."""
    ADMIN = "admin"
    """Users, and the whole audit."""


GRANTS = {
    "viewer": frozenset({Permission.VIEW}),
    "analyst": frozenset({Permission.VIEW, Permission.TRIAGE, Permission.ACT}),
    "admin": frozenset(set(Permission) - {Permission.REVEAL}),
}


@dataclass(frozen=True)
class Person:
    """Somebody signed in, as far as pages ask."""

    user: User

    @property
    def name(self) -> str:
        """The name that histories and the audit show."""
        return f"user:{self.user.name}"

    def may(self, permission: Permission | str) -> bool:
        """Tell whether the person has a permission."""
        wanted = Permission(permission)
        return self.user.may_reveal if wanted is Permission.REVEAL else wanted in GRANTS[self.user.role]

    def tenants(self, config: Config) -> tuple[str, ...]:
        """Return the tenants that the person sees."""
        return tuple(name for name in sorted(config.tenants) if matches_any(self.user.tenants, name))

    def connections(self, names: Sequence[str]) -> list[str] | None:
        """Return those of `names` that the person sees; None when that is every one there will ever be."""
        if "*" in self.user.connections:
            return None
        return [name for name in names if matches_any(self.user.connections, name)]

    def sees(self, connection: str) -> bool:
        """Tell whether the person sees a connection."""
        return matches_any(self.user.connections, connection)
