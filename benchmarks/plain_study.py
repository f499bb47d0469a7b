"""The plain way to do a study: Hydra's multirun, scikit-learn, MLflow's fluent interface.

``python -m benchmarks.plain_study --multirun seed=1,2`` trains W1 once a job and logs it, as a
tutorial would have it. `measure` takes the time from the end of a job to the end of the next, so
that starting and making the database count for nothing.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT, environment

EPOCHS = 23  # of 44 updates: about the 1,000 of a training in the default experiment


def train_and_log(configuration: Any) -> None:
    """Train one network as long as a study does, and log it."""
    import mlflow
    from sklearn.exceptions import ConvergenceWarning

    from benchmarks.peer_sklearn import classifier, labels
    from benchmarks.workloads import WORKLOADS, make_job

    job = make_job(WORKLOADS["W1"], configuration.optimizer, 1)
    mlflow.set_tracking_uri(configuration.store)
    mlflow.set_experiment("plain")
    with mlflow.start_run(run_name=f"seed {configuration.seed}"):
        mlflow.log_params(dict(configuration))
        net = classifier(job, configuration.rate, EPOCHS, configuration.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            net.fit(job.inputs, labels(job))
        for step, loss in enumerate(net.loss_curve_):
            if step % 3 == 0:  # 8 points, as many as this project's store has
                mlflow.log_metric("objective", loss, step=step)
        score = net.score(job.inputs, labels(job))
        mlflow.log_metrics({"final_objective": net.loss_, "score": score})
    with open(configuration.ended, "a") as file:
        print(time.time(), file=file)


def measure(quick: bool) -> dict[str, Any]:
    """Return the row of the plain study, in wall time."""
    from benchmarks.workloads import WORKLOADS

    workload = WORKLOADS["W1"]
    updates = EPOCHS * (len(workload.load()[0]) // workload.batch)
    jobs = 4 if quick else 20
    with tempfile.TemporaryDirectory() as folder:
        ended = Path(folder) / "ended"
        subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.plain_study", "--multirun"),
                f"seed=range({jobs})",
                f"store=sqlite:///{folder}/mlflow.db",
                f"ended={ended}",
                f"hydra.sweep.dir={folder}/multirun",
            ],
            cwd=ROOT,
            env=environment(),
            check=True,
            capture_output=True,
        )
        times = [float(line) for line in ended.read_text().splitlines()]
    a_run = statistics.median(b - a for a, b in itertools.pairwise(times))
    return {
        "workload": "W1",
        "engine": "plain_study",
        "optimizer": "sgd",
        "replicas": 1,
        "threads": 1,
        "us_per_replica_update": 1e6 * a_run / updates,
        "seconds_per_run": a_run,
    }


def main() -> None:
    """Run as Hydra's application."""
    import hydra
    from hydra.core.config_store import ConfigStore

    defaults = {"seed": 0, "rate": 0.1, "optimizer": "sgd", "store": "???", "ended": "???"}
    ConfigStore.instance().store("plain", defaults)
    hydra.main(version_base="1.3", config_path=None, config_name="plain")(train_and_log)()


if __name__ == "__main__":
    main()
