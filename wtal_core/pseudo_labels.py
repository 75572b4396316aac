"""Ternary pseudo-labels from a branch's scores: 1 foreground, 0 background, -1 uncertain.

T snippets, C classes; any leading dimensions are allowed where a name has `_TC`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wtal_core.errors import WtalError
from wtal_core.pooling import stretch_minmax
from wtal_core.schema.pseudo_labels import PseudoLabelParams
from wtal_core.schema.thresholds import ThresholdParams

EDGE = 1e-6  # log-odds of 0 and 1 are infinite


@dataclass(frozen=True)
class PseudoLabels:
    """Of one video."""

    label_TC: Tensor  # int8: 1, 0, -1
    score_TC: Tensor  # float32, what was thresholded
    given_TC: Tensor | None = None  # bool, where a person decided the label; None: nowhere


def ternary_labels(
    prob_TC: Tensor, label_C: Tensor, delta_h: float, delta_l: float, rule: str = "labelled"
) -> Tensor:
    """Two thresholds make three labels, int8 (T, C).

    Eq. (4) of [DVLP]. A class that the video does not have is background everywhere; a class that
    it has is foreground above δ_h, background below δ_l, uncertain between (bounds included).
    `rule="argmax"`: foreground also needs the snippet's best class to be one that the video has.
    """
    if delta_l >= delta_h:
        raise ValueError(f"delta_l must be below delta_h, got {delta_l} and {delta_h}")
    own_TC = (label_C > 0).unsqueeze(-2).expand(prob_TC.shape)
    above_TC = prob_TC > delta_h
    if rule == "argmax":
        above_TC = above_TC & own_TC.gather(-1, prob_TC.argmax(-1, keepdim=True))
    ternary_TC = torch.full(prob_TC.shape, -1, dtype=torch.int8, device=prob_TC.device)
    return ternary_TC.masked_fill(above_TC, 1).masked_fill((prob_TC < delta_l) | ~own_TC, 0)


def recentre_odds(prob: Tensor, thresholds: ThresholdParams) -> Tensor:
    """Scores of a distilled branch with even odds moved midway between δ_l and δ_h, in log-odds.

    Differs: Eq. (4) has one pair of thresholds for all scores. They suit a softmax that learnt from
    video-level labels, where background lies at 1/C. A branch that has learnt hard labels by
    Eq. (6) gives probabilities: even odds lie at 0.5, outside (δ_l, δ_h). What it is unsure of
    would mostly pass δ_h and hardly ever fall below δ_l, so segments would grow with every
    hand-over. Shifted, doubt goes either way alike, and δ_l and δ_h keep their meaning.
    """
    high, low = (torch.tensor(d).logit() for d in (thresholds.delta_h, thresholds.delta_l))
    return (prob.clamp(EDGE, 1 - EDGE).logit() + (high + low) / 2).sigmoid()


def settle_conflicts(label_TC: Tensor, partner_TC: Tensor) -> Tensor:
    """Foreground here and background there, or the reverse, becomes uncertain.

    Section 3.3 of [DVLP]: "frames with conflicting predictions are still treated as uncertain".
    """
    against_TC = (label_TC >= 0) & (partner_TC >= 0) & (label_TC != partner_TC)
    return label_TC.masked_fill(against_TC, -1)


def reach_consensus(label_TC: Tensor, partner_TC: Tensor) -> Tensor:
    """What both say or one says alone; uncertain where they contradict or neither is sure.

    Symmetric in the two branches.
    """
    return settle_conflicts(torch.where(label_TC == -1, partner_TC, label_TC), partner_TC)


SETTLE = {"conflict": settle_conflicts, "consensus": reach_consensus}


def confidence(score_TC: Tensor) -> Tensor:
    """How far a score is from undecided, in [0, 1]: 0 at one half, 1 at zero and one."""
    return (2 * score_TC - 1).abs()


def distil(
    teacher: Sequence[Tensor],
    partner: Sequence[Tensor] | None,
    label_NC: Tensor,
    thresholds: ThresholdParams,
    params: PseudoLabelParams,
    *,
    distilled: tuple[bool, bool] = (False, False),
) -> list[PseudoLabels]:
    """Pseudo-labels of N videos from the teacher's probabilities, each (T, C).

    `partner` holds the other branch's probabilities of the same videos, or None where there is no
    trained one yet; `params` says what it is used for. `distilled` says whether the teacher and
    the partner have learnt from pseudo-labels themselves. The results are detached.
    """

    def ready(prob_TC: Tensor, learnt: bool) -> Tensor:
        prob_TC = prob_TC.detach().float()
        if learnt and params.recentre:
            prob_TC = recentre_odds(prob_TC, thresholds)
        return stretch_minmax(prob_TC) if params.minmax else prob_TC

    found = []
    for index, (own_TC, label_C) in enumerate(zip(teacher, label_NC, strict=True)):
        other_TC = None if partner is None else ready(partner[index], distilled[1])
        score_TC = ready(own_TC, distilled[0])
        label_TC = _ternary(score_TC, label_C, thresholds, params)
        if other_TC is not None and params.partner == "mean":
            score_TC = (score_TC + other_TC) / 2
            label_TC = _ternary(score_TC, label_C, thresholds, params)
        elif other_TC is not None and params.partner in SETTLE:
            partner_TC = _ternary(other_TC, label_C, thresholds, params)
            label_TC = SETTLE[params.partner](label_TC, partner_TC)
        found.append(PseudoLabels(label_TC, score_TC))
    return found


@dataclass(frozen=True)
class Shares:
    """How the snippets of the videos' own classes are labelled, and where their scores lie."""

    foreground: float
    background: float
    uncertain: float
    quantiles: dict[str, float]  # of the scores: 5, 25, 50, 75, 95 per cent

    def describe(self) -> str:
        """One line for messages."""
        spread = ", ".join(f"{name} {value:.3f}" for name, value in self.quantiles.items())
        return (
            f"foreground {self.foreground:.1%}, background {self.background:.1%}, "
            f"uncertain {self.uncertain:.1%}; score quantiles: {spread}"
        )


