"""The documents: no link leads nowhere, no command is made up, each page can be found."""

import json
import re
from pathlib import Path

import pytest
import yaml

from stages.check import FACTS
from tests import markdown
from tests.closure import ROOT
from wtal_core.annotations import read_labels
from wtal_core.params import load_yaml, read_facts

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "wtal_core" / "README.md",
    ]
)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not markdown.broken_links(page)


@pages
def test_every_command_exists(page: Path) -> None:
    found = [markdown.unknown(words) for words in markdown.commands(page.read_text("utf-8"))]
    assert not [fault for fault in found if fault]


@pages
def test_every_switch_exists(page: Path) -> None:
    assert not markdown.unknown_switches(page.read_text("utf-8"))


@pages
def test_one_title(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    assert len(re.findall(r"^# ", text, re.M)) == 1


def test_the_readme_leads_to_every_page() -> None:
    assert set(PAGES) <= markdown.reachable(ROOT / "README.md")


def test_one_sitting() -> None:
    """What a stranger reads first stays short; the rest has pages of its own."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 500
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 100


def test_a_data_set_written_by_hand(tmp_path: Path) -> None:
    """docs/data.md: its dataset.yaml has every section, its labels can be read."""
    text = (ROOT / "docs" / "data.md").read_text("utf-8")
    labels, truth = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)
    (facts,) = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    path = tmp_path / "dataset.yaml"
    path.write_text(facts, encoding="utf-8")
    demo = load_yaml(ROOT / "data" / "demo" / "dataset.yaml")
    assert set(yaml.safe_load(facts)) == set(demo)
    assert set(yaml.safe_load(facts)["method"]) == set(demo["method"])
    for section, kind in FACTS.items():
        read_facts(path, section, kind)
    (tmp_path / "labels.json").write_text(labels, encoding="utf-8")
    assert [v.id for v in read_labels(tmp_path / "labels.json").videos("test")] == ["b07"]
    assert set(json.loads(truth)["database"]) == {"b07"}


class TestLinks:
    """The checker itself, on a made-up repository."""

    @pytest.fixture
    def page(self, tmp_path: Path) -> Path:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "b.md").write_text(
            "# It's `x_y`, twice\n\n## Go on\n\n```bash\n# no heading\n```\n\n## Go on\n"
            "### A [link](a.md): yes\n[back](../a.md)\n"
        )
        (tmp_path / "lone.md").write_text("# Lone\n")
        (tmp_path / "picture.svg").write_text("<svg/>")
        return tmp_path / "a.md"

    @pytest.mark.parametrize(
        "link",
        [
            "[b](docs/b.md)", "[b](docs)", "[b](docs/b.md#go-on)", "[b](docs/b.md#go-on-1)",
            "[b](docs/b.md#its-x_y-twice)", "[b](docs/b.md#a-link-yes)", "[self](#a-page)",
            "![p](picture.svg)", '[b](docs/b.md "titled")', "[over\nlines](docs/b.md)",
            "[b](https://example.org/none.md#none)", "`[b](none.md)`", "```text\n[b](none.md)\n```",
        ],
    )  # fmt: skip
    def test_sound(self, page: Path, link: str) -> None:
        page.write_text(f"# A page\n\nSee {link} there.\n" if "```" not in link else f"{link}\n")
        assert markdown.broken_links(page, page.parent) == []

    @pytest.mark.parametrize(
        ("link", "fault"),
        [
            ("[b](docs/c.md)", "docs/c.md does not exist"),
            ("[b](b.md)", "b.md does not exist"),
            ("![p](docs/picture.svg)", "docs/picture.svg does not exist"),
            ("[![p](picture.svg)](none.md)", "none.md does not exist"),
            ("[b](docs/b.md#no-heading)", "docs/b.md#no-heading names no heading of b.md"),
            ("[b](docs/b.md#go-on-2)", "docs/b.md#go-on-2 names no heading of b.md"),
            ("[b](docs/b.md#Go-on)", "docs/b.md#Go-on names no heading of b.md"),
            ("[self](#none)", "#none names no heading of a.md"),
            ("[p](picture.svg#a)", "picture.svg#a names no heading of picture.svg"),
            ("[out](../../x.md)", "../../x.md leaves the repository"),
        ],
    )
    def test_broken(self, page: Path, link: str, fault: str) -> None:
        page.write_text(f"# A page\n\nSee {link} there.\n")
        assert markdown.broken_links(page, page.parent) == [f"a.md: {fault}"]

    def test_reachable_through_another_page(self, page: Path) -> None:
        page.write_text("[b](docs/b.md#go-on)\n")
        names = {path.name for path in markdown.reachable(page)}
        assert names == {"a.md", "b.md"}  # and not lone.md


class TestCommands:
    TEXT = """Say `wtal check NAME` or `A=1 make demo`; `wtal` alone and `wtal_core` are none.

```bash
wtal plan demo   # wtal nonsense
ls && python -m benchmarks --only \\
  flow; dvc repro
```

```text
$ make bench ONLY=flow
make nothing
```
"""

    def test_where_they_are_looked_for(self) -> None:
        assert list(markdown.commands(self.TEXT)) == [
            ["wtal", "plan", "demo"],
            ["python", "-m", "benchmarks", "--only", "flow"],
            ["make", "bench", "ONLY=flow"],
            ["wtal", "check", "NAME"],
            ["make", "demo"],
        ]

    def test_switches(self) -> None:
        text = """Say `-S loss.kd_weight=0`, `-S '+rounds.r3=r2'` or `-S '~rounds.r2'`.

```bash
dvc exp run -S dataset=x -S data/x/dataset.yaml:method.b_step.epochs=1 -S loss.kd_wait=…
dvc exp run -S data/x/dataset.yaml:method.c_step.epochs=1 -S thresholds=1 -S '~rounds.r7'
```
"""
        assert markdown.unknown_switches(text) == [
            "loss.kd_wait", "data/x/dataset.yaml:method.c_step.epochs", "rounds.r7"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "line",
        [
            "wtal --help", "wtal import thumos14|activitynet12 DIR [--videos DIR]",
            "wtal weights fetch clip --into x", "make test-all PY=python3.12",
            "python3 -m venv .venv", "python -m stages.b_step --help", "python -m benchmarks",
            "python x.py",
        ],
    )  # fmt: skip
    def test_known(self, line: str) -> None:
        assert markdown.unknown(line.split()) is None

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ("wtal plans demo", "no command plans"),
            ("wtal import coco x", "import has no coco"),
            ("wtal import thumos14|coco x", "import has no coco"),
            ("wtal plan demo --afresh --fresh", "no option --fresh"),
            ("wtal weights fetch clip [--onto x]", "no option --onto"),
            ("make demos", "the Makefile has no demos"),
            ("python -m stages.c_step data/x", "no module stages.c_step to run"),
            ("python -m nowhere.at.all", "no module nowhere.at.all to run"),
            ("python -m wtal_core", "no module wtal_core to run"),
        ],
    )
    def test_made_up(self, line: str, fault: str) -> None:
        assert markdown.unknown(line.split()) == f"{line}: {fault}"
