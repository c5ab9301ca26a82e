"""The walls of the house, held by reading the code: who may import whom, who may name what."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "connectors"
MODULES = sorted(SOURCE.rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))

PUBLIC = {
    "connectors", "connectors.model", "connectors.errors", "connectors.contract", "connectors.net",
    "connectors.detection.detector", "connectors.extraction.extractor", "connectors.alerts.destination",
    "connectors.testing",
}  # fmt: skip

SDKS = {"slack_sdk", "github", "googleapiclient", "google", "atlassian", "httplib2", "google_auth_httplib2"}

APPS = re.compile(r"slack|github|gdrive|google_?drive|jira|confluence|atlassian", re.IGNORECASE)

DIALECTS = re.compile(r"\b(sqlite|postgresql|cockroachdb)\b")

WALLS = {
    "host.py": "around plugins", "work/worker.py": "around worker jobs", "gateway/intake.py": "every request an answer",
}  # fmt: skip

LONGEST = 450


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names and texts of a module that are code: no comments and no docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 200
    assert len(PLUGINS) > 30


def test_a_plugin_imports_public_names_only() -> None:
    found = [
        f"{named(path)}: {name}"
        for path in PLUGINS
        for name in imports(parsed(path))
        if (name == "connectors" or name.startswith("connectors.")) and name not in PUBLIC
    ]
    assert found == []


def test_a_vendors_sdk_is_imported_in_one_file() -> None:
    found = [
        f"{named(path)}: {name}"
        for path in PLUGINS
        for name in imports(parsed(path))
        if name.partition(".")[0] in SDKS and path.name not in SDK_FILES
    ]
    assert found == []


SDK_FILES = {"client.py", "transport.py"}
"""Google's client needs an HTTP transport of its own shape, which is a file beside it."""

NAMES_APPS = (
    "alerts",
    "testing",
    "detection",
    "export",
    "api/static",
    "cli/demo.py",
    "scaffold",
    "extraction",
    "validity",
    "api",
    "store/search.py",
)
"""Destinations may be apps, detectors and their checks name vendors of tokens, the published wire format names Slack,
examples in help texts name some, the demo and the fakes show them."""


def host_modules() -> list[Path]:
    return [p for p in MODULES if not str(p.relative_to(SOURCE)).startswith(NAMES_APPS)]


def test_the_host_names_no_app() -> None:
    found = [
        f"{named(path)}:{line}: {word}"
        for path in host_modules()
        for line, word in words(parsed(path))
        if APPS.search(word) and word not in ALLOWED
    ]
    assert found == []


ALLOWED = {"slack_sdk", "google.rpc"}
"""A logger that is silenced by its name."""


KNOWS_DIALECTS = ("store/engine.py", "store/migrations", "store/locality", "store/cdc", "cli/cdc.py", "cli/locality.py")


def others() -> list[Path]:
    return [p for p in MODULES if not str(p.relative_to(SOURCE)).startswith(KNOWS_DIALECTS)]


def test_one_module_knows_which_database_it_is() -> None:
    found = {
        str(path.relative_to(SOURCE)): [
            f"{line}: {word}" for line, word in words(parsed(path)) if DIALECTS.fullmatch(word)
        ]
        for path in others()
    }
    assert {name: lines for name, lines in found.items() if len(lines) > DIALECTS_LEFT.get(name, 0)} == {}


DIALECTS_LEFT = {
    "store/columns.py": 5,  # types that are made per dialect
}
"""Places outside that may ask which database it is, and how often: this number may only go down."""


def test_no_sql_outside_of_the_store() -> None:
    statement = re.compile(r"^\s*(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|ALTER TABLE)\b")
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in MODULES
        if not str(path.relative_to(SOURCE)).startswith(("store", "testing", "extraction", "cdc"))
        for line, word in words(parsed(path))
        if statement.match(word)
    ]
    assert found == []


def test_statements_are_made_in_the_store() -> None:
    found = [
        f"{named(path)}:{node.lineno}"
        for path in MODULES
        if not str(path.relative_to(SOURCE)).startswith(("store", "testing"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in STATEMENTS
        and ast.unparse(node.func.value) == "sa"
    ]
    assert found == []


STATEMENTS = ("select", "insert", "update", "delete")


def test_broad_excepts_stand_at_walls_and_say_so() -> None:
    assert [complaint for path in (*MODULES, *PLUGINS) for complaint in broad_excepts(path)] == []


def broad_excepts(path: Path) -> Iterator[str]:
    """Yield what is wrong with the excepts of a module that catch everything."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            continue  # it looks, and lets it pass
        caught = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
        if any(each is None or (isinstance(each, ast.Name) and each.id in BROAD) for each in caught):
            if not re.search(r"noqa: BLE001 (\(.{8,}\)|- .{8,})", lines[node.lineno - 1]):
                yield f"{named(path)}:{node.lineno} gives no reason"
            if path in PLUGINS:
                yield f"{named(path)}:{node.lineno}: a plugin has no wall of its own"


BROAD = {"Exception", "BaseException"}


def test_no_file_is_too_long_to_read() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in (*MODULES, *PLUGINS)
        if "migrations/versions" not in str(path) and "catalog" not in str(path)
    }
    assert {named(path): length for path, length in lengths.items() if length > LONG.get(path.name, LONGEST)} == {}


LONG = {"kafka.py": 500}
"""One transaction that is better read in one place; a stream that waits to be parted. Nothing else may join them."""


PROBE = """
import builtins, importlib, pkgutil, socket, sys, threading, pathlib
import connectors
written = []
real = builtins.open
def watched(file, mode="r", *rest, **options):
    if set(mode) & set("wax+"):
        written.append(str(file))
    return real(file, mode, *rest, **options)
builtins.open = watched
before = threading.active_count()
class NoSocket(socket.socket):
    def connect(self, *a):
        raise AssertionError("an import connects")
socket.socket = NoSocket
for found in pkgutil.walk_packages(connectors.__path__, "connectors."):
    if ".migrations.env" in found.name or ".scaffold" in found.name or found.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("connectors"):
            raise
written = [name for name in written if "__pycache__" not in name]
assert not written, written
started = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
assert not started, started
print("clean")
"""


def test_importing_does_nothing_but_import(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout == "clean\n", done.stderr
    assert list(tmp_path.iterdir()) == []
