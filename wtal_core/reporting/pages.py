"""Templates to pages: autoescape throughout, and no request that leaves the folder.

Script and style stand in the page under their hashes, so that nothing else can run: browsers give
scripts beside a `file:` page no origin by which a policy could name them.
"""

import base64
import hashlib
import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wtal_core.reporting.names import shown


def render(template: str, script: str, data: Any = None, **values: Any) -> bytes:
    """A page of assets/`template` with assets/`script`; `data` becomes the JSON that it reads."""
    environment = _environment()
    style, code = _asset("page.css"), _asset(script)
    text = environment.get_template(template).render(
        **values,
        style=Markup(style),
        script=Markup(code),
        policy=policy(style, code),
        data=None if data is None else island(data),
    )
    return text.encode("utf-8", "backslashreplace")


def policy(style: str, script: str) -> str:
    """What a page may load: its own style and script, pictures and videos beside it."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src 'self' file: data:",
            "media-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def island(data: Any) -> Markup:
    """JSON for a script element of type application/json.

    Only `<` could end the element or open a comment in it; `&` and `>` go for good measure.
    ValueError for NaN and infinity.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def minutes(seconds: float) -> str:
    """`0:48.3`, as the player tells time."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def points(value: float | None) -> str:
    """A share in [0, 1] as points with one decimal; a dash for none."""
    return "–" if value is None else f"{100 * value:.1f}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("wtal_core.reporting", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "minutes": minutes, "points": points}
    return environment


@cache
def _asset(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
