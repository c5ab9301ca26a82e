from __future__ import annotations

import pytest

from connectors.errors import Unsupported
from connectors.model import ActionResult, Confidence, Match, Target

ANA = "ana@acme.example"
SECRET = "MARKED-VALUE"


@pytest.fixture
def acting(connect):
    return connect(act=True, quarantine_folder="1quarantine")


@pytest.fixture
def target(acting, pages):
    def make(file_id: str, part: str = "content") -> Target:
        events = [event for page in pages(acting, f"user:{ANA}") for event in page.events]
        resource = next(event.resource for event in events if event.resource.id == f"file:{file_id}")
        return Target(
            resource,
            part,
            "test",
            matches=lambda text: (Match("test", "test", 0, 1, Confidence.LIKELY, SECRET),) if SECRET in text else (),
            redact=lambda text: text.replace(SECRET, "***"),
        )

    return make


def exposed(fake, **entry):
    made = fake.add_file("a.txt", f"here: {SECRET}", **entry)
    fake.share(made, type="anyone")
    fake.share(made, type="user", emailAddress="eve@other.example")
    fake.share(made, type="user", emailAddress="ben@acme.example")
    return made


CASES = [
    ("unshare_link", lambda entry: all(one["type"] != "anyone" for one in entry["permissions"])),
    ("remove_external", lambda entry: "eve@other.example" not in str(entry["permissions"])),
    ("restrict_download", lambda entry: entry["copyRequiresWriterPermission"]),
    ("quarantine", lambda entry: entry["parents"] == ["1quarantine"]),
]


@pytest.mark.parametrize(("action", "holds"), CASES)
def test_an_action_does_what_it_says_once(fake, acting, target, action, holds):
    made = exposed(fake)
    aimed = target(made)
    assert not holds(fake.files[made].entry)
    assert acting.act(action, aimed, dry_run=True).result is ActionResult.DRY_RUN
    assert not holds(fake.files[made].entry)
    done = acting.act(action, aimed, dry_run=False)
    assert done.result is ActionResult.DONE
    assert holds(fake.files[made].entry)
    assert len(done.before_hash) == 64
    assert "still holds it" in done.remaining
    assert acting.act(action, aimed, dry_run=False).result is ActionResult.NOTHING_TO_DO


@pytest.mark.parametrize(("action", "holds"), CASES)
def test_nothing_is_touched_when_the_value_is_gone(fake, acting, target, action, holds):
    made = exposed(fake)
    aimed = target(made)
    fake.edit_file(made, "clean")
    assert acting.act(action, aimed, dry_run=False).result is ActionResult.NOTHING_TO_DO
    assert not holds(fake.files[made].entry)


def test_old_versions_are_counted(fake, acting, target):
    made = exposed(fake)
    fake.edit_file(made, f"still {SECRET}")
    assert "1 old version still hold" in acting.act("unshare_link", target(made), dry_run=False).remaining


def test_a_comment_is_rechecked_too(fake, acting, target):
    made = exposed(fake)
    comment = fake.add_comment(made, f"see {SECRET}")
    aimed = target(made, f"comment:{comment}")
    assert acting.act("unshare_link", aimed, dry_run=True).result is ActionResult.DRY_RUN
    fake.delete_comment(made, comment)
    assert acting.act("unshare_link", aimed, dry_run=True).result is ActionResult.NOTHING_TO_DO


def test_what_cannot_be_rechecked_is_said(fake, acting, target):
    made = exposed(fake, mime="application/pdf")
    assert "does not allow to check" in acting.act("unshare_link", target(made), dry_run=False).message


def test_an_inherited_permission_is_refused_honestly(fake, acting, target):
    made = exposed(fake)
    fake.share(made, type="anyone", allowFileDiscovery=True, inherited=True)
    done = acting.act("unshare_link", target(made), dry_run=False)
    assert done.result is ActionResult.REFUSED
    assert "cannotDeleteInheritedPermission" in done.message


def test_a_read_only_connection_refuses(fake, connect, target):
    made = exposed(fake)
    assert connect().act("unshare_link", target(made), dry_run=False).result is ActionResult.REFUSED


def test_quarantine_needs_a_folder(fake, connect, target):
    made = exposed(fake)
    assert connect(act=True).act("quarantine", target(made), dry_run=False).result is ActionResult.REFUSED


def test_a_deleted_file_leaves_nothing_to_do(fake, acting, target):
    aimed = target(exposed(fake))
    fake.files.clear()
    assert acting.act("unshare_link", aimed, dry_run=False).result is ActionResult.NOTHING_TO_DO


def test_an_unknown_action_is_unsupported(fake, acting, target):
    with pytest.raises(Unsupported):
        acting.act("shred", target(exposed(fake)), dry_run=True)
