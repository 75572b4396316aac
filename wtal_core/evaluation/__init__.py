"""The metrics: detection and pseudo-label quality."""
