"""E-mail: header fields, bodies and attachments, each attachment a file of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from connectors.extraction import charset
from connectors.extraction.extractor import Text
from connectors.extraction.items import Inner, Item, Meter

_TYPE = "message/rfc822"
_DULL = frozenset({"content-type", "content-transfer-encoding", "mime-version", "dkim-signature", "arc-seal",
                   "arc-message-signature", "arc-authentication-results"})  # fmt: skip
_FROM_LINE = re.compile(rb"(?m)^From [^\n]{1,200} \d\d:\d\d[^\n]{0,60}\n")


def read_mail(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield the header fields as one text, then every body and attachment."""
    message = message_from_bytes(data, policy=policy.default)
    yield Text(_fields(message), "header", _TYPE)
    for number, part in enumerate(_leaves(message), 1):
        meter.member()
        yield from _part(part, number)
    if message.preamble or message.epilogue:
        yield Text(f"{message.preamble or ''}\n{message.epilogue or ''}", "#around", _TYPE)


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold content, without recursion: parts nest as deep as the sender likes."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            stack.extend(reversed(cast("list[EmailMessage]", part.get_payload())))
        else:
            yield part


def _fields(message: EmailMessage) -> str:
    return "\n".join(f"{name}: {_shown(message, name, raw)}" for name, raw in message.raw_items()
                     if name.lower() not in _DULL)  # fmt: skip


def _shown(message: EmailMessage, name: str, raw: object) -> str:
    """Decode a field's encoded words; a field that the parser chokes on is shown raw."""
    try:
        return str(message.policy.header_fetch_parse(name, str(raw)))
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):
        return str(raw)


def _part(part: EmailMessage, number: int) -> Iterator[Item]:
    if part.get_content_type() == _TYPE:
        inner = cast("list[EmailMessage]", part.get_payload())
        body = inner[0].as_bytes() if isinstance(inner, list) and inner else b""
        yield Inner(f"message {number}", body, media_type=_TYPE)
        return
    body = cast("bytes", part.get_payload(decode=True)) or b""
    name = _name(part)
    if not name and part.get_content_maintype() == "text" and part.get_content_subtype() == "plain":
        yield Text(charset.decode(body, hint=part.get_content_charset() or ""), f"body {number}")
    else:
        yield Inner(name or f"body {number}", body, media_type=part.get_content_type())


def _name(part: EmailMessage) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):
        return "attachment"


def read_mbox(data: bytes, meter: Meter) -> Iterator[Item]:
    """Yield every message of a mailbox file."""
    starts = [match.end() for match in _FROM_LINE.finditer(data)]
    ends = [*(match.start() for match in _FROM_LINE.finditer(data)), len(data)][1:]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        meter.member()
        yield Inner(f"message {number}", data[start:end], media_type=_TYPE)
