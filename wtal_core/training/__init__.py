"""The one training loop, its batches, and full-length scoring."""
