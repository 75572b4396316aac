"""What a run will cost in hours, disk and memory, before anything runs."""
