"""What the synthetic world looks like: a frame shows object and pose, motion shows the rest."""

import hashlib
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from wtal_core.schema.world import WorldParams
from wtal_core.synthetic.clips import motion_vocabulary, render_clip, render_images
from wtal_core.synthetic.encode import write_video
from wtal_core.synthetic.motions import MOTIONS
from wtal_core.synthetic.render import look, render_video, sprite
from wtal_core.synthetic.world import NOUNS, class_names, plan_world

PARAMS = WorldParams(seed=5, train_videos=1, test_videos=1, size=32, images=40)


def test_every_class_looks_different() -> None:
    looks = [look(c) for c in range(24)]
    assert len(set(looks)) == 24


def test_arms_are_seen_in_one_frame() -> None:
    up, down = (sprite(*look(3), arms) for arms in (True, False))
    assert up[:20, :, 3].sum() > 1.5 * down[:20, :, 3].sum()


def test_motions_start_in_place_and_differ() -> None:
    paths = {
        name: tuple(round(v, 3) for t in (0.1, 0.25, 0.4) for v in vars(motion(t)).values())
        for name, motion in MOTIONS.items()
    }
    assert len(set(paths.values())) == len(MOTIONS)


def test_a_video_has_its_length_and_rate(tmp_path: Path) -> None:
    plan = replace(plan_world(PARAMS)[0], duration_s=2.5, fps=20.0)
    for name in ("a.mp4", "b.mp4"):
        frames = render_video(plan, PARAMS.size, PARAMS.shake, PARAMS.noise)
        write_video(tmp_path / name, frames, plan.fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        times = [float(frame.pts * stream.time_base) for frame in container.decode(stream)]  # type: ignore[operator]
    assert len(times) == 50
    np.testing.assert_allclose(np.diff(times), 1 / 20, atol=1e-6)
    first, second = (
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.mp4", "b.mp4")
    )
    assert first == second


def test_clips_follow_from_seed_and_index() -> None:
    motions = motion_vocabulary(PARAMS.classes)
    assert motions[:12] == tuple(name.removeprefix(n) for n, name in _verbs())
    clip, label = render_clip(PARAMS, 17, 5, 24)
    again, _ = render_clip(PARAMS, 17, 5, 24)
    other, _ = render_clip(replace(PARAMS, seed=6), 17, 5, 24)
    assert clip.shape == (5, 24, 24, 3)
    assert label == 17 % len(motions)
    assert (clip == again).all()
    assert (clip != other).any()


def test_captions_name_the_activity_whether_or_not_the_pose_shows_it() -> None:
    captions = [caption for _, caption in render_images(PARAMS, 24)]
    names = {name.removeprefix(noun).lower() for noun, name in _verbs()}
    active = [c for c in captions if names & set(c.split())]
    assert any("arms down" in c for c in active)
    assert any("empty" in c for c in captions)


def _verbs() -> list[tuple[str, str]]:
    return list(zip(NOUNS, class_names(PARAMS.classes), strict=False))
