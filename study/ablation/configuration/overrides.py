"""The words of a command line: checked before Hydra composes them, explained where it refuses."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from study.ablation.configuration.protocol import RATES_BY_NAME
from study.conf import read_yaml
from study.errors import UsageError, unknown

MANNER = "key=value, lists in [...], names with values in {...}, any other text in quotes"
FORCED = "++"
"""Before an override: Hydra sets the key whether or not it is there. Unknown keys are then found
by the schema, which names the nearest and all valid ones."""


def sweeps(words: Sequence[str]) -> bool:
    """Return whether a command line asks for several jobs."""
    return any(word in ("--multirun", "-m") for word in words)


def prepared(words: Sequence[str], folder: Path) -> list[str]:
    """Check flags, overrides and options of groups; return the words as Hydra should read them."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    setattr(parser, "error", _refuse_flags)  # noqa: B010 - mypy knows it as a method
    args = parser.parse_args(list(words))
    if args.shell_completion:
        return list(words)
    if args.resolve and not (args.cfg or args.help):
        raise UsageError("--resolve goes with --cfg job alone")
    # the folder of --config-dir may have options of its own
    groups = {path.name: None if args.config_dir else path for path in folder.glob("*/")}
    axes = read_yaml(folder / "config.yaml")["only"]
    ready = {word: _ready(word, groups, axes, sweeps(words)) for word in args.overrides}
    return [ready.get(word, word) for word in words]


def _ready(word: str, groups: dict[str, Path | None], axes: Collection[str], several: bool) -> str:
    from hydra.core.override_parser.types import OverrideType

    override = _read(word)
    key = str(override.key_or_group)
    if not key:
        raise UsageError(f"{word!r} sets nothing: {MANNER}")
    if key in axes:
        value = word.partition("=")[2].strip("[]") or "..."
        raise UsageError(
            f"{key} is an axis: only.{key}=[...] keeps these values of an experiment's, as in "
            f"only.{key}=[{value}]"
        )
    if key == "hydra/launcher" and override.value() != "basic":
        raise UsageError(
            f"{word} is refused: the jobs of -m run one after the other, and what trains the "
            "cells of each is chosen by execution=local, dask, slurm or scheduler"
        )
    if re.match(r"grids\.(?!\d)", key):
        raise UsageError(f"unknown configuration key {key!r}: grids are counted, as in grids.0")
    if override.is_sweep_override():
        if not several:
            raise UsageError(
                f"Ambiguous value for argument {word!r}: [a, b] is a list, and with --multirun "
                "a,b are jobs, one after the other"
            )
        return word
    value, plain = override.value(), override.type is OverrideType.CHANGE
    if key in groups and override.package is None and not isinstance(value, dict):
        if override.type is OverrideType.ADD:
            raise UsageError(f"{key} is chosen twice: {key}=..., without +, takes another one")
        if plain and (group := groups[key]):
            names = sorted(path.stem for path in group.glob("*.yaml"))
            if isinstance(value, list):
                raise UsageError(f"{key} takes one name, not {value!r}. Valid: {', '.join(names)}")
            if value not in names:
                raise UsageError(unknown(key, "null" if value is None else str(value), names))
        return word
    own = override.package is None and not key.startswith("hydra")
    return FORCED + word if own and plain else word


def _read(word: str) -> Any:
    """Return Hydra's reading of one override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        if re.fullmatch(r"[\w.-]+", word):
            said = f"{word!r} sets nothing: key=value does, such as experiment=smoke"
        else:
            shown = word if word.strip() and word.isprintable() else repr(word)
            said = f"cannot read {shown}: {MANNER}"
        raise UsageError(said) from None


def explain(error: Exception, words: Sequence[str], folder: Path) -> str:
    """Return in one line what Hydra found wrong, with the culprit and what is valid."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return unknown(group, name, error.options)
    said = " ".join(str(error).split("\n")[0].split()).replace(FORCED, "")
    cause = " ".join(str(error.__cause__ or "").split("\n")[0].split())
    for word in words:
        key, _, value = word.partition("=")
        if value and said.endswith(word):
            if re.match(r"grids\.\d", key) and (valid := _grids(words, folder)):
                return unknown("configuration key", ".".join(key.split(".")[:2]), valid)
            if "Cannot merge" in cause and key == "protocol.learning_rates":
                return f"{key} {RATES_BY_NAME}{value}"
            if "Cannot merge" in cause:
                meant = "values by name" if value.startswith("[") else "a list"
                return f"{key} takes {meant}, not {value}"
            return f"cannot use {word!r}: {cause or said}"
    return ": ".join(filter(None, [said, cause]))


def _grids(words: Sequence[str], folder: Path) -> list[str]:
    """Return the keys of the grids of one experiment, or of those that the words state."""
    overrides = [_read(word) for word in words if "=" in word and word[0] != "-"]
    said = {override.key_or_group: override.value() for override in overrides}
    file = folder / "experiment" / f"{said.get('experiment', 'default')}.yaml"
    grids = said.get("grids") or (read_yaml(file).get("grids", ()) if file.is_file() else ())
    return [f"grids.{number}" for number in range(len(grids))]


def _refuse_flags(message: str) -> NoReturn:
    if message.startswith("unrecognized"):
        message += " (flags stand before all key=value, or after; study --help shows them)"
    raise UsageError(message)
