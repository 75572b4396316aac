"""Plain YAML values to a frozen dataclass, strictly: nothing is guessed, everything is named."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from wtal_core.errors import ParamsError

T = TypeVar("T")


def build(cls: type[T], values: object, where: str) -> T:
    """Check `values` (a mapping) against the fields of the dataclass `cls` and make one.

    `where` is the dotted place for messages, e.g. "params.yaml: b_step". A key may be left out
    only if its field has a default. Raises ParamsError naming the key, its value, what is
    allowed and, for an unknown key, the nearest right one; a ValueError of the dataclass's own
    __post_init__ (ranges, relations between keys) is reported in the same way.
    """
    if not isinstance(values, Mapping):
        raise ParamsError(f"{where}: expected keys and values, got {values!r}")
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if f.init}
    hints = typing.get_type_hints(cls)
    check_keys(values, fields, where)
    missing = [name for name, f in fields.items() if name not in values and _is_required(f)]
    if missing:
        raise ParamsError(
            f"{where}.{missing[0]} is missing; expected {describe(hints[missing[0]])}"
        )
    made = {key: convert(value, hints[key], f"{where}.{key}") for key, value in values.items()}
    try:
        return cls(**made)
    except ValueError as err:
        raise ParamsError(f"{where}: {err}") from err


def check_keys(given: Mapping[Any, object], known: Iterable[str], where: str) -> None:
    """Refuse the first key of `given` that is not in `known`, naming the nearest right key."""
    by_folded = {name.casefold(): name for name in known}
    for key, value in given.items():
        if key not in by_folded.values():
            near = difflib.get_close_matches(str(key).casefold(), by_folded, n=1, cutoff=0.5)
            hint = f"did you mean {by_folded[near[0]]!r}? " if near else ""
            raise ParamsError(
                f"{where}: unknown key {key!r} (= {value!r:.60}); {hint}"
                f"known: {', '.join(by_folded.values())}"
            )


def convert(value: object, kind: Any, where: str) -> Any:
    """`value` as `kind` (bool int float str None Literal union tuple dict dataclass), or raise."""
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, where)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        # By type too: True == 1 in Python, and a switch must not take 1 for yes.
        if any(value == choice and type(value) is type(choice) for choice in args):
            return value
    elif origin in (typing.Union, types.UnionType):
        return _convert_union(value, args, kind, where)
    elif origin is tuple:
        return _convert_tuple(value, args, kind, where)
    elif origin is dict:
        return _convert_dict(value, args, kind, where)
    elif kind is float and type(value) in (int, float):
        number = float(typing.cast(float, value))
        if math.isfinite(number):
            return number
    elif kind in (bool, int, str) and type(value) is kind:
        return value
    elif kind in (None, type(None)) and value is None:
        return None
    raise ParamsError(f"{where} = {value!r} is not allowed; expected {describe(kind)}")


def describe(kind: Any) -> str:
    """What a field of type `kind` takes, in words."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return "the keys " + ", ".join(f.name for f in dataclasses.fields(kind))
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(option) for option in args)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return f"a list, each item {describe(args[0])}"
        return "a list of " + ", ".join(describe(item) for item in args)
    if origin is dict:
        return f"a mapping of names to {describe(args[1])}"
    words = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
    return words.get(kind, "null" if kind in (None, type(None)) else str(kind))


def _convert_union(value: object, options: tuple[Any, ...], kind: Any, where: str) -> Any:
    reasons = []
    for option in options:
        try:
            return convert(value, option, where)
        except ParamsError as err:
            reasons.append(err)
    # A lone non-null option explains itself best (e.g. a nested section with a wrong key).
    useful = [r for r, o in zip(reasons, options, strict=True) if dataclasses.is_dataclass(o)]
    if useful and value is not None:
        raise useful[0]
    raise ParamsError(f"{where} = {value!r} is not allowed; expected {describe(kind)}")


def _convert_tuple(value: object, args: tuple[Any, ...], kind: Any, where: str) -> tuple[Any, ...]:
    repeated = args[-1] is Ellipsis
    if not isinstance(value, list) or not (repeated or len(value) == len(args)):
        raise ParamsError(f"{where} = {value!r} is not allowed; expected {describe(kind)}")
    kinds = [args[0]] * len(value) if repeated else list(args)
    return tuple(
        convert(item, k, f"{where}[{i}]")
        for i, (item, k) in enumerate(zip(value, kinds, strict=True))
    )


def _convert_dict(value: object, args: tuple[Any, ...], kind: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ParamsError(f"{where} = {value!r} is not allowed; expected {describe(kind)}")
    return {
        convert(key, args[0], f"{where}: the key {key!r}"): convert(item, args[1], f"{where}.{key}")
        for key, item in value.items()
    }


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
