"""Lines of our own wording with secrets and with things that look like them, for the model of secrets."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

from training_texts import lines, values


class Lines:
    """Draws lines, each with the place of its value and whether that is a secret."""

    def __init__(self, seed: int, words: Sequence[str]) -> None:
        self.rng = random.Random(seed)
        self._told, self._not_told, self._settings = lines("told"), lines("not_told"), lines("settings")
        self._words = [word for word in words if 3 < len(word) < 10]

    def line(self) -> tuple[str, int, int, bool]:
        """Return a line, start and end of the value in it, and whether the value is a secret."""
        rng = self.rng
        real = rng.random() < 0.5
        if rng.random() < 0.3:
            form = rng.choice(self._told) if real or rng.random() < 0.4 else rng.choice(self._not_told)
            value = self.password() if real else rng.choice((rng.choice(values("nothing")), rng.choice(self._words)))
            form = form.replace("{w}", "{v}")
        else:
            form = rng.choice(self._settings).replace(
                "{k}", rng.choice(values("key") if real or rng.random() < 0.6 else values("other_key"))
            )
            value = rng.choice((self.token, self.token, self.password))() if real else self.harmless()
            if not real and any(key in form for key in values("other_key")) and rng.random() < 0.5:
                value = self.token()
        start = form.index("{v}")
        text = form.replace("{v}", value, 1)
        return text, start, start + len(value), real

    def token(self) -> str:
        """Return a drawn token: hex, base 62, base 64 or a UUID."""
        rng = self.rng
        letters = string.ascii_letters + string.digits
        kinds: tuple[Callable[[], str], ...] = (
            lambda: f"{rng.getrandbits(256):064x}"[: rng.choice((20, 24, 32, 40, 64))],
            lambda: "".join(rng.choices(letters, k=rng.randrange(16, 64))),
            lambda: "".join(rng.choices(letters + "_-", k=rng.randrange(20, 64))),
            lambda: "".join(rng.choices(letters + "+/", k=rng.randrange(20, 60))) + rng.choice(("", "=", "==")),
            lambda: "".join(rng.choices(string.ascii_lowercase + string.digits, k=rng.randrange(16, 40))),
            lambda: "".join(rng.choices(string.ascii_uppercase + string.digits, k=rng.randrange(16, 32))),
            lambda: "-".join(
                f"{rng.getrandbits(128):032x}"[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
            ),
        )
        return rng.choice(kinds)()

    def password(self) -> str:
        """Return a password as people choose them."""
        rng = self.rng
        word, other = rng.choice(self._words), rng.choice(self._words)
        leet = word.translate(str.maketrans({"a": "4", "e": "3", "o": "0", "i": "1", "s": "$"}))
        return rng.choice(
            (
                f"{word.capitalize()}{rng.randrange(10, 2030)}{rng.choice('!#$%&*?@')}",
                f"{leet}{rng.randrange(100)}",
                f"{word}{rng.choice('-_.')}{other}{rng.randrange(100)}",
                f"{leet.capitalize()}{rng.choice('!#$%&*?@')}{rng.randrange(10)}",
                "".join(rng.choices(string.ascii_letters + string.digits + "!#$%&*+-?@^", k=rng.randrange(8, 18))),
                f"{word}{other}{rng.randrange(10, 1000)}",
                f"{word.capitalize()}{other.capitalize()}{rng.randrange(10)}!",
            )
        )

    def harmless(self) -> str:
        """Return what stands where a secret could: references, names, words, paths, placeholders, versions."""
        rng = self.rng
        a, b, c = (rng.choice(self._words) for _ in range(3))
        return rng.choice(
            (
                f"os.environ['{a.upper()}']",
                f"get{a.capitalize()}{b.capitalize()}()",
                f"config.{a}.{b}",
                f"self.{a}_{b}",
                f"${{{a.upper()}_{b.upper()}}}",
                f"<{a}-{b}>",
                f"your-{a}-{b}",
                f"{a}_{b}_{c}",
                f"{a}-{b}-{c}",
                f"{a.capitalize()}{b.capitalize()}{c.capitalize()}",
                f"{a}{b.capitalize()}",
                f"/etc/{a}/{b}.pem",
                f"{a}.{b}.{c}",
                f"https://{a}.test/{b}",
                f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(9)}",
                "********",
                "xxxxxxxxxxxx",
                f"{a} {b}",
                a,
                f"{{{{ {a}.{b} }}}}",
                f"process.env.{a.upper()}",
                f"req.body.{a}",
                f"{a.upper()}_{b.upper()}_{c.upper()}",
                f"new {a.capitalize()}{b.capitalize()}(",
                f"{a}:{b}:{c}",
                f"{a}_{b}",
                f"{a.capitalize()}{rng.choice(('Provider', 'Service', 'Factory', 'Handler'))}",
                f"2024-{rng.randrange(10, 13)}-{rng.randrange(10, 29)}",
            )
        )
