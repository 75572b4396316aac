"""Pseudo-labels from a frozen branch, checked and written; samples that carry them."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from stages.parts.features import Features
from wtal_core.corrections import Corrected, read_corrections
from wtal_core.errors import WtalError
from wtal_core.hard_labels import constrain, hard_labels
from wtal_core.pseudo_labels import PseudoLabels, check_shares, confidence, count_shares, distil
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.store import write_sequences
from wtal_core.training.batches import Sample

log = logging.getLogger(__name__)


def read_asked(
    path: Path, features: Features, params: PseudoLabelParams
) -> dict[str, Corrected] | None:
    """The corrections, or None unless `pseudo_labels.corrections` asks for them.

    Raises WtalError where they are asked for and there are none, in the file or in the features.
    """
    if not params.corrections:
        return None
    found = read_corrections(path, features.labels)
    if not set(found) & set(features.names):
        raise WtalError(
            f"{path}: pseudo_labels.corrections is true, and the file holds "
            + (f"none of the {len(features.names)} videos with features. " if found else "none. ")
            + f"Import some with `wtal import corrections {path.parent.name} FILE`, or set "
            "pseudo_labels.corrections=false."
        )
    return found


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
    corrected: dict[str, Corrected] | None = None,
    to_learn: bool = True,
) -> list[PseudoLabels]:
    """Pseudo-labels of the split from the teacher's (T, C) probabilities; `facts` say whose.

    `distilled` says whether teacher and partner have learnt from pseudo-labels themselves. What
    `corrected` says of a video overrules the scores, and the record counts the snippets. With
    `to_learn` they must hold foreground and background, else they are only to be looked at.
    """
    label_NC = features.label_NC
    found = distil(teacher, partner, label_NC, thresholds, params, distilled=distilled)
    if corrected is not None:
        hard = [
            _hard_labels(corrected.get(name), features, len(one.label_TC))
            for name, one in zip(features.names, found, strict=True)
        ]
        found, counts = constrain(found, hard)
        facts = {**facts, "corrections": counts.to_dict()}
        log.info("%s: corrected by hand: %s", path, counts.describe())
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
            # Without corrections the record is, byte for byte, that of a run that knows of none.
            "pseudo_labels": {k: v for k, v in vars(params).items() if k != "corrections" or v},
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
    weights = [_weigh(one) if with_confidence else None for one in found]
    rows = zip(features.names, feat, label_NC, found, weights, strict=True)
    return [Sample(name, f, y, one.label_TC, w) for name, f, y, one, w in rows]


def _hard_labels(one: Corrected | None, features: Features, count: int) -> Tensor | None:
    """What was said of a video of `count` snippets."""
    if one is None:
        return None
    segments: dict[str, list[tuple[float, float]]] = {}
    for label, start_s, end_s in one.segments:
        segments.setdefault(label, []).append((start_s, end_s))
    return hard_labels(segments, one.reviewed, features.labels.classes, features.grid, count)


def _weigh(one: PseudoLabels) -> Tensor:
    """The teacher's confidence; a person's word counts in full."""
    weight_TC = confidence(one.score_TC)
    return weight_TC if one.given_TC is None else weight_TC.masked_fill(one.given_TC, 1)
