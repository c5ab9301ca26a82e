"""Train the models that ship with the package, on texts of our own wording. The same input gives the same weights.

    python scripts/train_models.py [--check] [NAME ...]

`--check` trains, compares with the shipped weights and exits with 1 when they differ.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import training_secrets as secrets
import training_texts as texts

from connectors.detection import lexicon, name_words, names, scorers

DATA = texts.DATA
DIGITS = 2
"""Decimal places that a weight keeps."""


def fit(
    rows: Sequence[Sequence[str]], labels: Sequence[bool], *, least: int = 4, rounds: int = 120, decay: float = 2e-6
) -> dict[str, object]:
    """Return bias and weights of a logistic regression, by full-batch Adam; rare features are left out."""
    counts = Counter(feature for row in rows for feature in set(row))
    index = {feature: number for number, feature in enumerate(sorted(f for f, n in counts.items() if n >= least))}
    owners, columns = [], []
    for number, row in enumerate(rows):
        known = [index[feature] for feature in row if feature in index]
        owners += [number] * len(known)
        columns += known
    owner, column = np.array(owners, dtype=np.int64), np.array(columns, dtype=np.int64)
    truth = np.array(labels, dtype=float)
    weights = np.zeros(len(index) + 1)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, rounds + 1):
        score = weights[-1] + np.bincount(owner, weights=weights[column], minlength=len(rows))
        error = (1 / (1 + np.exp(-score)) - truth) / len(rows)
        slope = np.append(np.bincount(column, weights=error[owner], minlength=len(index)), error.sum())
        slope[:-1] += decay * weights[:-1]
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        weights -= 0.15 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-9)
    kept = {feature: round(float(weights[number]), DIGITS) for feature, number in index.items()}
    return {"bias": round(float(weights[-1]), DIGITS), "weights": {f: w for f, w in kept.items() if abs(w) >= 0.05}}


def person_rows(sentences: Iterable[tuple[str, list[tuple[int, int]]]]) -> tuple[list[list[str]], list[bool]]:
    """Return features and labels of every word that may be part of a name."""
    rows, labels = [], []
    for text, spans in sentences:
        tokens = name_words.tokenize(text)
        for at in names.candidates(tokens):
            start, end = tokens.starts[at], tokens.end(at)
            rows.append(name_words.features(tokens, at))
            labels.append(any(a < end and start < b for a, b in spans))
    return rows, labels


def person() -> dict[str, object]:
    """Train the model of names."""
    return fit(*person_rows(texts.sentences(24_000, seed=7)))


def secret() -> dict[str, object]:
    """Train the model of secrets that have no shape of their own."""
    lines = secrets.Lines(seed=11, words=sorted(lexicon.words("common_words")))
    drawn = [lines.line() for _ in range(30_000)]
    rows = [scorers.secret_features(text[a:b], text, a, b) for text, a, b, _ in drawn]
    return fit(rows, [real for *_, real in drawn])


MODELS = {"person": person, "secret": secret}


def differs(old: dict[str, object], new: dict[str, object]) -> bool:
    """Tell whether two models differ by more than the last decimal place of some weight."""
    a, b = dict(old["weights"], _bias=old["bias"]), dict(new["weights"], _bias=new["bias"])  # type: ignore[call-overload]
    return any(abs(a.get(k, 0.0) - b.get(k, 0.0)) > 0.06 for k in a.keys() | b.keys())


def main() -> int:
    """Train and write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wrong = []
    for name in options.models or MODELS:
        path, model = DATA / f"{name}.json", MODELS[name]()
        if not options.check:
            path.write_text(json.dumps(model, sort_keys=True, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
        elif differs(json.loads(path.read_text(encoding="utf-8")), model):
            wrong.append(name)
    print(f"differ: {', '.join(wrong)}" if wrong else "ok")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
