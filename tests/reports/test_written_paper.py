"""The paper: its numbers are the tables', its sentences follow the verdicts, its bytes repeat."""

import json
import re
import shutil

import pandas as pd
import pytest
import typst
from paper_base import make_base, write_tables

from reports.command import ROOT
from reports.paper import document, numbers
from study.errors import UsageError


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def made(base):
    return {path.name: message for path, message in document.make(base)}


@pytest.fixture(scope="module")
def explored(base):
    """What decides no claim, found once: it reads the runs alone."""
    return list(numbers.exploratory(numbers.gather("paper", base)))


def test_a_number_is_said_as_print_says_it():
    said = {-0.5: "−0.500", 12.34: "12.3", 1.076e7: "1.08 × 10⁷", 0: "0", 2.5e-9: "2.50 × 10⁻⁹"}
    assert {value: numbers.said(value) for value in said} == said
    assert numbers.said(float("nan")) == "–" and numbers.said(float("inf")) == "∞"
    points = {-21.667: "−21.7", 0.04: "0", 100: "100.0", 3.25: "3.2"}
    assert {p: numbers.number(p, "percentage points")["text"] for p in points} == points
    assert numbers.whole(221094)["text"].replace("\N{THIN SPACE}", " ") == "221 094"


def test_every_number_is_a_table_s(base, made):
    data = json.loads((base / "reports" / "paper" / "numbers.json").read_text(encoding="utf-8"))
    verdicts = pd.read_csv(base / "reports" / "tables" / "verdicts.csv").set_index("claim")
    for claim, row in verdicts.iterrows():
        for key in ("effect", "low", "high", "runs"):
            assert data["numbers"][f"{claim}.{key}"]["value"] == pytest.approx(row[key])
    runs = pd.read_parquet(base / "data" / "results" / "paper" / "runs.parquet")
    found = {k: v["value"] for k, v in data["numbers"].items()}
    assert found["runs.total"] == len(runs)
    assert found["runs.scored"] == (runs["stage"] != "tune").sum()
    own = runs[runs["stage"] == "evaluate"]
    assert found["runs.failed"] == pytest.approx(100 * own["failed"].mean())
    assert found["checks.count"] == 12 and found["C4.margin"] == pytest.approx(1.1)
    assert found["protocol.tunings"] == 78 and found["machine.minutes"] == 1.5
    assert data["order"] == [f"C{k}" for k in range(1, 13)] and "a <processor>" in str(data)


def test_the_paper_has_pages_and_the_same_bytes_elsewhere(base, made, tmp_path):
    assert set(made) == {"numbers.json", "paper.pdf"}
    assert 4 <= int(made["paper.pdf"].split()[0]) <= 14
    other = make_base(tmp_path / "elsewhere", figures=False)
    shutil.copytree(base / "reports" / "figures", other / "reports" / "figures")
    list(document.make(other))
    first, second = (b / "reports" / "paper" / "paper.pdf" for b in (base, other))
    assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path).encode() not in second.read_bytes()


@pytest.mark.parametrize(
    ("verdict", "effect"),
    [("contradicted", -3.0), ("mixed", 1.5), ("not decided", 0.8), ("supported", float("inf"))],
)
def test_words_follow_verdicts_and_signs(
    verdict, effect, base, made, explored, tmp_path, monkeypatch
):
    """There is a text for every verdict; typst itself is asked, with the paper's functions."""
    other = shutil.copytree(base, tmp_path / "base")
    write_tables(other, verdict, effect)
    monkeypatch.setattr(numbers, "exploratory", lambda evidence: explored)
    list(document.make(other))
    stage = other / "reports" / "paper"
    assert (base / "reports/paper/paper.pdf").read_bytes() != (stage / "paper.pdf").read_bytes()
    shutil.copy(document.SOURCES / "style.typ", stage)
    (stage / "ask.typ").write_text(
        f'#import "style.typ": *\n#assert.eq(verdict("C4"), "{verdict}")\n'
        '#let told = by-verdict("C4", supported: [s], contradicted: [c], mixed: [m], '
        "undecided: [u])\n"
        f"#assert.eq(told, [{verdict[0] if verdict != 'not decided' else 'u'}])\n"
        f'#assert.eq(side("C4.effect")[above][below], [{"above" if effect >= 1 else "below"}])\n'
        f'#assert.eq(n("C4.effect"), "{numbers.said(effect)}")\n',
        encoding="utf-8",
    )
    typst.compile(stage / "ask.typ", root=stage, ignore_system_fonts=True)


FAHLMAN = "row,dead_zone,published_mean,mean,percentile,verdict\ny(1-y),0.1,129,131.25,44,{}\n"


def test_replications_are_told_where_there_are_tables(base, made, tmp_path):
    """Without them a line says how to make them; with them their rows and verdicts are there."""
    figures = base / "reports" / "figures"
    data = json.loads((base / "reports/paper/numbers.json").read_text(encoding="utf-8"))
    assert data["replications"] == {}
    seen = {(base / "reports/paper/paper.pdf").read_bytes()}
    for word in ("reproduced", "differs"):
        (tmp_path / "fahlman.csv").write_text(FAHLMAN.format(word), encoding="utf-8")
        data["replications"] = dict(numbers._replications(tmp_path))
        [row] = data["replications"]["fahlman"]["rows"]
        assert row == ["y(1-y)", "0.100", "129", "131", "44", word]
        (tmp_path / "numbers.json").write_text(json.dumps(data), encoding="utf-8")
        seen.add(document.compiled(tmp_path / "numbers.json", data, figures))
    assert len(seen) == 3


