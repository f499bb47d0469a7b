"""Hydra, used once: from a command line to a checked configuration, or one line of error."""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.ablation.configuration import overrides as words
from study.ablation.configuration.schema import Config, read
from study.checked import Text, checked
from study.conf import configuration_folder, read_yaml
from study.errors import UsageError, unknown

PACKAGE = "the file of experiment {!r} has to begin with the line: # @package _global_"
STOPPED = ([130], [143])  # by a signal: the jobs of a multirun that are left don't begin


def with_configuration(overrides: Sequence[str], run: Callable[[Config], int]) -> int:
    """Compose the configuration that `overrides` ask for and hand it to `run`.

    Hydra's own flags (``--help``, ``--cfg job``, ``--multirun``, shell completion) work. Of what
    `run` returned for several jobs, the largest is returned.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as exceptions, not as printed pages
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    folder = configuration_folder()
    ready = words.prepared(overrides, folder)
    codes: list[int] = []
    mistakes: list[UsageError] = []
    running = [False]  # what is raised then is our own

    @hydra.main(version_base="1.3", config_path=str(folder), config_name="config")
    def job(composed: DictConfig) -> None:
        if mistakes or codes[-1:] in STOPPED:
            return
        chosen = HydraConfig.get()
        experiment = chosen.runtime.choices["experiment"]
        task: Any = OmegaConf.to_container(chosen.overrides.task, resolve=False)
        given = tuple(word.removeprefix(words.FORCED) for word in task)  # as written
        try:  # kept, not raised: Hydra would print a page about it
            container: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
            files = included(folder / "experiment", experiment, container.get("include"))
            keys = [word.lstrip("+~").partition("=")[0] for word in given]
            commanded = [k.removeprefix("protocol.") for k in keys if k.startswith("protocol.")]
            config = read(experiment, container, files, commanded)
            running[0] = True
            codes.append(run(replace(config, overrides=given)))
        except OmegaConfBaseException as error:
            first = " ".join(str(error).split("\n")[0].split())
            if isinstance(error, MissingMandatoryValue):
                first = f"it has no value yet; give it one, as in {error.full_key}=..."
            mistakes.append(UsageError(f"{error.full_key or 'the configuration'}: {first}"))
        except UsageError as mistake:
            if str(mistake).startswith("unknown configuration key 'experiment'"):
                mistake = UsageError(PACKAGE.format(experiment))
            mistakes.append(mistake)
        running[0] = False

    before = sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        # a multirun writes its multirun.yaml; unless it was told where, it does so here
        if words.sweeps(overrides) and not any("hydra.sweep.dir=" in word for word in overrides):
            settings = [n for n, word in enumerate(ready) if "=" in word and word[0] != "-"]
            # beside the others: Hydra takes no flags between key=value
            ready.insert(settings[0] if settings else len(ready), f"hydra.sweep.dir='{scratch}'")
        sys.argv = ["study", *ready]
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
    if words.sweeps(overrides) and not codes:
        raise UsageError("no job of the multirun was run: its launcher kept it from this process")
    return max(codes, default=0)


def included(folder: Path, experiment: str, include: Any) -> dict[str, Mapping[str, Any]]:
    """Read the files of a folder that an experiment's ``include`` names, by name.

    Their defaults must be those of the experiment that includes them: they hold for all grids.
    """
    options = sorted(path.stem for path in folder.glob("*.yaml") if path.stem != experiment)
    found: dict[str, Mapping[str, Any]] = {}
    for name in checked(tuple[Text, ...], include or (), "include"):
        if name not in options:
            raise UsageError(unknown("include", name, options))
        content, own = (read_yaml(folder / f"{stem}.yaml") for stem in (name, experiment))
        if content.pop("defaults", []) != own.get("defaults", []):
            raise UsageError(f"{experiment} cannot include {name}: it has other defaults")
        found[name] = content
    return found
