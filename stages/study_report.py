"""Stage study_report: a study's tables and plots as a page for people.

In: study.yaml, results/<data set>/{metrics,differences}.csv. Out: docs/<data set>.md and the
pictures that it shows, docs/<data set>/*.png.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.study_file import read_study
from stages.parts.study_results import read_results
from wtal_core.atomic import fresh_file, fresh_folder
from wtal_core.params import read_facts
from wtal_core.schema.dataset import DatasetParams
from wtal_core.study.plots import draw_all
from wtal_core.study.report import write_page


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path | None, typer.Option(help="what to compare [DATA/study.yaml]")] = None,
    results: Annotated[Path, typer.Option(help="folder with <data set>/")] = Path("results"),
    docs: Annotated[Path, typer.Option(help="folder that gets <data set>.md")] = Path("docs"),
) -> None:
    """Write what the study found."""
    asked = read_study(study or data / "study.yaml")
    facts = read_facts(data / "dataset.yaml", "dataset", DatasetParams)
    found = read_results(results / data.name, asked)
    pictures = draw_all(asked, found, "synthetic world" if facts.synthetic else facts.name)
    with fresh_folder(docs / data.name) as fresh:
        for name, content in pictures.items():
            (fresh / name).write_bytes(content)
    with fresh_file(docs / f"{data.name}.md") as fresh:
        page = write_page(asked, found, data.name, facts.synthetic, list(pictures))
        fresh.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    launch(main)
