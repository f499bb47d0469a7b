// The chart of both objectives: updates across, training loss up on a logarithmic axis.

function lossChart(element, session, ghost, names) {
  const [exact, rule] = session.arms.map((arm) => arm.history);
  const steps = [...new Set([exact, rule, ghost?.history || []].flatMap((h) => h.map(([step]) => step)))].sort((a, b) => a - b);
  const column = (history) => {
    const at = new Map(history);
    return steps.map((s) => (at.has(s) && Number.isFinite(at.get(s)) && at.get(s) > 0 ? at.get(s) : undefined));
  };
  const table = [steps, column(exact), column(rule)];
  const line = (label, stroke, dash, width) => ({
    label, stroke, dash, width, points: { show: false }, spanGaps: true, value: (_, v) => (v === null || v === undefined ? "–" : plain(v)),
  });
  const series = [
    { label: "update", value: (_, v) => (v === null || v === undefined ? "–" : v.toLocaleString("en")) },
    line(names.exact, colour("exact"), [], 2.5), line(names.rule, colour("rule"), [10, 4], 2.5),
  ];
  if (ghost) {
    table.push(column(ghost.history));
    series.push(line(ghost.name, colour("rule"), [2, 4], 1.75));
  }
  table.push(steps.map(() => session.constant));
  series.push(line("best constant output", colour("muted"), [4, 6], 1.25));
  const known = table.slice(1).flat().filter((v) => v > 0 && Number.isFinite(v));
  const most = Math.min(Math.max(...known), 30 * Math.max(session.constant, exact[0][1]));
  const axis = { stroke: colour("muted"), grid: { stroke: colour("faint"), width: 1 }, ticks: { stroke: colour("faint"), width: 1 } };
  element.replaceChildren();
  return new uPlot({
    width: Math.max(260, element.clientWidth), height: 300,
    scales: {
      x: { time: false, range: (_, low, high) => [0, Math.max(high, 10)] },
      y: { distr: 3, range: () => [oneDigit(Math.min(...known) / 1.4), most * 1.4] },
    },
    axes: [
      { ...axis, label: "updates of the weights", labelSize: 22, values: (_, ticks) => ticks.map((t) => t.toLocaleString("en")) },
      { ...axis, label: "training loss", labelSize: 22, size: 58, values: (_, ticks) => ticks.map((t) => (t === null ? "" : plain(t))) },
    ],
    series, legend: { live: false, markers: { width: 2, fill: "transparent", dash: (_, i) => ["", "solid", "dashed", "dotted"][Math.min(i, 3)] } },
  }, table, element);
}

/** Round down to one digit: uPlot never ends its ticks where an axis begins at 9.5 to 10 times a power of ten. */
function oneDigit(x) {
  const unit = 10 ** Math.floor(Math.log10(x));
  return unit * Math.floor(x / unit);
}

/** A number in two digits. */
function plain(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return "∞";
  if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5)) return x.toExponential(1).replace("e", " · 10^").replace("+", "").replace("-", "−");
  return String(+x.toPrecision(2));
}
