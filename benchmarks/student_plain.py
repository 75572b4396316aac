"""FuSTAL's student as one writes it down: loops over videos and levels, no padding and no masks.

T snippets, D channels, S rows of a level, C classes, N chosen rows and classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.nms import by_numpy
from wtal_core.fustal.student.assignment import assign
from wtal_core.fustal.student.decode import Found
from wtal_core.fustal.student.losses import focal_loss, segment_loss, tiou_of_offsets
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.points import Points, lay_points
from wtal_core.fustal.student.samples import StudentVideo
from wtal_core.fustal.student.training import Trainer
from wtal_core.losses.mil import video_loss
from wtal_core.schema.student import StudentParams

Level = tuple[Tensor, Tensor, Points]  # logits (S, C), offsets (S, C, 2), where the rows stand


def train_plainly(
    trainer: Trainer, videos: Sequence[StudentVideo], batches: Sequence[Sequence[int]]
) -> list[float]:
    """A step for each batch, each video and level by itself; the losses."""
    model, params, norm = trainer.model.train(), trainer.params, float(trainer.norm)
    average = {n: p.detach().clone() for n, p in model.named_parameters()}
    found = []
    for indices in batches:
        cls, reg, labels, positives = [], [], [], 0
        for i in indices:
            video = videos[i]
            levels = read_levels(model, video.feat_TD.float(), params)
            for logit_SC, offset_SC2, points in levels:
                targets = assign(
                    points, video.seg_N2[None], video.class_N[None],
                    torch.ones(1, len(video.class_N), dtype=torch.bool),
                    trainer.classes, params.centre_radius,
                )  # fmt: skip
                hit_S = targets.own_BP[0] >= 0
                ours_N2 = offset_SC2[hit_S, targets.own_BP[0, hit_S]]
                theirs_N2, class_SC = targets.offset_BP2[0, hit_S], targets.class_BPC[0]
                loss_SC = focal_loss(logit_SC, class_SC, params.focal_alpha, params.focal_gamma)
                weight_SC = torch.ones_like(loss_SC)
                overlap_N = tiou_of_offsets(ours_N2, theirs_N2).detach() ** params.iou_power
                weight_SC[hit_S] = torch.where(class_SC[hit_S] > 0, overlap_N[:, None], 1.0)
                cls.append((loss_SC * weight_SC).sum())
                reg.append(segment_loss(ours_N2, theirs_N2, params.iou_loss).sum())
                positives += int(hit_S.sum())
            logit_1TC = levels[0][0][None]
            mask_1T = torch.ones(logit_1TC.shape[:2], dtype=torch.bool)
            labels.append(
                video_loss(logit_1TC, mask_1T, video.label_C[None], params.video_ratio, "bce")
                / trainer.classes
            )
        norm = params.norm_momentum * norm + (1 - params.norm_momentum) * max(1, positives)
        total = torch.stack(cls).sum() / norm + params.reg_weight * torch.stack(reg).sum() / norm
        total = total + params.video_weight * torch.stack(labels).mean()
        for group in trainer.optimiser.param_groups:
            group["lr"] = 1e-5
        trainer.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), params.grad_clip)
        trainer.optimiser.step()
        for name, parameter in model.named_parameters():
            average[name] = (
                params.ema_decay * average[name] + (1 - params.ema_decay) * parameter.detach()
            )
        found.append(total.item())
    return found


def read_levels(model: Student, feat_TD: Tensor, params: StudentParams) -> list[Level]:
    """One video: logits of every row of every level, and the offsets of every row and class."""
    mask_1T = torch.ones(1, len(feat_TD), dtype=torch.bool)
    x_1TD = feat_TD[None]
    for layer in model.embed:
        x_1TD = layer(x_1TD, mask_1T)
    found = []
    pyramid = model.pyramid(x_1TD, mask_1T)
    whole = lay_points([mask.shape[1] for _, mask in pyramid], params.first_range, "cpu")
    for level, (norm, (x_1SD, mask_1S)) in enumerate(zip(model.norms, pyramid, strict=True)):
        rows = mask_1S.shape[1]
        inside = (whole.level_P == level).nonzero().flatten()
        # The last row stands for what lies beyond the level.
        some = torch.cat([inside, torch.tensor([len(whole.level_P) - 1])])
        points = Points(*(getattr(whole, name)[some] for name in vars(whole)))
        x_1PD = torch.nn.functional.pad(norm(x_1SD), (0, 0, 0, 1))
        mask_1P = torch.nn.functional.pad(mask_1S, (0, 1))
        logit_PC = model.classify(x_1PD, mask_1P)[0]
        boundaries = model.bound(x_1PD, mask_1P, points)
        row_PC, class_PC = (
            x.flatten() for x in torch.meshgrid(
                torch.arange(rows + 1), torch.arange(logit_PC.shape[1]), indexing="ij"
            )
        )  # fmt: skip
        offset_N2 = boundaries.offsets(torch.zeros_like(row_PC), row_PC, class_PC)
        offset_PC2 = offset_N2.unflatten(0, (rows + 1, -1))
        own = Points(*(x[:rows] for x in vars(points).values()))
        found.append((logit_PC[:rows], offset_PC2[:rows], own))
    return found


@torch.no_grad()
def detect_plainly(
    model: Student, videos: Sequence[StudentVideo], params: StudentParams
) -> list[float]:
    """Detections of whole videos, each video and level by itself; see `summarise`."""
    model.eval()
    found = []
    for video in videos:
        segments, classes, scores = [], [], []
        for logit_SC, offset_SC2, points in read_levels(model, video.feat_TD.float(), params):
            away_SC2 = offset_SC2 * points.stride_P[:, None, None]
            at_S1 = points.at_P[:, None]
            seg_SC2 = torch.stack([at_S1 - away_SC2[..., 0], at_S1 + away_SC2[..., 1]], -1)
            seg_SC2 = seg_SC2.clamp(-0.5, len(video.feat_TD) - 0.5)
            segments.append(seg_SC2.flatten(0, 1))
            classes.append(torch.arange(logit_SC.shape[1]).repeat(len(logit_SC)))
            scores.append(logit_SC.sigmoid().flatten())
        score_N, seg_N2 = torch.cat(scores), torch.cat(segments)
        keep_N = score_N.argsort(descending=True, stable=True)[: params.candidates]
        keep_N = keep_N[(score_N[keep_N] >= params.min_score)]
        keep_N = keep_N[seg_N2[keep_N, 1] > seg_N2[keep_N, 0]]
        one = Found(
            seg_N2[keep_N].double().numpy(),
            torch.cat(classes)[keep_N].numpy(),
            score_N[keep_N].double().numpy(),
        )
        kept = []
        for label in np.unique(one.class_N):
            of = one.take(one.class_N == label)
            order, score = by_numpy(of.seg_N2, of.score_N, params.max_per_video)
            kept.append(replace(of.take(order), score_N=score))
        joined = np.concatenate([k.score_N for k in kept])
        found.append(replace(one, score_N=np.sort(joined)[::-1][: params.max_per_video]))
    return summarise(found)


def summarise(found: Sequence[Found]) -> list[float]:
    """Of each video the mean of its hundred best scores behind soft-NMS."""
    return [float(np.mean(one.score_N[:100])) for one in found]
