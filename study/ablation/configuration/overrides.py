"""The words of a command line: read one by one, and explained where Hydra would print a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from study.errors import UsageError, unknown

MANNER = "key=value, lists in [...], names with values in {...}, any other text in quotes"


def check(words: Sequence[str], folder: Path) -> None:
    """Read flags and overrides before Hydra does, for errors that name the culprit.

    Parameters
    ----------
    words
        Of the command line.
    folder
        Where the configuration is.

    Raises
    ------
    UsageError
        For the first flag or override that cannot be read, and for an option that no group has.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    setattr(parser, "error", _refuse_flags)  # noqa: B010 - mypy knows it as a method
    args = parser.parse_args(list(words))
    if args.resolve and not (args.cfg or args.help):
        raise UsageError("--resolve goes with --cfg job alone")
    for word in args.overrides:
        override = read(word)
        if override.key_or_group == "":
            raise UsageError(f"{word!r} sets nothing: {MANNER}")
        group = folder / str(override.key_or_group)
        chooses = group.is_dir() and override.package is None and override.type.name != "DEL"
        if chooses and not override.is_sweep_override():
            _check_option(str(override.key_or_group), override.value(), group, args.config_dir)


def read(word: str) -> Any:
    """Return Hydra's reading of one override.

    Raises
    ------
    UsageError
        If it has none.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        if re.fullmatch(r"[\w.-]+", word):
            said = f"{word!r} sets nothing: key=value does, such as experiment=smoke"
            raise UsageError(said) from None
        said = " ".join(str(error).split("\n")[0].split())
        reason = "" if re.match("Lexer|Error parsing|.* expecting {", said) else f" ({said})"
        shown = word if word.strip() and word.isprintable() else repr(word)
        raise UsageError(f"cannot read {shown}: {MANNER}{reason}") from None


def explain(error: Exception, words: Sequence[str], folder: Path) -> str:
    """Return in one line what Hydra found wrong, with the culprit and what is valid."""
    first = " ".join(str(error).split("\n")[0].split())
    missing = re.search(r"Could not (?:find|load) '([\w/]+)/([^'/]*)'", str(error))
    if missing:
        group, name = missing.groups()
        if (folder / group).is_dir():
            return unknown(group, name, options(folder / group))
    if first.startswith("Ambiguous value"):
        return f"{first}: [a, b] is a list, and with --multirun a,b are jobs, one after the other"
    twice = re.match(r"(\S+) appears more than once in the final defaults list", first)
    if twice:
        return f"{twice[1]} is chosen twice: {twice[1]}=..., without +, takes another one"
    overrides = [w for w in words if ("=" in w and not w.startswith("-")) or w.startswith("~")]
    culprit = _culprit(overrides, folder)
    if culprit is None:
        return first
    found = read(culprit)
    where = _place(str(found.key_or_group), overrides, folder)
    if isinstance(where, str):
        return where
    (level,) = where
    given = culprit.partition("=")[2]
    if isinstance(level, dict):
        return f"{found.key_or_group} takes values by name ({', '.join(level)}), not {given}"
    if isinstance(level, list):
        return f"{found.key_or_group} takes a list, not {given}"
    cause = " ".join(str(error.__cause__ or error).split("\n")[0].split())
    return f"cannot use {culprit!r}: {cause}"


def options(group: Path) -> list[str]:
    """Return the names of the files in a group of the configuration."""
    return sorted(p.relative_to(group).with_suffix("").as_posix() for p in group.rglob("*.yaml"))


def _refuse_flags(message: str) -> NoReturn:
    if message.startswith("unrecognized"):
        message += " (flags stand before all key=value, or after; study --help shows them)"
    raise UsageError(message)


def _check_option(group: str, value: Any, folder: Path, elsewhere: str | None) -> None:
    names = options(folder)
    if isinstance(value, dict) and group != "experiment":
        return  # values of the group, set together
    if isinstance(value, str) and elsewhere:
        return  # it may be in the folder of --config-dir
    if not isinstance(value, str) or value not in names:
        said = value if isinstance(value, str | int | float) else "null" if value is None else None
        if said is None:
            raise UsageError(f"{group} takes one name, not {value!r}. Valid: {', '.join(names)}")
        raise UsageError(unknown(group, str(said), names))


def _composed(words: Sequence[str], folder: Path) -> Any:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(words)))


def _chosen(words: Sequence[str], folder: Path) -> list[str]:
    """Return the words that choose from groups."""
    groups = [path.name for path in folder.iterdir() if path.is_dir()]
    return [w for w in words if w.partition("=")[0] in groups and isinstance(read(w).value(), str)]


def _culprit(words: Sequence[str], folder: Path) -> str | None:
    """Return the first word that cannot be composed beside the choices alone."""
    chosen = _chosen(words, folder)
    for word in words:
        if word not in chosen:
            try:
                _composed([*chosen, word], folder)
            except Exception:  # whatever Hydra and OmegaConf raise
                return word
    return None


def _place(key: str, words: Sequence[str], folder: Path) -> str | tuple[Any]:
    """Return what stands at a key of the configuration, or one line on why nothing does."""
    level: Any = _composed(_chosen(words, folder), folder)
    path: list[str] = []
    for part in key.split("."):
        if isinstance(level, list):
            level = dict(zip(map(str, range(len(level))), level, strict=True))
        here = ".".join(path)
        if not isinstance(level, dict):
            said = "null" if level is None else repr(level)
            return f"{key!r} cannot be set, {here} is {said} here: set {here} as a whole"
        if part not in level:
            names = [".".join([*path, str(name)]) for name in level]
            line = unknown("configuration key", ".".join([*path, part]), names)
            added = path == ["protocol", "learning_rates"] or (
                path[:1] == ["grids"] and len(path) > 1
            )
            return line + (f"; a new one is added with +{key}=..." if added else "")
        level = level[part]
        path.append(part)
    return (level,)
