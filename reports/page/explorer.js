"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const AXES = Object.keys(data.axes);
  const NAMES = {
    task: "task, objective, hidden units", activation: "activation", optimizer: "optimizer",
    setting: "setting", location: "where the factor is changed", rule: "gradient", stage: "learning rate",
  };
  const STAGES = { evaluate: "tuned for this rule", transfer: "tuned for exact" };
  const LOCATIONS = { none: "nowhere (exact)" };
  const SETTING = 4; // axes before this one make a setting
  const cells = data.cells.map((row) => {
    const cell = { codes: row.slice(0, AXES.length) };
    [cell.runs, cell.failed, cell.rate, cell.constant, cell.low, cell.median, cell.high, cell.ratio, cell.pairs,
      cell.grid, ...cell.curve] = row.slice(AXES.length);
    return cell;
  });
  const label = (axis, cell) => data.axes[AXES[axis]][cell.codes[axis]];
  const shown = (axis, text) =>
    AXES[axis] === "stage" ? STAGES[text] || text : AXES[axis] === "location" ? LOCATIONS[text] || text : text;
  const value = (step) => (step === null || step === undefined ? null : 10 ** (step / 1000));
  const said = (x) => (x === null || x === undefined ? "–" : number(x));
  const number = (x) => (x === null || x === undefined ? "∞" : x !== 0 && (x < 1e-3 || x >= 1e5) ? x.toExponential(1) : String(+x.toPrecision(3)));

  const form = document.getElementById("choices");
  const selects = AXES.map((axis, k) => {
    const box = document.createElement("label");
    box.textContent = NAMES[axis] || axis;
    const select = document.createElement("select");
    select.id = "choose-" + axis;
    select.addEventListener("change", () => { wanted[k] = select.value; draw(); });
    box.append(select);
    form.append(box);
    return select;
  });

  // What is wished for; each choice is kept where the ones before it allow it.
  const asked = new URLSearchParams(location.hash.slice(1));
  const first = { activation: "tanh", optimizer: "sgd", setting: "usual", location: "hidden", rule: "removed", stage: "evaluate" };
  const wanted = AXES.map((axis) => asked.get(axis) || first[axis]);

  function choose() {
    let left = cells;
    selects.forEach((select, k) => {
      const codes = [...new Set(left.map((cell) => cell.codes[k]))].sort((a, b) => a - b);
      const labels = codes.map((code) => data.axes[AXES[k]][code]);
      const taken = labels.includes(wanted[k]) ? wanted[k] : labels[0];
      select.replaceChildren(...labels.map((text) => new Option(shown(k, text), text, false, text === taken)));
      select.disabled = labels.length < 2;
      const code = codes[labels.indexOf(taken)];
      left = left.filter((cell) => cell.codes[k] === code);
    });
    return left[0];
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const faded = (hex) => hex + "2e";
  let charts = [];

  function draw() {
    const cell = choose();
    const here = cells.filter((other) => other.codes.slice(0, SETTING).every((code, k) => code === cell.codes[k]));
    const own = here.filter((other) => label(6, other) === "evaluate");
    charts.forEach((chart) => chart.destroy());
    charts = [curves(cell, own), finals(cell, own)];
    table(cell, own);
    tell(cell, own);
    const hash = new URLSearchParams(AXES.map((axis, k) => [axis, label(k, cell)]));
    history.replaceState(null, "", "#" + hash);
  }

  function same(name, own, cell) {
    const found = own.filter((other) => label(5, other) === name);
    return found.find((other) => other.codes[4] === cell.codes[4]) || found[0];
  }

  function tell(cell, own) {
    const rule = label(5, cell), exact = same("exact", own, cell);
    const share = (100 * cell.failed) / cell.runs;
    let text = `${rule}: final loss ${number(value(cell.median))} (quartiles ${number(value(cell.low))} to ${number(value(cell.high))}), ` +
      `${cell.failed} of ${cell.runs} runs failed (${+share.toPrecision(2)} %), learning rate ${number(value(cell.rate))}.`;
    if (exact && exact !== cell)
      text += ` Exact: ${number(value(exact.median))}, ${exact.failed} of ${exact.runs} failed` +
        (cell.ratio === null ? "." : `; ratio to exact ${number(cell.ratio)} over ${cell.pairs} paired seeds.`);
    document.getElementById("told").textContent = text;
  }

  function axes(more) {
    const line = { stroke: colour("muted"), grid: { stroke: colour("faint"), width: 1 }, ticks: { stroke: colour("faint"), width: 1 } };
    return [{ ...line, ...more }, { ...line, size: 62, label: "training loss", labelSize: 20, values: (_, ticks) => ticks.map((t) => (t === null ? "" : number(+t.toPrecision(2)))) }];
  }

  // uPlot never ends its ticks on a logarithmic axis that begins at 9.5 to 10 times a power of ten
  const oneDigit = (x) => { const unit = 10 ** Math.floor(Math.log10(x)); return unit * Math.floor(x / unit); };

  function range(values) {
    const known = values.filter((x) => x !== null && x > 0);
    const low = Math.min(...known), high = Math.max(...known);
    return [oneDigit(low / 1.3), high * 1.3];
  }

  function size(element) {
    return { width: Math.max(280, element.clientWidth), height: element.id === "finals" ? 430 : 340 };
  }

  function curves(cell, own) {
    const lines = [{ name: label(5, cell), cell, colour: colour("chosen"), dash: [], width: 2.5 }];
    [["exact", [8, 4]], ["removed", [2, 3]], ["frozen", [8, 3, 2, 3]]].forEach(([name, dash]) => {
      const other = same(name, own, cell);
      if (other && other !== cell) lines.push({ name, cell: other, colour: colour(name), dash, width: 1.75 });
    });
    const updates = [...new Set(lines.flatMap((line) => data.grids[line.cell.grid]))].sort((a, b) => a - b);
    const table = [updates], series = [{ label: "update" }], bands = [];
    lines.forEach((line) => {
      const at = new Map(data.grids[line.cell.grid].map((u, k) => [u, k]));
      const column = (q) => updates.map((u) => (at.has(u) ? value(line.cell.curve[q][at.get(u)]) : undefined));
      const k = table.length;
      table.push(column(1), column(0), column(2));
      const told = (chart, x, _, i) => (x === null || x === undefined ? "–"
        : `${number(x)} (${number(chart.data[k + 1][i])} to ${number(chart.data[k + 2][i])})`);
      series.push({ label: line.name, stroke: line.colour, width: line.width, dash: line.dash, points: { show: false }, value: told });
      const edge = { stroke: "transparent", width: 0, points: { show: false }, class: "edge" };
      series.push(edge, edge);
      bands.push({ series: [k + 2, k + 1], fill: faded(line.colour) });
    });
    const element = document.getElementById("curves");
    element.setAttribute("aria-label", "Learning curves of " + lines.map((line) => line.name).join(", "));
    element.replaceChildren();
    return new uPlot({
      ...size(element),
      scales: { x: { time: false, distr: 3, range: (_, low, high) => [low, high] }, y: { distr: 3, range: range(table.slice(1).flat().filter((x) => x !== undefined)) } },
      axes: axes({ label: "updates of the weights", labelSize: 20, values: (_, ticks) => ticks.map((t) => (t === null || Math.log10(t) % 1 ? "" : t.toLocaleString("en"))) }),
      series, bands, legend: { live: true },
    }, table, element);
  }

  const code = (where) => data.axes.location.indexOf(where);

  function ordered(own) {
    return [...own].sort((a, b) => (a.median ?? Infinity) - (b.median ?? Infinity));
  }
  const named = (cell) => label(5, cell) + (["none", "hidden"].includes(label(4, cell)) ? "" : ` (${label(4, cell)})`);

  function finals(cell, own) {
    const rules = ordered(own).filter((rule) => rule === cell || [cell.codes[4], code("none")].includes(rule.codes[4]));
    const x = rules.map((_, k) => k);
    const columns = ["median", "low", "high"].map((key) => rules.map((rule) => value(rule[key])));
    const exact = same("exact", own, cell);
    const line = exact ? rules.map(() => value(exact.median)) : rules.map(() => null);
    const chosen = rules.map((rule) => (rule === cell ? value(rule.median) : null));
    const whiskers = (chart) => {
      const { ctx } = chart;
      ctx.save();
      ctx.setLineDash([]); // the line before was dashed
      rules.forEach((rule, k) => {
        if (columns[1][k] === null) return;
        ctx.strokeStyle = rule === cell ? colour("chosen") : colour("ink");
        ctx.lineWidth = (rule === cell ? 3 : 1.5) * devicePixelRatio;
        const at = chart.valToPos(k, "x", true);
        ctx.beginPath();
        ctx.moveTo(at, chart.valToPos(columns[1][k], "y", true));
        ctx.lineTo(at, columns[2][k] === null ? chart.bbox.top : chart.valToPos(columns[2][k], "y", true));
        ctx.stroke();
      });
      ctx.restore();
    };
    const points = (stroke, size) => ({ show: true, size, stroke, fill: stroke });
    const element = document.getElementById("finals"), narrow = element.clientWidth < 600; // all names don't fit there
    element.setAttribute("aria-label", "Final objectives; the table below has the numbers");
    element.replaceChildren();
    const values = [...columns.flat(), ...line];
    return new uPlot({
      ...size(element),
      padding: [null, 70, null, null], // the last labels run to the right
      scales: { x: { time: false, range: [-0.6, rules.length - 0.4] }, y: { distr: 3, range: range(values) } },
      axes: axes({
        splits: () => x, values: () => rules.map((rule) => (narrow && rule !== cell && rule !== exact ? "" : named(rule))), rotate: -60, size: 165, space: 1,
        font: "11px system-ui, sans-serif", grid: { show: false },
      }),
      series: [
        { label: "rule", value: (_, k) => (k === null ? "–" : named(rules[k])) },
        { label: "median", stroke: colour("ink"), width: 0, paths: () => null, points: points(colour("ink"), 6), value: (_, v) => said(v) },
        { label: "exact", stroke: colour("exact"), width: 1, dash: [6, 4], points: { show: false }, value: (_, v) => said(v) },
        { label: "chosen", stroke: colour("chosen"), width: 0, paths: () => null, points: points(colour("chosen"), 11), value: (_, v) => said(v) },
      ],
      hooks: { drawSeries: [(chart, k) => { if (k === 2) whiskers(chart); }] },
    }, [x, columns[0], line, chosen], element);
  }

  function table(cell, own) {
    const rows = ordered(own).map((rule) => {
      const row = document.createElement("tr");
      if (rule === cell) { row.className = "chosen"; row.setAttribute("aria-current", "true"); }
      const head = document.createElement("th"), button = document.createElement("button");
      head.scope = "row";
      button.type = "button";
      button.textContent = label(5, rule);
      button.addEventListener("click", () => { AXES.forEach((_, k) => { wanted[k] = label(k, rule); }); draw(); });
      head.append(button);
      row.append(head);
      [label(4, rule), number(value(rule.median)), `${number(value(rule.low))} to ${number(value(rule.high))}`,
        rule.ratio === null ? "–" : number(rule.ratio), `${rule.failed} of ${rule.runs}`, number(value(rule.rate))]
        .forEach((text, k) => {
          const box = document.createElement("td");
          if (k) box.className = "number";
          box.textContent = text;
          row.append(box);
        });
      return row;
    });
    document.querySelector("#rules tbody").replaceChildren(...rows);
  }

  draw();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.documentElement.dataset.ready = "yes";
})();