def test_what_is_missing_is_told_in_one_line(base, tmp_path):
    other = shutil.copytree(base, tmp_path / "base")
    shutil.rmtree(other / "reports" / "figures")
    said = r"lacks c02_escape.pdf, c11_.* make figures EXPERIMENT=paper"
    with pytest.raises(UsageError, match=said):
        list(document.make(other))
    (other / "reports" / "tables" / "verdicts_by_task.csv").unlink()
    with pytest.raises(UsageError, match=r"verdicts_by_task.csv is missing; make it with: make"):
        list(document.make(other))


def test_a_key_that_there_isn_t_is_told_in_one_line(base, made, monkeypatch, tmp_path):
    sources = shutil.copytree(document.SOURCES, tmp_path / "paper")
    wrong = '#import "../style.typ": *\n#n("C4.no such thing")\n'
    (sources / "sections" / "threats.typ").write_text(wrong, encoding="utf-8")
    monkeypatch.setattr(document, "SOURCES", sources)
    with pytest.raises(UsageError, match=r"no number called C4\.no such thing") as told:
        list(document.make(base))
    assert "\n" not in str(told.value)


# What may stand in digits: definitions of rules, claims, tests and tools, never a result.
ALLOWED = {
    "abstract": ("floor of 1 %",),
    "introduction": ("2-16-16-1",),
    "question": ("phi > 0", "phi = 1$"),
    "related": (
        "February 1993",
        "1993 debate",
        "phi = 1$",
        "are 10 %",
        "slope at 0 matters",
        "$R^2$",
    ),
    "method": (
        *("phi = 1$", "phi = 0$", "floor_ of 1 %", "0.01 m", "offset_ of 0.1", "+ 0.1 m", "2×2"),
        *("most 20 %", "than 70 %", "12 or 24", "98 % of", "from 1 for", "10^(-9)", "$R^2$"),
        *("least 90 %", "least 50 %", "below 50 %", "14 families", "64 to 2000", "0 to 20 %"),
        *("15 to 100 %", "20 to 100 %", "1 to 6 hidden", "4 to 256", "0.5 to 4", "8 to 256"),
        *("500 to 8000", "11 from 0.001 to 100", "then 5 finer", "2 and 3 to tune"),
    ),
    "results": (
        *("and 1 itself", "floor of 1 %", "offset of 10 %", "Slope 1", "of 0 makes"),
        *("lower by 10 %", "Nesterov's 10 %"),
    ),
    "reversals": ("of 32 tanh", "0, 10 and 20 % wrong", "becomes 0", "floor of 1 %"),
    "map": ("neutral: 0", "R^2"),
    "replications": (
        *("len() == 0", "len() > 0", "central 95 %", "[95th]"),
        *("(auto,) * 6", "(auto,) * 8"),
    ),
    "threats": ("64 or more", "10^(-9)"),
    "conclusion": (),
    "reproducibility": ("SHA-256",),
    "claims": (
        *(
            "> 1 [",
            "floor of 1 %",
            "offset of 0.1",
            "floor of 0.1",
            "slope 0 and 1",
            "slope 1 ends",
        ),
        *("slope 0. To", "error with 1 at", "$z_0$", "4-4-1", "at 1 %"),
    ),
}
KEYS = re.compile(
    r'"[^"\n]*"|@[\w-]+|data\.claims\.C\d+|\b[CS]\d+[bc]?\b|\b[\d.]+fr\b|z_0 = \d'
    r"|slice\(0, (?:\d|calc\.min\(12, )|middle 90 %|\b9[05] % (?:interval|limit)"
)


def by_hand(name, text):
    """Digits in a section beyond keys, references and what is allowed there."""
    for phrase in ALLOWED[name]:
        text = text.replace(phrase, "")
    text = re.sub(r"^#import.*$", "", text, flags=re.MULTILINE)
    return re.findall(r".{0,20}\d.{0,20}", KEYS.sub("", text))


def test_no_number_is_typed_by_hand():
    for path in document.SOURCES.glob("sections/*.typ"):
        text = path.read_text(encoding="utf-8")
        assert by_hand(path.stem, text) == []
        assert [phrase for phrase in ALLOWED[path.stem] if phrase not in text] == []
    assert by_hand("results", 'It ends at 2.4 times #n("C4.effect"), see @fig-c04_settling.') != []
    assert by_hand("results", 'It ends at #n("C4.effect") times, see @fig-c04_settling.') == []


TEXT = "\n".join(path.read_text(encoding="utf-8") for path in document.SOURCES.rglob("*.typ"))


def test_every_source_in_the_bibliography_is_cited_and_the_reverse():
    entries = re.findall(r"@\w+\{(\w+),", (document.SOURCES / "references.bib").read_text())
    assert set(re.findall(r"@([a-z]+\d{4})", TEXT)) == set(entries)
    assert len(entries) == len(set(entries))


def test_the_fonts_are_typst_s_own():
    """No machine's fonts: else the bytes would be that machine's."""
    own = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True).families()
    asked = set(re.findall(r'font: "([^"]+)"', TEXT))
    assert asked <= set(own) and "@preview" not in TEXT
    assert (ROOT / "requirements.lock").read_text().count("\ntypst==") == 1
