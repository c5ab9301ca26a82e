"""The weights in the package are what the training script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["person", "secret"])
def test_training_gives_the_shipped_weights(name):
    run = [sys.executable, str(ROOT / "scripts" / "train_models.py"), name, "--check"]
    done = subprocess.run(run, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
