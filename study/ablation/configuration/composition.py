"""Hydra, used once: from a command line to a checked configuration, or one line of error."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.ablation.configuration import overrides as words
from study.ablation.configuration.including import included
from study.ablation.configuration.schema import Config, read
from study.datasets import ROOT
from study.errors import UsageError

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
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    folder = configuration_folder()
    words.check(overrides, folder)
    codes = [0]
    mistakes: list[UsageError] = []
    running = [False]  # what is raised then is our own

    @hydra.main(version_base="1.3", config_path=str(folder), config_name="config")
    def job(composed: DictConfig) -> None:
        if mistakes or codes[-1] in STOPPED:
            return
        chosen = HydraConfig.get()
        experiment = chosen.runtime.choices["experiment"]
        task: Any = OmegaConf.to_container(chosen.overrides.task, resolve=False)  # as written
        given = tuple(task)
        try:  # kept, not raised: Hydra would print a page about it
            container: Any = OmegaConf.to_container(composed, resolve=True)
            files = included(folder / "experiment", experiment, container.get("include"))
            config = read(experiment, container, files, _protocol_keys(given))
            running[0] = True
            codes.append(run(replace(config, overrides=given)))
        except OmegaConfBaseException as error:
            first = " ".join(str(error).split("\n")[0].split())
            mistakes.append(UsageError(f"{error.full_key or 'the configuration'}: {first}"))
        except UsageError as mistake:
            mistakes.append(mistake)
        running[0] = False

    before = sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        sys.argv = ["study", *overrides, *_sweep_folder(overrides, scratch)]
        try:
            job()
        except Exception as error:
            if running[0]:
                raise
            raise UsageError(words.explain(error, overrides, folder)) from error
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
