"""Actions: what is changed, what is left alone, and what is said to remain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from connectors.errors import MissingScope, Unsupported
from connectors.model import ActionResult, Confidence, Container, Match, Resource, Target
from connectors.testing.fakeapps.base import Response
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors_confluence.connector import ConfluenceConnector

Connect = Callable[..., ConfluenceConnector]
VALUE = re.compile(r"SECRET-\d+")


def target(resource: str, part: str = "body") -> Target:
    def matches(text: str) -> tuple[Match, ...]:
        return tuple(Match("t", "t", m.start(), m.end(), Confidence.LIKELY, m.group()) for m in VALUE.finditer(text))

    kind = resource.partition(":")[0]
    return Target(Resource(resource, kind, Container("ENG")), part, "t", matches, lambda text: VALUE.sub("***", text))


def page(confluence: FakeConfluence, *bodies: str, title: str = "a page") -> str:
    confluence.add_space("ENG")
    made = confluence.add_page("ENG", title, bodies[0])
    for body in bodies[1:]:
        confluence.edit(made, body=body)
    return made


def numbers(confluence: FakeConfluence, ident: str) -> list[int]:
    return [version["number"] for version in confluence.contents[ident]["versions"]]


def test_a_redaction_is_the_next_version_and_keeps_the_markup(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>key: SEC<strong>RET-</strong>12 &amp; <em>more</em></p>")
    outcome = connect(confluence).act("redact", target(f"page:{ident}"), dry_run=False)
    assert confluence.text_of(ident) == "<p>key: ***<strong></strong> &amp; <em>more</em></p>"
    assert numbers(confluence, ident) == [1, 2]
    assert outcome.result is ActionResult.DONE
    assert outcome.remaining == "1 old version still holds it"
    assert (
        outcome.before_hash == hashlib.sha256(b"<p>key: SEC<strong>RET-</strong>12 &amp; <em>more</em></p>").hexdigest()
    )


def test_the_end_state_counts_old_versions_and_they_can_be_removed(
    confluence: FakeConfluence, connect: Connect
) -> None:
    ident = page(confluence, "<p>SECRET-1</p>", "<p>clean</p>", "<p>SECRET-2</p>", "<p>SECRET-3</p>")
    connector = connect(confluence)
    redacted = connector.act("redact", target(f"page:{ident}"), dry_run=False)
    assert redacted.remaining == "3 old versions still hold it"
    dry = connector.act("remove_old_versions", target(f"page:{ident}"), dry_run=True)
    assert (dry.result, len(numbers(confluence, ident))) == (ActionResult.DRY_RUN, 5)
    done = connector.act("remove_old_versions", target(f"page:{ident}"), dry_run=False)
    assert (done.message, done.remaining) == ("deleted 3 old versions", "")
    assert [v["body"] for v in confluence.contents[ident]["versions"]] == ["<p>clean</p>", "<p>***</p>"]
    deleted = [r.path.rpartition("/")[2] for r in confluence.requests if r.method == "DELETE"]
    assert deleted == ["4", "3", "1"], "from the highest down: Cloud gives the ones above new numbers"
    again = connector.act("remove_old_versions", target(f"page:{ident}"), dry_run=False)
    assert again.result is ActionResult.NOTHING_TO_DO


def test_versions_may_have_gaps(connect: Connect) -> None:
    confluence = FakeConfluence(cloud=False)
    ident = page(confluence, "<p>SECRET-1</p>", "<p>clean</p>", "<p>SECRET-2</p>", "<p>clean</p>")
    del confluence.contents[ident]["versions"][1]
    outcome = connect(confluence).act("remove_old_versions", target(f"page:{ident}"), dry_run=False)
    assert (outcome.message, numbers(confluence, ident)) == ("deleted 2 old versions", [4])


def test_old_versions_go_and_the_current_one_is_told(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>", "<p>SECRET-1 still</p>")
    outcome = connect(confluence).act("remove_old_versions", target(f"page:{ident}"), dry_run=False)
    assert outcome.remaining == "the current version still holds it"


def test_titles_blog_posts_and_comments_can_be_redacted(confluence: FakeConfluence, connect: Connect) -> None:
    titled = page(confluence, "<p>x</p>", title="about SECRET-1")
    blog = confluence.add_page("ENG", "news", "<p>SECRET-2</p>", kind="blogpost")
    footer = confluence.add_comment(titled, "<p>SECRET-3</p>")
    inline = confluence.add_comment(blog, "<p>SECRET-4</p>", location="inline")
    connector = connect(confluence)
    for resource, part in (
        (f"page:{titled}", "title"),
        (f"blogpost:{blog}", "body"),
        (f"comment:{footer}", "body"),
        (f"comment:{inline}", "body"),
    ):
        assert connector.act("redact", target(resource, part), dry_run=False).result is ActionResult.DONE
    assert confluence.contents[titled]["versions"][-1]["title"] == "about ***"
    assert [confluence.text_of(i) for i in (titled, blog, footer, inline)] == ["<p>x</p>", *["<p>***</p>"] * 3]
    written = {r.path.rpartition("/")[0] for r in confluence.requests if r.method == "PUT"}
    v2 = {f"/wiki/api/v2/{kind}" for kind in ("pages", "blogposts", "footer-comments", "inline-comments")}
    assert written == (v2 if confluence.cloud else {"/rest/api/content"})


def test_somebody_who_writes_first_wins(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>")
    connector = connect(confluence)
    place = target(f"page:{ident}")

    def redact_while_somebody_writes(text: str) -> str:
        confluence.edit(ident, body="<p>SECRET-1 and more</p>")
        return VALUE.sub("***", text)

    racing = Target(place.resource, "body", "t", place.matches, redact_while_somebody_writes)
    outcome = connector.act("redact", racing, dry_run=False)
    assert outcome.result is ActionResult.CHANGED_MEANWHILE
    assert confluence.text_of(ident) == "<p>SECRET-1 and more</p>"


def test_a_write_that_was_repeated_after_a_lost_answer_is_done(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>")
    place = target(f"page:{ident}")

    def written_already(text: str) -> str:
        confluence.edit(ident, body="<p>***</p>")
        return VALUE.sub("***", text)

    repeated = Target(place.resource, "body", "t", place.matches, written_already)
    assert connect(confluence).act("redact", repeated, dry_run=False).result is ActionResult.DONE
    assert numbers(confluence, ident) == [1, 2]


def test_a_dry_run_writes_nothing(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>")
    assert connect(confluence).act("redact", target(f"page:{ident}"), dry_run=True).result is ActionResult.DRY_RUN
    assert {r.method for r in confluence.requests} == {"GET"}


@pytest.mark.parametrize("action", ["redact", "remove_old_versions", "delete_attachment"])
def test_what_is_gone_is_nothing_to_do(confluence: FakeConfluence, connect: Connect, action: str) -> None:
    kind = "attachment" if action == "delete_attachment" else "page"
    outcome = connect(confluence).act(action, target(f"{kind}:99"), dry_run=False)
    assert outcome.result is ActionResult.NOTHING_TO_DO


def test_a_value_that_is_gone_is_told_with_what_remains(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>", "<p>clean</p>")
    outcome = connect(confluence).act("redact", target(f"page:{ident}"), dry_run=False)
    assert (outcome.result, outcome.remaining) == (ActionResult.NOTHING_TO_DO, "1 old version still holds it")


def test_an_attachment_is_deleted_past_the_trash(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>x</p>")
    file = confluence.add_attachment(ident, "SECRET-1.txt", b"x")
    connector = connect(confluence)
    place = target(f"attachment:{file}", "name")
    assert connector.act("delete_attachment", place, dry_run=True).result is ActionResult.DRY_RUN
    assert file in confluence.contents
    assert connector.act("delete_attachment", place, dry_run=False).result is ActionResult.DONE
    assert file not in confluence.contents
    purge = {"purge": "true"} if confluence.cloud else {"status": "trashed"}
    assert [dict(r.query) for r in confluence.requests if r.method == "DELETE"] == [{}, purge]
    assert connector.act("delete_attachment", place, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_a_deletion_that_stopped_half_way_goes_on(cloud: FakeConfluence, connect: Connect) -> None:
    ident = page(cloud, "<p>x</p>")
    file = cloud.add_attachment(ident, "a.txt", b"x")
    cloud.trash(file)
    assert (
        connect(cloud).act("delete_attachment", target(f"attachment:{file}", "content"), dry_run=False).result
        is ActionResult.DONE
    )
    assert file not in cloud.contents


def test_versions_that_cannot_be_read_are_said(cloud: FakeConfluence, connect: Connect) -> None:
    ident = page(cloud, "<p>clean</p>", "<p>SECRET-1</p>")
    cloud.fail(Response.of({}, status=403), path=".*/versions")
    outcome = connect(cloud).act("redact", target(f"page:{ident}"), dry_run=False)
    assert outcome.remaining == "the old versions could not be checked"


def test_other_parts_missing_rights_and_unknown_actions(confluence: FakeConfluence, connect: Connect) -> None:
    ident = page(confluence, "<p>SECRET-1</p>")
    connector = connect(confluence)
    assert connector.act("redact", target(f"page:{ident}", "version:5"), dry_run=False).result is ActionResult.REFUSED
    with pytest.raises(Unsupported):
        connector.act("explode", target(f"page:{ident}"), dry_run=False)
    confluence.fail(Response.of({}, status=403), path=".*")
    with pytest.raises(MissingScope):
        connector.act("redact", target(f"page:{ident}"), dry_run=False)
