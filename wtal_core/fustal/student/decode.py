"""From what the points say to predictions of whole videos.

B videos, T snippets, D channels, P points of all levels, C classes, N predictions of a video.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wtal_core.fustal.student.network import Student, StudentOutput
from wtal_core.localize.nms import soft_nms
from wtal_core.schema.student import StudentParams
from wtal_core.segments import Floats
from wtal_core.training.batches import Sample, collate
from wtal_core.training.scoring import find_device


@dataclass(frozen=True)
class Found:
    """Predictions of one video, best first; times in snippets, 0 is the middle of the first."""

    seg_N2: Floats
    class_N: NDArray[np.intp]
    score_N: Floats

    def take(self, which_N: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Found":
        """Some of them, in the order of the indices."""
        return Found(self.seg_N2[which_N], self.class_N[which_N], self.score_N[which_N])


@torch.no_grad()
def detect(
    model: Student, features: Sequence[Tensor], params: StudentParams
) -> Iterator[tuple[int, Found]]:
    """Predictions of each video, (T, D), in full length, with its index in `features`.

    Videos of similar length share a batch of `params.batch`; they come in order of length.
    """
    model.eval()
    device = find_device(model)
    order = sorted(range(len(features)), key=lambda i: len(features[i]))
    nothing = torch.zeros(1)
    for first in range(0, len(order), params.batch):
        some = order[first : first + params.batch]
        batch = collate([Sample(str(i), features[i], nothing) for i in some], device)
        output = model(batch.feat_BTD, batch.mask_BT)
        for video, i in enumerate(some):
            best = choose_best(output, video, len(features[i]), params)
            yield i, thin_out(best, params)


def choose_best(output: StudentOutput, video: int, length: int, params: StudentParams) -> Found:
    """The best predictions of one video of a batch, before any suppression.

    Every pair of a point and a class is one, scored by the sigmoid of its logit. They are cut to
    the `length` snippets of the video; of equal scores the earlier point comes first.
    """
    score_PC = output.logit_BPC[video].sigmoid().masked_fill(~output.mask_BP[video][:, None], -1)
    score_N, flat_N = score_PC.flatten().sort(descending=True, stable=True)
    count = min(params.candidates, int((score_N >= params.min_score).sum()))
    # A score is a number from 0 on; what is no point stands at -1 and is never a prediction.
    count = min(count, int((score_N >= 0).sum()))
    score_N, flat_N = score_N[:count], flat_N[:count]
    classes = score_PC.shape[1]
    point_N, class_N = flat_N // classes, flat_N % classes
    placed_N2 = place_segments(output, torch.full_like(point_N, video), point_N, class_N)
    seg_N2 = placed_N2.clamp(-0.5, length - 0.5).double().cpu().numpy()
    found = Found(seg_N2, class_N.cpu().numpy(), score_N.double().cpu().numpy())
    return found.take(seg_N2[:, 1] > seg_N2[:, 0])


def place_segments(
    output: StudentOutput, video_N: Tensor, point_N: Tensor, class_N: Tensor
) -> Tensor:
    """(N, 2) starts and ends, in snippets: the points less and plus their offsets in rows."""
    offset_N2 = output.boundaries.offsets(video_N, point_N, class_N)
    back_and_on_N2 = offset_N2 * output.points.stride_P[point_N, None]
    return output.points.at_P[point_N, None] + back_and_on_N2 * back_and_on_N2.new_tensor([-1, 1])


def thin_out(found: Found, params: StudentParams) -> Found:
    """Gaussian soft-NMS class by class; best first, at most `max_per_video`."""
    parts = []
    for label in np.unique(found.class_N):
        one = found.take(found.class_N == label)
        kept_N, score_N = soft_nms(
            one.seg_N2, one.score_N, params.nms_sigma, params.min_score, params.max_per_video
        )
        best = one.take(kept_N)
        parts.append(Found(best.seg_N2, best.class_N, score_N))
    if not parts:
        return found
    joined = Found(
        np.concatenate([p.seg_N2 for p in parts]),
        np.concatenate([p.class_N for p in parts]),
        np.concatenate([p.score_N for p in parts]),
    )
    return joined.take(np.argsort(-joined.score_N, kind="stable")[: params.max_per_video])


def choose_labels(found: Found, label_C: NDArray[np.float32], min_score: float) -> Found:
    """Predictions that become pseudo-segments: of the video's own labels, above `min_score`.

    Where none is above it the best one alone; where there is none at all, nothing. Differs: the
    published code does not look at the labels, which every training video has.
    """
    own = found.take(label_C[found.class_N] > 0)
    above_N = own.score_N > min_score
    return own.take(above_N) if above_N.any() else own.take(slice(0, 1))
