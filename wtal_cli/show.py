"""Prints descriptions with rich; plain text when the output is no terminal."""

from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from wtal_cli.description import Description, Table
from wtal_cli.plain import plain


def show(description: Description, console: Console) -> None:
    """Heading, facts, tables and drawings, in this order."""
    console.print(f"[bold]{_text(description.heading)}[/bold]", highlight=False)
    if description.facts:
        grid = RichTable.grid(padding=(0, 2))
        for key, value in description.facts.items():
            grid.add_row(f"  [dim]{_text(key)}[/dim]", _text(value))
        console.print(grid, highlight=False)
    for table in description.tables:
        console.print(table.title, markup=False, highlight=False, soft_wrap=True)
        console.print(_rich(table))
    for drawing in description.drawings:
        console.print(drawing, markup=False, highlight=False, soft_wrap=True)


def _rich(table: Table) -> RichTable:
    made = RichTable()
    for i, column in enumerate(table.columns):
        # a name that is cut short cannot be looked up
        justify: Literal["left", "right"] = "left" if i == 0 else "right"
        made.add_column(_text(column), justify=justify, overflow="fold")
    for row in table.rows:
        made.add_row(*(_text(cell) for cell in row))
    return made


def _text(words: str) -> str:
    """Somebody's words, with no power over rich or the terminal."""
    return escape(plain(words))
