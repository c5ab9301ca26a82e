"""What can be done about a finding in Slack. Every action reads what stands there right before it acts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors import Context
from connectors.errors import MissingScope, NotFound, Unsupported
from connectors.model import ActionResult, ActionSpec, Outcome, Target
from connectors_slack import current, events, texts
from connectors_slack.client import SlackClient
from connectors_slack.config import SlackConfig
from connectors_slack.events import JsonObject

ACTIONS = (
    ActionSpec("delete_message", "Delete the message", kinds=("message",)),
    ActionSpec("delete_file", "Delete the file from every channel", kinds=("file",)),
    ActionSpec("notify_author", "Tell the author by direct message", destructive=False, kinds=("message", "file")),
    ActionSpec("tombstone", "Replace the message by a note (Enterprise Grid, Discovery API)", kinds=("message",)),
)

_NOTE = "A message or file of yours holds sensitive data. Please remove it."
_TOMBSTONE = "This message was removed because it held sensitive data."
_READ_LIMIT = 5_000_000


@dataclass(frozen=True)
class Actor:
    """Acts in one workspace. `bot` is the bot id of the connection's own token."""

    config: SlackConfig
    client: SlackClient
    context: Context
    bot: str

    def act(self, action: str, target: Target, *, dry_run: bool) -> Outcome:
        """Do one of `ACTIONS`, or say what would be done."""
        does: dict[str, Callable[[Target, JsonObject, str, bool], Outcome]] = {
            "delete_message": self._delete_message,
            "delete_file": self._delete_file,
            "notify_author": self._notify,
            "tombstone": self._tombstone,
        }
        if action not in does:
            raise Unsupported(f"Slack has no action {action!r}")
        try:
            held, text = self._current(target)
        except NotFound:
            return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already")
        if text is not None and not target.matches(text):
            return Outcome(ActionResult.NOTHING_TO_DO, "the value is not there any more", before_hash=_hash(text))
        # Bytes of a file never change: its id and size stand for them.
        before = _hash(text if text is not None else f"{held.get('id')}:{held.get('size')}")
        try:
            return does[action](target, held, before, dry_run)
        except MissingScope as error:
            return Outcome(ActionResult.REFUSED, str(error))

    def _current(self, target: Target) -> tuple[JsonObject, str | None]:
        """Return the object and the text of the part as they are now; None for the bytes of a file.

        The bytes of an uploaded file never change in Slack, so they are not read again; a canvas is.
        """
        if target.resource.kind == "file":
            file = current.file(self.client, target.resource)
            known = {unit.part: unit.text for unit in texts.file_texts(file)}
            if target.part in known or not texts.is_canvas(file):
                return file, known.get(target.part)
            with self.client.download(str(file.get("url_private_download"))) as stream:
                return file, stream.read(_READ_LIMIT).decode("utf-8", "replace")
        message = current.message(self.client, target.resource)
        known = {unit.part: unit.text for unit in texts.message_units(message)}
        return message, known.get(target.part) or ""

    def _token_for(self, owned: bool) -> str | None:
        """Return the token that may delete: the bot's own for its own, else a user's; None for the connection's."""
        if owned or self.config.token.get_secret_value().startswith("xoxp-"):
            return None
        if self.config.user_token is None:
            raise MissingScope("a bot deletes only its own messages and files", hint="set user_token")
        return self.config.user_token.get_secret_value()

    def _delete_message(self, target: Target, held: JsonObject, before: str, dry_run: bool) -> Outcome:
        channel, ts = current.place_of_message(target.resource)
        token = self._token_for(bool(self.bot) and held.get("bot_id") == self.bot)
        files = len(events.files_of(held))
        rest = f"{files} attached file(s) stay until they are deleted" if files else ""
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would delete the message", before, rest)
        try:
            self.client.call("chat.delete", token=token, channel=channel, ts=ts)
        except NotFound:
            return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already", before, rest)
        return Outcome(ActionResult.DONE, "deleted the message", before, rest)

    def _delete_file(self, _target: Target, held: JsonObject, before: str, dry_run: bool) -> Outcome:
        token = self._token_for(False)
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would delete the file from every channel", before)
        try:
            self.client.call("files.delete", token=token, file=str(held["id"]))
        except NotFound:
            return Outcome(ActionResult.NOTHING_TO_DO, "it is gone already", before)
        return Outcome(ActionResult.DONE, "deleted the file from every channel", before)

    def _notify(self, target: Target, held: JsonObject, before: str, dry_run: bool) -> Outcome:
        author = held.get("user")
        if not isinstance(author, str) or not author or held.get("bot_id"):
            return Outcome(ActionResult.REFUSED, "it was not written by a person", before)
        key = "notified:" + _hash(f"{target.resource.id} {target.part} {target.detector} {before}")[:32]
        stays = "the value stays until the author removes it"
        if self.context.state.get(key):
            return Outcome(ActionResult.NOTHING_TO_DO, "the author was told already", before, stays)
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would tell the author by direct message", before, stays)
        opened = self.client.call("conversations.open", users=author).get("channel")
        channel = opened.get("id") if isinstance(opened, dict) else author
        text = f"{target.note or _NOTE}\n{target.resource.url}".strip()
        mark: dict[str, Any] = {"event_type": events.ALERT_MARK, "event_payload": {"resource": target.resource.id}}
        self.client.post(channel=str(channel), text=text, metadata=mark)
        self.context.state.put(key, True)
        return Outcome(ActionResult.DONE, "told the author by direct message", before, stays)

    def _tombstone(self, target: Target, _held: JsonObject, before: str, dry_run: bool) -> Outcome:
        if self.config.discovery_token is None:
            raise MissingScope("tombstones need the Discovery API", hint="set discovery_token (Enterprise Grid)")
        channel, ts = current.place_of_message(target.resource)
        rest = "the original is kept for legal hold and can be restored by the Discovery API"
        if dry_run:
            return Outcome(ActionResult.DRY_RUN, "would replace the message by a note", before, rest)
        token = self.config.discovery_token.get_secret_value()
        self.client.call("discovery.chat.tombstone", token=token, channel=channel, ts=ts, content=_TOMBSTONE)
        return Outcome(ActionResult.DONE, "replaced the message by a note", before, rest)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
