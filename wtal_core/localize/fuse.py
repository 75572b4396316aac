"""Whose class scores are localized: one branch's or a mixture of both."""

from __future__ import annotations

from wtal_core.schema.localize import LocalizeParams
from wtal_core.segments import Floats


def fuse_scores(cbp_TC: Floats, vlp_TC: Floats, params: LocalizeParams) -> Floats:
    """Class scores to localize: CBP's (the paper), VLP's, or w * CBP + (1 - w) * VLP.

    Works for (T, C) snippet scores and for (C,) video-level scores. Table 4 of [DVLP] calls
    the mixture "weight", with w = 1/2 "avg". Raises ValueError while w is still to be chosen.
    """
    share = {"cbp": 1.0, "vlp": 0.0, "fused": params.fuse_weight}[params.branch]
    if isinstance(share, str):
        raise ValueError(f"localize.fuse_weight = {share}: put the chosen weight in its place")
    if share in (0.0, 1.0):  # exactly one branch, whatever the other holds
        return cbp_TC if share else vlp_TC
    return share * cbp_TC + (1 - share) * vlp_TC
