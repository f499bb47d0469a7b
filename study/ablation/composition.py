"""Hydra, used once: from a command line to a checked configuration, or one line of error."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from study.ablation.including import included
from study.ablation.schema import Config, read
from study.datasets import ROOT
from study.learning.records import UsageError, unknown

STOPPED = (130, 143)  # by a signal: the jobs of a multirun that are left don't begin


def configuration_folder() -> Path:
    """Return conf/ of the checkout.

    Raises
    ------
    UsageError
        Where the package was installed outside a checkout.
    """
    folder = ROOT / "conf"
    if not (folder / "config.yaml").is_file():
        raise UsageError("no conf/config.yaml here: run study inside a checkout of the project")
    return folder


def with_configuration(overrides: Sequence[str], run: Callable[[Config], int]) -> int:
    """Compose the configuration that `overrides` ask for and hand it to `run`.

    Hydra's own flags (``--help``, ``--cfg job``, ``--multirun``, shell completion) work.

    Returns
    -------
    What `run` returned, the largest of several jobs.

    Raises
    ------
    UsageError
        For whatever Hydra, or the schema, finds wrong.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as exceptions, not as printed pages
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    codes = [0]
    mistakes: list[UsageError] = []

    @hydra.main(version_base="1.3", config_path=str(configuration_folder()), config_name="config")
    def job(composed: DictConfig) -> None:
        if mistakes or codes[-1] in STOPPED:
            return
        experiment = HydraConfig.get().runtime.choices["experiment"]
        commanded = _protocol_keys(HydraConfig.get().overrides.task)
        container: Any = OmegaConf.to_container(composed, resolve=True)
        try:  # kept, not raised: Hydra would print a page about it
            files = included(
                configuration_folder() / "experiment", experiment, container.get("include")
            )
            codes.append(run(read(experiment, container, files, commanded)))
        except UsageError as mistake:
            mistakes.append(mistake)

    before = sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        sys.argv = ["study", *overrides, *_sweep_folder(overrides, scratch)]
        try:
            job()
        except (HydraException, OmegaConfBaseException) as error:
            raise UsageError(_one_line(error, overrides)) from error
        finally:
            sys.argv = before
    if mistakes:
        raise mistakes[0]
    return max(codes)


def _protocol_keys(overrides: Sequence[str]) -> list[str]:
    """Return which keys of the protocol a command line sets: they hold for all grids."""
    keys = [word.lstrip("+~").partition("=")[0] for word in overrides]
    return [key.removeprefix("protocol.") for key in keys if key.startswith("protocol.")]


def _sweep_folder(overrides: Sequence[str], scratch: str) -> list[str]:
    """Let a multirun write its multirun.yaml where it does no harm, unless it was told where."""
    sweeps = any(word in ("--multirun", "-m") for word in overrides)
    told = any(word.startswith("hydra.sweep.dir=") for word in overrides)
    return [f"hydra.sweep.dir='{scratch}'"] if sweeps and not told else []


def _one_line(error: Exception, overrides: Sequence[str]) -> str:
    message, folder = str(error), configuration_folder()
    missing = re.search(r"Could not find '(\w+)/([^']*)'", message)
    if missing:
        group, name = missing.groups()
        options = sorted(path.stem for path in (folder / group).glob("*.yaml"))
        return unknown(group, name, options)
    override = re.search(r"Could not (?:override|append to config) '([^']*)'", message)
    if override:
        return _unknown_key(override.group(1), overrides)
    first = " ".join(message.split("\n")[0].split())
    word = re.search(r"rror parsing override '([^'=]*)'", message)
    if word:
        return (
            f"{word.group(1)!r} is no command (list, explain, ui) and sets nothing: "
            "key=value does, such as experiment=smoke"
        )
    if first.startswith("Ambiguous value"):
        return f"{first}: [a, b] is a list, and with --multirun a,b are jobs, one after the other"
    if error.__cause__ is not None and first.startswith("Error merging"):
        return first + ": " + " ".join(str(error.__cause__).split("\n")[0].split())
    unreadable = re.search(
        r"(?:no viable alternative|mismatched|extraneous).* input '(.*?)'", first
    )
    if unreadable:
        words = [word for word in overrides if unreadable.group(1) in word]
        return f"cannot read {' '.join(words or overrides)}: {first}"
    return first


def _unknown_key(key: str, overrides: Sequence[str]) -> str:
    """Name the valid keys beside an unknown one, in the configuration that was asked for."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    folder = configuration_folder()
    groups = [path.name for path in folder.iterdir() if path.is_dir()]
    chosen = [word for word in overrides if word.partition("=")[0] in groups]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        level: Any = OmegaConf.to_container(compose("config", chosen))
    path: list[str] = []
    *parents, last = key.split(".")
    for part in parents:
        if isinstance(level, list):
            level = dict(zip(map(str, range(len(level))), level, strict=True))
        if not isinstance(level, dict) or part not in level:
            last = part
            break
        level = level[part]
        path.append(part)
    here = ".".join(path)
    if not isinstance(level, dict | list):
        said = "null" if level is None else repr(level)
        return f"{key!r} cannot be set, {here} is {said} here: set {here} as a whole"
    names = level if isinstance(level, dict) else range(len(level))
    line = unknown(
        "configuration key", ".".join([*path, last]), [".".join([*path, str(n)]) for n in names]
    )
    open_ended = path[:1] == ["grids"] or path == ["protocol", "learning_rates"]
    return line + (f"; a new one is added with +{key}=..." if open_ended else "")
