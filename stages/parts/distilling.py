"""Pseudo-labels from a frozen branch, checked and written; samples that carry them."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from stages.parts.features import Features
from wtal_core.pseudo_labels import PseudoLabels, check_shares, confidence, count_shares, distil
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.store import write_sequences
from wtal_core.training.batches import Sample

log = logging.getLogger(__name__)


def distil_and_write(
    path: Path,
    features: Features,
    teacher: list[Tensor],
    partner: list[Tensor] | None,
    thresholds: ThresholdParams,
    params: PseudoLabelParams,
    facts: dict[str, Any],
    *,
    distilled: tuple[bool, bool],
    to_learn: bool = True,
) -> list[PseudoLabels]:
    """Pseudo-labels of the split from the teacher's (T, C) probabilities; `facts` say whose.

    `distilled` says whether teacher and partner have learnt from pseudo-labels themselves. With
    `to_learn` they must hold foreground and background, else they are only to be looked at.
    """
    label_NC = features.label_NC
    found = distil(teacher, partner, label_NC, thresholds, params, distilled=distilled)
    shares = count_shares(found, label_NC)
    log.info("%s: %s", path, shares.describe())
    if to_learn:
        check_shares(shares, thresholds, str(path))
    write_sequences(
        path,
        (
            (name, {"label": one.label_TC.numpy(), "score": one.score_TC.numpy()})
            for name, one in zip(features.names, found, strict=True)
        ),
        {"label": ("T", "C"), "score": ("T", "C")},
        {
            **facts,
            "classes": list(features.labels.classes),
            "grid": features.grid.to_dict(),
            "thresholds": {"delta_h": thresholds.delta_h, "delta_l": thresholds.delta_l},
            "pseudo_labels": vars(params),
            "meaning": {"1": "foreground", "0": "background", "-1": "uncertain"},
            "video_labels": features.video_labels,
        },
    )
    return found


def make_samples(
    features: Features, feat: list[Tensor], found: list[PseudoLabels], with_confidence: bool
) -> list[Sample]:
    """Training videos with their pseudo-labels, and on demand the confidence in each."""
    label_NC = features.label_NC.unbind()
    weights = [confidence(one.score_TC) if with_confidence else None for one in found]
    rows = zip(features.names, feat, label_NC, found, weights, strict=True)
    return [Sample(name, f, y, one.label_TC, w) for name, f, y, one, w in rows]
