"""Pre-training that survives a kill: finished epochs are kept outside DVC's outs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from wtal_core.checkpoint import Resume, save_checkpoint
from wtal_core.items import code_version, hash_file, work_dir
from wtal_core.progress import report
from wtal_core.schema.encoders import ClipPretrainParams, I3dPretrainParams
from wtal_core.synthetic import augment, pretrain_epochs
from wtal_core.synthetic.pretrain_epochs import Watch

MODULES = (augment, pretrain_epochs)


def pretrain_and_save(
    pretrain: Callable[[Watch], tuple[dict[str, Tensor], dict[str, Any]]],
    sources: Sequence[Path],
    params: I3dPretrainParams | ClipPretrainParams,
    seed: int,
    *,
    modules: Sequence[ModuleType],
    packages: Sequence[str],
    title: str,
    checkpoint: Path,
    meta: Mapping[str, Any],
) -> None:
    """Write the weights that `pretrain` makes, going on from a killed run with the same inputs.

    `sources` are the files that it learns from; with `params`, `seed`, `modules` (besides MODULES)
    and `packages` they decide the weights. A kill costs one epoch, or a tenth of them.
    """
    inputs = {
        "code": code_version(*MODULES, *modules, packages=packages),
        "sources": [hash_file(path) for path in sources],
        "params": asdict(params),
        "seed": seed,
        # Two runs may train the same thing at the same time, each in a folder of its own.
        "place": str(checkpoint.absolute()),
        "meta": dict(meta),
    }
    kept = Resume(work_dir(title.split("@")[0], inputs))
    # Not each of CLIP's many short epochs: its state is three times its vocabulary's size.
    every = max(1, params.epochs // 10)

    def keep(epoch: int, *state: Any) -> None:
        if epoch % every == 0:
            kept.save(epoch, *state)

    tensors, record = pretrain(Watch(title, keep, kept.load(), report))
    save_checkpoint(checkpoint, tensors, {**meta, **record})
    kept.clear()
