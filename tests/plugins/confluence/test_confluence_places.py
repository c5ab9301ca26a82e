"""The corpus: a marked value in every kind of place that a Confluence site has, by reading and by deliveries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import NotFound, Transient
from connectors.model import Delivery, Event, EventKind, Gap, Partition, UnitFailure
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.connector import ConfluenceConnector

Connect = Callable[..., ConfluenceConnector]
ENG = Partition("ENG", "ENG")


def mark(place: str) -> str:
    return f"MARKED-{place}-VALUE"


PLACES = (
    "space-description", "page-title", "page-body", "page-code-block", "page-link", "page-split", "old-version",
    "blogpost-title", "blogpost-body", "footer-comment", "inline-comment", "reply", "reply-to-reply",
    "comment-on-blogpost", "inline-comment-on-blogpost", "live-doc",
    "attachment-name", "attachment-comment", "attachment-content", "attachment-of-blogpost",
)  # fmt: skip
BY_READING_ONLY = {"space-description"}


def company(confluence: FakeConfluence) -> dict[str, str]:
    confluence.add_space("ENG", description=mark("space-description"))
    split = mark("page-split")
    body = (
        f"<p>{mark('page-body')}</p><p>{split[:9]}<strong>{split[9:13]}</strong>{split[13:]}</p>"
        f'<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[{mark("page-code-block")}]]>'
        f'</ac:plain-text-body></ac:structured-macro><p><a href="https://x.example/{mark("page-link")}">l</a></p>'
    )
    page = confluence.add_page("ENG", mark("page-title"), f"<p>{mark('old-version')}</p>")
    confluence.edit(page, body=body)
    blog = confluence.add_page("ENG", mark("blogpost-title"), f"<p>{mark('blogpost-body')}</p>", kind="blogpost")
    live = confluence.add_page("ENG", "Plans", f"<p>{mark('live-doc')}</p>")
    confluence.contents[live]["subtype"] = "live"
    comment = confluence.add_comment(page, f"<p>{mark('footer-comment')}</p>")
    reply = confluence.add_comment(page, f"<p>{mark('reply')}</p>", reply_to=comment)
    return {
        "page": page,
        "blog": blog,
        "live": live,
        "comment": comment,
        "reply": reply,
        "deep": confluence.add_comment(page, f"<p>{mark('reply-to-reply')}</p>", reply_to=reply),
        "inline": confluence.add_comment(page, f"<p>{mark('inline-comment')}</p>", location="inline"),
        "blog comment": confluence.add_comment(blog, f"<p>{mark('comment-on-blogpost')}</p>"),
        "blog inline": confluence.add_comment(blog, f"<p>{mark('inline-comment-on-blogpost')}</p>", location="inline"),
        "file": confluence.add_attachment(
            page, mark("attachment-name"), mark("attachment-content").encode(), comment=mark("attachment-comment")
        ),
        "blog file": confluence.add_attachment(blog, "b.txt", mark("attachment-of-blogpost").encode()),
    }


def texts(connector: ConfluenceConnector, events: list[Event]) -> str:
    found: list[str] = []
    for event in events:
        for unit in connector.units(event):
            assert not isinstance(unit, UnitFailure), unit
            found.append(unit.text if unit.text is not None else unit.blob.open().read().decode())  # type: ignore[union-attr]  # one of the two is set
    return "\n".join(found)


@pytest.fixture
def read(confluence: FakeConfluence, connect: Connect) -> str:
    company(confluence)
    connector = connect(confluence, history=True)
    return texts(connector, [event for page in connector.read(ENG, None) for event in page.events])


@pytest.mark.parametrize("place", PLACES)
def test_reading_finds_it(read: str, place: str) -> None:
    assert mark(place) in read


@pytest.fixture
def delivered(confluence: FakeConfluence, connect: Connect) -> str:
    """Deliver as the app does: ids only on Data Center, relayed on Cloud, each followed to what it leads to."""
    made = company(confluence)
    connector = connect(confluence, history=True)
    events: list[Event] = []
    for ident in made.values():
        kind = confluence.contents[ident]["kind"]
        event = {"blogpost": "blog"}.get(kind, kind) + "_created"
        headers, body = confluence.relayed("created", ident) if confluence.cloud else confluence.posted(event, ident)
        events += connector.receive(Delivery("acme", headers, body), confluence.now).events
    hints = [e for e in events if e.kind is EventKind.SYNC]
    assert hints
    assert hints[0].partition is not None
    recent = [e for page in connector.read(hints[0].partition, hints[0].cursor) for e in page.events]
    return texts(connector, recent + [e for e in events if e.kind is EventKind.CHANGED])


@pytest.mark.parametrize("place", [p for p in PLACES if p not in BY_READING_ONLY])
def test_deliveries_find_it(delivered: str, place: str) -> None:
    assert mark(place) in delivered


def test_names_and_parts_are_free_of_content(confluence: FakeConfluence, connect: Connect) -> None:
    company(confluence)
    connector = connect(confluence, history=True)
    for page in connector.read(ENG, None):
        for event in page.events:
            assert "MARKED" not in repr(event)
            for unit in connector.units(event):
                assert "MARKED" not in unit.part + repr(unit).replace(mark("attachment-name"), "")


def test_old_versions_are_named_by_their_time(confluence: FakeConfluence, connect: Connect) -> None:
    made = company(confluence)
    confluence.edit(made["page"], body="<p>third</p>")
    connector = connect(confluence, history=True)
    event = next(e for p in connector.read(ENG, None) for e in p.events if e.resource.id == f"page:{made['page']}")
    parts = {u.part for u in connector.units(event) if u.part.startswith("version:")}
    confluence.contents[made["page"]]["versions"].pop(0)
    for number, version in enumerate(confluence.contents[made["page"]]["versions"], start=1):
        version["number"] = number
    after = {u.part for u in connector.units(event) if u.part.startswith("version:")}
    assert len(parts) == 2
    assert after < parts


def test_old_versions_that_may_not_be_read_are_a_gap_of_the_whole_page(cloud: FakeConfluence, connect: Connect) -> None:
    made = company(cloud)
    connector = connect(cloud, history=True)
    event = next(e for p in connector.read(ENG, None) for e in p.events if e.resource.id == f"page:{made['page']}")
    cloud.fail(Response.of({}, status=403), path=".*/versions")
    units = list(connector.units(event))
    assert [(u.part, u.reason) for u in units if isinstance(u, UnitFailure)] == [("", Gap.MISSING_SCOPE)]
    assert "body" in {u.part for u in units}


def test_a_download_that_breaks_off_may_be_tried_again(confluence: FakeConfluence, connect: Connect) -> None:
    company(confluence)
    connector = connect(confluence)
    units = [u for page in connector.read(ENG, None) for e in page.events for u in connector.units(e)]
    blob = next(u.blob for u in units if not isinstance(u, UnitFailure) and u.blob)
    path = ".*/media/.*" if confluence.cloud else "/download/.*"
    confluence.fail(Response(200, b"short", {"Content-Encoding": "gzip"}), path=path)
    with pytest.raises(Transient), blob.open() as stream:
        stream.read()
    with blob.open() as stream:
        assert mark("attachment-content").encode() in stream.read()


def test_attachments_are_not_downloaded_before_they_are_opened(confluence: FakeConfluence, connect: Connect) -> None:
    company(confluence)
    connector = connect(confluence)
    units = [u for page in connector.read(ENG, None) for e in page.events for u in connector.units(e)]
    assert not any("download" in r.path for r in confluence.requests)
    blobs = [u.blob for u in units if not isinstance(u, UnitFailure) and u.blob]
    assert (len(mark("attachment-content")), "text/plain") in [(b.size, b.media_type) for b in blobs]


def test_a_page_in_the_trash_is_gone(confluence: FakeConfluence, connect: Connect) -> None:
    made = company(confluence)
    connector = connect(confluence)
    headers, body = confluence.posted("page_updated", made["page"], full=True)
    (event,) = connector.receive(Delivery("acme", headers, body), confluence.now).events
    confluence.trash(made["page"])
    with pytest.raises(NotFound):
        list(connector.units(event))
