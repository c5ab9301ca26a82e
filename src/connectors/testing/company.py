"""A small invented company to fill the fake apps with: people, channels, repositories, and what leaks in them.

Every value is made by code and belongs to nobody. `seed` is what stands there before the connectors come;
`happenings` is what people do afterwards, as signed webhooks.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.testing import offices
from connectors.testing.fakeapps.confluence import FakeConfluence
from connectors.testing.fakeapps.gdrive import FakeDrive
from connectors.testing.fakeapps.github import FakeGitHub
from connectors.testing.fakeapps.jira import FakeJira
from connectors.testing.fakeapps.slack import FakeSlack
from connectors.testing.planted import (
    Happening,
    Planted,
    aws_key,
    card,
    database_url,
    github_token,
    iban,
    letters,
    private_key,
    slack_token,
    social_security,
    stripe_key,
)

__all__ = [
    "PEOPLE",
    "Happening",
    "Planted",
    "aws_key",
    "card",
    "database_url",
    "github_token",
    "happenings",
    "iban",
    "letters",
    "private_key",
    "seed",
    "slack_token",
    "social_security",
    "stripe_key",
]


def seed(
    *,
    slack: FakeSlack | None = None,
    github: FakeGitHub | None = None,
    gdrive: FakeDrive | None = None,
    jira: FakeJira | None = None,
    confluence: FakeConfluence | None = None,
) -> tuple[Planted, ...]:
    """Fill the apps with the company's past and return what must be found in it."""
    return (
        *(_slack(slack) if slack else ()),
        *(_github(github) if github else ()),
        *(offices.seed_drive(gdrive) if gdrive else ()),
        *(offices.seed_jira(jira) if jira else ()),
        *(offices.seed_confluence(confluence) if confluence else ()),
    )


PEOPLE = {
    "ana": "Ana Reyes",
    "ben": "Ben Okafor",
    "chloe": "Chloe Martin",
    "dev": "Dev Patel",
    "eva": "Eva Lindqvist",
}


def _mail(login: str) -> str:
    return f"{login}@acme.example"


def _slack_people(slack: FakeSlack) -> dict[str, str]:
    known = {user["profile"].get("email"): ident for ident, user in slack.users.items()}
    return {
        login: known.get(_mail(login)) or slack.add_user(name, email=_mail(login)) for login, name in PEOPLE.items()
    }


def _channel(slack: FakeSlack, name: str) -> str:
    return next(ident for ident, held in slack.channels.items() if held.get("name") == name)


def _slack(slack: FakeSlack) -> Iterator[Planted]:
    people = _slack_people(slack)
    general = slack.add_channel("general", topic="Company-wide announcements", purpose="Everybody is here")
    support = slack.add_channel("support", topic="Customers ask, we answer")
    engineering = slack.add_channel("engineering", topic="Build, ship, sleep")
    people_ops = slack.add_channel("people-ops", kind="private_channel", purpose="Hiring and payroll")
    partner = slack.add_channel("acme-northwind", ext_shared=True, topic="Shared with Northwind")
    slack.add_channel("alerts", topic="What connectors found")
    _chatter(slack, general, people)

    root = slack.write(support, people["chloe"], "Refund stuck for order 10422, can somebody look?")
    slack.write(support, people["ben"], "Looking. Which payment method?", thread=root)
    said = f"Customer says charge it back to card {card('refund')} exp 09/29"
    reply = slack.write(support, people["chloe"], said, thread=root)
    yield Planted("slack", f"message:{support}:{reply}", "credit_card", "credit_card", "thread reply in #support")

    broken = slack.write(engineering, people["dev"], "deploy is red again, anyone?")
    fix = f"use mine for now: `{aws_key('deploy')}`"
    key = slack.write(engineering, people["ana"], fix, thread=broken)
    yield Planted(
        "slack", f"message:{engineering}:{key}", "aws_access_key_id", "secret", "thread reply in #engineering"
    )

    config = f"[orders]\nurl = {database_url('orders')}\npool = 20\n".encode()
    slack.share_file(engineering, people["dev"], "orders.ini", config, text="the config that works for me")
    file = slack.last_file
    yield Planted("slack", f"file:{file}", "database_url", "secret", "file in #engineering")

    block = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_preformatted",
                "elements": [{"type": "text", "text": f"STRIPE_KEY={stripe_key('billing')}"}],
            }
        ],
    }
    posted = slack.write(engineering, people["eva"], "billing env:", blocks=[block])
    yield Planted("slack", f"message:{engineering}:{posted}", "stripe_secret_key", "secret", "block in #engineering")

    hired = f"New hire Friday. SSN {social_security('hire')} for the payroll form"
    ssn = slack.write(people_ops, people["eva"], hired)
    yield Planted("slack", f"message:{people_ops}:{ssn}", "us_ssn", "us_ssn", "private channel #people-ops")

    invoice = f"Please pay the invoice to IBAN {iban('invoice')}, thanks!"
    money = slack.write(partner, people["ben"], invoice)
    yield Planted("slack", f"message:{partner}:{money}", "iban", "iban", "shared channel #acme-northwind")


