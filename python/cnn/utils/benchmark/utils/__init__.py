"""The parts of `benchmark`."""
