"""Hydra, used once: from a command line to a checked configuration, or one line of error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.ablation.schema import Config, read
from study.datasets import ROOT
from study.learning.records import UsageError, unknown


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
        experiment = HydraConfig.get().runtime.choices["experiment"]
        container = OmegaConf.to_container(composed, resolve=True)
        try:  # kept, not raised: Hydra would print a page about it
            codes.append(run(read(experiment, _without_nulls(container))))
        except UsageError as mistake:
            mistakes.append(mistake)

    before = sys.argv
    sys.argv = ["study", *overrides]
    try:
        job()
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(_one_line(str(error), configuration_folder())) from error
    finally:
        sys.argv = before
    if mistakes:
        raise mistakes[0]
    return max(codes)


def _without_nulls(container: Any) -> Mapping[str, Any]:
    only = {axis: values for axis, values in container["only"].items() if values is not None}
    return {**container, "only": only}


def _one_line(message: str, folder: Path) -> str:
    missing = re.search(r"Could not find '(\w+)/([^']*)'", message)
    if missing:
        group, name = missing.groups()
        options = sorted(path.stem for path in (folder / group).glob("*.yaml"))
        return unknown(group, name, options)
    override = re.search(r"Could not (?:override|append to config) '([^']*)'", message)
    if override:
        return _unknown_key(override.group(1), folder)
    return " ".join(message.split("\n")[0].split())


def _unknown_key(key: str, folder: Path) -> str:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        level: Any = compose("config")
    parent = key.split(".")[:-1]
    for part in parent:
        level = level.get(part) if hasattr(level, "get") else None
        if level is None:
            return _unknown_key(".".join(parent), folder)
    names = level.keys() if hasattr(level, "keys") else []
    return unknown("configuration key", key, [".".join([*parent, str(n)]) for n in names])
