"""The page in a headless Chromium: its network is the study's, all controls and scenes work."""

import json
import re
import shutil
import subprocess
import urllib.parse

import live_cases
import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, browser
from page_base import named

from reports.page import answers, cells, document, scenes
from study.harm.forecast import facts, forecast

NODE = shutil.which("node")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PARTS = 150  # cases that are sent at once
CHOOSES_ALL = """(() => {
  const said = [], now = () => live.stage.state(), told = document.getElementById("live-said");
  for (const select of document.querySelectorAll("#live-controls select")) {
    const name = select.id.slice(4), before = select.value;
    const choose = (value) => {
      select.value = value;
      select.dispatchEvent(new Event("change"));
    };
    for (const { value } of [...select.options]) {
      choose(value);
      now().session.advance(1);
      live.stage.draw();
      if (String(now().settings[name]) !== value) said.push([name, value, told.textContent]);
    }
    choose(before);
  }
  return said;
})()"""


@pytest.fixture(scope="module")
def base(checkout_with_page):
    return checkout_with_page


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def address(base):
    return (base / "reports" / "index.html").as_uri()


@pytest.fixture(scope="module")
def loaded(address, opened):
    opened.open(address)
    return opened


@pytest.fixture
def page(address, loaded):
    """The page, loaded once; after each test its console must be empty, and nothing fetched."""
    yield loaded
    assert not loaded.errors
    assert {asked.partition("#")[0] for asked in loaded.requests} == {address}


def by_node(given):
    parts = [(document.HERE / "live" / f"{name}.js").read_text() for name in document.NETWORK]
    ask = "const given = JSON.parse(require('fs').readFileSync(0));"
    tell = "console.log(JSON.stringify(given.map(trained)));"
    script = "\n".join(['"use strict";', *parts, ask, tell])
    return json.loads(
        subprocess.check_output([NODE, "-e", script], input=json.dumps(given), text=True)
    )


@pytest.mark.skipif(not (CHROMIUM or NODE), reason="neither Chromium nor node on this machine")
def test_the_networks_weights_are_the_studys(request):
    """After 100 updates, for every rule, activation and optimizer that the page offers."""
    cases = list(live_cases.cases())
    given, wanted = [case for case, _ in cases], [weights for _, weights in cases]
    if CHROMIUM:
        live = request.getfixturevalue("page")
        for kind, names in live_cases.offered().items():
            assert live.run(f"Object.keys(live.{kind})") == list(names)
        found = []
        for k in range(0, len(given), PARTS):
            found += live.run(f"{json.dumps(given[k : k + PARTS])}.map(live.trained)")
    else:
        found = by_node(given)
    for case, mine, theirs in zip(given, found, wanted, strict=True):
        said = {key: case[key] for key in ("rule", "activation", "optimizer", "objective")}
        mine = np.array([np.nan if w is None else w for w in mine])  # a net that diverged
        assert not np.array_equal(theirs, case["weights"])
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5, err_msg=str(said))


