"""The weighted sum of the loss terms.

B videos, T snippets, C classes, D channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wtal_core.losses.contrastive import contrastive_loss
from wtal_core.losses.distillation import distillation_loss
from wtal_core.losses.mil import video_loss
from wtal_core.schema.losses import LossParams


@dataclass(frozen=True)
class LossInputs:
    """What the terms see of one step: a branch's output and what is known of the videos."""

    cas_BTC: Tensor
    prob_BTC: Tensor
    feat_BTD: Tensor
    mask_BT: Tensor
    label_BC: Tensor
    target_BTC: Tensor | None  # int8 pseudo-labels; None in the warm-up
    weight_BTC: Tensor | None  # confidence of the pseudo-labels, if they carry any
    own: Callable[[torch.Generator], Tensor] | None = None  # the branch's own video-level loss


def _cls(seen: LossInputs, params: LossParams, generator: torch.Generator) -> Tensor:
    if seen.own is not None:
        return seen.own(generator)
    return video_loss(seen.cas_BTC, seen.mask_BT, seen.label_BC, params.topk_ratio, params.cls)


def _kd(seen: LossInputs, params: LossParams, generator: torch.Generator) -> Tensor:
    return distillation_loss(
        seen.prob_BTC,
        _targets(seen),
        seen.label_BC,
        seen.mask_BT,
        seen.weight_BTC,
        params.kd_count,
        params.kd_balance,
        params.kd_bg_weight,
    )


def _fb(seen: LossInputs, params: LossParams, generator: torch.Generator) -> Tensor:
    return contrastive_loss(
        seen.feat_BTD,
        _targets(seen),
        seen.mask_BT,
        params.temperature,
        generator,
        params.fb_positives,
        params.fb_negatives,
        params.fb_reduction,
        params.fb_scope,
    )


TERMS = {"cls": _cls, "kd": _kd, "fb": _fb}


def total_loss(
    seen: LossInputs,
    weights: Mapping[str, float],
    params: LossParams,
    generator: torch.Generator,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Σ weight * term and the terms, Eq. (5) of [DVLP].

    The weights' names must be those of `TERMS`; a term of weight 0 is not computed.
    """
    if set(weights) != set(TERMS):
        raise ValueError(f"weights must be for {sorted(TERMS)}, got {sorted(weights)}")
    terms = {
        name: term(seen, params, generator) for name, term in TERMS.items() if weights[name] != 0
    }
    if not terms:
        raise ValueError("every loss term has weight 0")
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum(), terms


def _targets(seen: LossInputs) -> Tensor:
    if seen.target_BTC is None:
        raise ValueError("the distillation and contrastive losses need pseudo-labels")
    return seen.target_BTC
