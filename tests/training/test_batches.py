"""Crops, padding, buckets, epochs."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wtal_core.training.batches import (
    Sample,
    collate,
    count_steps,
    crop_sample,
    draw_batches,
    draw_buckets,
)


def sample(name: str, length: int, labelled: bool = True) -> Sample:
    """Row t holds t, in the feature as in the pseudo-label."""
    column_T1 = torch.arange(length)[:, None]
    target_TC = column_T1.repeat(1, 3).to(torch.int8)
    return Sample(
        name,
        column_T1.repeat(1, 5).half(),
        torch.tensor([1.0, 0.0, 1.0]),
        target_TC if labelled else None,
        target_TC.float() if labelled else None,
    )


def test_crop_is_a_run_and_its_labels_go_along() -> None:
    generator = torch.Generator().manual_seed(0)
    starts = set()
    for _ in range(40):
        part = crop_sample(sample("a", 9), 6, generator)
        first = int(part.feat_TD[0, 0])
        starts.add(first)
        assert part.feat_TD[:, 0].tolist() == list(range(first, first + 6))
        assert part.target_TC is not None
        assert part.target_TC[:, 2].tolist() == part.feat_TD[:, 0].tolist()
    assert starts == {0, 1, 2, 3}


def test_a_short_video_stays_whole() -> None:
    one = sample("a", 6)
    assert crop_sample(one, 6, torch.Generator()) is one


def test_collate_pads() -> None:
    batch = collate([sample("a", 2), sample("b", 4)])
    assert batch.names == ("a", "b")
    assert batch.feat_BTD.shape == (2, 4, 5)
    assert batch.feat_BTD.dtype == torch.float32
    assert batch.mask_BT.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.target_BTC is not None
    assert batch.target_BTC[0, :, 1].tolist() == [0, 1, -1, -1]  # padding is uncertain
    assert batch.target_BTC.dtype == torch.int8
    assert batch.weight_BTC is not None
    assert batch.weight_BTC[0, :, 1].tolist() == [0, 1, 0, 0]


def test_pseudo_labels_for_all_or_none() -> None:
    assert collate([sample("a", 2, False)]).target_BTC is None
    with pytest.raises(ValueError, match="1 of 2 samples have no pseudo-labels"):
        collate([sample("a", 2), sample("b", 2, False)])


def test_dtypes_are_not_mixed() -> None:
    """Padding would silently cast to the first one."""
    other = Sample("b", torch.zeros(2, 5), torch.ones(3))
    with pytest.raises(ValueError, match="several dtypes"):
        collate([sample("a", 2, False), other])


def padding(lengths: Sequence[int], buckets: Sequence[Sequence[int]]) -> float:
    """Share of the rows of padded batches that hold no snippet."""
    rows = sum(len(one) * max(lengths[i] for i in one) for one in buckets)
    return 1 - sum(lengths) / rows


@given(st.lists(st.integers(1, 99), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 99))
def test_a_pass_takes_every_video_once(lengths: list[int], batch: int, seed: int) -> None:
    buckets = draw_buckets(lengths, batch, torch.Generator().manual_seed(seed))
    assert sorted(i for one in buckets for i in one) == list(range(len(lengths)))
    rest = len(lengths) % batch
    sizes = [batch] * (len(lengths) // batch) + [rest] * (rest > 0)
    assert sorted(map(len, buckets)) == sorted(sizes)
    assert buckets == draw_buckets(lengths, batch, torch.Generator().manual_seed(seed))


@given(st.integers(1, 12), st.integers(0, 99))
def test_one_batch_is_a_random_order(videos: int, seed: int) -> None:
    """Nothing else is drawn, so crops and losses see the generator as without buckets."""
    generator, plain = (torch.Generator().manual_seed(seed) for _ in range(2))
    found = draw_buckets(list(range(1, videos + 1)), 12, generator)
    assert found == [torch.randperm(videos, generator=plain).tolist()]
    assert torch.equal(generator.get_state(), plain.get_state())


@pytest.mark.parametrize("reverse", [False, True])
def test_buckets_halve_the_padding_whatever_the_order(reverse: bool) -> None:
    """Lengths as in THUMOS14: median 240, 95 % below 1090, cropped to 1000."""
    at_N = (torch.arange(200) + 0.5) / 200
    length_N = 240 * (0.92 * torch.special.ndtri(at_N)).exp()
    lengths = sorted(length_N.clamp(max=1000).int().tolist(), reverse=reverse)
    generator = torch.Generator().manual_seed(5)
    before = [padding(lengths, torch.randperm(200).split(64)) for _ in range(10)]
    after = [padding(lengths, draw_buckets(lengths, 64, generator)) for _ in range(10)]
    assert min(before) > 0.6
    assert max(after) < 0.45


def test_videos_of_one_length_meet_by_chance() -> None:
    generator = torch.Generator().manual_seed(2)
    met = {
        (i, j)
        for _ in range(60)
        for one in draw_buckets([7] * 8, 2, generator)
        for i, j in [sorted(one)]
    }
    assert len(met) == 8 * 7 / 2


def test_the_smaller_batch_and_the_order_are_chosen_anew_each_pass() -> None:
    """Lengths so far apart that noise never swaps two of them."""
    lengths = [1, 10, 100, 1000, 10_000]
    generator = torch.Generator().manual_seed(3)
    passes = [draw_buckets(lengths, 2, generator) for _ in range(40)]
    assert {one[0] for found in passes for one in found if len(one) == 1} == {0, 2, 4}
    assert {max(found[0]) for found in passes} == {0, 1, 2, 3, 4}


def test_literal_and_repeated_epochs() -> None:
    """THUMOS14: 200 videos in batches of 64 are 4 steps; 40 epochs and 10 of warm-up, 200."""
    assert count_steps(200, 64, 1) == 4
    assert (10 + 20 + 20) * count_steps(200, 64, 1) == 200
    assert count_steps(200, 64, 50) == 52  # 13 whole passes


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 25))
def test_an_epoch_is_whole_passes(videos: int, batch: int, min_steps: int) -> None:
    samples = [sample(str(i), 1) for i in range(videos)]
    drawn = list(draw_batches(samples, batch, 4, min_steps, torch.Generator().manual_seed(1)))
    assert len(drawn) == count_steps(videos, batch, min_steps) >= min_steps
    names = [name for one in drawn for name in one.names]
    passes = len(names) // videos
    assert len(names) == passes * videos
    for p in range(passes):
        assert sorted(names[p * videos : (p + 1) * videos]) == sorted(s.name for s in samples)


def test_passes_come_in_another_order() -> None:
    samples = [sample(str(i), 1) for i in range(20)]
    drawn = list(draw_batches(samples, 20, 4, 2, torch.Generator().manual_seed(1)))
    assert drawn[0].names != drawn[1].names


@pytest.mark.parametrize("shape", [(0, 5), (5,)])
def test_a_bad_feature_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="clip7"):
        Sample("clip7", torch.zeros(shape), torch.ones(3))


def test_a_pseudo_label_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match=r"clip7: got shape \(4, 3\), expected \(5, 3\)"):
        Sample("clip7", torch.zeros(5, 2), torch.ones(3), torch.zeros(4, 3))
