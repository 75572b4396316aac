"""`wtal weights`: the encoders' weights that other people trained."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from wtal_core.errors import WtalError
from wtal_core.weights.fetch import fetch_entry, file_of, take_entry, verify_entry
from wtal_core.weights.registry import Entry, find_entry, read_registry, weights_folder
from wtal_core.weights.verify import TRUSTED, Verdict

app = typer.Typer(no_args_is_help=True, help="Fetch and check the encoders' published weights.")
Folder = Annotated[
    Path | None,
    typer.Option(help="where downloads lie [$WTAL_WEIGHTS, else ~/.cache/wtal/weights]"),
]
BELIEVED = {
    "sha256": "has the SHA-256 of the registry",
    "git blob": "is what the repository's tree names (git blob); no SHA-256 was known",
    "given": "has the SHA-256 that you gave",
    "recorded": "is the same as at its first use; no hash is known, so that first one was trusted",
    "first use": "could not be verified: no hash is known. It is trusted now and recorded",
}


@app.command("list")
def list_(weights_dir: Folder = None) -> None:
    """What there is, whose it is, and whether it is here."""
    folder = weights_folder(weights_dir)
    print(f"downloads lie in {folder}")
    for entry in read_registry().values():
        here = all(file_of(folder, entry, file).is_file() for file in entry.files)
        print(f"\n{entry.name}: becomes {entry.target}; {'here' if here else 'not here'}")
        print(f"  {entry.what}; layout {entry.layout}")
        print(f"  licence: {entry.licence}; {entry.home}")
        for file in entry.files:
            size = f"{file.bytes / 1e6:.1f} MB" if file.bytes else "size not known"
            print(f"  {file.name}: {size}, {file.expected}\n    {file.url}")
    print(
        "\nSHA-256 as others published them, git blobs as the repositories' trees name them; nobody"
        f" in this project has had the files. A file's hash at its first use stands in {TRUSTED}."
    )


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="i3d_rgb, i3d_flow, clip; see `list`")],
    into: Annotated[
        Path | None, typer.Option(help="convert for a data set: data/NAME/encoders")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="take this file (or folder), not the network")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="of the file that --from names; you vouch for it")
    ] = None,
    weights_dir: Folder = None,
) -> None:
    """Download the weights NAMES, or take them from a file, check them, and with --into make a
    data set's checkpoints of them. What is here already is checked and not fetched again.
    """
    folder = weights_folder(weights_dir)
    if from_ is not None and len(names) > 1:
        raise typer.BadParameter("--from goes with one name")
    if sha256 is not None and from_ is None:
        raise typer.BadParameter("--sha256 goes with --from")
    for entry in [find_entry(name) for name in names]:
        if from_ is not None:
            verdicts = take_entry(folder, entry, from_, sha256)
        else:
            verdicts = fetch_entry(folder, entry, watch)
        print_verdicts(folder, entry, verdicts)
        if into is not None:
            print(f"{convert(folder, entry, verdicts, into)}: written")


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="those that are here, if none")] = None,
    encoders: Annotated[
        Path | None, typer.Option(help="check these checkpoints, too: data/NAME/encoders")
    ] = None,
    weights_dir: Folder = None,
) -> None:
    """Check files that are here against the registry and the record of their first use. Exit code
    2: one is wrong, or one that was asked for is absent.
    """
    folder = weights_folder(weights_dir)
    entries = [find_entry(name) for name in names or read_registry()]
    for entry in entries:
        verdicts = verify_entry(folder, entry)
        if verdicts is not None:
            print_verdicts(folder, entry, verdicts)
        elif names:
            raise WtalError(f"{folder / entry.name}: absent; `wtal weights fetch {entry.name}`")
        else:
            print(f"{entry.name}: not here")
    if encoders is not None:
        for line in check_encoders(encoders):
            print(line)


def convert(folder: Path, entry: Entry, verdicts: dict[str, Verdict], into: Path) -> Path:
    """Make the checkpoint of verified files; torch takes a second to load, so only here."""
    if (into / "dataset.yaml").is_file():
        into /= "encoders"  # they named the data set itself
    from wtal_core.weights.convert import convert_entry

    files = {file.name: file_of(folder, entry, file) for file in entry.files}
    sha256 = {name: verdict.sha256 for name, verdict in verdicts.items()}
    return convert_entry(entry, files, sha256, into)


def check_encoders(encoders: Path) -> list[str]:
    """Read every checkpoint in a folder; WtalError for one that is not whole."""
    from wtal_core.checkpoint import META, load_checkpoint

    lines = []
    for meta_file in sorted(encoders.glob(f"*/{META}")):
        tensors, meta = load_checkpoint(meta_file.parent)
        source = meta.get("source", {}).get("name", "no source recorded: trained here")
        lines.append(f"{meta_file.parent}: whole, {len(tensors)} tensors; {source}")
    if not lines:
        raise WtalError(f"{encoders}: no checkpoints in it")
    return lines


def print_verdicts(folder: Path, entry: Entry, verdicts: dict[str, Verdict]) -> None:
    """One line for each file: where it is, what it hashes to and why that is believed."""
    for name, verdict in verdicts.items():
        print(f"{folder / entry.name / name}: {BELIEVED[verdict.how]} (sha256 {verdict.sha256})")


def watch(name: str, done: int, total: int | None) -> None:
    """A line that counts megabytes, on a terminal only."""
    if sys.stderr.isatty():
        whole = f" of {total / 1e6:.0f}" if total else ""
        end = "\n" if done == total else ""
        print(f"\r{name}: {done / 1e6:.0f}{whole} MB", end=end, file=sys.stderr, flush=True)
