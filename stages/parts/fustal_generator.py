"""FuSTAL's generator: built from a checkpoint's facts, and trained so that it survives a kill."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from stages.parts.features import Features
from wtal_core import pooling
from wtal_core.branches import output
from wtal_core.checkpoint import Resume, load_checkpoint, save_checkpoint
from wtal_core.errors import WtalError
from wtal_core.fustal import contrast, generator, mining
from wtal_core.fustal.contrast import make_objective
from wtal_core.fustal.generator import Generator
from wtal_core.items import code_version, work_dir
from wtal_core.losses import mil
from wtal_core.progress import report
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.tables import write_csv
from wtal_core.training import batches, loop, precision, state
from wtal_core.training import weights as branch_weights
from wtal_core.training.batches import Sample
from wtal_core.training.state import seeded
from wtal_core.training.weights import load_trainable, trainable_state

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Code that decides what a trained generator is like: a resumed run notices when it has changed.
MODULES = (
    generator, mining, contrast, mil, output, pooling, branch_weights, batches, loop, precision,
    state,
)  # fmt: skip


def train_generator(
    features: Features, params: FustalGenerateParams, seed: int, checkpoint: Path, curves: Path
) -> None:
    """Train on the I3D features of the training split, going on from a killed run."""
    meta = {
        "branch": "fustal_generator",
        "classes": list(features.labels.classes),
        "in_channels": features.i3d[0].shape[1],
        "params": asdict(params),
        "seed": seed,
    }
    with seeded(seed):
        model = build_generator(meta, params).to(DEVICE)
    rows = zip(features.names, features.i3d, features.label_NC, strict=True)
    samples = [Sample(name, feat_TD, label_C) for name, feat_TD, label_C in rows]
    inputs = {
        "code": code_version(*MODULES, packages=("torch",)),
        "start": state.fingerprint(model, samples),
        # Two runs may train the same thing at the same time, each in a folder of its own.
        "place": str(checkpoint.absolute()),
        "meta": meta,
    }
    kept = Resume(work_dir("fustal_generate", inputs))
    table = loop.train(
        model,
        make_objective(params),
        samples,
        params.step(),
        seed,
        on_epoch=kept.save,
        resume=kept.load(),
        follow=report,
        title="fustal_generate",
    )
    save_checkpoint(checkpoint, trainable_state(model), meta)
    write_csv(curves, list(table[0]), [list(row.values()) for row in table])
    kept.clear()


def build_generator(meta: Mapping[str, Any], params: FustalGenerateParams) -> Generator:
    """The network that a checkpoint's facts describe, untrained."""
    return Generator(meta["in_channels"], len(meta["classes"]), params)


def restore_generator(checkpoint: Path) -> tuple[Generator, FustalGenerateParams]:
    """The generator of a checkpoint folder, as it was trained; WtalError unless it holds one."""
    tensors, meta = load_checkpoint(checkpoint)
    if meta.get("branch") != "fustal_generator":
        raise WtalError(
            f"{checkpoint}: holds {meta.get('branch')!r} and no generator of FuSTAL; "
            "run the stage fustal_generate again"
        )
    params = FustalGenerateParams(**meta["params"])
    model = build_generator(meta, params)
    load_trainable(model, tensors)
    return model.to(DEVICE), params
