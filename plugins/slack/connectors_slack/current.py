"""One message or file as it is in Slack now: what actions look at, and what is read again after them."""

from __future__ import annotations

from connectors.errors import NotFound, Unsupported
from connectors.model import Event, Resource
from connectors_slack import events
from connectors_slack.client import SlackClient, objects
from connectors_slack.events import JsonObject, Place


def place_of_message(resource: Resource) -> tuple[str, str]:
    """Return channel and ts of a message's resource id."""
    _, channel, ts = resource.id.split(":", 2)
    return channel, ts


def message(client: SlackClient, resource: Resource) -> JsonObject:
    """Return one message. Replies are not in the history; they are asked for as a thread.

    Raises `NotFound` when it is gone, or only a tombstone of it is left.
    """
    channel, ts = place_of_message(resource)
    for method, more in (("conversations.history", {}), ("conversations.replies", {"ts": ts})):
        try:
            data = client.call(
                method, channel=channel, oldest=ts, latest=ts, inclusive=True, limit=2,
                include_all_metadata=True, **more,
            )  # fmt: skip
        except NotFound:
            continue
        for found in objects(data.get("messages")):
            if found.get("ts") == ts and found.get("subtype") != "tombstone":
                return found
    raise NotFound("the message is gone")


def file(client: SlackClient, resource: Resource) -> JsonObject:
    """Return what Slack says of one file. Raises `NotFound` when it is gone."""
    found = client.call("files.info", file=resource.id.removeprefix("file:")).get("file")
    if not isinstance(found, dict):
        raise NotFound("files.info: no such file")
    return found


def reread(client: SlackClient, resource: Resource, place: Place) -> Event:
    """Return the event of a message or file, as a sync would. Raises `Unsupported` for other kinds."""
    if resource.kind == "message":
        return events.message_event(message(client, resource), place)
    if resource.kind == "file":
        return events.file_event(file(client, resource), place)
    raise Unsupported(f"a {resource.kind} is not read alone")
