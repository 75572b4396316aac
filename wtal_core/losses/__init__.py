"""The loss terms of the method and their weighted sum."""
