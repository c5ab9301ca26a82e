"""Rules of a gitleaks configuration, run by our engine: regex, keywords, entropy, allowlists and path rules.

The format: https://github.com/gitleaks/gitleaks#configuration. `extend.useDefault` asks for gitleaks' own rules;
our catalog stands for them. What a rule asks that cannot be done here is an error that names the rule.
"""

from __future__ import annotations

import math
import threading
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from connectors.detection.linear import regex
from connectors.errors import ConfigError
from connectors.model import Confidence, Match

RULE_KEYS = {
    "id", "description", "regex", "path", "secretGroup", "entropy", "keywords", "tags", "allowlist", "allowlists",
    "verify", "skipReport", "report",
}  # fmt: skip
ALLOW_KEYS = {
    "description", "condition", "paths", "regexTarget", "regexes", "stopwords", "targetRules", "commits", "id",
}  # fmt: skip
DEEPEST = 2
"""Files that extend each other."""

SHAPES: Mapping[tuple[str, ...], tuple[Any, str]] = {
    ("id", "regex", "path", "condition", "regexTarget"): (str, "a text"),
    ("secretGroup",): (int, "a whole number"),
    ("entropy",): ((int, float), "a number"),
    ("keywords", "paths", "regexes", "stopwords", "targetRules", "disabledRules"): (list, "a list of texts"),
    ("rules", "allowlists"): (list, "a list of tables"),
    ("allowlist",): ((Mapping, list), "a table"),
    ("extend",): (Mapping, "a table"),
}
"""What gitleaks takes under each name that is read here."""


@dataclass(frozen=True)
class Allowlist:
    """What is no finding: of its conditions any, or with AND all, must hold."""

    paths: tuple[Any, ...] = ()
    regexes: tuple[Any, ...] = ()
    stopwords: tuple[str, ...] = ()
    target: str = "secret"
    every: bool = False
    rules: frozenset[str] = frozenset()
    """Ids of the rules it is for; empty for all."""

    def allows(self, *, path: str | None, secret: str, match: str, line: str) -> bool:
        """Tell whether a match is allowed. Without a `path` nothing is known of the file."""
        looked_at = {"secret": secret, "match": match, "line": line}[self.target]
        checks: list[bool] = []
        if self.paths:
            checks.append(path is not None and any(each.search(path) for each in self.paths))
        if self.regexes:
            checks.append(any(each.search(looked_at) for each in self.regexes))
        if self.stopwords:
            folded = secret.lower()
            checks.append(any(word in folded for word in self.stopwords))
        return bool(checks) and (all(checks) if self.every else any(checks))


class Keywords:
    """The keywords of all rules, looked for once in a text and not once per rule. Safe to use from any thread."""

    def __init__(self, words: Iterable[str]) -> None:
        import ahocorasick_rs

        self._words = sorted(set(words))
        self._automaton = ahocorasick_rs.AhoCorasick(self._words) if self._words else None
        self._last = threading.local()

    def found(self, text: str) -> frozenset[str]:
        """Return the keywords that stand in a text, in any case."""
        if self._automaton is None:
            return frozenset()
        if getattr(self._last, "text", None) is not text:
            hits = self._automaton.find_matches_as_indexes(text.lower(), overlapping=True)
            self._last.text = text
            self._last.found = frozenset(self._words[hit[0]] for hit in hits)
        found: frozenset[str] = self._last.found
        return found


@dataclass(frozen=True)
class GitleaksRule:
    """One rule as a searcher of the engine."""

    id: str
    pattern: Any
    keywords: frozenset[str]
    gate: Keywords
    description: str = ""
    group: int = 0
    entropy: float = 0.0
    path: Any = None
    allowlists: tuple[Allowlist, ...] = ()
    family: str = "imported"
    """What its matches count as: its own when the file decides whether they count, so that they displace none."""

    @property
    def specific(self) -> bool:
        """Tell whether it names what it finds: as with gitleaks, a rule called generic gives way to one that does."""
        return "generic" not in self.id.lower()

    def search(self, text: str) -> Iterator[tuple[int, int, Confidence]]:
        """Yield the place of every secret that the rule finds."""
        if self.keywords and not (self.keywords & self.gate.found(text)):
            return
        for match in self.pattern.finditer(text):
            start, end = self._secret(match)
            if start >= end or (self.entropy and entropy(text[start:end]) <= self.entropy):
                continue
            if not self.allowed(None, text, (start, end), (match.start(), match.end())):
                yield start, end, Confidence.LIKELY

    def allowed(self, path: str | None, text: str, secret: tuple[int, int], match: tuple[int, int]) -> bool:
        """Tell whether an allowlist takes a match."""
        if not self.allowlists:
            return False
        first = text.rfind("\n", 0, match[0]) + 1
        last = text.find("\n", match[1])
        line = text[first : last if last >= 0 else len(text)]
        shown = text[secret[0] : secret[1]]
        return any(
            each.allows(path=path, secret=shown, match=text[match[0] : match[1]], line=line) for each in self.allowlists
        )

    def applies(self, path: str, text: str, secret: tuple[int, int]) -> bool:
        """Tell whether what was found in the text of a file counts there: by the rule's path and the allowlists'."""
        if self.path is not None and not self.path.search(path):
            return False
        asked = (pattern for each in self.allowlists for pattern in each.paths)
        if not any(pattern.search(path) for pattern in asked):
            return True
        return not self.allowed(path, text, secret, self._whole(text, secret))

    def _whole(self, text: str, secret: tuple[int, int]) -> tuple[int, int]:
        """Return the place of the match that a secret is of, which an allowlist may ask for."""
        spans = ((match.start(), match.end()) for match in self.pattern.finditer(text) if self._secret(match) == secret)
        return next(spans, secret)

    def _secret(self, match: Any) -> tuple[int, int]:
        """Return the place of the secret: the named group, else the first group that holds something."""
        if self.group:
            start, end = match.span(self.group)
            return start, end
        for number in range(1, self.pattern.groups + 1):
            start, end = match.span(number)
            if 0 <= start < end:
                return start, end
        start, end = match.span()
        return start, end


