"""Measure how well detection tells passwords that people chat about from talk about passwords.

    python bench/chat.py [SET ...] [--errors]

`bench/chat/SET_told.txt` has one message a line in which slots stand for secrets, `SET_not_told.txt` messages
without one. The slots are filled with drawn values: the folder itself holds no secret. Each set was
written before the rules were measured on it, and seen afterwards: for an honest figure, write a new one.
"""

from __future__ import annotations

import argparse
import random
import re
import string
from collections.abc import Iterator
from pathlib import Path

from connectors.detection import Engine, load_engine
from connectors.model import Confidence, Match

SETS = ("first", "second", "third", "fourth")
FOLDER = Path(__file__).parent / "chat"
_WORDS = (
    *("sunrise", "hunter", "pepper", "falcon", "marble", "winter", "tango", "orchid"),
    *("bucket", "rocket", "cactus", "velvet", "summer", "dragon", "coffee", "silver"),
    *("lantern", "otter", "maple", "harbor", "pickle", "thunder", "biscuit", "copper"),
    *("meadow", "zebra", "walnut", "saturn", "violet", "tulip"),
)
_SLOT = re.compile(r"\{([wslhnqtkb])\}")


def draw(kind: str, rng: random.Random) -> str:
    """Return a secret: word and digits, strong, letters for signs, hyphens, digits, phrase, token, word, groups."""
    word, other, third = rng.sample(_WORDS, 3)
    alphabet = string.ascii_letters + string.digits
    match kind:
        case "w":
            return rng.choice((word, word.title())) + str(rng.randrange(10, 2030)) + rng.choice(("", "", "!", "#", "$"))
        case "s":
            middle = "".join(rng.choices(alphabet + "!#%&*+-_@^", k=rng.randrange(8, 18)))
            return f"{rng.choice(string.ascii_letters)}{middle}{rng.randrange(10)}{rng.choice(string.ascii_letters)}"
        case "l":
            leet = word.translate(str.maketrans("aeios", "43105"))
            return f"{leet}{rng.choice('!&@#')}{rng.randrange(10)}"
        case "h":
            return f"{word}-{other}-{third}{rng.choice(('', rng.randrange(10, 99)))}"
        case "n":
            return "".join(rng.choices(string.digits, k=rng.choice((4, 6, 8))))
        case "q":
            return f"{word} {other} {third} {rng.choice(_WORDS)}"
        case "b":
            return word
        case "t":
            return "".join(rng.choices(alphabet, k=rng.randrange(24, 44)))
        case _:
            return "-".join(f"{11 * rng.randrange(1 << 16):06}" for _ in range(8))


def told(path: Path, *, seed: int = 5) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Yield each message of a file with the places of its secrets; the same seed draws the same ones."""
    rng = random.Random(seed)
    for line in path.read_text("utf-8").splitlines():
        parts, spans, length = [], [], 0
        for number, piece in enumerate(_SLOT.split(line.replace("\\n", "\n").replace("\\t", "\t"))):
            value = draw(piece, rng) if number % 2 else piece
            if number % 2:
                spans.append((length, length + len(value)))
            parts.append(value)
            length += len(value)
        yield "".join(parts), spans


def measure(engine: Engine, name: str) -> Iterator[tuple[str, int, list[Match], int]]:
    """Yield of each message of a set: text, number of secrets found, what was found beside them, number missed."""
    for part in ("told", "not_told"):
        for text, spans in told(FOLDER / f"{name}_{part}.txt"):
            found = [m for m in engine.scan(text) if m.family == "secret" and m.confidence >= Confidence.POSSIBLE]
            hit = sum(any(m.start < end and start < m.end for m in found) for start, end in spans)
            false = [m for m in found if not any(m.start < end and start < m.end for start, end in spans)]
            yield text, hit, false, len(spans) - hit


def main() -> None:
    """Print precision, recall and F1 of each set, and on request what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    engine = load_engine()
    for name in options.sets:
        right = wrong = missed = 0
        for text, hit, false, lost in measure(engine, name):
            right, wrong, missed = right + hit, wrong + len(false), missed + lost
            if options.errors and (false or lost):
                print("FALSE" if false else "MISSED", repr(text), [(m.detector, m.value) for m in false])
        precision, recall = right / max(right + wrong, 1), right / max(right + missed, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"{name}: told {right + missed}, found {right}, false {wrong}: ", end="")
        print(f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")


if __name__ == "__main__":
    main()
