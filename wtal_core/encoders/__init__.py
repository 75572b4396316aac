"""Frozen feature extractors: the two-stream I3D and CLIP."""
