"""The errors that a user sees: each says which file, what is wrong with it and what to do."""

import errno


class WtalError(Exception):
    """Something the user can put right; the message names the file, the cause and the remedy."""


class ParamsError(WtalError):
    """A parameter file holds an unknown key, a wrong type or an impossible value."""


class BadVideo(WtalError):
    """One video cannot be used; the run may go on without it (`max_bad_fraction`).

    Codes: E101 cannot be opened, E102 empty or no video file, E103 no video stream,
    E104 too many broken frames, E105 the worker died on it, E106 the file ends early,
    E107 impossible timestamps, E108 no frame decodes, E109 cannot be read from disk.
    """

    def __init__(self, code: str, file: str, cause: str, remedy: str) -> None:
        super().__init__(f"{code} {file}: {cause}; {remedy}")
        self.code = code
        self.file = file
        self.cause = cause
        self.remedy = remedy

    def to_dict(self) -> dict[str, str]:
        """For a record: without the path, which differs from machine to machine."""
        return {"code": self.code, "cause": self.cause, "remedy": self.remedy}

    def __reduce__(self) -> tuple[type["BadVideo"], tuple[str, str, str, str]]:
        # The default would call BadVideo(message) on the way back from a worker process.
        return type(self), (self.code, self.file, self.cause, self.remedy)


def disk_full(error: BaseException) -> WtalError | None:
    """What to tell the user if `error` is a write that found no room; else None."""
    if getattr(error, "errno", None) not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    return WtalError(
        f"{getattr(error, 'filename', None) or 'a file'}: no room to write it ({error}); free some "
        "space, or set WTAL_ITEM_CACHE to a folder on another disk; what is finished stays, so "
        "run the same command again"
    )