def count_shares(found: Sequence[PseudoLabels], label_NC: Tensor) -> Shares:
    """Over all (snippet, class) pairs whose class the video has."""
    own = [label_C > 0 for label_C in label_NC]
    label_M = torch.cat([f.label_TC[:, c].flatten() for f, c in zip(found, own, strict=True)])
    score_M = torch.cat([f.score_TC[:, c].flatten() for f, c in zip(found, own, strict=True)])
    points = (0.05, 0.25, 0.5, 0.75, 0.95)
    # torch.quantile refuses more than 2^24 values, so sort and look up.
    ordered_M = score_M.float().sort().values
    at = [min(len(ordered_M) - 1, int(p * len(ordered_M))) for p in points]
    foreground, background, uncertain = (
        float((label_M == value).float().mean()) for value in (1, 0, -1)
    )
    quantiles = {f"{p:.0%}": float(ordered_M[i]) for p, i in zip(points, at, strict=True)}
    return Shares(foreground, background, uncertain, quantiles)


def check_shares(shares: Shares, thresholds: ThresholdParams, title: str) -> None:
    """Raise WtalError where one kind of label is missing: nothing could be learnt from the rest."""
    for name, share, key, quantile in (
        ("foreground", shares.foreground, "delta_h", "75%"),
        ("background", shares.background, "delta_l", "25%"),
    ):
        if share == 0:
            raise WtalError(
                f"{title}: no pseudo-label of the videos' own classes is {name} "
                f"(delta_h {thresholds.delta_h}, delta_l {thresholds.delta_l}): "
                f"{shares.describe()}; try thresholds.{key} near {shares.quantiles[quantile]:.3f}, "
                "or train the branch that the labels come from longer"
            )


def _ternary(
    score_TC: Tensor, label_C: Tensor, thresholds: ThresholdParams, params: PseudoLabelParams
) -> Tensor:
    return ternary_labels(score_TC, label_C, thresholds.delta_h, thresholds.delta_l, params.rule)
