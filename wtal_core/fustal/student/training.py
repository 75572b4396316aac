"""Training of the student: the first epochs on the filter's segments, later ones on its own.

It is a loop beside that of the training room, whose parts it uses, since a step has more to it: a
batch has segments, the weights' running mean follows each step, and that mean makes the labels of
the later epochs.

N videos, C classes.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from wtal_core.errors import WtalError
from wtal_core.fustal.ema import copy_model, follow_weights
from wtal_core.fustal.student.assignment import assign
from wtal_core.fustal.student.decode import choose_labels, detect
from wtal_core.fustal.student.losses import student_loss
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.samples import StudentBatch, StudentVideo, draw_student_batches
from wtal_core.schema.student import StudentParams
from wtal_core.training.batches import count_steps
from wtal_core.training.loop import EpochHook, Follow, Row, scheduled_lr
from wtal_core.training.scoring import find_device
from wtal_core.training.state import OPTIMISER, load_optimiser, mix, optimiser_state, seeded
from wtal_core.training.weights import learning, load_trainable, trainable_state

log = logging.getLogger(__name__)
EMA, NORM = "ema/", "norm"


class Trainer:
    """All that changes while the student learns."""

    def __init__(self, model: Student, params: StudentParams, classes: int) -> None:
        self.model, self.params, self.classes = model, params, classes
        self.average = copy_model(model)
        self.norm = torch.tensor(params.norm_start, device=find_device(model))
        groups: list[dict[str, Any]] = [
            {"params": [p for p in learning(model) if p.ndim > 1]},
            {"params": [p for p in learning(model) if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=params.lr, weight_decay=params.weight_decay)

    def state(self) -> dict[str, Tensor]:
        """Weights, optimiser, mean of the weights and of the positives."""
        average = {EMA + name: value for name, value in trainable_state(self.average).items()}
        own = trainable_state(self.model) | optimiser_state(self.model, self.optimiser)
        return own | average | {NORM: self.norm}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` took."""
        own = {n: t for n, t in tensors.items() if not n.startswith((OPTIMISER, EMA)) and n != NORM}
        load_trainable(self.model, own)
        load_optimiser(self.model, self.optimiser, tensors)
        average = {n.removeprefix(EMA): t for n, t in tensors.items() if n.startswith(EMA)}
        load_trainable(self.average, average)
        self.norm = tensors[NORM].clone().to(self.norm.device)

    def step(self, batch: StudentBatch, lr: float, where: str) -> Row:
        """One update; the learning rate and the losses."""
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        plain, params = batch.plain, self.params
        feat_BTD = plain.feat_BTD + params.input_noise * torch.randn_like(plain.feat_BTD)
        output = self.model(feat_BTD, plain.mask_BT)
        targets = assign(
            output.points, batch.seg_BG2, batch.class_BG, batch.real_BG, self.classes,
            params.centre_radius,
        )  # fmt: skip
        total, terms, norm = student_loss(
            output, targets, plain.label_BC, batch.real_BG.any(1), self.norm, params
        )
        named = {"total": total, **terms}
        values = dict(zip(named, torch.stack(list(named.values())).tolist(), strict=True))
        if not all(math.isfinite(value) for value in values.values()):
            raise WtalError(
                f"student, {where}: the loss is not finite ({values}) on {', '.join(plain.names)}; "
                "lower student.lr or look for NaN in the features; nothing was written"
            )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        if params.grad_clip:
            nn.utils.clip_grad_norm_(learning(self.model), params.grad_clip)
        self.optimiser.step()
        follow_weights(self.average, self.model, params.ema_decay)
        self.norm = norm.detach()
        return {"lr": lr} | values


def train_student(
    model: Student,
    videos: Sequence[StudentVideo],
    params: StudentParams,
    seed: int,
    *,
    on_epoch: EpochHook | None = None,
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    follow: Follow | None = None,
    title: str = "student",
) -> tuple[Student, list[Row]]:
    """Train `model` in place; the model of its mean weights, and the loss curve.

    After each epoch `on_epoch(epoch, tensors, meta)` gets all that `resume=(tensors, meta)` needs
    to go on from there: the randomness of an epoch depends on (seed, epoch) alone, and its labels,
    from `ema_from` + 1 on, on the mean weights before it. Raises WtalError when a loss is NaN or
    infinite, and when no video has a segment.
    """
    if not any(len(video.class_N) for video in videos):
        raise WtalError(f"{title}: no training video has a pseudo-segment; lower fustal_filter's")
    trainer = Trainer(model, params, len(videos[0].label_C))
    rows: list[Row] = []
    if resume is not None:
        tensors, meta = resume
        trainer.load(tensors)
        rows = [dict(zip(meta["columns"], row, strict=True)) for row in meta["rows"]]
        log.info("%s: goes on after epoch %d", title, len(rows))
    per_epoch = count_steps(len(videos), params.batch, params.min_steps)

    def steps() -> Iterator[None]:
        for epoch in range(len(rows) + 1, params.epochs + 1):
            sums: dict[str, float] = {}
            labelled = label_videos(trainer.average, videos, params, epoch)
            for values in _run_epoch(trainer, labelled, epoch, per_epoch, seed):
                sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
                yield
            segments = float(sum(len(video.class_N) for video in labelled))
            means = {name: value / per_epoch for name, value in sums.items()}
            rows.append({"epoch": epoch, "segments": segments} | means)
            if on_epoch is not None:
                table = {"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]}
                on_epoch(epoch, trainer.state(), table)

    total = (params.epochs - len(rows)) * per_epoch
    for _ in follow(steps(), title, total) if follow else steps():
        pass
    model.eval()
    return trainer.average, rows


def label_videos(
    average: Student, videos: Sequence[StudentVideo], params: StudentParams, epoch: int
) -> Sequence[StudentVideo]:
    """The videos with the segments that an epoch learns from.

    Up to `ema_from` those that they came with, then what the mean weights detect in the whole
    video. Differs: the published code detects in each crop at each step; once per epoch costs a
    fraction, and the mean hardly moves within one. A video in which nothing is detected keeps its
    place with no segment.
    """
    if not params.ema_labels or epoch <= params.ema_from:
        return videos
    with seeded(0):  # for the determinism alone: nothing is drawn
        found = dict(detect(average, [video.feat_TD for video in videos], params))
    labelled = []
    for i, video in enumerate(videos):
        kept = choose_labels(found[i], video.label_C.numpy(), params.ema_min_score)
        labelled.append(
            replace(
                video,
                seg_N2=torch.from_numpy(kept.seg_N2).float(),
                class_N=torch.from_numpy(kept.class_N).long(),
            )
        )
    return labelled


def _run_epoch(
    trainer: Trainer, videos: Sequence[StudentVideo], epoch: int, steps: int, seed: int
) -> Iterator[Row]:
    trainer.model.train()
    params = trainer.params
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    batches = draw_student_batches(videos, params, generator, find_device(trainer.model))
    with seeded(seed, epoch):
        for number, batch in enumerate(batches):
            done = (epoch - 1) * steps + number
            lr = scheduled_lr(params.step(), done, params.epochs * steps)
            lr *= min(1.0, (done + 1) / max(1, params.lr_warmup * steps))
            where = f"epoch {epoch}, step {number + 1}, lr {lr:g}"
            yield trainer.step(batch, lr, where)
