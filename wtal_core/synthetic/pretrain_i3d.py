"""Pre-trains a narrow I3D as a classifier of trimmed clips.

N clips, F frames, H W pixels, C input channels (3: RGB, 2: flow), K motions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from wtal_core.encoders.i3d import InceptionI3d
from wtal_core.schema.encoders import I3dPretrainParams
from wtal_core.synthetic.augment import brighten, displace, split
from wtal_core.synthetic.pretrain_epochs import Curves, Learner, Watch, run_epochs

log = logging.getLogger(__name__)
_UNWATCHED = Watch()


def pretrain_i3d(
    clips: np.ndarray,
    labels: np.ndarray,
    params: I3dPretrainParams,
    seed: int,
    watch: Watch = _UNWATCHED,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights of `InceptionI3d(C, params.width, K)` and its curves, equal for equal input and seed.

    clips: (N, F, H, W, C), uint8 or float in [-1, 1]; labels: (N,) int, every one of 0..K-1.
    The record holds `loss` and `accuracy` on the training clips per epoch, and `holdout_accuracy`.
    Raises ValueError for shapes or labels that do not fit.
    """
    classes = _check(clips, labels)
    clips_t, labels_t = torch.from_numpy(clips), torch.from_numpy(labels).long()
    generator = torch.Generator().manual_seed(seed)
    train, held_out = split(len(clips), params.holdout, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = InceptionI3d(clips.shape[-1], params.width, classes, params.dropout)
        start_as_motion_detectors(model)
        curves = _train(model, clips_t, labels_t, train, params, generator, watch)
    measured = accuracy(model, clips_t[held_out], labels_t[held_out], params.batch)
    if measured is not None:
        log.info("%s: accuracy on held-out clips %.3f", watch.title, measured)
    tensors = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    return tensors, {**curves, "holdout_accuracy": measured}


@torch.no_grad()
def accuracy(
    model: InceptionI3d, clips: torch.Tensor, labels: torch.Tensor, batch: int
) -> float | None:
    """Share of the clips that get their label in evaluation mode; None without clips."""
    if not len(clips):
        return None
    model.eval()
    right = [
        model.logits(clip_input(c)).argmax(1) == y
        for c, y in zip(clips.split(batch), labels.split(batch), strict=True)
    ]
    return float(torch.cat(right).float().mean())


def start_as_motion_detectors(model: InceptionI3d) -> None:
    """Every second kernel of the first layer starts with zero mean over time.

    Such a kernel is blind to what stands still, and BatchNorm lifts what is left to the level of
    the others. From purely random kernels RGB takes epochs to see motion at all.
    """
    with torch.no_grad():
        kernels = model.state_dict()["trunk.Conv3d_1a_7x7.conv_3d.weight"][::2]
        kernels -= kernels.mean(dim=2, keepdim=True)


def clip_input(clips: torch.Tensor) -> torch.Tensor:
    """Clips (B, F, H, W, C) as I3D takes them: float32 (B, C, F, H, W) in [-1, 1].

    uint8 is RGB, or flow quantised as the flow stage does: 0 is -1, 255 is 1 either way.
    """
    if clips.dtype == torch.uint8:
        clips = clips.float() / 127.5 - 1
    return clips.permute(0, 4, 1, 2, 3)


def _train(
    model: InceptionI3d,
    clips: torch.Tensor,
    labels: torch.Tensor,
    train: torch.Tensor,
    params: I3dPretrainParams,
    generator: torch.Generator,
    watch: Watch,
) -> Curves:
    optimiser = torch.optim.AdamW(model.parameters(), params.lr, weight_decay=params.weight_decay)
    steps = -(-len(train) // params.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.lr, total_steps=steps * params.epochs, pct_start=0.2
    )

    def run_epoch() -> Iterator[dict[str, float]]:
        model.train()
        order = train[torch.randperm(len(train), generator=generator)]
        # Batches of equal size: a last batch of one clip would upset BatchNorm.
        for chosen in order.tensor_split(steps):
            batch = clip_input(displace(clips[chosen], params.shift, generator))
            if clips.shape[-1] == 3:
                batch = brighten(batch, params.brightness, generator)
            logits = model.logits(batch)
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=params.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            right = int((logits.argmax(1) == labels[chosen]).sum())
            yield {"loss": float(loss.detach()) * len(chosen), "accuracy": right}

    learner = Learner(model, optimiser, schedule, generator)
    return run_epochs(learner, run_epoch, params.epochs, steps, len(train), watch)


def _check(clips: np.ndarray, labels: np.ndarray) -> int:
    if clips.ndim != 5 or len(clips) != len(labels) or clips.shape[-1] not in (2, 3):
        raise ValueError(
            f"pre-training I3D takes clips (N, F, H, W, 2 or 3) and N labels: "
            f"got {clips.shape = }, {labels.shape = }"
        )
    classes = int(labels.max()) + 1
    if labels.min() < 0 or len(np.unique(labels)) != classes:
        raise ValueError(f"labels must be 0..K-1 with none left out: got {np.unique(labels)}")
    return classes
