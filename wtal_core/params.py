"""Reads `params.yaml` and `data/<dataset>/dataset.yaml` into the dataclasses of `schema/`.

Which value holds, weakest first: the dataclass's default (the paper's value, which params.yaml
spells out); `method:` of dataset.yaml (what a small data set needs otherwise); a value in
params.yaml that differs from the default (somebody asked for it: `dvc exp run -S` wins).
"""

import dataclasses
import logging
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import yaml

from wtal_core.errors import ParamsError
from wtal_core.schema.dataset import RunParams
from wtal_core.schema.strict import build, check_keys, convert

T = TypeVar("T")
log = logging.getLogger(__name__)

# People type these at every experiment, so nothing may change them behind their backs.
NOT_OVERRIDABLE = ("thresholds",)


def read_params(params_yaml: Path, dataset_yaml: Path | None, section: str, cls: type[T]) -> T:
    """One section of params.yaml as `cls`, with the data set's `method:` overrides.

    Every field must stand in the file (a number that is nowhere to be read is a hidden one).
    Raises ParamsError for an unreadable file, a missing section or key, an unknown key, a wrong
    type or a value out of range.
    """
    values = read_section(params_yaml, section)
    _check_all_present(values, cls, f"{params_yaml}: {section}")
    chosen = build(cls, values, f"{params_yaml}: {section}")
    overrides = read_overrides(dataset_yaml).get(section, {}) if dataset_yaml else {}
    if not overrides:
        return chosen
    place = f"{dataset_yaml}: method.{section}"
    merged = _merge(values, overrides, cls, place, section)
    return build(cls, merged, f"{params_yaml}: {section} with {place}")


def read_facts(dataset_yaml: Path, section: str, cls: type[T], optional: bool = False) -> T:
    """One section of dataset.yaml as `cls`; keys with a default may be left out.

    optional: so may the section be, which then is that of a data set from before there was one.
    """
    if optional and section not in load_yaml(dataset_yaml):
        return build(cls, {}, f"{dataset_yaml}: {section}")
    return build(cls, read_section(dataset_yaml, section), f"{dataset_yaml}: {section}")


def read_run(params_yaml: Path) -> RunParams:
    """The run-wide keys of params.yaml (dataset, seed, max_bad_fraction, rounds)."""
    document = load_yaml(params_yaml)
    names = [f.name for f in dataclasses.fields(RunParams)]
    present = {key: document[key] for key in names if key in document}
    _check_all_present(present, RunParams, str(params_yaml))
    return build(RunParams, present, str(params_yaml))


def read_section(path: Path, section: str) -> dict[str, Any]:
    """The mapping under the top-level key `section`; ParamsError when it is not one."""
    document = load_yaml(path)
    if section not in document:
        raise ParamsError(f"{path}: the section {section!r} is missing")
    if not isinstance(document[section], dict):
        raise ParamsError(f"{path}: {section} = {document[section]!r} must hold keys and values")
    return cast(dict[str, Any], document[section])


def read_overrides(dataset_yaml: Path) -> dict[str, dict[str, Any]]:
    """`method:` of dataset.yaml, {} when there is none: section -> key -> value."""
    method = load_yaml(dataset_yaml).get("method") or {}
    if not isinstance(method, dict) or not all(isinstance(v, dict) for v in method.values()):
        raise ParamsError(f"{dataset_yaml}: method must hold sections, each with keys and values")
    for section in NOT_OVERRIDABLE:
        if section in method:
            raise ParamsError(
                f"{dataset_yaml}: method.{section} is not allowed; set {section} in params.yaml "
                f"or with `dvc exp run -S {section}.KEY=VALUE`"
            )
    return method


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; refuses a repeated key, a tag, an alias bomb and anything unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise ParamsError(f"{path}: no such file; run from the top of the repository") from err
    except UnicodeDecodeError as err:
        raise ParamsError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start})") from err
    loader = _StrictLoader(text)
    try:
        document = loader.get_single_data()
    except yaml.YAMLError as err:
        raise ParamsError(f"{path}: not valid here: {err}") from err
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise ParamsError(f"{path}: expected keys and values at the top, got {document!r:.80}")
    return document


def _merge(
    values: dict[str, Any], overrides: dict[str, Any], cls: type[Any], place: str, dotted: str
) -> dict[str, Any]:
    """`values` with each overridden key replaced, unless it differs from the field's default."""
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = get_type_hints(cls)
    check_keys(overrides, fields, place)
    merged = dict(values)
    for key, new in overrides.items():
        kind, where = hints[key], f"{place}.{key}"
        if dataclasses.is_dataclass(kind) and isinstance(new, dict):
            merged[key] = _merge(values[key], new, cast(type, kind), where, f"{dotted}.{key}")
            continue
        wanted = convert(new, kind, where)
        asked = convert(values[key], kind, where)
        if asked != _default(fields[key]):
            log.info("%s.%s = %s stands (asked for); %s says %s", dotted, key, asked, place, wanted)
        elif asked != wanted:
            log.info("%s.%s: %s -> %s (%s)", dotted, key, asked, wanted, place)
            merged[key] = new
    return merged


def _check_all_present(values: dict[str, Any], cls: type[Any], where: str) -> None:
    """params.yaml spells out every field, nested ones too."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name not in values:
            check_keys(values, hints, where)  # a misspelt key explains itself better
            shown = _default(field)
            hint = "" if shown is dataclasses.MISSING else f"; its default is {shown!r}"
            raise ParamsError(f"{where}: the key {field.name!r} is missing{hint}")
        kind, value = hints[field.name], values[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(value, dict):
            _check_all_present(value, cast(type, kind), f"{where}.{field.name}")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys and reads 1e-3 as the number it is (YAML 1.2)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are refused", mark)
        return super().compose_node(parent, index)


# YAML 1.1 takes 1e-3 for a text (it wants 1.0e-3); DVC writes and reads YAML 1.2.
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
