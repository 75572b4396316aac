"""Which videos are tested: by a rule without chance, so that a new run gives the same split."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

RULE = (
    "The tagged videos are put in the order of their content's SHA-256; from the front, one after "
    "the other becomes a test video until {wanted} of {total} are, passing over each one without "
    "which a class would keep fewer than {keep} training videos. Videos with the same content "
    "stay together."
)
KEEP = 2  # training videos that each class keeps at least


def choose_test(
    labels: Mapping[str, Collection[str]],
    sha256: Mapping[str, str],
    share: float,
    fixed_train: Sequence[Collection[str]] = (),
) -> set[str]:
    """The videos of `labels` (video -> its labels) that are tested, by `RULE`; `fixed_train` are
    the labels of videos that train anyhow. At least one video is tested where that can be.
    """
    left: Counter[str] = Counter()
    for names in (*labels.values(), *fixed_train):
        left.update(set(names))
    groups: dict[str, list[str]] = {}
    for video in labels:
        groups.setdefault(sha256[video], []).append(video)
    wanted = wanted_test(len(labels), share)
    tested: set[str] = set()
    for _, group in sorted(groups.items()):
        taken = Counter(name for video in group for name in set(labels[video]))
        fits = len(tested) + len(group) <= wanted
        if fits and all(left[name] - count >= KEEP for name, count in taken.items()):
            tested.update(group)
            left -= taken
    return tested


def wanted_test(total: int, share: float) -> int:
    """How many of `total` videos the share stands for: rounded, and one at least."""
    return max(1, round(share * total)) if share > 0 and total else 0