@in_browser
def test_every_scene_plays_and_ends_in_what_was_measured(base, page):
    told = answers.numbers(base)
    table = pd.read_csv(base / "reports" / "tables" / "shares.csv")
    row = table.query("claim == 'S1' and condition == 'all' and split == 'confirm'").iloc[0]
    assert told["S1.true"] == f"{row['true']:.0f}"
    assert told["S1.median"] == f"{row['median']:.1f} times"
    played = scenes.scenes(told)
    assert len(played) == 6
    assert page.run("live.stage.state().running || live.stage.state().session.step") == 0
    for scene in played:
        box = f"document.querySelector('[data-scene={scene['id']}]')"
        page.run(f"document.querySelector('[data-to={scene['id']}]').click()")
        assert page.run("document.querySelectorAll('[data-scene]:not([hidden])').length") == 1
        assert not page.run(f"{box}.hidden")
        assert page.run("document.activeElement.dataset.to || ''") in ("", scene["id"])
        page.run(f"{box}.querySelector('[data-run=set]').click()")
        page.wait("!live.stage.state().running")
        said = page.run("document.getElementById('live-said').textContent")
        assert said.startswith(f"After {scene['set']['updates']:,} updates: "), said
        assert set_as(scene["set"], page)
        page.run(f"{box}.querySelector('[data-run=then]').click()")
        assert page.run("live.stage.state().running")
        assert set_as(scene["then"], page)
        assert "{" not in scene["measured"] and re.search(r"\d", scene["measured"])
        shown = page.run(f"{box}.querySelector('.measured').textContent")
        assert scene["measured"] in shown
        for claim in scene["claims"]:
            assert page.run(f"document.getElementById('{claim}').tagName") == "TR"
    page.run(f"{box}.querySelector('[data-next]').click()")
    assert page.run("document.activeElement.id") == "scene-free"
    assert page.run("document.getElementById('live-settings').open")


def set_as(wanted, page):
    state = page.run("live.stage.state().settings")
    return {key: state[key] for key in wanted} == wanted


@in_browser
def test_every_control(page):
    """Every option of every setting is taken up or refused in words; the rest by the keyboard."""
    refused = page.run(CHOOSES_ALL)
    assert all(words for _, _, words in refused), refused
    for key, what in (("Enter", "live-step"), (" ", "live-step")):
        before = page.run("live.stage.state().session.step")
        page.run(f"document.getElementById('{what}').focus()")
        page.press(key, text="\r" if key == "Enter" else " ")
        assert page.run("live.stage.state().session.step") == before + 1
    page.run("document.getElementById('live-speed').value = 'fast'")
    page.run("document.getElementById('live-play').click()")
    page.wait("live.stage.state().session.step > 20")
    assert page.run("document.getElementById('live-play').textContent") == "Pause"
    page.run("document.getElementById('live-play').click()")
    assert not page.run("live.stage.state().running")
    first = page.run("live.stage.state().session.raw.x[0]")
    page.run("document.getElementById('live-reset').click()")
    assert page.run("live.stage.state().session.step") == 0
    assert page.run("live.stage.state().session.raw.x[0]") == first
    page.run("document.getElementById('live-seed').click()")
    assert page.run("live.stage.state().session.raw.x[0]") != first
    arms = "live.stage.state().session.arms"
    assert page.run(f"{arms}[0].w.join() === {arms}[1].w.join()"), "not the same first weights"


@in_browser
def test_it_says_what_an_arm_is_at(page):
    """Exact's angle is 0, a frozen hidden layer's is none, and shares are counted over pairs."""
    page.run("document.querySelector('[data-to=removal]').click()")  # whatever was set before
    page.run("live.stage.set({ depth: 1, gain: 6 })")
    told = "document.querySelector('#arm-{} [data-told={}]').textContent"
    assert page.run(told.format("exact", "angle")) == "0°"
    assert 1 < int(page.run(told.format("rule", "angle"))[:-1]) < 180
    shares = [int(page.run(told.format("exact", name))[:-2]) for name in ("saturated", "decided")]
    assert 0 < shares[0] < shares[1] < 100  # |z| > 2.99 and > 1.47 under tanh
    assert page.run(told.format("rule", "saturated")) == page.run(
        told.format("exact", "saturated")
    )
    page.run("live.stage.set({ rule: 'frozen' })")
    assert page.run(told.format("rule", "angle")) == "–"
    assert "failed" not in page.run(
        "document.getElementById('live').textContent.split('Measured')[0]"
    )
    deep = {"rule": "removed", "activation": "relu", "objective": "linear_squared_error"}
    page.run(f"live.stage.set({json.dumps({**deep, 'depth': 4, 'rate': 3})})")
    page.run("live.stage.state().session.advance(200)")
    page.run("live.stage.draw()")
    assert page.run(told.format("rule", "loss")).startswith("failed at ")


