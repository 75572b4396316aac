"""Frozen dataclasses: one section of the parameters each, free of torch."""
