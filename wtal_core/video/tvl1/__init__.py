"""TV-L1 optical flow of our own: one arithmetic, run by numba or by a compiled kernel."""
