"""The page: its data against a plain computation, nothing from outside, and in a browser."""

import json
import re
import shutil
import subprocess
import urllib.parse
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from claim_tables import CELL
from paper_base import make_base, publish

from reports.page import cells, document
from study.errors import UsageError

BROWSERS = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
CHROMIUM = next(filter(None, BROWSERS), None)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = make_base(tmp_path_factory.mktemp("root"), "mixed", figures=False)
    document.make(base)
    return base


@pytest.fixture(scope="module")
def text(base):
    return (base / "reports" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(base):
    return cells.explorer(base, "paper")


def stored(base):
    folder = base / "data" / "results" / "paper"
    return (pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "curves"))


def named(shown, row):
    return {axis: shown["axes"][axis][code] for axis, code in zip(cells.AXES, row, strict=False)}


def quartiles(values):
    return np.quantile(values.fillna(np.inf), cells.QUARTILES, method="inverted_cdf")


def test_every_scored_cell_is_there_with_its_quartiles(base, shown):
    runs, curves = stored(base)
    groups = runs[runs["stage"] != "tune"].groupby(["activation", "gradient", "stage"])
    assert len(shown["cells"]) == len(groups)
    for row in shown["cells"]:
        name, rest = named(shown, row), row[len(cells.AXES) :]
        cell = groups.get_group((name["activation"], name["rule"].split()[0], name["stage"]))
        assert rest[:2] == [len(cell), cell["failed"].sum()]
        same_steps(rest[4:7], quartiles(cell["final_objective"]))
        joined = curves[curves["run_id"].isin(cell["run_id"])]
        wanted = joined.groupby("update")["objective"].apply(quartiles)[shown["grids"][rest[9]]]
        for steps, values in zip(rest[10:], np.stack(wanted).T, strict=True):
            same_steps(steps, values)


def same_steps(steps, wanted):
    found = [np.inf if step is None else 10 ** (step / 1000) for step in steps]
    assert found == pytest.approx(list(wanted), rel=0.0012)


def test_the_ratio_to_exact_is_the_median_over_pairs(base, shown):
    runs, _ = stored(base)
    own = runs[runs["stage"] == "evaluate"].set_index(["activation", "gradient", "seed"])["score"]
    for row in shown["cells"]:
        name, ratio, pairs = named(shown, row), *row[len(cells.AXES) + 7 :][:2]
        if name["stage"] == "evaluate":
            scores = own[name["activation"]]
            differences = scores[name["rule"].split()[0]] - scores["exact"]
            assert pairs == len(differences) == differences.count()
            assert ratio == pytest.approx(10 ** differences.median(), abs=1e-4)


def test_published_curves_give_the_same(base, shown, tmp_path):
    """Quantiles over seeds in place of curves, and no ids."""
    publish(tmp_path / "data" / "published" / "paper", *stored(base))
    assert cells.explorer(tmp_path, "paper") == shown


def test_a_setting_says_what_is_unusual():
    runs = pd.DataFrame([CELL] * 4).assign(cell=list("abcd"))
    runs["updates"], runs["batch_size"] = [2000, 2000, 8000, 2000], ["32", "32", "32", "full"]
    assert cells._settings(runs).tolist() == ["usual", "usual", "8,000 updates", "batch full"]


class Links(HTMLParser):
    """Every tag with its attributes, and the text that follows it."""

    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append([tag, dict(attributes), ""])

    def handle_data(self, data):
        if self.tags:
            self.tags[-1][2] += data


def test_one_file_and_nothing_from_outside(text):
    page = Links()
    page.feed(text)
    fetched = {"src", "href", "data", "action"}
    assert not [tag for tag in page.tags if fetched & set(tag[1])], "something would be fetched"
    fetching = r"@import|url\(\s*['\"]?(?!data:)|\bfetch\(|XMLHttpRequest|import\("
    assert not re.search(fetching, text)
    policy = next(given["content"] for _, given, _ in page.tags if given.get("http-equiv"))
    assert "default-src 'none'" in policy and "http" not in policy
    assert len(text.encode()) < document.MOST_BYTES
    assert "Permission is hereby granted" in text and "{{" not in text
    data = next(d for _, given, d in page.tags if given.get("type") == "application/json")
    assert json.loads(data)["cells"] and "a &lt;processor&gt;" in text


def test_it_says_every_verdict_and_can_be_read_aloud(text):
    rows = re.findall(r'<tr><th scope="row">(C\d+)</th>.*?</tr>', text, re.DOTALL)
    assert rows == [f"C{k}" for k in range(1, 13)]
    assert text.count('class="badge mixed"') == 13  # and the summary's
    levels = [int(n) for n in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    assert all(part in text for part in ('<html lang="en-GB">', "aria-live", "<noscript>"))


def test_what_cannot_be_shown_is_told(base, monkeypatch, tmp_path):
    monkeypatch.setattr(document, "MOST_BYTES", 1000)
    with pytest.raises(UsageError, match="the page would have"):
        document.make(base)
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    (tmp_path / "data" / "results" / "paper" / "curves.parquet").unlink()
    with pytest.raises(UsageError, match=r"curves\.parquet cannot be read"):
        document.make(tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_in_a_browser_a_choice_shows_its_cell(base, shown, tmp_path):
    wanted = {"activation": "relu", "rule": "removed", "stage": "transfer"}
    row = next(r for r in shown["cells"] if wanted.items() <= named(shown, r).items())
    median, failed = row[len(cells.AXES) + 5], row[len(cells.AXES) + 1]
    dom = opened(base / "reports" / "index.html", named(shown, row), tmp_path)
    assert 'data-ready="yes"' in dom, "the script stopped"
    told = re.search(r'id="told"[^>]*>([^<]*)<', dom)[1]
    said = re.match(r"removed: final objective (\S+) .* (\d+) of (\d+) runs failed", told)
    assert float(said[1]) == pytest.approx(10 ** (median / 1000), rel=0.006)
    assert (int(said[2]), int(said[3])) == (failed, row[len(cells.AXES)])
    assert dom.count("<canvas") == 2
    chosen = re.search(r'id="choose-activation".*?</select>', dom, re.DOTALL)[0]
    assert set(re.findall(r'value="(\w+)"', chosen)) == {"tanh", "relu"}
    assert dom.partition('id="rules"')[2].count("<button") == 3


def opened(path, choice, profile):
    address = f"{path.as_uri()}#{urllib.parse.urlencode(choice)}"
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
    words += [f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", address]
    quiet = {"stderr": subprocess.DEVNULL, "encoding": "utf-8", "timeout": 120}
    return subprocess.check_output(words, **quiet)
