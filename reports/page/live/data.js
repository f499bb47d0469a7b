// Data for the live network: points that are drawn from the seed, and digits that came with the page.
// A raw set is { x: rows, t: rows or classes, test: {...} }; `pose` makes it { x, t, n } for an objective.

const POINTS = 200, CURVE = 60;
const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; // the grey levels of digits

function moon(draws, label) {
  const angle = Math.PI * draws.next(), s = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = label ? [1 - s[0], 0.5 - s[1]] : s;
  return [x + 0.15 * draws.normal(), y + 0.15 * draws.normal()];
}

function ring(draws, label) {
  const angle = 2 * Math.PI * draws.next(), radius = label ? 0.5 : 1;
  return [radius * Math.cos(angle) + 0.1 * draws.normal(), radius * Math.sin(angle) + 0.1 * draws.normal()];
}

function corner(draws, label) {
  const [a, b] = [draws.next() < 0.5 ? -1 : 1, label ? -1 : 1];
  return [a + 0.35 * draws.normal(), a * b + 0.35 * draws.normal()];
}

function points(draw) {
  return (seed) => {
    const draws = sequence(seed, "points"), n = POINTS + POINTS / 2;
    const classes = Array.from({ length: n }, (_, k) => k % 2), x = classes.map((label) => draw(draws, label));
    return parted(x, classes, POINTS);
  };
}

function curve(seed) {
  const draws = sequence(seed, "points"), n = CURVE + CURVE / 2;
  const x = Array.from({ length: n }, () => [4 * draws.next() - 2]);
  return parted(x, x.map(([v]) => [Math.sin(3 * v) + 0.5 * v + 0.1 * draws.normal()]), CURVE);
}

function digits() {
  const { pixels, labels, train } = shipped.digits, size = pixels.length / labels.length;
  const x = Array.from(labels, (_, k) => Array.from(pixels.slice(k * size, (k + 1) * size), (c) => LETTERS.indexOf(c)));
  return parted(x, Array.from(labels, Number), train);
}

/** Split, and standardise the inputs by the training part. */
function parted(x, t, train) {
  const columns = x[0].map((_, i) => {
    const own = x.slice(0, train).map((row) => row[i]), mean = own.reduce((a, b) => a + b) / train;
    return [mean, Math.sqrt(own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / train) || 1];
  });
  const scaled = x.map((row) => row.map((v, i) => (v - columns[i][0]) / columns[i][1]));
  const part = (from, to) => ({ x: scaled.slice(from, to), t: t.slice(from, to), raw: x.slice(from, to) });
  return { ...part(0, train), test: part(train) };
}

const DATA = {
  moons: { label: "two moons", load: points(moon), inputs: 2, outputs: 1 },
  circles: { label: "circle in a ring", load: points(ring), inputs: 2, outputs: 1 },
  xor: { label: "xor: opposite corners", load: points(corner), inputs: 2, outputs: 1 },
  curve: { label: "a curve (regression)", load: curve, inputs: 1, outputs: 1, regression: true },
  digits: { label: "digits, shrunk to 4 × 4", load: digits, inputs: 16, outputs: 10 },
};

/** Encode a part of a set for a net: inputs and targets as [unit · n + pattern], and both target values. */
function pose(name, raw, part, net) {
  const { inputs, outputs, regression } = DATA[name], n = part.x.length;
  const x = new Float64Array(inputs * n), t = new Float64Array(outputs * n);
  let [low, high] = net.objective === "squared_error" ? net.output.targets : [0, 1], least = 0, span = 1;
  if (regression) {
    const all = raw.t.flat();
    if (net.objective === "squared_error") [least, span] = [Math.min(...all), Math.max(...all) - Math.min(...all)];
    else [low, high] = [0, 1];
  }
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < inputs; i++) x[i * n + k] = part.x[k][i];
    for (let j = 0; j < outputs; j++) {
      const aim = regression ? part.t[k][j] : outputs === 1 ? part.t[k] : Number(part.t[k] === j);
      t[j * n + k] = low + ((high - low) * (aim - least)) / span;
    }
  }
  return { x, t, n, low, high };
}
