"""The validity check: is a token that was found live? Asked of the vendor's own identity endpoint, never with a
side effect, only for detectors that the configuration names.
"""

from connectors.validity.check import Checker
from connectors.validity.vendors import VERIFIERS, verifiers_by_detector
from connectors.validity.verifier import Verifier

__all__ = ["VERIFIERS", "Checker", "Verifier", "verifiers_by_detector"]
