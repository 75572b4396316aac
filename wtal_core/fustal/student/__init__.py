"""FuSTAL's student: a detector of segments that learns from pseudo-segments."""
