"""What others call the parameters of I3D: names of our state dict to theirs, by rule.

Ours are DeepMind's modules, see encoders/i3d.py: `trunk.Mixed_3b.Branch_1.Conv3d_0b_3x3` with
`conv_3d.weight` and `batch_norm.{beta,mean,variance}`. In PyTorch's own BatchNorm these are `bias`,
`running_mean` and `running_var`, and there is a `weight`, which DeepMind's network has not.
"""

_CONV = "conv_3d"
_STATISTICS = {"beta": "bias", "mean": "running_mean", "variance": "running_var", "scale": "weight"}


def piergiaj_name(key: str) -> str:
    """`Mixed_3b.b1b.bn.running_mean`: branch and place within it are one word.

    `key` may end in `batch_norm.scale`, the BatchNorm weight that we do not have.
    """
    modules, kind, leaf = _parse(key)
    if modules[0] == "Logits":
        return f"logits.conv3d.{leaf}"
    unit = modules[0]
    if len(modules) > 1:
        branch, place = _branch(modules)
        # A branch with one convolution that is no pooling branch bears no letter.
        letter = "" if branch == 0 else "ab"[place]
        unit += f".b{branch}{letter}"
    return f"{unit}.conv3d.{leaf}" if kind == _CONV else f"{unit}.bn.{_STATISTICS[leaf]}"


def hassony2_name(key: str) -> str:
    """`mixed_3b.branch_1.1.batch3d.running_mean`: lower case, places are numbers."""
    modules, kind, leaf = _parse(key)
    if modules[0] == "Logits":
        return f"conv3d_0c_1x1.conv3d.{leaf}"
    unit = modules[0].lower()
    if len(modules) > 1:
        branch, place = _branch(modules)
        unit += f".branch_{branch}" if branch == 0 else f".branch_{branch}.{place}"
    return f"{unit}.conv3d.{leaf}" if kind == _CONV else f"{unit}.batch3d.{_STATISTICS[leaf]}"


def scale_key(weight_key: str) -> str | None:
    """The key of the BatchNorm scale behind a convolution's weight; None behind the classifier."""
    if weight_key.startswith("Logits.") or not weight_key.endswith(f"{_CONV}.weight"):
        return None
    return weight_key.removesuffix(f"{_CONV}.weight") + "batch_norm.scale"


def _parse(key: str) -> tuple[list[str], str, str]:
    *modules, kind, leaf = key.removeprefix("trunk.").split(".")
    return modules, kind, leaf


def _branch(modules: list[str]) -> tuple[int, int]:
    """Number of the branch, and place of the convolution (or pool) in it."""
    branch = int(modules[1].removeprefix("Branch_"))
    # In branches 1 and 2 the 3x3 follows the 1x1, in branch 3 the 1x1 follows the pool. The name
    # of branch 2's 3x3 in Mixed_5b says 0a, so the letter cannot tell.
    place = 1 if branch == 3 or modules[2].endswith("3x3") else 0
    return branch, place
