"""Both of FuSTAL's models on the least there can be: one snippet, one class, one video."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from wtal_core.fustal.contrast import make_objective
from wtal_core.fustal.generator import Generator, score_video
from wtal_core.fustal.student.decode import detect
from wtal_core.fustal.student.network import Student
from wtal_core.fustal.student.samples import StudentVideo
from wtal_core.fustal.student.training import train_student
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.schema.student import StudentParams
from wtal_core.training.batches import Sample, collate

GENERATOR = FustalGenerateParams(width=6, dropout=0.0)
STUDENT = StudentParams(
    width=8, heads=2, embed=1, stem=1, levels=2, epochs=3, ema_from=1, batch=2, min_score=0.0
)


@pytest.mark.parametrize(("videos", "snippets", "classes"), [(1, 1, 1), (1, 7, 1), (3, 1, 2)])
def test_the_generator(videos: int, snippets: int, classes: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Generator(5, classes, GENERATOR)
        feat_VTD = torch.randn(videos, snippets, 5)
        label_C = torch.eye(classes)[0]
        batch = collate([Sample(f"v{n}", feat_TD, label_C) for n, feat_TD in enumerate(feat_VTD)])
        output = model(batch.feat_BTD, batch.mask_BT)
        generator = torch.Generator().manual_seed(0)
        total, terms = make_objective(GENERATOR)(output, batch, generator)
        total.backward()
    assert set(terms) == {"cls", "within", "cross"}
    grads = [p.grad for p in model.parameters()]
    assert all(grad is not None and bool(grad.isfinite().all()) for grad in grads)
    scores = score_video(model, feat_VTD[0], 5)
    assert scores.cas_TC.shape == (snippets, classes)
    assert scores.video_C.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("head", ["trident", "actionformer"])
@pytest.mark.parametrize("classes", [1, 3])
def test_the_student(head: Any, classes: int) -> None:
    """A snippet that is all action, and a longer video without any segment, beside each other."""
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        label_C = torch.eye(classes)[0]
        seg_N2, class_N = torch.tensor([[-0.5, 0.5]]), torch.tensor([0])
        videos = [
            StudentVideo("one", torch.randn(1, 5), label_C, seg_N2, class_N),
            StudentVideo("more", torch.randn(6, 5), label_C, seg_N2[:0], class_N[:0]),
        ]
        params = replace(STUDENT, head=head)
        average, rows = train_student(Student(5, classes, params), videos, params, seed=0)
        alone, _ = train_student(Student(5, classes, params), videos[:1], params, seed=0)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for model in (average, alone):
        for i, found in detect(model, [video.feat_TD for video in videos], params):
            assert (found.score_N > 0).all()
            assert (found.seg_N2 >= -0.5).all()
            assert (found.seg_N2 <= len(videos[i].feat_TD) - 0.5).all()
            assert (found.seg_N2[:, 0] < found.seg_N2[:, 1]).all()
