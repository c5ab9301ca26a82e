"""What Slack holds that no reading and no webhook of a connection shows: it stands in the ledger."""

from __future__ import annotations

from connectors.model import Gap, UnitFailure

NOT_READ = (
    UnitFailure("drafts", Gap.NOT_IN_API, "only the Discovery API of an Enterprise organisation has them"),
    UnitFailure("scheduled messages", Gap.NOT_IN_API, "an app lists its own only; read once they are sent"),
    UnitFailure("earlier versions", Gap.NOT_IN_API, "of edited messages: history has the last version only"),
    UnitFailure("ephemeral messages", Gap.NOT_IN_API, "Slack keeps none and tells no other app of them"),
    UnitFailure("canvas comments", Gap.NOT_IN_API, "a canvas is downloaded without its comments"),
    UnitFailure("lists", Gap.EXCLUDED, "the name of a list is read, its items and comments are not"),
    UnitFailure("bookmarks", Gap.EXCLUDED, "links in a channel's header are not read"),
    UnitFailure("workflows", Gap.EXCLUDED, "what a workflow posts is read, its steps and form answers are not"),
    UnitFailure("huddles", Gap.EXCLUDED, "messages in a huddle's thread are read, its sound is not"),
    UnitFailure("profiles", Gap.EXCLUDED, "status and custom fields of people are not read"),
)
"""See https://docs.slack.dev/reference/methods for what an app can ask."""