def _chatter(slack: FakeSlack, channel: str, people: dict[str, str]) -> None:
    said = (
        ("ana", "Morning! Stand-up in ten minutes."),
        ("ben", "Running late, start without me"),
        ("chloe", "Support queue is at 12, lowest this month :tada:"),
        ("dev", "Release 4.2 is out. Notes are in the repository."),
        ("eva", "Reminder: vacation requests for December by Friday"),
    )
    for login, text in said * 6:
        slack.write(channel, people[login], text)


def _github(github: FakeGitHub) -> Iterator[Planted]:
    for login, name in PEOPLE.items():
        github.add_user(login, name=name, email=_mail(login))
    api = github.add_repo("orders-api", description="Takes orders")
    site = github.add_repo("website", private=False, description="What customers see")
    tools = github.add_repo("ops-tools", wiki=True, description="Scripts that keep us running")
    yield from _code(github, api, site, tools)
    yield from _talk(github, api, tools)


def _code(github: FakeGitHub, api: str, site: str, tools: str) -> Iterator[Planted]:
    readme = "# orders-api\n\nRun `make dev`, then open http://localhost:8000.\n"
    app = "def total(lines):\n    return sum(line.price * line.count for line in lines)\n"
    github.commit(api, {"README.md": readme, "src/orders.py": app}, login="dev", message="Start")
    env = f"DEBUG=1\nAWS_ACCESS_KEY_ID={aws_key('env')}\nREGION=eu-central-1\n"
    github.commit(api, {"deploy/.env.staging": env}, login="ana", message="Add staging settings")
    found = github.repos[api].id
    yield Planted(
        "github", f"file:{found}:deploy/.env.staging", "aws_access_key_id", "secret", "file in acme/orders-api"
    )

    page = "<h1>Acme</h1>\n<p>We ship anything.</p>\n"
    script = f"fetch('/pay', {{headers: {{key: '{stripe_key('site')}'}}}})\n"
    github.commit(site, {"index.html": page, "assets/pay.js": script}, login="ben", message="Take payments")
    found = github.repos[site].id
    yield Planted(
        "github", f"file:{found}:assets/pay.js", "stripe_secret_key", "secret", "public repository acme/website"
    )

    files = {"backup.sh": "#!/bin/sh\nrsync -a /srv backup:/srv\n", "keys/backup.pem": private_key("backup")}
    github.commit(tools, files, login="dev", message="Back up every night")
    found = github.repos[tools].id
    yield Planted("github", f"file:{found}:keys/backup.pem", "private_key_pem", "secret", "file in acme/ops-tools")


