"""Looks are fixed and distinct, pages fit their paper, files are the same at every build."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from reports import style, wording
from study.evidence.naming import Rule
from study.learning.rules import GRADIENTS

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB
BLINDNESS = {
    "none": "1 0 0  0 1 0  0 0 1",
    "protan": "0.152286 1.052583 -.204868  0.114503 0.786281 0.099216  -.003882 -.048116 1.051998",
    "deutan": "0.367322 0.860646 -.227968  0.280085 0.672501 0.047413  -.011820 0.042940 0.968881",
    "tritan": "1.255528 -.076749 -.178779  -.078411 0.930809 0.147602  0.004733 0.691367 0.303900",
}


def lab(colour, matrix):
    """CIELAB (D65) of a colour as an eye with the given deficiency sees it."""
    rgb = np.asarray(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.reshape(np.array(matrix.split(), float), (3, 3)) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.asarray(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("matrix", BLINDNESS.values(), ids=BLINDNESS)
def test_hues_are_told_apart_with_any_colour_vision(matrix):
    seen = {family: lab(hue, matrix) for family, hue in style.HUES.items()}
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 10, (a, b)


def test_every_family_has_a_hue_and_every_record_a_look_of_its_own():
    looks = {}
    for record in GRADIENTS.values():
        assert record.family in style.HUES, f"style.HUES lacks the family {record.family!r}"
        found = style.look(Rule("", "", record.name, record.family, 0))
        looks[record.name] = (found.colour, found.marker, str(found.line))
    assert len(set(looks.values())) == len(looks)
    first, second = (style.look(Rule("floor", "", "floor", "floor", step)) for step in (0, 1))
    assert first.colour == second.colour == style.HUES["floor"] and first.face != second.face
    assert style.look(Rule("mine", "mine", "mine", "", 0)).colour == style.SPARE  # from outside


def test_lines_are_as_wide_as_asked():
    text = "With more words than one line can hold, 95 % of them are put on the next lines."
    lines = style.wrapped(text, 2.0, 9)
    assert len(lines) > 2
    assert all(style.text_width(line, 9) <= 2.0 for line in lines)
    assert "95\N{NO-BREAK SPACE}%" in " ".join(lines)
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ") == text


def test_sheets_are_laid_out_in_inches():
    figure, axes = style.sheet(
        "Message", "note", 2, 3, height=1.0, left=0.5, right=0.1, gap=(0.2, 0.3), width=6.1
    )
    wide, high = figure.get_size_inches()
    boxes = [axes[i, j].get_position() for i in range(2) for j in range(3)]
    assert all(box.height * high == pytest.approx(1.0) for box in boxes)
    assert boxes[0].x0 * wide == pytest.approx(0.5)
    assert boxes[2].x1 * wide == pytest.approx(6.0)
    assert (boxes[0].y0 - boxes[3].y1) * high == pytest.approx(0.3)
    assert style.message_of(figure) == "Message"


TICKS = {
    (0.5, 12, 6): "0.5 1 2 5 10",
    (1e-3, 100, 6): "0.001 0.01 0.1 1 10 100",
    (1e-5, 1, 4): "$10^{-4}$ $10^{-2}$ 1",
    (0.3, 0.35, 4): "0.32",
}


@pytest.mark.parametrize("low, high, most", TICKS)
def test_ticks_of_logarithmic_axes(low, high, most):
    _, axes = style.sheet("Message", "", 1, 1, height=1.0)
    style.logarithmic(axes[0, 0], "x", low, high, most)
    found = [tick.get_text() for tick in axes[0, 0].get_xticklabels()]
    assert " ".join(found) == TICKS[low, high, most]


def page(text):
    figure, axes = style.sheet(text, "note", 1, 1, height=1.0)
    axes[0, 0].plot([0, 1])
    return figure


def test_files_are_the_same_at_every_build_have_no_date_and_say_the_first_message(tmp_path):
    for name in ("one", "two"):
        made = style.save([page("First"), page("Second")], tmp_path / name / "figure")
        said = [(path.name, message) for path, message in made]
        assert said == [("figure.pdf", "First"), ("figure.png", "First")]
    for suffix in (".pdf", ".png"):
        first, second = ((tmp_path / n / f"figure{suffix}").read_bytes() for n in ("one", "two"))
        assert first == second
        assert b"CreationDate" not in first and b"Software" not in first
    with pytest.raises(ValueError, match="no page"):
        style.save([], tmp_path / "nothing")


SAID = {
    wording.percent: {0: "0 %", 0.004: "0.4 %", 0.0096: "1 %", 0.123: "12 %", 1: "100 %"},
    wording.significant: {
        **{0: "0", 0.01234: "0.012", 0.0996: "0.10", 1.26: "1.3", 31.4: "31", 1234: "1200"},
        **{3e-7: "3.0e-07", np.inf: "∞", np.nan: "–"},
    },
    wording.signed: {-1.234: "−1.23", 0: "0", 31.44: "31.4", np.inf: "∞", -np.inf: "−∞"},
    wording.ratio: {np.log10(2.81): "2.8", np.log10(1.066): "1.07"},
}


@pytest.mark.parametrize("say", SAID, ids=lambda say: say.__name__)
def test_numbers_are_said_as_people_read_them(say):
    assert {value: say(value) for value in SAID[say]} == SAID[say]


def test_limits_and_sentences_about_rules():
    assert wording.limits(np.log10(1.7), np.log10(2.04)) == "1.70–2.04"
    assert wording.limits(np.log10(2.5), np.log10(31.2)) == "2.5–31"
    assert wording.limits(-np.inf, np.inf) == ""
    removed, hidden, floor, exact = (
        Rule(label, label, label.split()[0], label.split()[0], 0)
        for label in ("removed", "removed (hidden)", "floor 0.1", "exact")
    )
    assert wording.condition(removed) == "Without the slope"
    assert wording.condition(hidden, inside=True) == "without the slope (hidden)"
    assert wording.condition(floor) == "With floor 0.1"
    assert wording.subject([exact, floor, removed]) is removed
    assert wording.subject([exact, floor]) is floor
    assert wording.subject([exact]) is None
