"""From the features of a new video to its segments, by the trained branches of a run.

Letters: T snippets, C classes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wtal_core.errors import WtalError
from wtal_core.grid import SnippetGrid
from wtal_core.localize.fuse import fuse_scores
from wtal_core.localize.nms import suppress
from wtal_core.localize.proposals import propose
from wtal_core.predicting.encoding import Encoded, Encoders, Follow
from wtal_core.predicting.settings import RunSettings
from wtal_core.schema.localize import LocalizeParams
from wtal_core.segments import Segments
from wtal_core.store import read_sequences
from wtal_core.training.scoring import score_videos


@dataclass(frozen=True)
class Prediction:
    """What a run says of one video.

    scores: cbp, vlp and final, the class probabilities (T, C) float32 of each branch and those that
    are localized; work_s: seconds that it took, duration_s of them being as fast as the video.
    """

    source: Path
    name: str  # of the video in `segments`
    segments: Segments  # best first
    duration_s: float
    frames: int  # at grid.fps
    classes: tuple[str, ...]
    grid: SnippetGrid
    scores: dict[str, np.ndarray]
    work_s: float

    @property
    def effort(self) -> float:
        """Seconds of work per second of video."""
        return self.work_s / self.duration_s if self.duration_s else 0.0


@dataclass(frozen=True)
class Localizer:
    """The trained branches of a run. feed: (T, D) and (T, E) features -> what CBP sees."""

    run: RunSettings
    cbp: nn.Module
    vlp: nn.Module
    feed: Callable[[Tensor, Tensor], Tensor]
    topk_ratio: int  # of the video-level scores
    localize: LocalizeParams  # with a number for fuse_weight

    def localize_video(self, encoded: Encoded, name: str) -> Prediction:
        """The segments of a video, the same as stage infer would find."""
        start = time.perf_counter()
        i3d, clip = torch.from_numpy(encoded.i3d_TD), torch.from_numpy(encoded.clip_TE)
        (one,) = score_videos(self.cbp, [self.feed(i3d, clip)], self.topk_ratio)
        (two,) = score_videos(self.vlp, [clip], self.topk_ratio)
        by_cbp, by_vlp = one.prob_TC.numpy(), two.prob_TC.numpy()
        final: np.ndarray = fuse_scores(by_cbp, by_vlp, self.localize).astype(np.float32)
        proposals = propose(
            final,
            fuse_scores(one.video_C.numpy(), two.video_C.numpy(), self.localize),
            self.localize,
            self.run.grid,
            video=name,
            duration_s=encoded.duration_s,
            classes=self.run.classes,
            theta_cls=self.run.thresholds.theta_cls,
            theta_loc=self.run.thresholds.theta_loc,
        )
        kept = suppress(
            proposals, self.localize.nms_sigma, self.localize.min_score, self.localize.max_per_video
        )
        return Prediction(
            source=encoded.source,
            name=name,
            segments=kept,
            duration_s=encoded.duration_s,
            frames=encoded.frames,
            classes=self.run.classes,
            grid=self.run.grid,
            scores={"cbp": by_cbp, "vlp": by_vlp, "final": final},
            work_s=encoded.work_s + time.perf_counter() - start,
        )


@dataclass(frozen=True)
class Predictor:
    """A trained run that takes video files."""

    encoders: Encoders
    localizer: Localizer

    def predict(
        self, source: Path, name: str | None = None, follow: Follow | None = None
    ) -> Prediction:
        """Segments of a video file; `name` is what they call it, by default the file's stem.

        `follow(done_s, total_s)` hears after each snippet how much of the video is done; total_s is
        what the file's header promises, 0 where it says nothing. Raises BadVideo for a file that
        cannot be used (codes in `wtal_core.errors`), WtalError for one whose frames are too small.
        """
        encoded = self.encoders.encode(source, follow)
        return self.localizer.localize_video(encoded, source.stem if name is None else name)


def fix_share(run: RunSettings) -> LocalizeParams:
    """The run's `localize` with the share that stage infer chose where it is `auto`.

    Raises WtalError where that stage wrote none down.
    """
    if run.localize.branch != "fused" or run.localize.fuse_weight != "auto":
        return run.localize
    path = run.data / "scores" / f"{run.round}.zarr"
    share = read_sequences(path).attrs.get("fuse_weight")
    if share is None:
        raise WtalError(
            f"{path}: localize.fuse_weight is auto, and no share was chosen for this round; "
            "run `dvc repro`"
        )
    return replace(run.localize, fuse_weight=float(share))
