"""The email destination against a real SMTP server on loopback, with TLS and sign-in."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default as modern
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import ValidationError

from connectors.alerts.mail import EmailConfig, EmailDestination
from connectors.errors import AuthError, Transient, Unsupported
from connectors.model import Person

PASSWORD = "invented-" + "password"
Make = Callable[..., Any]


class Mailbox:
    """Keeps what arrives; `refuse` maps a stage to the reply it gives instead."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], Any, bool]] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        reply = self.refuse.get(address) or self.refuse.get("RCPT")
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        message = message_from_bytes(envelope.content, policy=modern)
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.messages.append((list(envelope.rcpt_tos), message, encrypted))
        return self.refuse.get("DATA", "250 OK")


class Server:
    """An SMTP server in a thread, with STARTTLS or TLS from the start, and sign-in when asked for."""

    def __init__(self, box: Mailbox, context: ssl.SSLContext | None, *, implicit: bool, sign_in: bool) -> None:
        starttls = None if implicit else context

        def session() -> SMTP:
            return SMTP(
                box,
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=sign_in,
                auth_require_tls=starttls is not None,
                authenticator=accept,
                hostname="mail.test",
                loop=self.loop,
            )

        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        listening = self.loop.create_server(session, "127.0.0.1", 0, ssl=context if implicit else None)
        self.server = asyncio.run_coroutine_threadsafe(listening, self.loop).result(5)
        self.port: int = self.server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _close(self) -> None:
        self.server.close()
        open_sessions = asyncio.all_tasks(self.loop) - {asyncio.current_task()}
        for each in open_sessions:
            each.cancel()
        await asyncio.gather(*open_sessions, return_exceptions=True)


def accept(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"alerts", PASSWORD.encode()), handled=False)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def start(box: Mailbox, tls: Any) -> Iterator[Callable[..., int]]:
    servers: list[Server] = []

    def started(*, encrypted: bool = False, implicit: bool = False, sign_in: bool = False) -> int:
        server = Server(box, tls[1] if encrypted else None, implicit=implicit, sign_in=sign_in)
        servers.append(server)
        return int(server.port)

    yield started
    for server in servers:
        server.stop()


@pytest.fixture
def make(context: Any) -> Callable[..., EmailDestination]:
    def made(port: int, **options: Any) -> EmailDestination:
        values = {
            "host": "localhost",
            "port": port,
            "security": "none",
            "sender": "alerts@acme.example",
            "recipients": ["security@acme.example", "dpo@acme.example"],
            **options,
        }
        return EmailDestination(EmailConfig(**values), context)

    return made


def test_fixed_recipients_get_text_and_html(box: Mailbox, start: Make, make: Make, make_alert: Make) -> None:
    delivered = make(start()).deliver(make_alert())
    ((recipients, message, _),) = box.messages
    assert recipients == ["security@acme.example", "dpo@acme.example"]
    assert message["Subject"] == "[HIGH] 1 finding in message in #general (chat)"
    assert message["Message-ID"] == delivered.reference == "<alert-0123@acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Connectors-Alert"] == "alert-0123"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert "4242…••42" in message.get_body(("plain",)).get_content()
    assert "dlp.acme.example/r/abc" not in message.as_string()
    assert delivered.recipient == "security@acme.example, dpo@acme.example"


def test_the_author_gets_the_link_to_decide(box: Mailbox, start: Make, make: Make, make_alert: Make) -> None:
    make(start(), to_author=True).deliver(make_alert())
    ((recipients, message, _),) = box.messages
    assert recipients == ["robin@acme.example"]
    assert "dlp.acme.example/r/abc" in message.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    "author",
    [
        None,
        Person("U1"),
        Person("U1", "", "robin@acme.example", True),
        Person("U1", "", "robin@acme.example\r\nBcc: evil@x.example"),
        Person("U1", "", "robin@acme.example, evil@x.example"),
        Person("U1", "", "Robin <robin@acme.example>"),
        Person("U1", "", "robin@äcme.example"),
    ],
)
def test_an_author_without_a_plain_address_is_never_mailed(
    box: Mailbox, start: Make, make: Make, make_alert: Make, author: Person | None
) -> None:
    port = start()
    make(port, to_author=True).deliver(make_alert(author=author))
    ((recipients, _, _),) = box.messages
    assert recipients == ["security@acme.example", "dpo@acme.example"]
    with pytest.raises(Unsupported, match="name `recipients`"):
        make(port, to_author=True, recipients=[]).deliver(make_alert(author=author))


