"""FuSTAL's student: built from a checkpoint's facts, and trained so that it survives a kill."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.parts.features import Features
from wtal_core import pooling
from wtal_core.branches import cbp, transformer
from wtal_core.checkpoint import Resume, load_checkpoint, save_checkpoint
from wtal_core.errors import WtalError
from wtal_core.fustal import ema
from wtal_core.fustal.student import (
    assignment,
    decode,
    heads,
    losses,
    network,
    points,
    samples,
    training,
)
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.samples import StudentVideo
from wtal_core.fustal.student.training import train_student
from wtal_core.items import code_version, work_dir
from wtal_core.localize import nms
from wtal_core.losses import mil
from wtal_core.progress import report
from wtal_core.schema.student import StudentParams
from wtal_core.segments import Segments
from wtal_core.tables import write_csv
from wtal_core.training import batches, loop, state
from wtal_core.training import weights as branch_weights
from wtal_core.training.batches import Sample
from wtal_core.training.state import seeded
from wtal_core.training.weights import load_trainable, trainable_state

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Code that decides what a trained student is like: a resumed run notices when it has changed.
MODULES = (
    assignment, decode, heads, losses, network, points, samples, training, ema, cbp, transformer,
    mil, pooling, nms, batches, loop, state, branch_weights,
)  # fmt: skip


def train_and_save(
    features: Features,
    pseudo: Segments,
    params: StudentParams,
    seed: int,
    checkpoint: Path,
    curves: Path,
) -> None:
    """Train on the I3D features and the pseudo-segments, going on from a killed run.

    What is written are the mean weights, which is what detects.
    """
    meta = {
        "branch": "fustal_student",
        "classes": list(features.labels.classes),
        "in_channels": features.i3d[0].shape[1],
        "params": asdict(params),
        "seed": seed,
    }
    with seeded(seed):
        model = build_student(meta, params).to(DEVICE)
    videos = list(join_segments(features, pseudo))
    plain = [Sample(video.name, video.feat_TD, video.label_C) for video in videos]
    inputs = {
        "code": code_version(*MODULES, packages=("torch",)),
        "start": state.fingerprint(model, plain),
        "segments": [[video.seg_N2.tolist(), video.class_N.tolist()] for video in videos],
        # Two runs may train the same thing at the same time, each in a folder of its own.
        "place": str(checkpoint.absolute()),
        "meta": meta,
    }
    kept = Resume(work_dir("fustal_student", inputs))
    average, table = train_student(
        model,
        videos,
        params,
        seed,
        on_epoch=kept.save,
        resume=kept.load(),
        follow=report,
        title="fustal_student",
    )
    save_checkpoint(checkpoint, trainable_state(average), meta)
    write_csv(curves, list(table[0]), [list(row.values()) for row in table])
    kept.clear()


def join_segments(features: Features, pseudo: Segments) -> Iterator[StudentVideo]:
    """Each video with its segments, whose seconds become places on the snippet grid."""
    column = {name: c for c, name in enumerate(features.labels.classes)}
    for name, feat_TD, label_C in zip(features.names, features.i3d, features.label_NC, strict=True):
        one = pseudo.take(pseudo.video == name)
        seg_N2: np.ndarray = features.grid.index(one.seg_N2)
        yield StudentVideo(
            name,
            feat_TD,
            label_C,
            torch.from_numpy(seg_N2).float(),
            torch.tensor([column[label] for label in one.label.tolist()], dtype=torch.long),
        )


def build_student(meta: Mapping[str, Any], params: StudentParams) -> Student:
    """The network that a checkpoint's facts describe, untrained."""
    return Student(meta["in_channels"], len(meta["classes"]), params)


def restore_student(checkpoint: Path) -> Student:
    """The student of a checkpoint folder, as it was trained; WtalError unless it holds one."""
    tensors, meta = load_checkpoint(checkpoint)
    if meta.get("branch") != "fustal_student":
        raise WtalError(
            f"{checkpoint}: holds {meta.get('branch')!r} and no student of FuSTAL; "
            "run the stage fustal_student again"
        )
    model = build_student(meta, StudentParams(**meta["params"]))
    load_trainable(model, tensors)
    return model.to(DEVICE)
