"""What Confluence holds that no reading and no webhook of a connection shows: it stands in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.model import Gap, UnitFailure
from connectors_confluence.config import ConfluenceConfig


def not_read(config: ConfluenceConfig) -> Iterator[UnitFailure]:
    """Name what is left out. https://developer.atlassian.com/cloud/confluence/rest/v2/"""
    if not config.history:
        yield UnitFailure("history", Gap.EXCLUDED, "switched off in the configuration")
    yield UnitFailure("drafts", Gap.NOT_IN_API, "the API shows people their own drafts only")
    yield UnitFailure("trash", Gap.EXCLUDED, "what is in the trash counts as deleted")
    yield UnitFailure("attachment comments", Gap.BUDGET, "read when they change, not with the whole space")
    yield UnitFailure("attachment versions", Gap.EXCLUDED, "earlier versions of attachments are not read")
    yield UnitFailure("restrictions", Gap.EXCLUDED, "who may see a page is not read: its visibility is unknown")
    yield UnitFailure("labels and properties", Gap.EXCLUDED, "labels and what apps keep on pages are not read")
    yield UnitFailure("templates", Gap.EXCLUDED, "templates and blueprints are not read")
