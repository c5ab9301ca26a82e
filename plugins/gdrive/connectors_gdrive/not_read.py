"""What Google Drive holds that no reading and no webhook of a connection shows: it stands in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.model import Gap, UnitFailure
from connectors_gdrive.config import DriveConfig

_OFF = "switched off in the configuration"


def not_read(config: DriveConfig) -> Iterator[UnitFailure]:
    """Name what is left out. https://developers.google.com/workspace/drive/api/reference/rest/v3"""
    if not config.old_revisions:
        yield UnitFailure("revisions", Gap.EXCLUDED, _OFF)
    if not config.labels:
        yield UnitFailure("labels", Gap.EXCLUDED, _OFF)
    yield UnitFailure("trash", Gap.EXCLUDED, "what is in the trash counts as deleted")
    yield UnitFailure("approvals", Gap.EXCLUDED, "messages of approvals are not read")
    yield UnitFailure("access proposals", Gap.EXCLUDED, "what people write when they ask for access is not read")
    yield UnitFailure("form answers", Gap.NOT_IN_API, "Drive shows a form's name only, and no answers")
