"""The commands beside the study itself; list, explain and ui are here."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from study.ablation import predict
from study.ablation.messages import command_for, print_row
from study.ablation.planning.cells import REGISTRIES
from study.ablation.publishing import publish, verify
from study.ablation.store import open_store, views
from study.conf import configuration_folder, read_yaml
from study.errors import UsageError, unknown
from study.learning.activations import ACTIVATIONS
from study.learning.activations.matched import closed_form, not_matched
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient
from study.learning.variants import Parameter, plain, resolve
from study.places import ROOT

PARTICULARS = ("derivative", "task", "source", "licence")  # texts that some records have


def show_list(arguments: Sequence[str]) -> int:
    """``study list [gradients]``: what there is, a line each."""
    tables = {
        f"{axis}s": {name: record.formula for name, record in registry.items()}
        for axis, registry in REGISTRIES.items()
    }
    files = sorted((configuration_folder() / "experiment").glob("*.yaml"))
    tables["experiments"] = {path.stem: read_yaml(path).get("about", "") for path in files}
    for kind in arguments or tables:
        if kind not in tables:
            raise UsageError(unknown("list", kind, tables))
        print(f"{kind}:")
        _print_rows(list(tables[kind].items()))
    return 0


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print_row(name, text, width)


def explain(arguments: Sequence[str]) -> int:
    """``study explain floor``: formula, parameters and reference of whatever has that name."""
    if not arguments:
        raise UsageError("study explain takes a name, such as: study explain floor")
    names = [name for registry in REGISTRIES.values() for name in registry]
    for name in arguments:
        if name not in names:
            raise UsageError(unknown("name", name, names) + "; study list shows them")
    for name in arguments:
        for kind, registry in REGISTRIES.items():
            if name in registry:
                print(f"{name} ({kind})")
                _print_rows(explained(registry[name]))
    return 0


def explained(record: Any) -> list[tuple[str, str]]:
    """Return what is told of a record, beside its name: (word, text), the formula first."""
    rows = [("formula", record.formula)]
    texts = {field: getattr(record, field, "") for field in PARTICULARS}
    rows += [(field, text) for field, text in texts.items() if text and isinstance(text, str)]
    for name, parameter in record.parameters.items():
        limits = "; ".join(_limits(parameter))
        said = f"{parameter.meaning}; default {plain(parameter.default)}"
        rows.append((name, f"{said} ({limits})" if limits else said))
    if isinstance(record, Gradient):
        rows += [("matched", text) for text in _matched(record)]
    return [*rows, ("reference", record.reference)]


def _matched(record: Gradient) -> list[str]:
    """Tell F, F' = φ, at the default parameters: closed forms, or the reason for none."""
    if record.name == EXACT.name:
        return []
    if isinstance(record.matched, str):
        return [f"none: {record.matched}"]
    rule = resolve("gradient", {record.name: record}, record.name)
    told: dict[str, list[str]] = {}
    for name, activation in ACTIVATIONS.items():
        bound = activation.bind()
        if not not_matched(rule, bound):
            closed = closed_form(rule, bound)
            form = closed.formula if closed else "∫ φ dz, a piecewise polynomial"
            told.setdefault(form, []).append(name)
    return [f"F(z) = {form} ({', '.join(names)})" for form, names in told.items()]


def _limits(parameter: Parameter) -> list[str]:
    """Return which values there are, and which one changes nothing."""
    low, high = parameter.low, parameter.high
    said = []
    if parameter.choices:
        said.append("one of: " + ", ".join(parameter.choices))
    elif isfinite(low):
        said.append(f"{low:g} to {high:g}" if isfinite(high) else f"{low:g} or more")
    elif isfinite(high):
        said.append(f"{high:g} or less")
    if parameter.neutral is not None:
        said.append(f"{parameter.neutral:g} is exact")
    return said


def serve_ui(arguments: Sequence[str]) -> int:
    """``study ui [experiment=NAME] [port=5000] [tracking.uri=...]``: MLflow on 127.0.0.1."""
    options = {"experiment": "default", "port": "5000", "host": "127.0.0.1", "tracking.uri": ""}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in options:
            raise UsageError(unknown("option of study ui", key, options) + ", as in port=5001")
        options[key] = value
    if not re.fullmatch("[0-9]+", options["port"]) or not 0 < int(options["port"]) < 65536:
        raise UsageError(f"port takes a number from 1 to 65535, not {options['port']!r}")
    if not re.fullmatch(r"[\w.:-]+", options["host"]):
        raise UsageError(f"host takes an address such as 127.0.0.1, not {options['host']!r}")
    store = open_store(options["tracking.uri"] or None, options["experiment"], ROOT)
    number = store.experiment_id
    store.close()
    if store.uri.startswith("http"):
        print(f"the store is a server of its own: open {store.uri} in a browser")
        return 0
    if number is None:
        raise UsageError(
            f"nothing is recorded of experiment {options['experiment']!r} yet: "
            f"{command_for(options['experiment'])}"
        )
    address = f"http://{options['host']}:{options['port']}"
    for about, link in views.links(address, number).items():
        print(f"{about}:\n  {link}")
    print("stop with Ctrl-C", flush=True)
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    words = [mlflow, "server", "--host", options["host"]]
    words += ["--port", options["port"], "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # not among the words, which all users of a machine can read: it may hold a password
    own = {"MLFLOW_BACKEND_STORE_URI": store.uri}
    os.execve(mlflow, words, {**os.environ, **quiet, **own})


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": show_list,
    "explain": explain,
    "ui": serve_ui,
    "publish": publish.command,
    "verify": verify.command,
    "predict": predict.command,
}
