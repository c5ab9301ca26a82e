"""Sentences of our own wording that the models are trained on, with the values drawn at random.

A slot in braces is filled by `Drawer`; `{person}` and its kin are what the name model learns to find.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

DATA = Path(__file__).parents[1] / "src" / "connectors" / "detection" / "data"
FOLDER = Path(__file__).parent / "training"


def lines(name: str) -> list[str]:
    """Return the sentences of `training/{name}.txt`, one a line; `\\n` and `\\t` stand for themselves."""
    return (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()


@cache
def values(slot: str) -> tuple[str, ...]:
    """Return what `training/words.txt` offers for a slot."""
    pairs = (line.split(":", 1) for line in lines("words"))
    return tuple(value.strip() for name, line in pairs if name == slot for value in line.split("|"))


class Markov:
    """Makes words up that look like those of a list, three letters at a time."""

    def __init__(self, words: Sequence[str]) -> None:
        self._next: dict[str, list[str]] = {}
        for word in words:
            padded = f"^^{word}$"
            for at in range(2, len(padded)):
                self._next.setdefault(padded[at - 2 : at], []).append(padded[at])

    def word(self, rng: random.Random) -> str:
        """Return a new word of 4 to 12 letters."""
        while True:
            out = "^^"
            while not out.endswith("$") and len(out) < 16:
                out += rng.choice(self._next[out[-2:]])
            if out.endswith("$") and 6 <= len(out) - 1 <= 14:
                return out[2:-1]


class Drawer:
    """Draws values for the slots, and tells which of them are names of people."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._given = _list("given_names")
        self._family = _list("family_names")
        self._common = [word for word in _list("common_words") if len(word) > 2]
        self._new_given, self._new_family = Markov(self._given), Markov(self._family)
        self._new_city, self._new_word = Markov([c.lower() for c in values("city")]), Markov(self._common)
        self._slots: dict[str, Callable[[], str]] = {
            "org": self.org,
            "city": self.city,
            "country": lambda: self.rng.choice(values("country")),
            "street": self.street,
            "demonym": lambda: self.rng.choice(values("demonym")),
            "job": lambda: self.rng.choice(values("job")),
            "work": self.work,
            "product": lambda: self.rng.choice(values("product")),
            "exclaim": lambda: self.rng.choice(values("exclaim")),
            "num": lambda: str(self.rng.randrange(10 ** self.rng.randrange(2, 9))),
            "title": self.title,
            "year": lambda: str(self.rng.randrange(1950, 2026)),
            "topic": lambda: " ".join(self.rng.sample(self._common, 2)),
            "phone": lambda: f"+1 {self.rng.randrange(200, 999)} 555 0{self.rng.randrange(100, 199)}",
            "date": lambda: f"{self.rng.randrange(1, 29)}/{self.rng.randrange(1, 13)}/{self.rng.randrange(1950, 2025)}",
            "time": lambda: f"{self.rng.randrange(24)}:{self.rng.randrange(10, 60)}",
            "weekday": lambda: self.rng.choice(values("weekday")),
            "ip": lambda: ".".join(str(self.rng.randrange(256)) for _ in range(4)),
            "hexa": lambda: f"{self.rng.getrandbits(128):032x}",
            "state": lambda: self.rng.choice(values("state")),
            "email": lambda: f"{self.rng.choice(self._given)}{self.rng.randrange(99)}@mail.test",
        }

    def given(self) -> str:
        """Return a given name, three in ten made up."""
        made = self.rng.random() < 0.3
        return _capital(self._new_given.word(self.rng) if made else self.rng.choice(self._given))

    def family(self) -> str:
        """Return a family name, four in ten made up."""
        made = self.rng.random() < 0.4
        name = _capital(self._new_family.word(self.rng) if made else self.rng.choice(self._family))
        draw = self.rng.random()
        if draw < 0.03:
            return f"{name}-{_capital(self.rng.choice(self._family))}"
        if draw < 0.06:
            return self.rng.choice(("Mc", "O'", "Mac", "van ", "van der ", "de ", "El-", "Al-", "ten ", "von ")) + name
        return name

    def person(self) -> str:
        """Return a name as people write it: whole, with an initial, or a part of it."""
        draw = self.rng.random()
        if draw < 0.55:
            return f"{self.given()} {self.family()}"
        if draw < 0.72:
            return (
                f"{self.given()} {self.rng.choice('ABCDEFGHJKLMNPRSTVW')}{self.rng.choice(('.', ''))} {self.family()}"
            )
        return self.given() if draw < 0.9 else self.family()

    def city(self) -> str:
        """Return a city, half of them made up, some in capitals."""
        name = self.rng.choice(values("city")) if self.rng.random() < 0.5 else _capital(self._new_city.word(self.rng))
        return name.upper() if self.rng.random() < 0.15 else name

    def street(self) -> str:
        """Return a street as several countries write it."""
        names = (
            lambda: self.rng.choice(self._family),
            lambda: self.rng.choice(self._common),
            lambda: self._new_city.word(self.rng),
        )
        name = _capital(self.rng.choice(names)())
        draw = self.rng.random()
        if draw < 0.6:
            return f"{name} {self.rng.choice(values('street'))}"
        if draw < 0.8:
            kind = self.rng.choice(("Rue", "Via", "Calle", "Avenida", "ul.", "Rua", "Avenue", "Plaza", "C/"))
            return f"{kind} {name} {self.rng.randrange(200)}"
        ending = self.rng.choice(("strasse", "gatan", "katu", "straat", "weg", "vej", " u."))
        return f"{name}{ending} {self.rng.randrange(200)}"

    def org(self) -> str:
        """Return a company or an institution."""
        draw = self.rng.random()
        families = [_capital(self.rng.choice(self._family)) for _ in range(3)]
        if draw < 0.2:
            return f"{families[0]} {self.rng.choice(values('suffix'))}"
        if draw < 0.3:
            return f"{families[0]}-{families[1]}"
        if draw < 0.4:
            return f"{families[0]}, {families[1]} and {families[2]}"
        word, other = _capital(self.rng.choice(self._common)), _capital(self.rng.choice(self._common))
        if draw < 0.6:
            return f"{word} {other} {self.rng.choice(values('suffix'))}"
        if draw < 0.7:
            return f"{_capital(self.rng.choice(values('city')))} {self.rng.choice(values('suffix'))}"
        if draw < 0.85:
            return f"{_capital(self._new_word.word(self.rng))} {self.rng.choice(values('suffix'))}"
        return f"{word}{self.rng.choice(self._common)}" if draw < 0.93 else f"{word} {other}"

    def work(self) -> str:
        """Return the title of a film, a book or a song."""
        words = [_capital(self.rng.choice(self._common)) for _ in range(self.rng.randrange(1, 4))]
        return f"{self.rng.choice(('The ', 'A ', '', ''))}{' '.join(words)}"

    def title(self) -> str:
        """Return how a person is addressed."""
        return self.rng.choice(values("title"))

    def fill(self, template: str) -> tuple[str, list[tuple[int, int]]]:
        """Return the sentence, and where names of people stand in it."""
        text, spans = "", []
        for part in re.split(r"(\{\w+\})", template.replace("\\n", "\n").replace("\\t", "\t")):
            slot = part[1:-1] if part[:1] == "{" and part[-1:] == "}" else ""
            if slot in ("person", "given", "family"):
                value = getattr(self, slot)()
                spans.append((len(text), len(text) + len(value)))
                text += value
            else:
                text += self._slots[slot]() if slot in self._slots else part.replace("{{", "{").replace("}}", "}")
        return text, spans


