"""From a Slack message to its texts: mrkdwn, blocks, attachments and unfurls. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connectors.model import Gap, ScanUnit

# https://docs.slack.dev/messaging/formatting-message-text
_ANGLE = re.compile(r"<([@#!][^<>|]*|[A-Za-z][A-Za-z0-9+.-]*:[^<>|]*)(?:\|([^<>]*))?>")
_SPACES = re.compile(r"\s+")

# Keys of Block Kit and attachments whose values name things and never hold what people wrote.
_NOT_TEXT = frozenset(
    [
        "type",
        "block_id",
        "action_id",
        "style",
        "user_id",
        "usergroup_id",
        "channel_id",
        "team_id",
        "app_id",
        "bot_id",
        "id",
        "unicode",
        "color",
        "ts",
        "mrkdwn_in",
        "app_unfurl_url",
        "image_bytes",
        "image_width",
        "image_height",
        "image_size",
        "thumb_width",
        "thumb_height",
        "border",
        "indent",
        "offset",
        "verbatim",
        "emoji",
        "skin_tone",
        "range",
        "is_msg_unfurl",
        "is_reply_unfurl",
        "is_thread_root_unfurl",
        "is_app_unfurl",
        "is_share",
        "channel_team",
        "bot_team_id",
        "author_id",
        "author_icon",
        "footer_icon",
        "service_icon",
        "thumb_url_hash",
        "msg_subtype",
        "callback_id",
    ]
)
_INLINE = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


def plain(mrkdwn: str) -> str:
    """Return mrkdwn as a reader sees it: entities decoded, `<url|label>` as `label url`."""
    shown = _ANGLE.sub(_angle, mrkdwn) if "<" in mrkdwn else mrkdwn
    if "&" in shown:  # Slack escapes these three and no more; others would turn `&copy=1` in an address to `©=1`
        shown = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return shown


def _angle(found: re.Match[str]) -> str:
    target, label = found[1], found[2]
    target = target.removeprefix("mailto:").removeprefix("tel:")
    return target if not label or label == target else f"{label} {target}"


def strings(value: Any) -> Iterator[str]:
    """Yield the texts in blocks or attachments, in reading order, whatever their kinds: new kinds are read too.

    The runs of a rich text section are joined, so that a value that is half bold is one text.
    """
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if item:
                yield plain(item)
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            if item.get("type") in _INLINE and isinstance(item.get("elements"), list):
                yield _inline(item["elements"])
                continue
            stack.extend(inner for key, inner in reversed(item.items()) if key not in _NOT_TEXT)


def _inline(elements: list[Any]) -> str:
    return "".join(_run(element) for element in elements if isinstance(element, dict))


def _run(element: dict[str, Any]) -> str:
    text, url = element.get("text"), element.get("url")
    shown = text if isinstance(text, str) else ""
    if isinstance(url, str) and url != shown:
        return f"{shown} {url} " if shown else url
    if not shown and element.get("type") in ("user", "channel", "usergroup", "emoji", "broadcast"):
        return " "
    return shown or " ".join(strings({k: v for k, v in element.items() if k != "type"}))


def joined(texts: Iterator[str], *, seen: str = "") -> str:
    """Join texts by lines, leaving out what stands in `seen` or before already, spaces and markup aside."""
    known, lines = _bare(seen), []
    for text in texts:
        bare = _bare(text)
        if bare and bare not in known:
            lines.append(text)
            known += "\n" + bare
    return "\n".join(lines)


def _bare(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def message_units(message: dict[str, Any]) -> Iterator[ScanUnit]:
    """Yield the units of one message: `body` (text and blocks), `attachment:<id>`, `metadata`."""
    raw = message.get("text")
    text = plain(raw) if isinstance(raw, str) else ""
    blocks = joined(strings(message.get("blocks")), seen=text) if message.get("blocks") else ""
    body = f"{text}\n{blocks}" if text and blocks else text or blocks
    if body:
        yield ScanUnit("body", text=body)
    attachments = message.get("attachments")
    for number, attachment in enumerate(attachments if isinstance(attachments, list) else (), start=1):
        named = attachment.get("id", number) if isinstance(attachment, dict) else number
        content = joined(strings(attachment))
        if content:
            yield ScanUnit(f"attachment:{named}", text=content, label="attachment")
    payload = message.get("metadata")
    content = joined(strings(payload.get("event_payload"))) if isinstance(payload, dict) else ""
    if content:
        yield ScanUnit("metadata", text=content, label="message metadata")


def channel_units(channel: dict[str, Any]) -> Iterator[ScanUnit]:
    """Yield a channel's `name`, `topic` and `purpose`."""
    for part in ("name", "topic", "purpose"):
        held = channel.get(part)
        text = held.get("value") if isinstance(held, dict) else held
        if isinstance(text, str) and text:
            yield ScanUnit(part, text=plain(text), label=part)


def is_canvas(file: dict[str, Any]) -> bool:
    """Tell whether a file is a canvas or a post, which Slack serves as HTML."""
    return file.get("mode") in ("canvas", "quip", "space", "docs") or file.get("filetype") in (
        "quip",
        "canvas",
    )


def file_texts(file: dict[str, Any]) -> Iterator[ScanUnit]:
    """Yield the texts that describe a file: `title`, `name`, `comment`, `alt_text`."""
    comment = file.get("initial_comment")
    described = {
        "title": file.get("title"),
        "name": file.get("name") if file.get("name") != file.get("title") else None,
        "comment": comment.get("comment") if isinstance(comment, dict) else comment,
        "alt_text": file.get("alt_txt"),
    }
    for part, text in described.items():
        if isinstance(text, str) and text:
            yield ScanUnit(part, text=plain(text), label=f"file {part}")


def file_gap(file: dict[str, Any]) -> tuple[Gap, str] | None:
    """Return why a file's content cannot be read, None when it can.

    https://docs.slack.dev/reference/objects/file-object
    """
    mode = file.get("mode")
    if mode == "hidden":
        return Gap.MISSING_SCOPE, str(file.get("gap") or "Slack shows nothing of the file to this token")
    if mode == "hidden_by_limit":
        return Gap.NOT_IN_API, "hidden by the workspace's plan"
    if mode == "external" or file.get("is_external") is True:
        return Gap.NOT_IN_API, "stored outside of Slack"
    if not isinstance(file.get("url_private_download") or file.get("url_private"), str):
        return Gap.NOT_IN_API, "Slack gives no download address"
    return None
