"""Readers of data sets and features that other people packed."""
