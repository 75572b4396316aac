"""One file per kind of artifact: what it is, and how two of a kind differ."""
