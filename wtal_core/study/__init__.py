"""Many ways of running the method side by side: what has to be run for a study."""