def sentences(count: int, seed: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return labelled sentences: more than half with people; some in lower case, in capitals, or loosely spaced."""
    drawer = Drawer(seed)
    rng = drawer.rng
    people, nobody = lines("people"), lines("nobody")
    out = []
    for _ in range(count):
        template = rng.choice(people if rng.random() < 0.68 else nobody)
        text, spans = drawer.fill(template)
        if rng.random() < 0.15:
            text, spans = _with(drawer, text, spans, rng.choice(nobody))
        draw = rng.random()
        if draw < 0.09:
            text = text.lower()
        elif draw < 0.11:
            text = text.upper()
        elif draw < 0.28:
            text, spans = _loose(text, spans)
        out.append((text, spans))
    return out


def _with(drawer: Drawer, text: str, spans: list[tuple[int, int]], template: str) -> tuple[str, list[tuple[int, int]]]:
    """Put a second sentence behind the first."""
    more, others = drawer.fill(template)
    joint = drawer.rng.choice((" ", "\n", ". "))
    return text + joint + more, spans + [(a + len(text + joint), b + len(text + joint)) for a, b in others]


def _loose(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Put blanks around punctuation, as tokenized posts have them."""
    out, at = "", {}
    for number, character in enumerate(text):
        at[number] = len(out)
        if character in ".,!?:;'\"()":
            out += ("" if out.endswith(" ") else " ") + character + " "
            at[number] = len(out) - 2
        elif character != " " or not out.endswith(" "):
            out += character
    at[len(text)] = len(out)
    return out, [(at[a], len(out[: at[b]].rstrip())) for a, b in spans]


def _list(name: str) -> list[str]:
    return sorted(set((DATA / f"{name}.txt").read_text("utf-8").split()))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
