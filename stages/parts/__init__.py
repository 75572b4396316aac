"""What several stages of the method do alike: the joints between disk and core."""
