"""Ids of videos: from path and content, so that no two collide and none changes by itself."""

import hashlib
import posixpath
import unicodedata

_SLUG_BYTES = 80  # an id becomes a file name, with suffixes


def make_id(video: str, sha256: str) -> str:
    """`matches/final (1).mp4` -> `matches-final_1-3f9c21d0a4`: readable, and a digest behind it.

    The digest is that of the path (suffix included) and of the content's hash: equal stems in two
    folders, or with two suffixes, differ. Signs that a file name or a shell could trip over become
    `_`; letters of any alphabet stay.
    """
    path = unicodedata.normalize("NFC", video)
    stem = posixpath.splitext(path)[0].replace("/", "-")
    kept = "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)
    slug = "_".join(part for part in kept.split("_") if part).strip("-_")
    while len(slug.encode()) > _SLUG_BYTES:
        slug = slug[:-1]
    whole = f"{path}\0{sha256}".encode(errors="surrogateescape")
    return f"{slug or 'video'}-{hashlib.sha256(whole).hexdigest()[:10]}"


def file_name(identity: str, video: str) -> str:
    """The name under which the video lies in the data set's folder."""
    suffix = posixpath.splitext(video)[1].lower()
    return identity + "".join(c for c in suffix if c.isascii() and (c.isalnum() or c == "."))
