"""Text in pictures, by the `tesseract` program where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache

from connectors.extraction.extractor import Text
from connectors.extraction.items import Item, Meter, gap
from connectors.model import Gap

_PROGRAM = "tesseract"
_PER_PAGE = 20.0
_LANGUAGE = re.compile(r"[A-Za-z]{3}(?:_[A-Za-z]{2,8})?")
_MOST = 6
"""Languages beyond that cost more time than they read."""


def is_available() -> bool:
    """Say whether the program is on the path."""
    return shutil.which(_PROGRAM) is not None


def why_not(meter: Meter) -> str:
    """Say why a picture was not read, and what to do."""
    if is_available():
        return f"over the budget of {meter.budget.ocr_pages} pictures for OCR"
    return "a picture without text; install tesseract to read it"


@cache
def _options() -> tuple[str, ...]:
    """Return how to call the program: with every language it has, and turning pictures upright where it can."""
    try:
        listed = subprocess.run([_PROGRAM, "--list-langs"], capture_output=True, timeout=_PER_PAGE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    known = listed.stdout.decode("ascii", "replace").split("\n")[1:]
    languages = [name for name in known if _LANGUAGE.fullmatch(name) and name not in ("osd", "equ")]
    languages.sort(key=lambda name: name != "eng")
    turned = ("--psm", "1") if "osd" in known else ()
    return (*turned, "-l", "+".join(languages[:_MOST])) if languages else turned


def read(image: bytes, path: str, meter: Meter) -> Iterator[Item]:
    """Yield the text of one picture. The program reads standard input and writes standard output only."""
    try:
        done = subprocess.run(
            [_PROGRAM, "stdin", "stdout", *_options()],
            input=image,
            capture_output=True,
            timeout=max(min(_PER_PAGE, meter.left), 0.1),
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield gap(path, Gap.BUDGET, "OCR took too long")
        return
    except OSError as error:
        yield gap(path, Gap.NO_TEXT, f"tesseract did not start: {type(error).__name__}")
        return
    if done.returncode:
        yield gap(path, Gap.NO_TEXT, f"tesseract ended with {done.returncode}")
    else:
        yield Text(done.stdout.decode("utf-8", "replace"), path, "text/x-ocr")
