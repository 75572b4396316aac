"""A finished run as a folder of pages that open from disk."""
