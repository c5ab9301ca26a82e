"""Everything that a connection does, once: its addresses are those of the page, and the page names no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import isfunction
from pathlib import Path

import pytest

from connectors.model import ActionResult, Confidence, Container, Match, PersonRef, Resource, Target
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.client import Confluence
from connectors_confluence.connector import ConfluenceConnector

Connect = Callable[..., ConfluenceConnector]

PAGE = (Path(__file__).parents[3] / "docs" / "apps" / "confluence.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| `([A-Z]+ \S+)` \| `([A-Z]+ \S+)` \| \[[^\]]+\]\((\S+)\) \|$", PAGE, re.MULTILINE)
"""Method and address on Cloud and on Data Center, and the vendor's page."""

APIS = {"/wiki/rest/api/": "rest/v1", "/wiki/api/v2/": "rest/v2"}
WORD = "LEAKED-7"


def pattern(row: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(row))


def target(resource: str) -> Target:
    def matches(text: str) -> tuple[Match, ...]:
        at = text.find(WORD)
        return (Match("t", "t", at, at + len(WORD), Confidence.LIKELY, WORD),) if at >= 0 else ()

    kind = resource.partition(":")[0]
    return Target(
        Resource(resource, kind, Container("ENG")), "body", "t", matches, lambda text: text.replace(WORD, "***")
    )


def filled(fake: FakeConfluence) -> list[str]:
    """Fill a space with a thing of every kind that can be acted on; return them, attachments last."""
    fake.add_space("ENG", "Engineering")
    written, files = [], []
    for kind in ("page", "blogpost"):
        on = fake.add_page("ENG", f"A {kind}", f"<p>{WORD}</p>", kind=kind)
        written.append(f"{kind}:{on}")
        for location in ("footer", "inline"):
            comment = fake.add_comment(on, f"<p>{WORD}</p>", location=location)
            reply = fake.add_comment(on, f"<p>{WORD}</p>", location=location, reply_to=comment)
            written += [f"comment:{comment}", f"comment:{reply}"]
        files.append(f"attachment:{fake.add_attachment(on, 'a.txt', WORD.encode())}")
    return written + files


def everything(fake: FakeConfluence, connector: ConfluenceConnector) -> set[str]:
    """Check, read, download, redact, remove, delete and read again; return what was asked for."""
    things = filled(fake)
    assert list(connector.check())
    connector.person(PersonRef(fake.author))
    for partition in connector.partitions():
        for page in connector.read(partition, None):
            for event in page.events:
                for unit in connector.units(event):
                    blob = getattr(unit, "blob", None)
                    assert blob is None or blob.open().read()
    for thing in things:
        assert connector.reread(target(thing).resource).resource.id == thing
        actions = ("delete_attachment",) if thing.startswith("attachment") else ("redact", "remove_old_versions")
        for action in actions:
            assert connector.act(action, target(thing), dry_run=False).result is ActionResult.DONE
    return {f"{r.method} {r.path}" for r in fake.requests if not r.path.startswith("/media/")}


def test_every_address_is_on_the_page_and_every_one_of_the_page_is_asked(
    confluence: FakeConfluence, connect: Connect
) -> None:
    rows = {cloud if confluence.cloud else own for cloud, own, _ in ROWS}
    made = everything(confluence, connect(confluence, history=True))
    assert not [call for call in made if not any(re.fullmatch(pattern(row), call) for row in rows)]
    assert not [row for row in rows if not any(re.fullmatch(pattern(row), call) for call in made)]


def test_no_method_of_the_client_is_left_out(
    confluence: FakeConfluence, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {name for name, value in vars(Confluence).items() if isfunction(value) and not name.startswith("_")}
    called: set[str] = set()

    def spied(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def spy(*args: object, **kwargs: object) -> object:
            called.add(name)
            return method(*args, **kwargs)

        return spy

    for name in own:
        monkeypatch.setattr(Confluence, name, spied(name, getattr(Confluence, name)))
    everything(confluence, connect(confluence, history=True))
    assert own - called == ({"contents"} if confluence.cloud else {"v2_path"})


@pytest.mark.parametrize(("cloud", "own", "page"), ROWS)
def test_a_row_is_of_the_api_that_its_page_documents(cloud: str, own: str, page: str) -> None:
    path = cloud.split(" ")[1]
    (api,) = [of for start, of in APIS.items() if path.startswith(start)]
    assert page.startswith(f"https://developer.atlassian.com/cloud/confluence/{api}/api-group-")
    assert own.split(" ")[1].startswith(("/rest/api/", "/download/attachments/"))
