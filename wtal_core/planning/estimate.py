"""From work and rates to what each stage of the pipeline will cost; no file is touched here."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtal_core.planning.rates import EncoderRates, Rates, StepCost, VideoRates
from wtal_core.planning.workload import MethodWork, StepWork, VideoWork, spread, stored_rows

ROW_BYTES = 2  # features are float16
SCORE_BYTES = 3 * 4  # a snippet and class in scores/: cbp, vlp, final, float32
PSEUDO_BYTES = 1 + 4  # a snippet and class of pseudo-labels: int8 label, float32 score
SEGMENT_BYTES = 120  # a segment of predictions.json: label, score, two times, brackets
RESUMED = 3  # states of a run on the disk at a time: two kept and one being written
STATE_SHARE = 3  # weights and two moments of Adam, in checkpoints


@dataclass(frozen=True)
class Cost:
    """What a stage takes: time, results, what the item cache keeps, memory at the peak."""

    stage: str
    seconds: float = 0.0
    out_bytes: float = 0.0
    item_bytes: float = 0.0
    scratch_bytes: float = 0.0  # gone when the stage ends
    memory: float | None = None  # bytes of all its processes; None: nobody knows
    note: str = ""


@dataclass(frozen=True)
class Run:
    """How the pipeline is set: workers, rounds, training."""

    workers: int
    rounds: dict[str, str]  # round: the one it starts from
    warm_up: StepWork
    b_step: StepWork
    f_step: StepWork
    max_per_video: int  # segments kept of a test video
    pictures: int
    needs_clip: bool = False  # does CBP see CLIP's features, too
    copies: int = 3  # of a result that DVC makes: its cache's and the one it puts back


class Estimator:
    """Costs of the stages under one set of rates."""

    def __init__(self, rates: Rates, run: Run) -> None:
        self.rates, self.run = rates, run

    def frames(self, videos: Sequence[VideoWork]) -> Cost:
        """Decoding, resizing, storing."""
        rates, machine = self._video, self.rates.machine
        each = [
            v.source_frames * v.source_px * rates.decode_s_px
            + v.frames * v.px * rates.store_s_px
            + v.bytes * machine.sha256_s_byte
            for v in videos
        ]
        size = sum(v.frames * v.px for v in videos) * rates.frame_bytes_px
        return self._pooled("frames", each, size, size, rates.memory, torch=False)

    def flow(self, videos: Sequence[VideoWork]) -> Cost:
        """A field for each pair of stored frames."""
        rates, machine = self._video, self.rates.machine
        read = rates.frame_bytes_px * machine.sha256_s_byte
        each = [v.px * (v.fields * rates.flow_s_px + v.frames * read) for v in videos]
        size = sum(v.fields * v.px for v in videos) * rates.flow_bytes_px
        return self._pooled("flow", each, size, size, rates.memory, torch=False)

    def features_i3d(self, videos: Sequence[VideoWork], columns: int) -> Cost:
        """Both streams, each a job of its own."""
        rates, video, machine = self._encoders, self._video, self.rates.machine
        each: list[float] = []
        for v in videos:
            stored = v.px * v.frames * (video.frame_bytes_px + video.flow_bytes_px)
            hashing = stored * machine.sha256_s_byte / 2  # either stream finds half of it known
            each += [v.snippets * s + hashing for s in (rates.i3d_rgb_s, rates.i3d_flow_s)]
        return self._pooled("features_i3d", each, *_rows(videos, columns), rates.i3d_memory)

    def features_clip(self, videos: Sequence[VideoWork], columns: int) -> Cost:
        """One frame a snippet."""
        rates, machine = self._encoders, self.rates.machine
        read = self._video.frame_bytes_px * machine.sha256_s_byte
        each = [v.snippets * rates.clip_s + v.px * v.frames * read for v in videos]
        return self._pooled("features_clip", each, *_rows(videos, columns), rates.clip_memory)

    def passed_on(self, stage: str, rows: int, columns: int) -> Cost:
        """Imported features: hashed and given a second name."""
        size = rows * columns * ROW_BYTES
        machine = self.rates.machine
        seconds = machine.start_torch_s + size * machine.sha256_s_byte + self._saving(size)
        return Cost(stage, seconds, size, note="imported")

    def method(self, work: MethodWork) -> list[Cost]:
        """Every stage from warm_up on, in the order of `dvc repro`'s last steps."""
        rounds = self.run.rounds
        found = [self._warm_up(work)]
        for name, start in rounds.items():
            found += [self._b_step(work, name, start), self._f_step(work, name)]
        for name in ("r0", *rounds):
            found += [self._infer(work, name), self._evaluate(work, name)]
        machine = self.rates.machine
        drawn = machine.start_s + self.run.pictures * machine.picture_s
        return [*found, Cost("summary", drawn, self.run.pictures * 1e5)]

    def _warm_up(self, work: MethodWork) -> Cost:
        rates = self.rates.method
        return self._training(
            "warm_up", work, self.run.warm_up, rates.warm_up, rates.cbp_bytes, rates.cbp_bytes,
            with_clip=self.run.needs_clip,
        )  # fmt: skip

    def _b_step(self, work: MethodWork, name: str, start: str) -> Cost:
        rates, seen = self.rates.method, sum(work.train)
        scoring = rates.score_cbp_s + (rates.score_vlp_s if start != "r0" else 0.0)
        out = rates.vlp_bytes + stored_rows(work.train) * work.classes * PSEUDO_BYTES
        return self._training(
            f"b_step@{name}", work, self.run.b_step, rates.b_step, rates.vlp_bytes, out,
            extra_s=rates.text_s + seen * scoring,
        )  # fmt: skip

    def _f_step(self, work: MethodWork, name: str) -> Cost:
        rates, seen = self.rates.method, sum(work.train)
        out = rates.cbp_bytes + stored_rows(work.train) * work.classes * PSEUDO_BYTES
        return self._training(
            f"f_step@{name}", work, self.run.f_step, rates.f_step, rates.cbp_bytes, out,
            extra_s=rates.text_s + seen * (rates.score_cbp_s + rates.score_vlp_s),
        )  # fmt: skip

    def _infer(self, work: MethodWork, name: str) -> Cost:
        rates, machine, seen = self.rates.method, self.rates.machine, sum(work.test)
        segments = len(work.test) * self.run.max_per_video * SEGMENT_BYTES
        out = stored_rows(work.test) * work.classes * SCORE_BYTES + segments
        read = seen * (work.i3d_columns + work.clip_columns) * ROW_BYTES
        seconds = (
            machine.start_torch_s
            + rates.text_s
            + read * machine.sha256_s_byte
            + seen * (rates.score_cbp_s + rates.score_vlp_s)
            + len(work.test) * rates.localize_s
            + self._saving(out)
        )
        return Cost(_of_round("infer", name), seconds, out)

    def _evaluate(self, work: MethodWork, name: str) -> Cost:
        measuring = len(work.test) * self.rates.method.evaluate_s
        seconds = self.rates.machine.start_evaluate_s + measuring
        return Cost(_of_round("evaluate", name), seconds, 20e3)

    def _training(
        self,
        stage: str,
        work: MethodWork,
        steps: StepWork,
        cost: StepCost,
        branch_bytes: int,
        out: float,
        *,
        extra_s: float = 0.0,
        with_clip: bool = True,
    ) -> Cost:
        machine, state = self.rates.machine, STATE_SHARE * branch_bytes
        columns = work.i3d_columns + (work.clip_columns if with_clip else 0)
        read = sum(work.train) * columns * ROW_BYTES
        kept_s = steps.epochs * state * (machine.sha256_s_byte + machine.write_s_byte)
        seconds = (
            machine.start_torch_s
            + extra_s
            + read * machine.sha256_s_byte
            + steps.steps * cost.seconds(steps.mean)
            + kept_s
            + self._saving(out)
        )
        memory = None
        if cost.memory is not None:
            memory = machine.start_torch_bytes + read + cost.memory(steps.largest)
        return Cost(stage, seconds, out, scratch_bytes=RESUMED * state, memory=memory)

    def _pooled(
        self,
        stage: str,
        each_s: Sequence[float],
        out: float,
        items: float,
        memory: int | None,
        torch: bool = True,
    ) -> Cost:
        """A stage whose workers start after it and take the videos one by one."""
        machine, workers = self.rates.machine, min(self.run.workers, max(1, len(each_s)))
        start_s = machine.start_torch_s if torch else machine.start_s
        base = machine.start_torch_bytes if torch else machine.start_bytes
        seconds = 2 * start_s + spread(each_s, workers) + self._saving(out)
        most = None if memory is None else base + workers * (base + memory)
        return Cost(stage, seconds, out, items, memory=most)

    def _saving(self, size: float) -> float:
        """Seconds that DVC takes to hash a result and to copy it."""
        machine = self.rates.machine
        return size * (machine.md5_s_byte + (self.run.copies - 1) * machine.write_s_byte)

    @property
    def _video(self) -> VideoRates:
        if self.rates.video is None:
            raise ValueError("this data set's videos were not measured")
        return self.rates.video

    @property
    def _encoders(self) -> EncoderRates:
        if self.rates.encoders is None:
            raise ValueError("the encoders were not measured")
        return self.rates.encoders


def _rows(videos: Sequence[VideoWork], columns: int) -> tuple[float, float]:
    """Bytes of features in the stores of all subsets, and of the items that they are made of."""
    subsets = {video.subset for video in videos}
    stored = sum(stored_rows(v.snippets for v in videos if v.subset == name) for name in subsets)
    width = columns * ROW_BYTES
    return stored * width, sum(video.snippets for video in videos) * width


def _of_round(stage: str, name: str) -> str:
    """The names of dvc.yaml: `infer_r0`, `infer@r1`."""
    return f"{stage}_r0" if name == "r0" else f"{stage}@{name}"