@dataclass(frozen=True)
class FileRule:
    """A rule without a regex: a file is a finding by its name."""

    id: str
    path: Any
    description: str = ""
    allowlists: tuple[Allowlist, ...] = ()

    def finds(self, path: str) -> bool:
        """Tell whether a file is one of those that the rule finds."""
        if not self.path.search(path):
            return False
        return not any(each.allows(path=path, secret="", match="", line="") for each in self.allowlists)


@dataclass(frozen=True)
class GitleaksRules:
    """All rules of one configuration."""

    searchers: tuple[GitleaksRule, ...]
    allowlists: tuple[Allowlist, ...] = ()
    files: tuple[FileRule, ...] = ()

    def leaves(self, path: str) -> bool:
        """Tell whether the configuration leaves a file out altogether."""
        return any(
            each.paths
            and not each.rules
            and (not each.every or not (each.regexes or each.stopwords))
            and any(pattern.search(path) for pattern in each.paths)
            for each in self.allowlists
        )

    def for_path(self, path: str, text: str, found: Iterable[Match]) -> list[Match]:
        """Drop the matches in the text of a file that do not count there, and generic ones where others are."""
        kept = [match for match in found if self._applies(path, text, match)]
        named = [match for match in kept if (rule := self._by_id.get(match.detector)) is not None and rule.specific]
        return [match for match in kept if not self._generic(match) or not any(_meet(match, other) for other in named)]

    def _applies(self, path: str, text: str, match: Match) -> bool:
        rule = self._by_id.get(match.detector)
        return rule is None or rule.applies(path, text, (match.start, match.end))

    def _generic(self, match: Match) -> bool:
        rule = self._by_id.get(match.detector)
        return rule is not None and not rule.specific

    @cached_property
    def _by_id(self) -> Mapping[str, GitleaksRule]:
        return {rule.id: rule for rule in self.searchers}


def load_gitleaks(file: Path, *, paths: bool = True) -> GitleaksRules:
    """Read a gitleaks configuration.

    With `paths=False`, for texts that are no files, a rule that asks for a path is refused. Raises `ConfigError`
    that names every rule which cannot be used.
    """
    trees = list(_extended(file, 0))
    for tree in trees:
        _shaped(tree, str(file))
        for each in tree.get("rules", ()):
            _shaped(each, f"{file}: rule {each.get('id', '')!r}")
    disabled = {name for tree in trees for name in _table(tree, "extend").get("disabledRules", ())}
    shared = tuple(_allowlist(each, f"{file}: allowlist") for tree in trees for each in _allowlists(tree))
    raw = {str(each.get("id", "")): each for tree in trees for each in tree.get("rules", ())}
    gate = Keywords(str(word).lower() for each in raw.values() for word in each.get("keywords", ()) if word)
    rules: list[GitleaksRule | FileRule] = []
    refused: list[ConfigError] = []
    for name, each in raw.items():
        try:
            if name not in disabled:
                rules.append(_rule(each, f"{file}: rule {name!r}", gate, shared, paths=paths))
        except ConfigError as error:
            refused.append(error)
    if refused:
        raise _all(refused)
    texts = tuple(rule for rule in rules if isinstance(rule, GitleaksRule))
    return GitleaksRules(texts, shared, tuple(rule for rule in rules if isinstance(rule, FileRule)))


def _meet(one: Match, other: Match) -> bool:
    return one.start < other.end and other.start < one.end


