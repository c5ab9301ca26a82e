"""The forms that most credentials take, so that an entry of the catalog is one short call."""

from __future__ import annotations

from typing import Any

from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

LEFT = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""Left border of a token: no word character, except the letter of an escape such as `\\n` or `%3D`."""
RIGHT = r"(?![A-Za-z0-9])"
"""Right border of a token."""
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
HINT = r"(?:key|token|secret|private|access|auth|bearer|pass|pwd|credential|cred|pat|sid|id|client|login)"
"""Words that make the value after a vendor's name a credential."""
_GAP = r"[^\n\r<>{}]{0,48}?"
_JOIN = (
    r"[\w \t.\-]{0,16}[\"'`\]\\)]{0,3}[ \t]{0,4}"
    r"(?:=>|:=|={1,3}|:|,|\(|[ \t]is[ \t]|)[ \t]{0,4}[\"'`\[(\\]{0,3}"
)


def secret(id: str, name: str, **fields: Any) -> Detector:  # noqa: A002 - the field is called id
    """Return a detector of the secret family; `fields` are those of `Detector`."""
    fields.setdefault("aliases", ("API_KEY",))
    fields.setdefault("validators", ("not_placeholder",))
    fields.setdefault("base", Confidence.VERY_LIKELY)
    return Detector(id=id, name=name, family="secret", category="secret", **fields)


def token(id: str, name: str, *, body: str, example: str, right: str = RIGHT, **fields: Any) -> Detector:  # noqa: A002
    """Return a detector of a token that tells by itself what it is, by its prefix or shape.

    `body` is the pattern of the whole token. `example` is the bare token; its first third must not match,
    unless `near_misses` says otherwise.
    """
    fields.setdefault("near_misses", (f"set {example[: max(4, len(example) // 3)]} first",))
    return secret(
        id,
        name,
        pattern=rf"{LEFT}(?P<value>{body}){right}",
        examples=(f'value = "{example}"', example),
        **fields,
    )


def keyed(
    id: str,  # noqa: A002 - the field is called id
    name: str,
    *,
    word: str,
    value: str,
    example: str,
    hint: str = HINT,
    **fields: Any,
) -> Detector:
    """Return a detector of a value without a shape of its own, which a vendor's name and a hint precede.

    is an assignment to the first alternative of `word`, the near miss the same value without it.
    is an assignment to the first alternative of `word`, the near miss the same value under another name.
    """
    plain = word.split("|")[0].replace("\\", "").replace("[_.-]?", "_").replace("?", "")
    fields.setdefault("factors", (f"(?i){word}",))
    fields.setdefault("validators", ("not_template", "mixed"))
    fields.setdefault("base", Confidence.LIKELY)
    fields.setdefault(
        "near_misses", (f'checksum = "{example}"', f"{plain}_api_key = ${{{plain.upper()}_KEY}}")
    )
    return secret(
        id,
        name,
        pattern=rf"(?<![A-Za-z])(?i:{word})(?i:{_GAP}{hint}){_JOIN}(?<![A-Za-z0-9])(?P<value>{value}){RIGHT}",
        examples=(f'{plain}_api_key = "{example}"', f"{plain} token: {example}"),
        **fields,
    )


def near(words: tuple[str, ...], *, window: int = 60, against: tuple[str, ...] = ()) -> Context:
    """Return a context that a match must have: one of `words` within `window` code points."""
    return Context(words=words, against=against, window=window, required=True)
