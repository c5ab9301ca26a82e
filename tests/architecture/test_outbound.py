"""Who speaks to the outside, and how: HTTP goes through `connectors.net`, whose guard looks at every address."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "connectors"
MODULES = [p for p in sorted(SOURCE.rglob("*.py")) if not str(p.relative_to(SOURCE)).startswith(("net/", "testing/"))]
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
EVERY = [*MODULES, *PLUGINS]

CLIENTS = {
    "httpx",
    "httpx2",
    "urllib3",
    "http.client",
    "aiohttp",
    "httplib2",
    "ftplib",
    "telnetlib",
    "websockets",
    "pycurl",
}
"""Modules that open connections of their own."""

SOCKETS = {
    "socket.create_connection", "socket.socket", "smtplib.SMTP", "smtplib.SMTP_SSL", "urllib.request.urlopen",
    "ssl.create_connection",
}  # fmt: skip
REQUESTS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "Session", "session"}
"""What `requests` sends with; its types and errors may be named."""

ALLOWED = {
    "src/connectors/alerts/slack.py": "errors of the SDK's transport; the address is the admin's",
    "src/connectors/alerts/mail.py": "SMTP to the server that the admin names",
    "src/connectors/alerts/syslog.py": "TCP, TLS or UDP to the server that the admin names",
    "plugins/jira/connectors_jira/client.py": "errors of the session that the host gives",
    "plugins/confluence/connectors_confluence/client.py": "errors of the session that the host gives",
}
"""Files that speak other protocols, or name another client's errors, each with why no supplied address reaches it."""


def dotted(node: ast.expr) -> str:
    """Return a name with its dots; empty for whatever else is called, such as the result of a call."""
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return base and f"{base}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def called(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names of what a module calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def speaks(path: Path) -> set[str]:
    """Return how a file opens connections by itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {name for name in imported(tree) if name in CLIENTS or name.partition(".")[0] in CLIENTS - {"http.client"}}
    calls = set(called(tree))
    found |= calls & SOCKETS
    return found | {name for name in calls if name.startswith("requests.") and name.partition(".")[2] in REQUESTS}


def test_http_goes_through_the_guarded_session() -> None:
    assert len(EVERY) > 250
    found = {str(path.relative_to(ROOT)): speaks(path) for path in EVERY}
    assert {name: said for name, said in found.items() if said and name not in ALLOWED} == {}


def test_every_exception_is_still_one() -> None:
    assert [name for name in ALLOWED if not speaks(ROOT / name)] == []


def test_every_session_of_the_host_has_a_guard() -> None:
    """`connect` without a guard reaches any address: nobody but tests may ask for that."""
    bare = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and dotted(node.func) in ("connect", "net.connect"):
                given = {keyword.arg for keyword in node.keywords}
                if "guard" not in given:
                    bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert bare == []


def test_a_client_that_goes_around_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("import requests, httpx\nrequests.get('http://a')\nfrom socket import socket\n")
    assert speaks(file) == {"httpx", "requests.get"}
