// A session: exact and the chosen rule, from the same weights and batches, with what is measured of both.

const FURTHER = 1.02; // the objective is kept at updates this far apart

/** Settings that go together: what can't be chosen here is put right, and told. */
function sane(settings) {
  const s = { ...settings }, f = ACTIVATIONS[s.activation], rule = RULES[s.rule], said = [];
  if (DATA[s.data].regression && s.objective === "cross_entropy") s.objective = "linear_squared_error";
  if (s.objective !== "squared_error" && s.location !== "hidden") {
    s.location = "hidden";
    said.push("Under this objective no f′ stands at the output, so only hidden layers are changed.");
  }
  if (rule.hidden && s.location !== "hidden") s.location = "hidden";
  const refusal = rule.refused ? rule.refused(f) : "";
  if (refusal) {
    s.rule = "removed";
    said.push(`“${rule.label}” is not for ${f.label}: ${refusal}.`);
  }
  const unmatched = s.matched ? notMatched(RULES[s.rule], f) : "";
  if (unmatched) {
    s.matched = false;
    said.push(`There is no matching activation here: ${unmatched}.`);
  }
  if (s.matched) s.location = "hidden";
  return { settings: s, said: said.join(" ") };
}

function makeSession(settings) {
  const data = DATA[settings.data], raw = data.load(settings.seed);
  const sizes = [data.inputs, ...Array(settings.depth).fill(settings.width), data.outputs];
  const keys = { batches: keyOf(settings.seed, "batches"), rule: sizes.map((_, l) => keyOf(settings.seed, `rule ${l}`)) };
  const { activation, objective, optimizer } = settings;
  const batch = settings.batch || Infinity, start = makeNet({ sizes, activation, objective });
  const weights = initialWeights(start, settings.seed, settings.gain);
  const set = pose(settings.data, raw, raw, start), test = pose(settings.data, raw, raw.test, start);
  const arms = ["exact", "rule"].map((role) => {
    const changed = role === "rule" ? { rule: settings.rule, amount: settings.amount, location: settings.location, matched: settings.matched } : {};
    const net = makeNet({ sizes, activation, objective, ...changed });
    const rate = role === "rule" ? settings.ruleRate : settings.rate;
    const arm = makeArm(net, weights, set, { rate, optimizer, batch, keys });
    return Object.assign(arm, { role, history: [], next: 0 });
  });
  const session = { settings, raw, set, test, arms, step: 0, constant: bestConstant(set, objective) };
  arms.forEach((arm) => keep(arm, session));
  session.advance = (updates) => {
    for (let i = 0; i < updates; i++) {
      session.step++;
      for (const arm of arms) {
        if (arm.failed) continue;
        arm.advance();
        if (arm.step >= arm.next) keep(arm, session);
      }
    }
  };
  return session;
}

/** Keep the objective on the whole training set; an arm that explodes stops, as in study/learning/outcomes.py. */
function keep(arm, session) {
  const value = objectiveOf(arm.net, forward(arm.net, arm.w, session.set.x, session.set.n), session.set.t);
  const first = arm.history.length ? arm.history[0][1] : value;
  arm.failed = !(value <= 1e3 * Math.max(first, session.constant));
  arm.objective = value;
  arm.history.push([arm.step, value]);
  arm.next = Math.max(arm.step + 1, Math.ceil(arm.step * FURTHER));
}

/** The objective of the best constant output. */
function bestConstant(set, objective) {
  const outputs = set.t.length / set.n;
  let total = 0;
  for (let j = 0; j < outputs; j++) {
    const own = set.t.subarray(j * set.n, (j + 1) * set.n), mean = own.reduce((a, b) => a + b) / set.n;
    const entropy = (p) => (p > 0 ? -p * Math.log(p) : 0);
    if (objective === "cross_entropy") total += outputs === 1 ? entropy(mean) + entropy(1 - mean) : entropy(mean);
    else total += own.reduce((sum, t) => sum + 0.5 * (t - mean) ** 2, 0) / set.n;
  }
  return total;
}

/** What is told of an arm at its weights: shares of (unit, example) pairs, the angle in degrees
 * between the gradient that is used and the exact one, in the weights of hidden layers, and the test score. */
function measure(arm, session) {
  const { net, w } = arm, { set, test } = session, state = forward(net, w, set.x, set.n);
  let pairs = 0, saturated = 0, decided = 0;
  net.layers.slice(0, -1).forEach(({ f }, l) => {
    const slope = slopesOf(net.layers[l], state.z[l], state.y[l]), [low, high] = f.bounds;
    pairs += slope.length;
    for (let i = 0; i < slope.length; i++) {
      saturated += Math.abs(slope[i]) <= SATURATED * f.most;
      decided += Math.abs((2 * (state.y[l][i] - low)) / (high - low) - 1) > DECIDED;
    }
  });
  const step = Math.max(arm.step, 1), used = backward(net, w, state, set.t, step), true_ = backward(net, w, state, set.t, step, true);
  return {
    saturated: arm.failed ? NaN : saturated / pairs,
    decided: bounded(net.layers[0].f) && !arm.failed ? decided / pairs : null,
    angle: angleBetween(used.subarray(0, net.layers.at(-1).at), true_.subarray(0, net.layers.at(-1).at)),
    score: scoreOf(session, forward(net, w, test.x, test.n).y.at(-1)),
  };
}

function angleBetween(a, b) {
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) { ab += a[i] * b[i]; aa += a[i] * a[i]; bb += b[i] * b[i]; }
  return (180 / Math.PI) * Math.acos(Math.min(1, Math.max(-1, ab / Math.sqrt(aa * bb))));
}

/** Accuracy on the test part; null for a regression. */
function scoreOf({ settings, test, raw }, y) {
  if (DATA[settings.data].regression) return null;
  let right = 0;
  for (let k = 0; k < test.n; k++) right += Number(predicted(y, k, test) === raw.test.t[k]);
  return right / test.n;
}

/** The class that an output says for pattern k. */
function predicted(y, k, { n, low, high }) {
  const outputs = y.length / n;
  if (outputs === 1) return Number(y[k] > (low + high) / 2);
  let best = 0;
  for (let j = 1; j < outputs; j++) if (y[j * n + k] > y[best * n + k]) best = j;
  return best;
}
