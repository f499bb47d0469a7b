"""The answer in one picture, trained in seconds: ``python -m reports.demo``.

It is the lead figure, with the published shares of tasks (`reports.questions.p00_lead`).
"""

import time

import pandas as pd

from reports import style
from reports.questions.p00_lead.figure import summary
from study import places


def main() -> None:
    """Train networks with and without f', draw the picture and say what it shows."""
    started = time.monotonic()
    reports = places.ROOT / "reports"
    figure, said = summary(pd.read_csv(reports / "tables" / "shares.csv"))
    target = reports / "figures" / "demo.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=style.PIXELS_PER_INCH)
    print(f"On two moons. {said}.")
    print(f"{target.relative_to(places.ROOT)} ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    main()
