"""The page: its data against a plain computation, nothing from outside, and in a browser."""

import html
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from claim_tables import CELL
from page_base import named, quartiles
from paper_base import publish

from reports.page import answers, cells, digits, document, scenes
from study.errors import UsageError


@pytest.fixture(scope="module")
def base(checkout_with_page):
    return checkout_with_page


@pytest.fixture(scope="module")
def text(base):
    return (base / "reports" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(base):
    return cells.explorer(base, "paper")


def stored(base):
    folder = base / "data" / "results" / "paper"
    return (pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "curves"))


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
    asked = [(tag, given[key]) for tag, given, _ in page.tags for key in fetched & set(given)]
    places = {given["id"] for _, given, _ in page.tags if "id" in given}
    assert {tag for tag, _ in asked} == {"a"}, "something would be fetched"
    assert all(to.startswith("#") and to[1:] in places for _, to in asked)
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
    with monkeypatch.context() as smaller:
        smaller.setattr(document, "MOST_BYTES", 1000)
        smaller.setattr(document.tasks, "published", lambda base: {})  # saves seconds
        with pytest.raises(UsageError, match="the page would have"):
            document.make(base)
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    tables, results = tmp_path / "reports" / "tables", tmp_path / "data"
    for lost, told in (
        (results / "published" / "population" / "tasks.parquet", "no population of tasks"),
        (results / "results" / "paper" / "curves.parquet", r"curves\.parquet cannot be read"),
        (tables / "test_scores.csv", "test_scores.csv is missing; make it with: make figures"),
        (tables / "shares.csv", "shares.csv is missing; make it with: make figures"),
    ):
        lost.unlink()
        with pytest.raises(UsageError, match=told):
            document.make(tmp_path)


def test_scenes_say_what_the_tables_say(base, text):
    table = pd.read_csv(base / "reports" / "tables" / "shares.csv")
    row = table.query("claim == 'S2b' and condition == 'with relu' and split == 'drawn'").iloc[0]
    told = answers.numbers(base)
    assert told["S2b with relu.true"] == f"{row['true']:.0f}"
    assert [told[f"S3.{k}"] for k in ("median", "median.plain")] == ["1.00 times", "1.00"]
    third = scenes.scenes(told)[2]
    assert f"in {row['true']:.0f}\xa0% of relu nets" in third["measured"]
    assert html.escape(third["measured"]).replace("&#x27;", "&#39;") in text
    assert third["then"] == {**third["set"], "ruleRate": 0.01}
    with pytest.raises(UsageError, match=r"shares\.csv has no S4\.median, which a scene"):
        scenes.scenes({})


def test_texts_of_the_page_have_no_numbers_typed_by_hand():
    """Settings and margins aside: a share or an effect stands as a place in braces."""
    for scene in scenes.read_yaml(scenes.FILE)["scenes"]:
        bare = re.sub(r"\{[^}]+\}", "", scene["measured"])
        found = set(re.findall(r"\d+(?:\.\d+)?", bare))
        assert found <= {"90", "95", "5", "10", "1"}, found  # of intervals, and conf/shares.yaml


def test_digits_are_four_by_four_grey_levels():
    found = digits.digits()
    pixels, labels = found["pixels"], found["labels"]
    assert len(pixels) == 16 * len(labels) and set(pixels) <= set(digits.LETTERS)
    assert len(labels) == found["train"] + digits.TEST and set(labels) == set("0123456789")
