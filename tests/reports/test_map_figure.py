"""The figure and the table of the map, of a made-up population."""

import pandas as pd
import pytest
from made_up_population import chance, publish, runs, signal, tasks
from pages import fits

from reports import build, population_map, style
from reports.questions.p03_map import figure
from study.evidence import map as maps
from study.evidence.runs import NothingToShow
from study.harm import models
from study.harm.effects import effects

TASKS = tasks(120, 40)
FEW = {name: models.MODELS[name] for name in ("median", "ridge", "neighbours")}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(maps, "MODELS", FEW)


def test_it_says_what_can_be_predicted_and_what_cannot():
    made = runs(TASKS, removed=signal(TASKS), points=chance(TASKS))
    page = figure.drawn(effects(made, TASKS))
    fits(page)
    message = style.message_of(page)
    assert message.startswith("On external data the map predicts removal's harm before training")
    assert "; it cannot predict removal's test accuracy before training (R² " in message
    some = effects(made, TASKS[TASKS["split"] != "external"])
    assert style.message_of(figure.drawn(some)).endswith("seen on tasks for confirmation")


def test_the_table_comes_from_the_populations_files(checkout, monkeypatch):
    monkeypatch.setattr(maps, "COVARIATES", {"facts": models.FACTS})
    with pytest.raises(NothingToShow, match="no population"):
        list(population_map.write(checkout))
    with pytest.raises(NothingToShow, match="no population"):
        list(build.POPULATION["p03_map"](None))
    publish(checkout, TASKS, runs(TASKS, removed=signal(TASKS), points=chance(TASKS)))
    ((path, said),) = population_map.write(checkout)
    table = pd.read_csv(path)
    assert list(table.columns) == maps.COLUMNS and path.name == "map.csv"
    assert said.startswith("1 of 5 maps predict") and table["verdict"].notna().sum() == 5
