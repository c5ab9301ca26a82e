"""A logistic regression over named features. The weights come from `scripts/train_models.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Model:
    """Weights by feature; what a feature does not name weighs nothing."""

    bias: float
    weights: Mapping[str, float] = field(repr=False)

    def probability(self, features: Iterable[str]) -> float:
        """Return the probability that something with these features is what the model looks for."""
        return sigmoid(self.bias + self.weigh(features))

    def weigh(self, features: Iterable[str]) -> float:
        """Return what some features weigh together, without the bias."""
        weights = self.weights
        return sum([weights.get(feature, 0.0) for feature in features])


def sigmoid(total: float) -> float:
    """Return the probability that a sum of weights stands for."""
    return 1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0)))


@cache
def load(name: str) -> Model:
    """Return the model `name` of the package's data."""
    content = json.loads((files("connectors.detection") / "data" / f"{name}.json").read_text("utf-8"))
    return Model(content["bias"], content["weights"])
