// The stage: a session that is played, paused, stepped and reset, and everything that shows it.

const SPEEDS = { slow: 1, normal: 8, fast: 60 }; // updates a frame, as far as time allows
const AFRAME = 25, REST = 60; // milliseconds of training a frame, and between drawings at the least

const stage = (() => {
  const $ = (id) => document.getElementById(id), still = matchMedia("(prefers-reduced-motion: reduce)");
  let settings, session, running = false, until = Infinity, ghost = null, drawn = 0, chart = null, show, begun = 0;
  const title = (s) => {
    const rule = RULES[s.rule], amount = rule.amount ? ` (${s.amount})` : "", where = { output: ", at the output", all: ", in all layers" };
    return rule.label + amount + (s.matched ? ", activation matched" : where[s.location] || "") + (s.ruleRate ? `, rate ${s.ruleRate}` : "");
  };

  /** Begin anew with these settings, laid over those that are set. The last run stays in the chart if it differs in the rule alone. */
  function set(given, keepsGhost = true) {
    const before = session, wished = { ...settings, ...given }, { settings: put, said } = sane(wished);
    pause();
    const same = before && ["data", "activation", "objective", "depth", "width", "optimizer", "rate", "batch", "gain", "seed"].every((k) => put[k] === settings[k]);
    const other = before && ["rule", "amount", "location", "matched", "ruleRate"].some((k) => put[k] !== settings[k]);
    if (!keepsGhost || !same) ghost = null;
    else if (other && before.step > 10) ghost = { name: `before: ${title(settings)}`, history: before.arms[1].history };
    settings = put;
    session = makeSession({ ...settings, ruleRate: settings.ruleRate || settings.rate });
    until = Infinity;
    show(settings);
    fillLayers();
    $("live-said").textContent = said;
    draw();
  }

  function fillLayers() {
    const chosen = Math.min(Number($("live-layer").value) || 0, settings.depth - 1);
    $("live-layer").replaceChildren(...Array.from({ length: settings.depth }, (_, l) => new Option(`hidden layer ${l + 1}`, l, false, l === chosen)));
  }

  function play(to = Infinity) {
    until = to;
    if (session.arms.every((arm) => arm.failed)) return;
    running = true;
    $("live-play").textContent = "Pause";
    const mine = ++begun;
    requestAnimationFrame(function next() {
      if (!running || mine !== begun) return;
      const end = performance.now() + AFRAME, slow = until === Infinity || !still.matches;
      const most = slow ? SPEEDS[$("live-speed").value] : Infinity;
      for (let i = 0; i < most && session.step < until && performance.now() < end; i++) session.advance(1);
      if (session.step >= until || session.arms.every((arm) => arm.failed)) return finish();
      if (slow && performance.now() - drawn > REST) draw();
      requestAnimationFrame(next);
    });
  }

  function pause() {
    running = false;
    begun++;
    $("live-play").textContent = "Play";
  }

  function finish() {
    pause();
    draw();
    $("live-said").textContent = verdict();
  }

  function verdict() {
    const [exact, rule] = session.arms, at = `After ${session.step.toLocaleString("en")} updates: `;
    if (rule.failed) return `${at}the changed net has failed at update ${rule.step}; exact's training loss is ${plain(exact.objective)}.`;
    const times = rule.objective / exact.objective;
    const said = times > 1.05 ? `${plain(times)} times exact's` : times < 1 / 1.05 ? `${plain(times)} of exact's` : "the same within 5 %";
    return `${at}training loss is ${plain(exact.objective)} with exact f′, and ${plain(rule.objective)} on the right: ${said}.`;
  }

  function draw() {
    drawn = performance.now();
    const layer = Math.min(Number($("live-layer").value) || 0, settings.depth - 1), names = { exact: "exact f′", rule: title(settings) };
    $("live-span").textContent = spanOf(session.arms[0].net.layers[0].f);
    $("live-step-count").textContent = session.step.toLocaleString("en");
    for (const arm of session.arms) {
      const told = measure(arm, session), box = $(`arm-${arm.role}`);
      const score = told.score === null ? "" : `, right on ${percent(told.score)} of the test examples`;
      box.querySelector("h4").textContent = arm.role === "exact" ? "Exact f′" : title(settings);
      drawArm(box.querySelector(".surface"), arm, session);
      box.querySelector(".surface").setAttribute("aria-label", `What the net says after ${session.step} updates: training loss ${plain(arm.objective)}${score}.`);
      const units = $(`units-${arm.role}`);
      units.parentElement.parentElement.querySelector("h4").textContent = box.querySelector("h4").textContent;
      units.setAttribute("aria-label", drawUnits(units, arm, session, layer));
      const numbers = {
        loss: arm.failed ? `failed at ${arm.step}` : plain(arm.objective), score: told.score === null ? "–" : percent(told.score),
        saturated: percent(told.saturated), decided: told.decided === null ? "–" : percent(told.decided),
        angle: Number.isFinite(told.angle) ? `${Math.round(told.angle)}°` : "–",
      };
      box.querySelector("[data-told=score]").parentElement.hidden = told.score === null;
      for (const [name, text] of Object.entries(numbers)) box.querySelector(`[data-told=${name}]`).textContent = text;
    }
    chart?.destroy();
    chart = lossChart($("live-chart"), session, ghost, names);
    $("live-chart").setAttribute("aria-label", `Training loss during ${session.step} updates. ${verdict()}`);
  }

  const percent = (share) => (Number.isFinite(share) ? `${Math.round(100 * share)} %` : "–");

  function begin(first) {
    settings = first;
    show = makeControls($("live-controls"), (chosen) => { $("live").dispatchEvent(new Event("chosen")); set(chosen); });
    $("live-play").addEventListener("click", () => (running ? pause() : play()));
    $("live-step").addEventListener("click", () => { pause(); session.advance(1); draw(); $("live-said").textContent = verdict(); });
    $("live-reset").addEventListener("click", () => set({}));
    $("live-seed").addEventListener("click", () => set({ seed: settings.seed + 1 }));
    $("live-layer").addEventListener("change", draw);
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    set(first, false);
  }

  return { begin, set, play, pause, draw, verdict, state: () => ({ settings, session, running, ghost }) };
})();