@in_browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_on_a_phone(page, dark):
    page.resize(360, 800, phone=True)
    page.look(dark, still=True)
    page.wait("document.getElementById('finals').querySelector('canvas').offsetWidth <= 360")
    wide = "document.documentElement.scrollWidth"
    assert page.run(wide) == 360
    small = (
        "[...document.querySelectorAll('button, select, input')].filter((e) => e.offsetParent && "
        "!e.closest('#rules') && e.offsetHeight < 32).map((e) => e.outerHTML)"
    )
    assert page.run(small) == []
    nameless = (
        "[...document.querySelectorAll('select, input')].filter((e) => !e.labels.length).length"
        " + [...document.querySelectorAll('canvas[role=img]')].filter((e) => !e.ariaLabel).length"
    )
    assert page.run(nameless) == 0
    for name in ("rates", "floor"):
        page.run(f"document.querySelector('[data-to={name}]').click()")
        page.run("document.getElementById('live-settings').open = true")
        assert page.run(wide) == 360


@in_browser
def test_a_task_like_mine_is_told_as_the_program_tells_it(base, page):
    given = {"patterns": 500, "inputs": 10, "outputs": 3, "updates": 1000, "gain": 4, "noise": 0.1}
    given |= {"objective": "squared_error", "activation": "tanh"}
    none = dict.fromkeys(("exact_early", "exact_share", "frozen_share"))
    for kind, hidden, batch in (
        ("classification", (16,), 32),
        ("regression", (8, 32, 64), 1000),
    ):
        task = {**given, "kind": kind, "hidden": hidden, "batch_size": batch}
        wanted = forecast(facts(**task, **none), base)
        found = page.run(f"likeMine.forecast({json.dumps(task)})")
        assert found["distance"] == pytest.approx(wanted.distance)
        assert found["usual"] == pytest.approx(wanted.usual)
        for mine, theirs in zip(found["expected"], wanted.expected, strict=True):
            said = mine["outcome"]
            assert (said["name"], said["model"]) == (theirs.outcome, theirs.source)
            assert (said["coverage"], said["external"]) == (theirs.coverage, theirs.tasks)
            ends = [mine[key] for key in ("low", "middle", "high", "harmless")]
            own = [theirs.low, theirs.middle, theirs.high, theirs.harmless]
            assert ends == pytest.approx(own, abs=1e-4)
    page.run("document.querySelector('#mine [name=hidden]').value = 'none'")
    page.run("document.querySelector('#mine button').click()")
    assert "as in: 32, 32" in page.run("document.getElementById('mine-told').textContent")
    assert page.run("document.getElementById('mine-table').hidden")


@in_browser
def test_a_choice_of_a_cell_shows_it(base, address, page):
    shown = cells.explorer(base, "paper")
    wanted = {"activation": "relu", "rule": "removed", "stage": "transfer"}
    row = next(r for r in shown["cells"] if wanted.items() <= named(shown, r).items())
    median, failed = row[len(cells.AXES) + 5], row[len(cells.AXES) + 1]
    choice = urllib.parse.urlencode(named(shown, row))
    page.open(f"{address}#{choice}")
    told = page.run("document.getElementById('told').textContent")
    said = re.match(r"removed: final loss (\S+) .* (\d+) of (\d+) runs failed", told)
    assert float(said[1]) == pytest.approx(10 ** (median / 1000), rel=0.006)
    assert (int(said[2]), int(said[3])) == (failed, row[len(cells.AXES)])
    assert page.run("document.querySelectorAll('#explore ~ .charts canvas').length") == 2
    chosen = page.run(
        "[...document.getElementById('choose-activation').options].map((o) => o.value)"
    )
    assert set(chosen) == {"tanh", "relu"}
    assert page.run("document.querySelectorAll('#rules button').length") == 3
