"""Weights of the encoders that other people trained: where they are, whether they are right."""
