"""What a scan looks for: detectors of the catalog by category, a team's own, and imported rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.detection import Engine, catalog
from connectors.detection.cache import user_cache
from connectors.detection.detector import Detector
from connectors.detection.engine import Searcher
from connectors.errors import ConfigError
from connectors.model import Confidence, Match, Severity
from connectors.scanner.allow import PathRule, Paths

if TYPE_CHECKING:
    # Imported where rule files are read: a scan without any starts in half of the time.
    from connectors.detection.gitleaks import GitleaksRules
    from connectors.detection.user import UserDetector

QUIET = ("secret", "finance", "identity", "health")
"""Categories looked for when nothing is said. E-mail and IP addresses and phone numbers stand in most code."""


@dataclass(frozen=True)
class Setup:
    """The options of a scan, as they travel to worker processes."""

    detect: tuple[str, ...] = QUIET
    """Categories, detector ids or other names of detectors; `all` for all, `none` for those of rule files alone."""
    leave: tuple[str, ...] = ()
    """Detector ids that are left out."""
    least: Confidence = Confidence.LIKELY
    rule_files: tuple[str, ...] = ()
    images: bool = False
    cache: str = ""
    allowed: tuple[PathRule, ...] = ()
    """What may stand in some paths; rules that allow everything are the caller's to leave out."""

    def build(self) -> Rules:
        """Load the rules. Raises `ConfigError` for an unknown detector or a rule file that cannot be used."""
        detectors = [each for each in _catalogued(self.detect) if each.id not in self.leave]
        own: list[UserDetector] = []
        imported: list[GitleaksRules] = []
        for file in map(Path, self.rule_files):
            if file.suffix == ".toml":
                from connectors.detection.gitleaks import load_gitleaks

                imported.append(load_gitleaks(file))
            else:
                own += _own(file)
        searchers: list[Searcher] = [*own, *(rule for rules in imported for rule in rules.searchers)]
        engine = Engine.build([*detectors, *searchers], cache=Path(self.cache) if self.cache else None)
        paths = Paths([(rule.pattern, _allowed(rule, searchers)) for rule in self.allowed if rule.names])
        return Rules(engine, detectors, own, imported, paths=paths)


class Rules:
    """The rules of one scan."""

    def __init__(
        self,
        engine: Engine,
        detectors: Sequence[Detector],
        own: Sequence[UserDetector],
        imported: Sequence[GitleaksRules],
        *,
        paths: Paths,
    ) -> None:
        self.engine = engine
        self.paths = paths
        self._imported = imported
        self._names = {detector.id: detector.name for detector in detectors}
        self._names |= {detector.id: detector.name or detector.id for detector in own}
        for rules in imported:
            self._names |= {rule.id: rule.description or rule.id for rule in rules.searchers}
            self._names |= {rule.id: rule.description or rule.id for rule in rules.files}
        self._secret = {detector.id for detector in detectors if detector.category == "secret"}
        self._secret |= {rule.id for rules in imported for rule in rules.searchers}

    def name(self, detector: str) -> str:
        """Return how reports call a detector."""
        return self._names.get(detector, detector)

    def severity(self, match: Match) -> Severity:
        """Return how much a finding matters: by what it is, and how sure it is."""
        if match.detector in self._secret:
            return Severity.CRITICAL if match.confidence is Confidence.VERY_LIKELY else Severity.HIGH
        return Severity.HIGH if match.confidence is Confidence.VERY_LIKELY else Severity.MEDIUM

    def leaves(self, path: str) -> bool:
        """Tell whether imported rules, and nothing else, say that a file is not scanned."""
        return bool(self._imported) and all(rules.leaves(path) for rules in self._imported)

    def by_name(self, path: str) -> list[str]:
        """Return the imported rules that find a file by its name alone."""
        return [rule.id for rules in self._imported for rule in rules.files if rule.finds(path)]

    def with_paths(self, path: str, text: str, found: list[Match]) -> list[Match]:
        """Drop the matches of imported rules that do not count in this file."""
        for rules in self._imported if found else ():
            found = rules.for_path(path, text, found)
        return found


def cache_folder() -> str:
    """Return the folder in which compiled patterns are kept; empty where the user has none that is safe."""
    return str(user_cache() or "")


def _catalogued(names: Iterable[str]) -> list[Detector]:
    known = catalog.load()
    chosen: set[str] = set()
    for name in names:
        if name == "none":
            continue
        if name == "all":
            chosen |= {each.id for each in known if each.enabled}
            continue
        ids = {each.id for each in known if each.category == name and each.enabled}
        try:
            chosen |= ids or {each.id for each in catalog.resolve(name)}
        except KeyError:
            categories = ", ".join(sorted({each.category for each in known}))
            hint = f"categories: {categories}; `connectors detectors list` shows the detectors"
            raise ConfigError(f"no detector or category is called {name!r}", hint=hint) from None
    return [each for each in known if each.id in chosen]


def _allowed(rule: PathRule, searchers: Sequence[Searcher]) -> frozenset[str]:
    """Return the detectors that a path rule names. Raises `ConfigError`."""
    known, found = catalog.load(), set[str]()
    for name in rule.names:
        ids = {each.id for each in known if each.category == name} | {each.id for each in searchers if each.id == name}
        try:
            found |= ids or {each.id for each in catalog.resolve(name)}
        except KeyError:
            raise ConfigError(f"{rule.pattern} allows {name!r}, which is no detector or category") from None
    return frozenset(found)


def _own(file: Path) -> list[UserDetector]:
    import yaml
    from pydantic import TypeAdapter, ValidationError

    from connectors.detection.user import UserDetector

    try:
        tree: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        listed = tree.get("detectors", tree.get("detection", {}).get("detectors")) if isinstance(tree, dict) else tree
        return TypeAdapter(list[UserDetector]).validate_python(listed)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file}: detectors.{place}: {first['msg']}") from error
