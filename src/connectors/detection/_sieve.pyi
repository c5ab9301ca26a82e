from typing import Self

FORM: int

class Sieve:
    def __new__(
        cls,
        kinds: bytes,
        classes: bytes,
        hot: bytes,
        first: bytes,
        entries: bytes,
        beside: bytes,
        code: bytes,
        variants: bytes,
        /,
    ) -> Self: ...
    def hits(self, text: str, /) -> list[tuple[int, int]]: ...

def around(text: str, end: int, known: int, reach: int, stops: bytes, /) -> tuple[int, int, bool]: ...
