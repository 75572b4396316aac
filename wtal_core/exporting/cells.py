"""Text in the cells of a CSV file that people open in a spreadsheet."""

RISKY = ("=", "+", "-", "@", "\t", "\r", "'")


def guard(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula.

    `unguard` gives the text back, whatever it is.
    """
    return f"'{text}" if text.startswith(RISKY) else text


def unguard(text: str) -> str:
    """What `guard` was given; other texts stay as they are."""
    return text[1:] if text.startswith("'") and text[1:].startswith(RISKY) else text
