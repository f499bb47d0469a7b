"""What the README says of the results is what the committed tables say, in short sentences."""

import re
from pathlib import Path

import pandas as pd
import pytest

from reports.wording import signed

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "reports" / "tables"
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"^    [^\n]*$|<!--.*?-->|`[^`]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\([^)]*\)")
NUMBER = re.compile(r"−?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def shares():
    table = pd.read_csv(TABLES / "shares.csv")
    return table.set_index(["claim", "condition", "split"]).sort_index()


def blocks(part):
    """Paragraphs and rows of tables, without code, comments and addresses."""
    plain = LINK.sub("]", CODE.sub("", part))
    for block in re.split(r"\n\s*\n", plain):
        yield from block.split("\n") if block.startswith("|") else [" ".join(block.split())]


def told(shares, *asked):
    """Numbers as the README prints them: shares are whole, effects have three digits."""
    found = []
    for ask in asked:
        if isinstance(ask, str):
            found.append(ask)
            continue
        claim, columns, condition, split = (*ask, *("all", "confirm")[len(ask) - 2 :])
        row = shares.loc[(claim, condition, split)]
        for column in columns.split():
            effect = column in ("median", "low_90", "high_90")
            text = signed(float(row[column])) if effect else f"{row[column]:.0f}"
            found.append(f"{float(text):.8f}" if "e" in text else text)
    return found


EFFECT = "median low_90 high_90"
SAID = {  # how a paragraph or row begins: the numbers that it has to say, in order
    "We drew": ["600"],
    "Numbers are": [("S1", "tasks"), "90", "1"],
    "| leave f′ out of hidden layers": [("S1", f"{EFFECT} true")],
    "| the same, judged": [("S10", f"{EFFECT} true opposite")],
    "| the same, at": [
        ("S2b", "true", "with relu"),
        *(("S2b", "true", "with four or more hidden layers"), "4", "6"),
        ("S2b", "true", "with tanh or logistic"),
    ],
    "| never let": ["1", ("S3", f"{EFFECT} true")],
    "| add 10": ["10", ("S4", f"{EFFECT} true")],
    "| change f": ["10", "10", ("S5b", f"{EFFECT} true opposite")],
    "| take relu": ["0", "1", "0", ("S6", f"{EFFECT} true")],
    "| keep f′ and": [("S7b", f"{EFFECT} true")],
    '"Many more"': ["10", "10", "5"],
    "**Does training": [("S2", "true")],
    "**Isn't f′": ["0"],  # and those of decided units, below
    "**Is it not": [("S8b", "true")],
    "**Is the hidden": [("S9b", "opposite true")],
    "**What about": [
        ("S10", "true", "on generated data"),
        ("S10", "true opposite", "on real data"),
    ],
    "**Does it hold": [
        ("S1", "tasks", "all", "external"),
        "38",
        ("S1", "true", "all", "external"),
        "95",
        ("S1", "true_low true_high", "all", "external"),
        ("S10", "true", "all", "external"),
    ],
}


def test_every_number_of_the_answer_is_a_table_s(shares):
    seen = set()
    for block in blocks(README.split("## Two commands")[0]):
        begin = next((b for b in SAID if block.startswith(b)), None)
        expected = [] if begin is None else told(shares, *SAID[begin])
        if begin == "**Isn't f′":
            row = pd.read_csv(TABLES / "verdicts_by_part.csv").set_index(["claim", "part"])
            row = row.loc[("C11", "removed")]
            spread = ("estimate", "least_task", "largest_task")
            expected += [signed(float(row[name])) for name in spread]
        elif block.startswith("**Does it agree"):
            table = pd.read_csv(TABLES / "fahlman.csv")
            table = table[~table["row"].str.contains("decay")]
            means = (table["verdict"] == "reproduced").groupby(table["row"]).any()
            expected = [str(means.sum()), "1988"]
        elif block.startswith("**Can I know"):
            table = pd.read_csv(TABLES / "map.csv").query(
                "outcome == 'removed' and covariates == 'facts' and model == 'forest'"
            )
            expected = [f"{100 * table.set_index('split')['r2']['confirm']:.0f}"]
        assert NUMBER.findall(block) == expected, block
        seen.add(begin)
    assert seen >= set(SAID)


def test_the_answer_is_short_and_whole():
    answer = README.split("## Two commands")[0]
    assert len(README.splitlines()) <= 200
    assert len(re.findall(r"^\| (?!change|---)", answer.split("## Questions")[0], re.M)) <= 8
    assert not re.search(r"\b[SC]\d", CODE.sub("", README))
    for block in blocks(answer):
        if not block.startswith("|"):
            for sentence in re.split(r"(?<=[.?:])[*]*\s+", block):
                assert len(sentence.split()) <= 25, sentence


def test_what_it_links_to_is_there():
    for path in re.findall(r"\]\(([^)#:]+)\)", CODE.sub("", README)):
        assert (ROOT / path).exists(), path
