"""FuSTAL, the second system: proposals of a contrastive generator teach a detector."""
