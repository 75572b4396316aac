"""Parameters of the pseudo-labels (section `pseudo_labels`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PseudoLabelParams:
    """Switches around Eq. (4) of [DVLP].

    `recentre` shifts the log-odds of a branch that has learnt from pseudo-labels before they meet
    the thresholds, see `pseudo_labels.recentre_odds`; off, scores are compared as they come.
    `partner` says what the scores of the branch that is to be taught count for:
    ignore     nothing: the teacher's scores alone, Eq. (4) to the letter
    mean       the mean of both branches' scores is thresholded
    conflict   frames that one calls foreground and the other background become uncertain
    consensus  as conflict, and where the teacher is uncertain the partner's label holds

    With `corrections` the method is no longer weakly supervised: of the videos in corrections.json
    it knows segments.
    """

    rule: Literal["labelled", "argmax"] = "labelled"  # argmax: fg only where a labelled class wins
    minmax: bool = False  # stretch each video's scores of a class to [0, 1] before thresholding
    partner: Literal["ignore", "mean", "conflict", "consensus"] = "ignore"
    recentre: bool = True
    corrections: bool = False  # segments corrected by hand (corrections.json) overrule the scores
