"""The checks that detectors name, by what they judge; `detection.validators` has them all by name."""
