"""The two branches of the method: one file per box of the paper's Figure 2."""
