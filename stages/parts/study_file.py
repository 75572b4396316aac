"""What a study compares, read."""

from pathlib import Path

from wtal_core.params import load_yaml
from wtal_core.schema.strict import build
from wtal_core.schema.study import StudyParams


def read_study(path: Path) -> StudyParams:
    """study.yaml; raises ParamsError naming the key that is wrong."""
    return build(StudyParams, load_yaml(path), str(path))
