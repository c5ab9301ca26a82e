"""The invented company's Google Drive, Jira and Confluence: what leaked there, and what leaks next."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.testing.documents import docx, xlsx
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.gdrive import FakeDrive
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.planted import (
    Happening,
    Planted,
    aws_key,
    card,
    database_url,
    github_token,
    iban,
    slack_token,
    social_security,
    stripe_key,
)

ANA, BEN = "ana@acme.example", "ben@acme.example"

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def seed_drive(drive: FakeDrive) -> Iterator[Planted]:
    """Fill the Drive: a shared sheet, a Google document, a comment, a file in a shared drive, a form."""
    finance = drive.add_drive("Finance", [ANA, BEN])
    rows = [["Name", "SSN"], ["Dana Winter", social_security("sheet")], ["Kim Sommer", "pending"]]
    sheet = drive.add_file("Payroll 2026", mime="spreadsheet", exports={XLSX: xlsx({"Staff": rows})})
    drive.share(sheet, type="anyone", role="reader")
    yield Planted("gdrive", f"file:{sheet}", "us_ssn", "us_ssn", "Google sheet that anyone with the link can read")

    text = docx("Onboarding", f"The shared pipeline key is {aws_key('onboarding')}, please do not paste it elsewhere.")
    guide = drive.add_file("Onboarding guide", owner=BEN, mime="document", exports={DOCX: text})
    yield Planted("gdrive", f"file:{guide}", "aws_access_key_id", "secret", "Google document")

    plan = drive.add_file("Launch plan.txt", "Ship on Tuesday. Press on Wednesday.\n", owner=BEN)
    drive.add_comment(plan, "Who has the sandbox key?", replies=[f"here: {stripe_key('plan')}"])
    yield Planted("gdrive", f"file:{plan}", "stripe_secret_key", "secret", "reply to a comment on a file")

    invoice = f"Invoice 2026-114\nPay to {iban('drive')} within 14 days.\n"
    bill = drive.add_file("invoice-114.txt", invoice, drive=finance)
    yield Planted("gdrive", f"file:{bill}", "iban", "iban", "file in the shared drive Finance")
    drive.add_file("Canteen survey", mime="form")


def seed_jira(jira: FakeJira) -> Iterator[Planted]:
    """Fill Jira: a description, a comment, an attachment, a custom field."""
    jira.add_project("OPS", "Operations")
    jira.add_project("HR", "People", private=True)
    broken = jira.add_issue("OPS", "Nightly export fails", text=f"Log says\n{database_url('export')}\nrefused")
    yield Planted("jira", f"issue:{broken['id']}", "database_url", "secret", "description of an issue")
    comment = jira.add_comment(broken["id"], f"Works with my token {github_token('nightly')}")
    place = f"comment:{broken['id']}:{comment['id']}"
    yield Planted("jira", place, "github_personal_token", "secret", "comment on an issue")

    rotate = jira.add_issue("OPS", "Rotate the bot's token", text="Before Friday, please.", customfield_10010="prod")
    env = f"SLACK_BOT_TOKEN={slack_token('bot')}\n".encode()
    attached = jira.add_attachment(rotate["id"], "bot.env", env)
    yield Planted("jira", f"attachment:{attached['id']}", "slack_bot_token", "secret", "attachment of an issue")

    leave = jira.add_issue("HR", "Parental leave form", customfield_10020=f"SSN {social_security('leave')}")
    yield Planted("jira", f"issue:{leave['id']}", "us_ssn", "us_ssn", "custom field in the private project HR")
    jira.add_worklog(leave["id"], "Called the insurer.")


def seed_confluence(confluence: FakeConfluence) -> Iterator[Planted]:
    """Fill Confluence: a code block, an inline comment, an attachment."""
    confluence.add_space("ENG", "Engineering", description="How we build and run things")
    block = '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body>'
    code = block.format(f"export AWS_ACCESS_KEY_ID={aws_key('runbook')}") + "</ac:structured-macro>"
    runbook = confluence.add_page("ENG", "Runbook", f"<h1>When it burns</h1><p>First:</p>{code}")
    yield Planted("confluence", f"page:{runbook}", "aws_access_key_id", "secret", "code block on a page")

    remark = confluence.add_comment(runbook, f"<p>mine is {stripe_key('remark')}</p>", location="inline")
    yield Planted("confluence", f"comment:{remark}", "stripe_secret_key", "secret", "inline comment on a page")

    export = f"id;card\n1;{card('export')}\n".encode()
    file = confluence.add_attachment(runbook, "orders.csv", export, media_type="text/csv")
    yield Planted("confluence", f"attachment:{file}", "credit_card", "credit_card", "attachment of a page")


def drive_happenings(drive: FakeDrive) -> Iterator[Happening]:
    """Yield a new file in the Drive, as the notification of its owner's channel. Needs open channels."""
    before = len(drive.notifications)
    made = drive.add_file("notes.txt", f"call notes\nkey for the demo: {aws_key('notes')}\n", owner=BEN)
    planted = Planted("gdrive", f"file:{made}", "aws_access_key_id", "secret", "new file in Ben's Drive")
    for number, posted in enumerate(drive.notifications[before:]):
        found = (planted,) if number == 0 else ()
        yield Happening("gdrive", dict(posted.headers), posted.body, found, "Ben saves a key to his Drive")


def jira_happenings(jira: FakeJira) -> Iterator[Happening]:
    """Yield a new issue."""
    issue = jira.add_issue("OPS", "Card declined", text=f"Customer sent {card('declined')} again")
    planted = Planted("jira", f"issue:{issue['id']}", "credit_card", "credit_card", "new issue")
    yield Happening("jira", *jira.signed("jira:issue_created", issue=issue["id"]), (planted,), "Chloe files an issue")


def confluence_happenings(confluence: FakeConfluence) -> Iterator[Happening]:
    """Yield a new page, relayed by an app on the site."""
    page = confluence.add_page("ENG", "Database move", f"<p>New primary: {database_url('move')}</p>")
    planted = Planted("confluence", f"page:{page}", "database_url", "secret", "new page")
    yield Happening("confluence", *confluence.relayed("created", page), (planted,), "Eva writes a page")
