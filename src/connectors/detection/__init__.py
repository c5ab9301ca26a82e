"""Detection: text in, matches out. `load_engine` builds the engine that scans; nothing happens on import."""

from connectors.detection.detector import Context, Detector
from connectors.detection.engine import Engine, Searcher, load_engine
from connectors.detection.offsets import byte_range, byte_ranges
from connectors.detection.previews import preview
from connectors.detection.validation import Validator

__all__ = [
    "Context",
    "Detector",
    "Engine",
    "Searcher",
    "Validator",
    "byte_range",
    "byte_ranges",
    "load_engine",
    "preview",
]