def test_no_text_of_an_app_becomes_a_header(
    box: Mailbox, start: Make, make: Make, make_alert: Make, make_resource: Make
) -> None:
    label = "größer\r\nBcc: evil@x.example\r\n\r\nbody\x85y\u2028z"
    make(start()).deliver(make_alert(resource=make_resource(label=label)))
    ((recipients, message, _),) = box.messages
    assert message["Bcc"] is None
    assert message["Subject"] == "[HIGH] 1 finding in größer Bcc: evil@x.example body y z (chat)"
    assert recipients == ["security@acme.example", "dpo@acme.example"]


# aiosmtpd does not know that a server behind implicit TLS is encrypted.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_with_sign_in(
    box: Mailbox, start: Make, make: Make, make_alert: Make, tls: Any, security: str
) -> None:
    port = start(encrypted=True, implicit=security == "tls", sign_in=True)
    secured = {"security": security, "ca_file": tls[0], "username": "alerts"}
    make(port, **secured, password=PASSWORD).deliver(make_alert())
    assert len(box.messages) == 1
    assert box.messages[0][2]
    with pytest.raises(AuthError, match="user name and password") as caught:
        make(port, **secured, password="wrong").deliver(make_alert())
    assert caught.value.__context__ is None


def test_an_untrusted_certificate_and_a_server_without_tls_get_nothing(
    box: Mailbox, start: Make, make: Make, make_alert: Make
) -> None:
    with pytest.raises(AuthError, match="not trusted"):
        make(start(encrypted=True), security="starttls").deliver(make_alert())
    with pytest.raises(AuthError, match="does not offer TLS"):
        make(start(), security="starttls").deliver(make_alert())
    assert box.messages == []


@pytest.mark.parametrize(
    ("stage", "reply", "error"),
    [
        ("RCPT", "550 no such user canary-reply", Unsupported),
        ("RCPT", "450 try later", Transient),
        ("DATA", "554 spam canary-reply", Unsupported),
        ("DATA", "451 local error", Transient),
    ],
)
def test_refusals_say_whether_to_come_back(
    box: Mailbox, start: Make, make: Make, make_alert: Make, stage: str, reply: str, error: type[Exception]
) -> None:
    box.refuse[stage] = reply
    with pytest.raises(error) as caught:
        make(start()).deliver(make_alert())
    assert "canary-reply" not in str(caught.value)


def test_one_refused_recipient_does_not_stop_the_other(box: Mailbox, start: Make, make: Make, make_alert: Make) -> None:
    box.refuse["dpo@acme.example"] = "550 no such user"
    assert make(start()).deliver(make_alert()).recipient == "security@acme.example"


def test_a_server_that_is_away_is_transient(start: Make, make: Make, make_alert: Make, box: Mailbox) -> None:
    port = start()
    destination = make(port)
    assert destination.probe() == "localhost takes mail from alerts@acme.example"
    assert box.messages == []
    with pytest.raises(Transient, match="connection to localhost failed"):
        make(1).deliver(make_alert())


@pytest.mark.parametrize(
    "options",
    [
        {"recipients": []},
        {"recipients": ["a@b.example\nBcc: c@d.example"]},
        {"recipients": ["nobody"]},
        {"sender": "Alerts <a@b.example>"},
        {"username": "alerts"},
        {"username": "alerts", "password": PASSWORD, "host": "mail.example", "security": "none"},
    ],
)
def test_the_configuration_refuses_what_cannot_work(options: dict[str, Any]) -> None:
    values = {"host": "mail.example", "sender": "a@b.example", "recipients": ["c@d.example"], **options}
    with pytest.raises(ValidationError):
        EmailConfig(**values)
