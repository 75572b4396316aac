"""Other people's names on a terminal: as text, with no power over it."""


def plain(text: str) -> str:
    """`text` with every sign that does not show itself written out, line ends apart.

    Escape sequences would move the cursor, and a right-to-left override would turn a name round.
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )
