"""Weakly-supervised temporal action localization: the library."""
