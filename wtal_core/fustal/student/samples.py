"""Videos with pseudo-segments: crops of them, and padded batches.

B videos, T snippets, C classes, D channels, N segments of a video, G the most of a batch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wtal_core.schema.student import StudentParams
from wtal_core.training.batches import Batch, Sample, collate, count_steps, draw_buckets

TRIES = 20  # random places for a crop before one is put round a segment


@dataclass(frozen=True)
class StudentVideo:
    """One training video; times in snippets, 0 is the middle of the first."""

    name: str
    feat_TD: Tensor  # any float dtype
    label_C: Tensor  # multi-hot video-level labels
    seg_N2: Tensor  # float32 starts and ends; none is allowed
    class_N: Tensor  # int64

    def __post_init__(self) -> None:
        if self.seg_N2.shape != (len(self.class_N), 2):
            raise ValueError(
                f"{self.name}: got {self.seg_N2.shape = } for {len(self.class_N)} classes"
            )


@dataclass(frozen=True)
class StudentBatch:
    """A batch of the training room, and the segments of its videos."""

    plain: Batch
    seg_BG2: Tensor
    class_BG: Tensor
    real_BG: Tensor  # bool, True = a segment


def crop_video(
    video: StudentVideo, params: StudentParams, generator: torch.Generator
) -> StudentVideo:
    """A random run of at least `crop_share` of the video and of at most `crop` snippets.

    It keeps what it shows of the segments of which it shows at least `crop_keep`. A place where
    it keeps none is drawn again; where none is found, the run is put round a random segment and
    keeps what it shows of all.
    """
    count = len(video.feat_TD)
    least = math.ceil(params.crop_share * count)
    drawn = least + int(torch.randint(count - least + 1, (), generator=generator))
    length = min(drawn, params.crop)
    if length == count:
        return video
    for _ in range(TRIES):
        start = int(torch.randint(count - length + 1, (), generator=generator))
        cut = _cut(video, start, length, params.crop_keep)
        if len(cut.class_N) or not len(video.class_N):
            return cut
    chosen = int(torch.randint(len(video.class_N), (), generator=generator))
    start = round(float(video.seg_N2[chosen].mean()) - length / 2)
    return _cut(video, max(0, min(start, count - length)), length, 0.0)


def _cut(video: StudentVideo, start: int, length: int, keep: float) -> StudentVideo:
    # A snippet reaches half of one to each side of its middle.
    shown_N2 = video.seg_N2.clamp(start - 0.5, start + length - 0.5)
    seen_N = shown_N2[:, 1] - shown_N2[:, 0]
    whole_N = video.seg_N2[:, 1] - video.seg_N2[:, 0]
    kept_N = (seen_N > 0) & (seen_N >= keep * whole_N)
    return StudentVideo(
        video.name,
        video.feat_TD[start : start + length],
        video.label_C,
        shown_N2[kept_N] - start,
        video.class_N[kept_N],
    )


def collate_videos(
    videos: Sequence[StudentVideo], device: torch.device | str = "cpu"
) -> StudentBatch:
    """One padded batch."""
    counts_B = torch.tensor([len(v.class_N) for v in videos])
    return StudentBatch(
        collate([Sample(v.name, v.feat_TD, v.label_C) for v in videos], device),
        pad_sequence([v.seg_N2 for v in videos], batch_first=True).to(device),
        pad_sequence([v.class_N for v in videos], batch_first=True).to(device),
        (torch.arange(int(counts_B.max())) < counts_B[:, None]).to(device),
    )


def draw_student_batches(
    videos: Sequence[StudentVideo],
    params: StudentParams,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Iterator[StudentBatch]:
    """One epoch: each pass goes through all videos in new batches, each video in a new crop."""
    per_pass = math.ceil(len(videos) / params.batch)
    lengths = [min(len(v.feat_TD), params.crop) for v in videos]
    for _ in range(count_steps(len(videos), params.batch, params.min_steps) // per_pass):
        for indices in draw_buckets(lengths, params.batch, generator):
            yield collate_videos(
                [crop_video(videos[i], params, generator) for i in indices], device
            )
