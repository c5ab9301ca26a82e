"""The forms that most credentials take, so that an entry of the catalog is one short call."""

from __future__ import annotations

import re
from typing import Any

from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

LEFT = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""Left border of a token: no word character, except the letter of an escape such as `\\n` or `%3D`."""
RIGHT = r"(?![A-Za-z0-9])"
"""Right border of a token."""
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HINT = (
    r"(?:key|token|secret|private|access|auth|bearer|passw|pwd|credential|client|login"
    r"|(?<![a-z])(?:pass|cred|pat|sid|id|jwt)(?![a-z]))"
)
"""Words that make the value after a vendor's name a credential."""
_GAP = r"[^\n\r<>{}]{0,48}?"
_JOIN = (
    r"[\w \t.\-]{0,16}[\"'`\]\\)]{0,3}[ \t]{0,16}(?:=>|:=|={1,3}|:|,|\(|[ \t]is[ \t]|)[ \t]{0,16}[\"'`\[(\\]{0,3}"
    r"(?:v1/)?(?<![a-z0-9])"
)


def secret(id: str, name: str, **fields: Any) -> Detector:  # noqa: A002 - the field is called id
    """Return a detector of the secret family; `fields` are those of `Detector`."""
    fields.setdefault("aliases", ("API_KEY",))
    fields.setdefault("validators", ("not_placeholder",))
    fields.setdefault("base", Confidence.VERY_LIKELY)
    return Detector(id=id, name=name, family="secret", category="secret", **fields)


def token(
    id: str,  # noqa: A002 - the field is called id
    name: str,
    *,
    body: str,
    example: str,
    left: str = LEFT,
    right: str = RIGHT,
    **fields: Any,
) -> Detector:
    """Return a detector of a token that tells by itself what it is, by its prefix or shape.

    `body` is the pattern of the whole token. `example` is the bare token; its first third must not match,
    unless `near_misses` says otherwise.
    """
    fields.setdefault("near_misses", (f"set {example[: max(4, len(example) // 3)]} first",))
    told = f"{fields['context'].words[0]}: " if "context" in fields else ""
    return secret(
        id,
        name,
        pattern=rf"{left}(?P<value>{body}){right}",
        examples=(f'{told}"{example}"', told + example),
        **fields,
    )


def keyed(
    id: str,  # noqa: A002 - the field is called id
    name: str,
    *,
    word: str,
    value: str,
    example: str,
    said: str = "",
    hint: str = "",
    right: str = RIGHT,
    **fields: Any,
) -> Detector:
    """Return a detector of a value without a shape of its own, which follows a vendor's name.

    `word` is the vendor's name and `value` the shape of the credential, both in any case. Between them may stand
    an operator, or up to a few dozen characters with a word like key or token among them; with `hint`, one of
    its words must. The example is an assignment to `said`, or else the first alternative of `word`; the near
    miss is the same value without it.
    """
    between = rf"{_GAP}{hint}" if hint else rf"(?:{_GAP}{HINT})?"
    named = f"{said or word.split('|')[0]}_{re.findall('[a-z]+', hint or HINT)[0]}"
    fields.setdefault("factors", (word,))
    fields.setdefault("validators", ("not_template", "mixed"))
    fields.setdefault("base", Confidence.LIKELY)
    fields.setdefault("near_misses", (f'checksum = "{example}"', f"{named} = ${{SECRET}}"))
    fields.setdefault("reach", 400)
    return secret(
        id,
        name,
        pattern=rf"(?<![a-z])(?:{word}){between}{_JOIN}(?P<value>{value}){right}",
        examples=(f'{named} = "{example}"', f"{named}: {example}"),
        ignore_case=True,
        **fields,
    )


def identifier(
    id: str,  # noqa: A002 - the field is called id
    name: str,
    *,
    body: str,
    words: tuple[str, ...] = (),
    shape: str = "",
    example: str,
    near_miss: str,
    factors_override: tuple[str, ...] = (),
    **fields: Any,
) -> Detector:
    """Return a detector of a number that an authority gives to a person, a company or a thing.

    With `words`, one of them must stand near the number; they and the first digits after them are the factor.
    `shape` is a further factor: the number as it is written with its separators. Without words it is the only
    one, and letters must be upper case.
    """
    fields.setdefault("normalize", "alnum")
    fields.setdefault("category", "identity")
    strong = bool(fields.get("validators"))
    factors = [shape] if shape else []
    if words:
        spelled = "|".join(re.escape(word).replace(r"\ ", r"[ _-]?") for word in words if word.isascii())
        factors.append(rf"\b(?:{spelled})(?:\b|_)[^\n]{{0,40}}\d\d")
        factors += [word + r"[^\n]{0,40}\d\d" for word in words if not word.isascii()]
        factors = list(factors_override or factors)
        fields.setdefault("context", Context(words=words, required=True))
        fields.setdefault("base", Confidence.POSSIBLE if strong else Confidence.UNLIKELY)
    else:
        fields.setdefault("base", Confidence.LIKELY)
    told = f"{words[0]} {example}" if words else example
    return Detector(
        id=id,
        name=name,
        pattern=rf"(?<![\w.\-/])(?P<value>{body})(?![\w\-/]|\.\d)",
        factors=tuple(factors),
        ignore_case=bool(words),
        examples=(told,),
        near_misses=(near_miss, *((f"item {example}",) if words else ())),
        **fields,
    )


def near(*words: str, window: int = 60, against: tuple[str, ...] = ()) -> Context:
    """Return a context that a match must have: one of `words` within `window` code points."""
    return Context(words=words, against=against, window=window, required=True)
