"""Parameters of the pseudo-labels (section `pseudo_labels`); torch-free."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PseudoLabelParams:
    """Switches around Eq. (4) of [DVLP]; all defaults are its plain reading."""

    rule: Literal["labelled", "argmax"] = "labelled"  # argmax: fg only where a labelled class wins
    minmax: bool = False  # stretch each video's scores of a class to [0, 1] before thresholding
    source: Literal["teacher", "mean"] = "teacher"  # whose scores are thresholded
    conflict: Literal["keep", "uncertain"] = "keep"  # where the two branches' labels contradict