def _talk(github: FakeGitHub, api: str, tools: str) -> Iterator[Planted]:
    ident, other = github.repos[api].id, github.repos[tools].id
    github.open_issue(api, "chloe", "Refund fails for some cards", "Since Monday. Steps are below.")
    number = github.last_number
    github.comment(api, number, "ben", "Cannot reproduce with mine.")
    github.comment(api, number, "chloe", f"Try the customer's: {card('issue')}")
    yield Planted("github", f"issue_comment:{github.last_id}", "credit_card", "credit_card", "comment on an issue")

    body = f"Until the vault works, CI uses {github_token('ci')}"
    github.open_pull(api, "dev", "Let CI push tags", body)
    pull = github.last_number
    yield Planted("github", f"pull:{ident}:{pull}", "github_personal_token", "secret", "pull request body")

    github.review(api, pull, "ana", "Please take the token out before we merge.")
    hunk = f"@@ -1 +1 @@\n+DATABASE_URL={database_url('hunk')}"
    github.review_comment(api, pull, "eva", "Is this production?", path="settings.py", hunk=hunk)
    yield Planted("github", f"review_comment:{github.last_id}", "database_url", "secret", "line comment in a review")

    github.discuss(tools, "ben", "Who gets paged?", "Let us agree on a rota.")
    topic = github.last_number
    github.discussion_comment(tools, topic, "dev", f"The pager bot's token is {slack_token('pager')}")
    yield Planted("github", f"discussion_comment:{github.last_id}", "slack_bot_token", "secret", "discussion comment")

    notes = "Faster start.\n\nDevelopers: the sandbox key moved to the vault."
    github.release(api, "dev", "v4.2.0", title="4.2", body=notes)
    github.open_issue(tools, "eva", "Payroll export", f"Test row: SSN {social_security('export')}, salary 1")
    number = github.last_number
    yield Planted("github", f"issue:{other}:{number}", "us_ssn", "us_ssn", "issue body")


def happenings(
    *,
    slack: FakeSlack | None = None,
    github: FakeGitHub | None = None,
    gdrive: FakeDrive | None = None,
    jira: FakeJira | None = None,
    confluence: FakeConfluence | None = None,
) -> Iterator[Happening]:
    """Yield what people do next in a company that `seed` made: leaks, an edit that mends one, harmless talk."""
    if slack:
        yield from _slack_happenings(slack)
    if github:
        yield from _github_happenings(github)
    if gdrive:
        yield from offices.drive_happenings(gdrive)
    if jira:
        yield from offices.jira_happenings(jira)
    if confluence:
        yield from offices.confluence_happenings(confluence)


def _slack_happenings(slack: FakeSlack) -> Iterator[Happening]:
    people, engineering = _slack_people(slack), _channel(slack, "engineering")
    webhook = slack.post_message(engineering, people["dev"], "back from lunch, what did I miss?")
    yield Happening("slack", *webhook, told="Dev says hello")
    webhook = slack.post_message(engineering, people["ana"], f"staging key rotated, new one is {aws_key('rotated')}")
    leaked = slack.last_ts
    planted = Planted(
        "slack", f"message:{engineering}:{leaked}", "aws_access_key_id", "secret", "new message in #engineering"
    )
    yield Happening("slack", *webhook, (planted,), "Ana posts an AWS key")
    webhook = slack.edit_message(engineering, leaked, "staging key rotated, the new one is in the vault")
    yield Happening("slack", *webhook, told="Ana edits it away")
    support = _channel(slack, "support")
    webhook = slack.post_message(support, people["chloe"], f"card of the VIP: {card('vip')}")
    planted = Planted("slack", f"message:{support}:{slack.last_ts}", "credit_card", "credit_card", "new in #support")
    yield Happening("slack", *webhook, (planted,), "Chloe posts a card")


def _github_happenings(github: FakeGitHub) -> Iterator[Happening]:
    api = next(name for name in github.repos if name.endswith("/orders-api"))
    ident = github.repos[api].id
    settings = f"TOKEN = '{github_token('hotfix')}'\n"
    webhook = github.commit(api, {"src/hotfix.py": settings}, login="dev", message="Hotfix")
    planted = Planted("github", f"file:{ident}:src/hotfix.py", "github_personal_token", "secret", "pushed file")
    yield Happening("github", *webhook, (planted,), "Dev pushes a token")
    number = min(github.repos[api].issues)
    webhook = github.comment(api, number, "ana", f"dump is at {database_url('dump')}")
    planted = Planted("github", f"issue_comment:{github.last_id}", "database_url", "secret", "new comment on an issue")
    yield Happening("github", *webhook, (planted,), "Ana comments a database password")