def _all(refused: Sequence[ConfigError]) -> ConfigError:
    """Return one error that says what is wrong with every rule."""
    if len(refused) == 1:
        return refused[0]
    problems = tuple(problem for error in refused for problem in error.problems)
    return ConfigError(
        "\n".join(problems), hint="take these rules out, or write extend.disabledRules", problems=problems
    )


def entropy(text: str) -> float:
    """Return the Shannon entropy in bits per character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def _extended(file: Path, depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield the files that a configuration extends, and then itself, so that its rules win."""
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    extend = _table(tree, "extend")
    if "path" in extend:
        if depth >= DEEPEST:
            raise ConfigError(f"{file}: extend.path goes too deep", hint="gitleaks takes two levels as well")
        yield from _extended(file.parent / str(extend["path"]), depth + 1)
    if "url" in extend:
        raise ConfigError(f"{file}: extend.url is not followed", hint="download it and write extend.path")
    yield tree


def _rule(
    tree: Mapping[str, Any], place: str, gate: Keywords, shared: Sequence[Allowlist], *, paths: bool
) -> GitleaksRule | FileRule:
    if unknown := sorted(set(tree) - RULE_KEYS):
        raise ConfigError(f"{place}: {', '.join(unknown)} cannot be done here", hint="take it out, or the rule")
    name = str(tree.get("id", ""))
    if not name:
        raise ConfigError(f"{place}: it has no id")
    path = _regex(tree["path"], place) if tree.get("path") else None
    if path is not None and not paths:
        raise ConfigError(f"{place} asks for a path", hint="messages have none; leave it out here")
    own = tuple(_allowlist(each, place) for each in _allowlists(tree))
    allowlists = own + tuple(each for each in shared if not each.rules or name in each.rules)
    if not tree.get("regex"):
        if path is None:
            raise ConfigError(f"{place} has neither regex nor path")
        return FileRule(name, path, str(tree.get("description", "")), allowlists)
    pattern = _regex(tree["regex"], place)
    group = int(tree.get("secretGroup", 0))
    if not 0 <= group <= pattern.groups:
        raise ConfigError(f"{place}: secretGroup is {group}, but the regex has {pattern.groups} groups")
    placed = paths and (path is not None or any(each.paths for each in allowlists))
    return GitleaksRule(
        id=name,
        pattern=pattern,
        keywords=frozenset(str(word).lower() for word in tree.get("keywords", ()) if word),
        gate=gate,
        description=str(tree.get("description", "")),
        group=group,
        entropy=float(tree.get("entropy", 0.0)),
        path=path,
        allowlists=allowlists,
        family=f"imported.{name}" if placed else "imported",
    )


def _allowlists(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return allowlists in both of their spellings."""
    old, new = tree.get("allowlist"), tree.get("allowlists", [])
    listed = [*([old] if isinstance(old, Mapping) else old or []), *new]
    return [each for each in listed if isinstance(each, Mapping)]


def _allowlist(tree: Mapping[str, Any], place: str) -> Allowlist:
    _shaped(tree, f"{place}: allowlist")
    unknown = sorted(set(tree) - ALLOW_KEYS)
    if unknown:
        raise ConfigError(f"{place}: allowlist: {', '.join(unknown)} cannot be done here")
    if tree.get("commits"):
        hint = "take it out, and keep those findings in a baseline"
        raise ConfigError(f"{place}: allowlist.commits cannot be done here", hint=hint)
    condition = str(tree.get("condition", "OR")).upper()
    if condition not in {"OR", "AND", "||", "&&"}:
        raise ConfigError(f"{place}: allowlist.condition is {condition!r}", hint="write OR or AND")
    target = str(tree.get("regexTarget", "") or "secret")
    if target not in {"secret", "match", "line"}:
        raise ConfigError(f"{place}: allowlist.regexTarget is {target!r}", hint="write match or line")
    return Allowlist(
        paths=tuple(_regex(each, place) for each in tree.get("paths", ())),
        regexes=tuple(_regex(each, place) for each in tree.get("regexes", ())),
        stopwords=tuple(str(word).lower() for word in tree.get("stopwords", ()) if word),
        target=target,
        every=condition in {"AND", "&&"},
        rules=frozenset(map(str, tree.get("targetRules", ()))),
    )


def _regex(pattern: Any, place: str) -> Any:
    try:
        return regex(str(pattern))
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None


def _shaped(tree: Mapping[str, Any], place: str) -> None:
    """Raise `ConfigError` for a value of another shape than its name asks for."""
    for name, value in tree.items():
        kinds, called = next((shape for names, shape in SHAPES.items() if name in names), (object, ""))
        inner = Mapping if called.endswith("tables") else str
        right = isinstance(value, kinds) and (kinds is object or not isinstance(value, bool))
        if not right or (kinds is list and not all(isinstance(each, inner) for each in value)):
            raise ConfigError(f"{place}: {name} must be {called}")


def _table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tree.get(name, {})
    return found if isinstance(found, Mapping) else {}
