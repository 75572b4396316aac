"""The synthetic demo world and its small encoders."""
