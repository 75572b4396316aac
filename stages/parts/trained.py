"""A trained run as its last stage left it, ready for new videos; the way in for Python programs.

from pathlib import Path
from stages.parts.trained import load_predictor

predictor = load_predictor(Path("data/demo"), "r2")
found = predictor.predict(Path("film.mp4"))
found.segments, found.duration_s, found.scores["final"]
"""

from pathlib import Path

from torch import Tensor

from stages.parts.cbp_branches import read_branch
from stages.parts.features import Features
from stages.parts.restoring import read_text, restore_cbp, restore_vlp
from wtal_core.annotations import read_labels
from wtal_core.params import read_params
from wtal_core.pool import worker_count
from wtal_core.predicting.encoding import Encoders
from wtal_core.predicting.localizing import Localizer, Predictor, fix_share
from wtal_core.predicting.settings import RunSettings, read_settings
from wtal_core.schema.branches import VlpParams
from wtal_core.schema.losses import LossParams


def load_predictor(
    data: Path, round_: str, params: Path = Path("params.yaml"), threads: int | None = None
) -> Predictor:
    """The round `round_` of the run in the data set's folder `data`.

    params: the run's params.yaml; threads: how much is worked on at once, by default $WTAL_WORKERS
    or one per core. Raises WtalError for what is missing, and says what makes it.
    """
    run = read_settings(data, round_, params)
    return Predictor(Encoders(run, threads or worker_count()), load_localizer(run))


def load_localizer(run: RunSettings) -> Localizer:
    """The branches of a run, for features that are there already."""
    facts = run.data / "dataset.yaml"
    chosen = read_branch(run.params, facts)
    loss = read_params(run.params, facts, "loss", LossParams)
    labels = read_labels(run.data / "labels.json")

    def feed(i3d_TD: Tensor, clip_TE: Tensor) -> Tensor:
        (fed,) = chosen.feed(Features(("",), [i3d_TD], [clip_TE], run.grid, labels))
        return fed

    text = read_text(run.weights["clip"], run.classes)
    vlp = read_params(run.params, facts, "vlp", VlpParams)
    return Localizer(
        run,
        restore_cbp(run.checkpoint("cbp"), chosen),
        restore_vlp(run.checkpoint("vlp"), text, vlp),
        feed,
        loss.topk_ratio,
        fix_share(run),
    )
