"""Stage study_report: a study's tables and plots as a page for people.

In: study.yaml, results/<name>/{metrics,differences}.csv. Out: docs/<name>.md and the pictures that
it shows, docs/<name>/*.png.
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
from wtal_core.study.report import Heading, write_page


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/study")],
    study: Annotated[Path | None, typer.Option(help="what to compare [DATA/study.yaml]")] = None,
    results: Annotated[Path, typer.Option(help="folder with <name>/")] = Path("results"),
    docs: Annotated[Path, typer.Option(help="folder that gets <name>.md")] = Path("docs"),
    name: Annotated[str, typer.Option(help="of results and page [that of DATA]")] = "",
) -> None:
    """Write what the study found."""
    study, name = study or data / "study.yaml", name or data.name
    asked = read_study(study)
    facts = read_facts(data / "dataset.yaml", "dataset", DatasetParams)
    found = read_results(results / name, asked)
    pictures = draw_all(asked, found, "synthetic world" if facts.synthetic else facts.name)
    with fresh_folder(docs / name) as fresh:
        for picture, content in pictures.items():
            (fresh / picture).write_bytes(content)
    with fresh_file(docs / f"{name}.md") as fresh:
        heading = Heading(name, data.name, facts.synthetic, study.as_posix())
        page = write_page(asked, found, heading, list(pictures))
        fresh.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    launch(main)
