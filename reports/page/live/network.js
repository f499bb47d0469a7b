// The network: forward, objective and backward in float64, as in study/learning/core/network.py.
// Layer l's weights are (n_in + 1) × n_out numbers in a row of w, its last row the bias. Arrays of a
// layer are [unit · patterns + pattern]. The line that this study is about is marked.

const OBJECTIVES = {
  squared_error: {
    label: "squared error, squashed outputs", factor: true,
    output: (hidden) => (bounded(hidden) && hidden.name !== "matched" ? hidden : ACTIVATIONS.logistic),
  },
  linear_squared_error: { label: "squared error, linear outputs", output: () => IDENTITY },
  cross_entropy: {
    label: "cross-entropy", output: (hidden, outputs) => (outputs === 1 ? ACTIVATIONS.logistic : SOFTMAX),
  },
};

/** A network: { sizes, activation, objective, rule, amount, location, matched } as names and numbers. */
function makeNet(given) {
  const own = ACTIVATIONS[given.activation], rule = RULES[given.rule || "exact"];
  const amount = given.amount ?? rule.amount?.start, last = given.sizes.length - 2;
  const objective = OBJECTIVES[given.objective], exact = RULES.exact;
  const hidden = given.matched ? matched(rule, own, amount) : own;
  const output = objective.output(own, given.sizes[last + 1]);
  const layers = [];
  for (let l = 0, at = 0; l <= last; l++) {
    const from = given.sizes[l], to = given.sizes[l + 1], top = l === last;
    const acts = !given.matched && (top ? ["output", "all"] : ["hidden", "all"]).includes(given.location || "hidden");
    layers.push({
      at, from, to, f: top ? output : hidden, rule: acts && !(top && rule.hidden) ? rule : exact,
      factored: !top || Boolean(objective.factor), topmost: l === last - 1, amount, mean: NaN, key: 0n, step: 0,
    });
    at += (from + 1) * to;
  }
  const end = layers[last];
  return { ...given, layers, size: end.at + (end.from + 1) * end.to, objective: given.objective, output };
}

/** Compute all layers for x [input · patterns + pattern]; return { x, patterns, z: [...], y: [...] }. */
function forward(net, w, x, patterns) {
  const state = { x, patterns, z: [], y: [] };
  let below = x;
  for (const { at, from, to, f } of net.layers) {
    const z = new Float64Array(to * patterns), y = new Float64Array(to * patterns);
    for (let j = 0; j < to; j++) {
      const row = z.subarray(j * patterns, (j + 1) * patterns).fill(w[at + from * to + j]);
      for (let i = 0; i < from; i++) {
        const weight = w[at + i * to + j], start = i * patterns;
        for (let n = 0; n < patterns; n++) row[n] += weight * below[start + n];
      }
    }
    if (f === SOFTMAX) softmax(z, y, to, patterns);
    else for (let i = 0; i < z.length; i++) y[i] = f.f(z[i]);
    state.z.push(z);
    state.y.push(y);
    below = y;
  }
  return state;
}

function softmax(z, y, units, patterns) {
  for (let n = 0; n < patterns; n++) {
    let top = -Infinity, total = 0;
    for (let k = 0; k < units; k++) top = Math.max(top, z[k * patterns + n]);
    for (let k = 0; k < units; k++) total += y[k * patterns + n] = Math.exp(z[k * patterns + n] - top);
    for (let k = 0; k < units; k++) y[k * patterns + n] /= total;
  }
}

/** The objective: a mean over patterns of a sum over outputs. It is never modified. */
function objectiveOf(net, state, t) {
  const z = state.z.at(-1), y = state.y.at(-1), b = state.patterns, outputs = z.length / b;
  let total = 0;
  if (net.objective !== "cross_entropy") for (let i = 0; i < y.length; i++) total += 0.5 * (y[i] - t[i]) ** 2;
  else if (outputs === 1)
    for (let i = 0; i < z.length; i++) total += Math.max(z[i], 0) - t[i] * z[i] + Math.log1p(Math.exp(-Math.abs(z[i])));
  else
    for (let n = 0; n < b; n++) {
      let top = -Infinity, mass = 0;
      for (let k = 0; k < outputs; k++) top = Math.max(top, z[k * b + n]);
      for (let k = 0; k < outputs; k++) mass += Math.exp(z[k * b + n] - top);
      for (let k = 0; k < outputs; k++) total += t[k * b + n] * (top - z[k * b + n] + Math.log(mass));
    }
  return total / b;
}

/** f' of a layer, as a new array; then φ by `factors`. */
function slopesOf(layer, z, y) {
  const slope = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) slope[i] = layer.f.slope(z[i], y[i]);
  return slope;
}

function factors(layer, rule, z, y, patterns, step) {
  const phi = slopesOf(layer, z, y);
  layer.step = step;
  applyRule(rule, phi, z, y, layer.to, patterns, layer);
  return phi;
}

/** Propagate y - t back after `forward`; return the gradient, or the exact one if `exact`. */
function backward(net, w, state, t, step, exact = false) {
  const b = state.patterns, g = new Float64Array(net.size);
  let error = new Float64Array(t.length);
  for (let i = 0; i < error.length; i++) error[i] = (state.y.at(-1)[i] - t[i]) / b;
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const layer = net.layers[l], { at, from, to } = layer;
    if (layer.factored) {
      const phi = factors(layer, exact ? RULES.exact : layer.rule, state.z[l], state.y[l], b, step);
      for (let i = 0; i < error.length; i++) error[i] *= phi[i]; // chain rule: φ = f'
    }
    const below = l ? state.y[l - 1] : state.x;
    const down = l ? new Float64Array(from * b) : null;
    for (let j = 0; j < to; j++) {
      const row = error.subarray(j * b, (j + 1) * b);
      for (let i = 0; i < from; i++) {
        const start = i * b, weight = w[at + i * to + j];
        let total = 0;
        for (let n = 0; n < b; n++) total += below[start + n] * row[n];
        g[at + i * to + j] = total;
        if (l) for (let n = 0; n < b; n++) down[start + n] += weight * row[n];
      }
      let total = 0;
      for (let n = 0; n < b; n++) total += row[n];
      g[at + from * to + j] = total;
    }
    error = down;
  }
  return g;
}

/** Let rules that need the mean of f' at the initial weights take it, from the whole training set. */
function prepare(net, w, x, patterns) {
  if (!net.layers.some((layer) => layer.rule.prepares)) return;
  const state = forward(net, w, x, patterns);
  net.layers.forEach((layer, l) => {
    if (!layer.factored) return;
    const slope = slopesOf(layer, state.z[l], state.y[l]);
    layer.mean = slope.reduce((sum, s) => sum + s, 0) / slope.length;
  });
}
