"""Shell completion, asked as bash asks for it."""

import pytest
from small_studies import run, well

from study.ablation.commands import COMMANDS
from study.learning.rules import GRADIENTS


@pytest.mark.parametrize("word", ["", "li"])
def test_commands_are_offered_beside_what_hydra_offers(word, monkeypatch):
    monkeypatch.setenv("COMP_LINE", f"study {word}")
    monkeypatch.setenv("COMP_POINT", str(6 + len(word)))
    said = well(run("-sc", "query=bash")).split()
    assert said[: len(COMMANDS)] == list(COMMANDS)
    assert ("experiment=" in said) == (word == "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("study experiment=sm", ["experiment=smoke"]),
        ("study explain fl", GRADIENTS),
        ("study list ", ["gradients", "optimizers", "experiments"]),
        ("study verify d", ["default", "paper"]),
        ("study ui ", ["experiment=smoke", "port=", "tracking.uri="]),
    ],
)
def test_words_of_a_command_are_offered(line, words, monkeypatch):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert set(words) <= set(well(run("-sc", "query=bash")).split())


def test_it_can_be_installed():
    assert "complete -o nospace" in well(run("-sc", "install=bash"))
