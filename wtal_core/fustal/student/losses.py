"""The student's losses: classes, segments, and the video-level labels.

B videos, T snippets, P points of all levels, C classes, N points that learn a segment, M of their
classes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from wtal_core.fustal.student.assignment import Targets
from wtal_core.fustal.student.heads import PlainBoundaries
from wtal_core.fustal.student.network import StudentOutput
from wtal_core.losses.mil import video_loss
from wtal_core.schema.student import StudentParams

TINY = 1e-8  # rows; keeps the quotients of segments without length finite


def focal_loss(logit: Tensor, target: Tensor, alpha: float, gamma: float) -> Tensor:
    """Element by element: -alpha_t (1 - p_t)^gamma log p_t, p_t the probability of the target."""
    cross = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    prob = logit.sigmoid()
    missed = prob + target - 2 * prob * target  # 1 - p_t
    return (alpha * target + (1 - alpha) * (1 - target)) * missed**gamma * cross


def tiou_of_offsets(ours_N2: Tensor, theirs_N2: Tensor) -> Tensor:
    """(N,) tIoU of two segments round the same point, given by their distances from it."""
    shared_N = torch.minimum(ours_N2, theirs_N2).sum(-1)
    return shared_N / (ours_N2.sum(-1) + theirs_N2.sum(-1) - shared_N).clamp(min=TINY)


def segment_loss(ours_N2: Tensor, theirs_N2: Tensor, kind: str) -> Tensor:
    """(N,) 1 - tIoU, for "diou" plus (distance of the centres / length of the hull)².

    Two segments round one point leave no gap, so that their hull is their union and the GIoU of
    "giou" is the tIoU itself.
    """
    loss_N = 1 - tiou_of_offsets(ours_N2, theirs_N2)
    if kind == "giou":
        return loss_N
    hull_N = torch.maximum(ours_N2, theirs_N2).sum(-1).clamp(min=TINY)
    apart_N = ((ours_N2[:, 1] - ours_N2[:, 0]) - (theirs_N2[:, 1] - theirs_N2[:, 0])) / 2
    return loss_N + (apart_N / hull_N) ** 2


def labels_loss(logit_BTC: Tensor, mask_BT: Tensor, label_BC: Tensor, p: StudentParams) -> Tensor:
    """Cross-entropy of the labels with the pooled logits of the finest level, both terms.

    A mean over classes and videos, as the generator's, which the published weight of 1 supposes.
    Differs: the published code zeroes logits at random before it pools, and counts the snippets
    of the whole batch for k. A zero is far above the logits of background, so here a snippet is
    hidden instead; k is that of the video's own snippets.
    """
    drawn_BT = torch.rand(mask_BT.shape, device=mask_BT.device)
    seen_BT = mask_BT & (drawn_BT >= p.video_dropout)
    seen_BT = torch.where(seen_BT.any(1, keepdim=True), seen_BT, mask_BT)
    return video_loss(logit_BTC, seen_BT, label_BC, p.video_ratio, "bce") / label_BC.shape[1]


def student_loss(
    output: StudentOutput,
    targets: Targets,
    label_BC: Tensor,
    labelled_B: Tensor,
    norm: Tensor,
    params: StudentParams,
) -> tuple[Tensor, Mapping[str, Tensor], Tensor]:
    """The sum, its terms for the curves, and the running mean of positives behind this step.

    norm: that mean before it. labelled_B: whether a video has any pseudo-segment; one without
    learns from its labels alone, since that nothing passed the filter does not say that nothing
    happens. Where a point has several classes (CliffDiving beside Diving), a head with boundaries
    of each class learns them for each, as [TriDet].
    """
    counted_BP = output.mask_BP & labelled_B[:, None]
    video_N, point_N = (counted_BP & (targets.own_BP >= 0)).nonzero(as_tuple=True)
    count = torch.tensor(float(max(1, len(video_N))), device=norm.device)
    norm = params.norm_momentum * norm + (1 - params.norm_momentum) * count
    learnt_N2 = targets.offset_BP2[video_N, point_N]
    class_N = targets.own_BP[video_N, point_N]
    of_M, class_M = targets.class_BPC[video_N, point_N].nonzero(as_tuple=True)
    found_M2 = output.boundaries.offsets(video_N[of_M], point_N[of_M], class_M)
    learnt_M2 = learnt_N2[of_M]
    class_BPC = focal_loss(
        output.logit_BPC, targets.class_BPC, params.focal_alpha, params.focal_gamma
    )
    if params.iou_power:
        weight_M = tiou_of_offsets(found_M2, learnt_M2).detach() ** params.iou_power
        class_BPC = class_BPC * torch.ones_like(class_BPC).index_put(
            (video_N[of_M], point_N[of_M], class_M), 1 + (weight_M - 1)
        )
    segment_M = segment_loss(found_M2, learnt_M2, params.iou_loss)
    if isinstance(output.boundaries, PlainBoundaries):  # the same of all classes: once a point
        segment_M = segment_M[class_M == class_N[of_M]]
    terms = {
        "cls": class_BPC.masked_fill(~counted_BP[..., None], 0).sum() / norm,
        "reg": segment_M.sum() / norm,
    }
    total = terms["cls"] + params.reg_weight * terms["reg"]
    if params.video_weight:
        logit_BTC, mask_BT = (x[:, : output.length] for x in (output.logit_BPC, output.mask_BP))
        terms["video"] = labels_loss(logit_BTC, mask_BT, label_BC, params)
        total = total + params.video_weight * terms["video"]
    return total, terms | {"positives": count}, norm
