"""What a configuration chooses to detect: its own detectors, rules, and whose tokens are checked. Reads files only."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from connectors.config import Config
from connectors.config.models import DetectionSettings, PolicySettings, VerifySettings
from connectors.detection import catalog
from connectors.detection.detector import Detector
from connectors.detection.engine import Searcher
from connectors.detection.exact import ExactData
from connectors.detection.gitleaks import GitleaksRule, load_gitleaks
from connectors.detection.user import DetectionRule, UserDetector
from connectors.errors import ConfigError
from connectors.host import validated
from connectors.policy import Choice, answers
from connectors.validity import VERIFIERS, verifiers_by_detector

NAMES = frozenset({"person_name", "street_address"})
"""Detectors that `detection.names` switches on: they read every word."""


Located = Callable[[str], Path]
"""Returns a path from the configuration as it was meant: relative to the file."""


def user_detectors(settings: DetectionSettings) -> tuple[UserDetector, ...]:
    """Return the detectors that the configuration defines. Raises `ConfigError` for a bad one."""
    return tuple(
        validated(UserDetector, values, at=("detection", "detectors", number))
        for number, values in enumerate(settings.detectors)
    )


def imported_detectors(settings: DetectionSettings, located: Located) -> tuple[GitleaksRule, ...]:
    """Return the rules of the gitleaks configurations that are named. Raises `ConfigError`."""
    return tuple(
        rule
        for number, name in enumerate(settings.imports)
        for rule in _imported(located(name), at=f"detection.imports[{number}]")
    )


def _imported(path: Path, *, at: str) -> tuple[GitleaksRule, ...]:
    try:
        return load_gitleaks(path, paths=False).searchers
    except ConfigError as error:
        problems = tuple(f"{at}: {problem}" for problem in error.problems)
        raise ConfigError("\n".join(problems), problems=problems) from None


def exact_data(detection: DetectionSettings, located: Located) -> ExactData | None:
    """Return the list of the customer's own values, if one is named. Raises `ConfigError`."""
    settings = detection.exact_data
    if settings is None:
        return None
    try:
        salt = bytes.fromhex(settings.salt.get_secret_value()) if settings.salt else None
    except ValueError:
        problem = "detection.exact_data.salt: write the hexadecimal salt that `connectors exact-data build` used"
        raise ConfigError(problem) from None
    try:
        return ExactData.load(located(settings.file), salt=salt)
    except ConfigError as error:
        hint = error.hint or "write it with `connectors exact-data build FILE --output LIST`"
        raise ConfigError(f"detection.exact_data: {error.args[0]}", hint=hint) from None


def choices(settings: DetectionSettings, plugins: Iterable[Detector], own: Iterable[Searcher]) -> tuple[Choice, ...]:
    """Return every detector that policies may name: the catalog's, the plugins', the configuration's own."""
    named = NAMES if settings.names else ()
    catalogued = (_choice(each, on=each.id in named) for each in (*catalog.load(), *plugins))
    return (*catalogued, *(Choice(each.id, each.family) for each in own))


def rules(config: Config, known: Sequence[Choice]) -> tuple[DetectionRule, ...]:
    """Return the rules that policies name. Raises `ConfigError` for a bad one, or one that names what is not there."""
    made = tuple(
        validated(DetectionRule, values, at=("detection", "rules", number))
        for number, values in enumerate(config.detection.rules)
    )
    problems = tuple(_crossed_rules(made, {each.id for each in known}, config.policies))
    if problems:
        raise ConfigError("\n".join(problems), problems=problems)
    used = {name for policy in config.policies if policy.enabled for name in policy.rules}
    return tuple(rule for rule in made if rule.name in used)


def verified(settings: VerifySettings, known: Sequence[Choice]) -> frozenset[str]:
    """Return the detectors whose tokens are checked with their vendors.

    Raises `ConfigError` for a detector that nobody can be asked about, and for an address that cannot be used.
    """
    verifiers = verifiers_by_detector()
    problems = [*_unusable_addresses(settings.addresses)]
    wanted: set[str] = set()
    for number, name in enumerate(settings.detectors):
        answering = {choice.id for choice in known if name == "*" or answers(choice, name)}
        wanted |= answering & verifiers.keys()
        if not answering & verifiers.keys():
            missing = "no vendor can be asked about" if answering else "no detector answers to"
            hint = "`connectors detectors list --verifiable` shows those that can be checked"
            problems.append(f"detection.verify.detectors[{number}]: {missing} {name!r}; {hint}")
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))
    return frozenset(wanted)


def _choice(detector: Detector, *, on: bool) -> Choice:
    return Choice(
        detector.id,
        detector.family,
        detector.category,
        detector.vendor,
        detector.aliases,
        enabled=on or detector.enabled,
    )


def _unusable_addresses(addresses: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the addresses of vendors: tokens travel only over TLS, or on this machine."""
    vendors = {each.vendor for each in VERIFIERS}
    for name, address in addresses.items():
        key = f"detection.verify.addresses.{name}"
        if name not in vendors:
            yield f"{key}: there is no such vendor; known: {', '.join(sorted(vendors))}"
            continue
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        here = host in ("localhost", "127.0.0.1", "::1")
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
            yield f"{key}: write an address with https, such as https://{name}.example.com/api"


def _crossed_rules(
    rules: Sequence[DetectionRule], known: Collection[str], policies: Sequence[PolicySettings]
) -> Iterator[str]:
    """Yield what is wrong between rules, detectors and policies, each with its key."""
    names = [rule.name for rule in rules]
    for number, rule in enumerate(rules):
        if rule.name in names[:number]:
            yield f"detection.rules[{number}].name: two rules are called {rule.name!r}; rename one"
        for place, use in enumerate(rule.uses):
            if use.detector not in known:
                close = difflib.get_close_matches(use.detector, known, n=1)
                instead = f"did you mean {close[0]!r}?" if close else "`connectors detectors list` shows the ids"
                yield f"detection.rules[{number}].uses[{place}].detector: no detector is {use.detector!r}; {instead}"
    for number, policy in enumerate(policies):
        for place, name in enumerate(policy.rules):
            if name not in names:
                defined = ", ".join(names) or "none"
                yield f"policies[{number}].rules[{place}]: there is no rule {name!r}; defined: {defined}"
