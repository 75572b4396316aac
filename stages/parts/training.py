"""Training that survives a kill: finished epochs are kept outside DVC's outs."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from stages.parts import cbp_branches
from wtal_core import pooling
from wtal_core.branches import output, transformer, vlp
from wtal_core.checkpoint import Resume, load_checkpoint, save_checkpoint
from wtal_core.items import code_version, work_dir
from wtal_core.losses import contrastive, distillation, mil, total
from wtal_core.progress import report
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.tables import write_csv
from wtal_core.training import batches, loop, precision, state
from wtal_core.training import weights as branch_weights
from wtal_core.training.batches import Sample
from wtal_core.training.loop import OwnLoss
from wtal_core.training.weights import trainable_state

log = logging.getLogger(__name__)

MODULES = (
    *cbp_branches.MODULES, output, transformer, vlp, branch_weights,
    contrastive, distillation, mil, total, pooling,
    batches, loop, precision, state,
)  # fmt: skip


def train_and_save(
    model: nn.Module,
    samples: list[Sample],
    step: StepParams,
    loss: LossParams,
    weights: Mapping[str, float],
    seed: int,
    *,
    title: str,
    checkpoint: Path,
    curves: Path,
    meta: Mapping[str, Any],
    before: Path | None = None,
    own: OwnLoss | None = None,
) -> None:
    """Train `model`, going on from a killed run with the same inputs; write weights and curve.

    A step of no epochs copies the checkpoint `before` and writes a curve without rows. `own` is the
    branch's own video-level loss, in the place of Eq. (1).
    """
    if before is not None and step.epochs == 0:
        log.info("%s: skipped, epochs is 0; %s is a copy of %s", title, checkpoint, before)
        save_checkpoint(checkpoint, *load_checkpoint(before))
        write_csv(curves, loop.name_columns(weights), [])
        return
    inputs = {
        "code": code_version(*MODULES, packages=("torch",)),
        "start": state.fingerprint(model, samples),
        "step": asdict(step),
        "loss": asdict(loss),
        "weights": dict(weights),
        "seed": seed,
        # Two runs may train the same thing at the same time, each in a folder of its own.
        "place": str(checkpoint.absolute()),
        "meta": dict(meta),  # names the branch and its parameters
    }
    kept = Resume(work_dir(title.split("@")[0], inputs))
    rows = loop.train(
        model,
        loop.make_objective(loss, **weights, own=own),
        samples,
        step,
        seed,
        on_epoch=kept.save,
        resume=kept.load(),
        follow=report,
        title=title,
    )
    facts = {"precision": step.precision, "distilled": weights["kd"] > 0}
    save_checkpoint(checkpoint, trainable_state(model), {**meta, **facts})
    write_csv(curves, list(rows[0]), [list(row.values()) for row in rows])
    kept.clear()
