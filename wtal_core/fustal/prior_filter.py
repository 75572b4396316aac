"""The prior-based filter: a proposal that no other overlaps is not to be trusted.

Letters: N proposals of one video, of any class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wtal_core.fustal.proposals import Proposals, sum_overlap
from wtal_core.schema.fustal_filter import FustalFilterParams
from wtal_core.segments import Floats, Segments


@dataclass(frozen=True)
class Judged:
    """The proposals of one video, and what the filter found."""

    proposals: Segments
    support_N: Floats  # summed tIoU with the video's other proposals, or runs
    score_holds_N: NDArray[np.bool_]
    support_holds_N: NDArray[np.bool_]
    rule: str

    @property
    def kept_N(self) -> NDArray[np.bool_]:
        """Which proposals become pseudo-segments."""
        if self.rule == "score":
            return self.score_holds_N
        if self.rule == "prior":
            return self.support_holds_N
        return self.score_holds_N & self.support_holds_N


def judge(found: Proposals, params: FustalFilterParams) -> Judged:
    """Hold the proposals of one video against both limits: score > and support >=.

    Differs: the released code sums over the proposals that suppression has left. An action with
    clear borders has one such proposal, since all levels agree on it, and is dropped for want of
    support. `support: runs` sums over all runs of all levels instead: the density that [FuSTAL]
    argues with.
    """
    proposals = found.segments
    by_proposals = params.support == "proposals"
    support_N = sum_support(proposals.seg_N2) if by_proposals else found.density_N
    return Judged(
        proposals,
        support_N,
        proposals.score > params.min_score,
        support_N >= params.min_support,
        params.rule,
    )


def sum_support(seg_N2: Floats) -> Floats:
    """(N,) summed tIoU of each segment with all others, whatever their class."""
    return sum_overlap(seg_N2, np.arange(len(seg_N2)))
