"""Which matches become findings, how severe they are, and who hears of them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import translate
from functools import lru_cache
from types import MappingProxyType

from connectors.config.models import ActionSettings, PolicySettings
from connectors.model import Confidence, Severity, Validity, Visibility


@dataclass(frozen=True, slots=True)
class Choice:
    """A detector as policies choose it."""

    id: str
    family: str
    category: str = "custom"
    vendor: str = ""
    aliases: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a match stands, as far as policies ask."""

    tenant: str
    connection: str
    container_id: str
    container_name: str
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say of one match."""

    severity: Severity
    policies: tuple[str, ...]


class Policies:
    """All policies of one installation, compiled. Thread-safe: nothing changes after construction."""

    def __init__(self, settings: Sequence[PolicySettings], detectors: Iterable[Choice]) -> None:
        self.settings = {policy.name: policy for policy in settings if policy.enabled}
        known = tuple(detectors)
        self._known = known
        self._detectors = {name: selected(policy, known) for name, policy in self.settings.items()}
        self.conditional = any(policy.when.validity for policy in self.settings.values())
        """Whether a verdict can depend on what vendors say."""
        self._applicable: Callable[[Whereabouts], tuple[PolicySettings, ...]] = lru_cache(4096)(self._find_applicable)

    @property
    def detectors(self) -> frozenset[str]:
        """Return the ids of all detectors that any policy asks for: the engine needs no others."""
        return frozenset().union(*self._detectors.values()) if self._detectors else frozenset()

    def unknown(self, policy: str) -> tuple[str, ...]:
        """Return the names in a policy's detectors that no detector answers to."""
        settings = self.settings.get(policy)
        if settings is None:
            return ()
        wanted = (*settings.detectors, *settings.except_detectors)
        return tuple(name for name in wanted if name != "*" and not any(answers(d, name) for d in self._known))

    def judge(
        self,
        detector: str,
        confidence: Confidence,
        where: Whereabouts,
        *,
        count: int = 1,
        rules: Mapping[str, Confidence] = MappingProxyType({}),
        validity: Validity | None = None,
        asking: bool = False,
    ) -> Verdict | None:
        """Return severity and policies for one match; None when no policy cares.

        `count` is the number of distinct values of the detector's family in the same part. `rules` are the
        detection rules by which the match counts, each with the confidence that it gives the match. `validity` is
        what the vendor said; with `asking` it is not known yet, and every `when` counts as if it held.
        """
        matching = [
            policy
            for policy in self._applicable(where)
            if count >= policy.min_count
            and (asking or policy.when.holds(validity))
            and (
                (detector in self._detectors[policy.name] and confidence >= policy.min_confidence)
                or any(rules[name] >= policy.min_confidence for name in policy.rules if name in rules)
            )
        ]
        if not matching:
            return None
        return Verdict(max(policy.severity for policy in matching), tuple(policy.name for policy in matching))

    def destinations(self, policies: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return, per destination, the policies among `policies` that alert it."""
        routes: dict[str, list[str]] = defaultdict(list)
        for name in policies:
            for destination in self.settings[name].alert if name in self.settings else ():
                routes[destination].append(name)
        return {destination: tuple(names) for destination, names in routes.items()}

    def actions(self, policies: Iterable[str]) -> tuple[ActionSettings, ...]:
        """Return the actions that these policies ask for, each once, with its shortest delay."""
        chosen: dict[str, timedelta] = {}
        for name in policies:
            for action in self.settings[name].actions if name in self.settings else ():
                chosen[action.do] = min(action.after, chosen.get(action.do, action.after))
        return tuple(ActionSettings(do=name, after=after) for name, after in chosen.items())

    def _find_applicable(self, where: Whereabouts) -> tuple[PolicySettings, ...]:
        return tuple(policy for policy in self.settings.values() if applies(policy, where))


def applies(policy: PolicySettings, where: Whereabouts) -> bool:
    """Tell whether a policy cares about anything there at all."""
    return (
        matches_any(policy.tenants, where.tenant)
        and matches_any(policy.connections, where.connection)
        and in_containers(policy.containers, where)
        and not in_containers(policy.except_containers, where)
        and (not policy.visibility or where.visibility in policy.visibility)
    )


def in_containers(patterns: tuple[str, ...], where: Whereabouts) -> bool:
    """Tell whether the container, by id or by name, is among `patterns`."""
    return matches_any(patterns, where.container_id) or matches_any(patterns, where.container_name)


def selected(policy: PolicySettings, detectors: Sequence[Choice]) -> frozenset[str]:
    """Return the ids of the detectors that a policy names, by id, family, category, vendor or alias.

    `*` takes those that are on by default; naming one takes it even when it is off by default.
    """
    chosen: set[str] = set()
    for wanted in policy.detectors:
        chosen.update(d.id for d in detectors if (d.enabled if wanted == "*" else answers(d, wanted)))
    for unwanted in policy.except_detectors:
        chosen.difference_update(d.id for d in detectors if answers(d, unwanted))
    return frozenset(chosen)


def answers(detector: Choice, name: str) -> bool:
    """Tell whether a detector answers to a name or wildcard."""
    return any(
        matches_any((name,), own)
        for own in (detector.id, detector.family, detector.category, detector.vendor, *detector.aliases)
        if own
    )


def matches_any(patterns: tuple[str, ...], text: str) -> bool:
    """Tell whether `text` fits any of the wildcards, whatever the case."""
    return any(
        pattern == "*" or _compiled(pattern.casefold()).match(text.casefold()) is not None for pattern in patterns
    )


@lru_cache(2048)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
