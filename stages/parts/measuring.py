"""Pseudo-labels of the test split beside the truth, for whoever measures them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wtal_core.errors import WtalError
from wtal_core.evaluation.pseudo import segments_to_mask
from wtal_core.evaluation.report import BRANCHES, quality_metrics
from wtal_core.grid import SnippetGrid
from wtal_core.ground_truth import GroundTruth
from wtal_core.pseudo_labels import distil
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.store import Sequences


@dataclass(frozen=True)
class Labelled:
    """Of N videos, in one order."""

    videos: list[str]
    labels: dict[str, list[NDArray[np.int8]]]  # branch: (T, C) in {1, 0, -1} per video
    masks: list[NDArray[np.bool_]]  # (T, C) whether a class acts

    def metrics(self) -> dict[str, float]:
        """Foreground and background mIoU of each branch, in both readings."""
        found: dict[str, float] = {}
        for branch, labels in self.labels.items():
            found |= quality_metrics(branch, labels, self.masks)
        return found


def label_videos(
    scores: Sequences, truth: GroundTruth, thresholds: ThresholdParams, labelling: PseudoLabelParams
) -> Labelled:
    """The labels that each branch's scores give by itself, the videos' own labels being known."""
    classes = tuple(scores.attrs["classes"])
    grid = SnippetGrid.from_dict(scores.attrs["grid"])
    if unknown := sorted(set(truth.segments.label.tolist()) - set(classes)):
        raise WtalError(
            f"ground_truth.json: the labels {unknown} are none of the classes that were trained. "
            "Correct the spelling, or add them to labels.json and train again."
        )
    videos = [name for name in scores.names if name in truth.durations]
    label_NC = torch.from_numpy(truth.video_labels(videos, classes))
    masks = [segments_to_mask(truth.of(v), grid, len(scores.of(v)["cbp"]), classes) for v in videos]
    labels = {}
    for branch in BRANCHES:
        learnt = scores.attrs["distilled"][branch]
        teacher = [torch.from_numpy(scores.of(video)[branch]).float() for video in videos]
        found = distil(teacher, None, label_NC, thresholds, labelling, distilled=(learnt, False))
        labels[branch] = [one.label_TC.numpy() for one in found]
    return Labelled(videos, labels, masks)
