"""The `wtal` command: what people run by hand, thin over wtal_core."""
