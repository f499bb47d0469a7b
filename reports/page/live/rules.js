// Gradient rules: what stands in the place of f' in the delta rule, as in study/learning/rules/.
// `at(slope, z, y, f, amount)` gives φ of one unit and pattern. `whole(slope, units, patterns, layer)`
// changes a layer's slopes in place, `slope[unit · patterns + pattern]`; layer has amount, mean (of f' at
// the initial weights), key, step, topmost. `refused(f)` gives a reason, or "".

const signed = (size, slope) => (slope < 0 ? -size : size); // sgn(0) = +1
const plainly = (range) => ({ low: 0, high: 1, ...range });

function meansOfUnits(slope, units, patterns) {
  const means = new Float64Array(units);
  for (let j = 0; j < units; j++) {
    for (let n = 0; n < patterns; n++) means[j] += slope[j * patterns + n];
    means[j] /= patterns;
  }
  return means;
}

const RULES = {
  exact: { label: "f′ (exact)", says: "f′ itself, as the chain rule asks" },
  removed: { label: "f′ removed (1 instead)", says: "1 in the place of f′", at: () => 1 },
  constant: {
    label: "a constant", says: "the same number everywhere", at: (slope, z, y, f, amount) => amount,
    amount: plainly({ start: 0.5, name: "constant" }),
  },
  mean_matched: {
    label: "mean of f′ at the start", says: "the mean of f′ at the first weights", at: (slope, z, y, f, amount, mean) => mean,
    prepares: true,
  },
  scaled: {
    label: "f′ / its mean at the start", says: "f′, with a mean of 1 at the first weights",
    at: (slope, z, y, f, amount, mean) => slope / mean, prepares: true,
  },
  unit_mean: {
    label: "mean of f′, each unit", says: "the mean of f′ over the examples of the batch, one number a unit",
    whole(slope, units, patterns) {
      meansOfUnits(slope, units, patterns).forEach((mean, j) => slope.fill(mean, j * patterns, (j + 1) * patterns));
    },
  },
  pattern_mean: {
    label: "mean of f′, each example", says: "the mean of f′ over the units of the layer, one number an example",
    whole(slope, units, patterns) {
      for (let n = 0; n < patterns; n++) {
        let total = 0;
        for (let j = 0; j < units; j++) total += slope[j * patterns + n];
        for (let j = 0; j < units; j++) slope[j * patterns + n] = total / units;
      }
    },
  },
  floor: {
    label: "f′ with a floor", says: "f′, but never less than a share of its largest value",
    at: (slope, z, y, f, amount) => signed(Math.max(Math.abs(slope), amount * f.most), slope),
    amount: plainly({ start: 0.01, name: "floor, share of the largest f′" }),
  },
  offset: {
    label: "f′ plus an offset", says: "f′ plus a share of its largest value",
    at: (slope, z, y, f, amount) => slope + amount * f.most,
    amount: plainly({ start: 0.1, name: "offset, share of the largest f′" }),
  },
  power: {
    label: "a power of f′", says: "f′ raised to a power, its largest value kept",
    at: (slope, z, y, f, amount) => signed(amount === 0 ? f.most : f.most * (Math.abs(slope) / f.most) ** amount, slope),
    amount: plainly({ start: 0.5, high: 2, name: "exponent" }),
    refused: (f) => (f.steps ? "its f′ has two values only, which a power does not change much" : ""),
  },
  bump: {
    label: "a bump over y", says: "a straight-sided bump that is largest in the middle of f's range",
    at: (slope, z, y, f) => f.most * (1 - Math.abs((2 * (y - f.bounds[0])) / (f.bounds[1] - f.bounds[0]) - 1)),
    refused: (f) => (bounded(f) ? "" : "it needs an activation with two bounds"),
  },
  window: {
    label: "on or off (straight-through)", says: "the largest f′ where f′ is large, and 0 elsewhere (straight-through)",
    at: (slope, z, y, f) => (slope >= 0.42 * f.most ? f.most : 0),
  },
  random: {
    label: "random, 0 to 1", says: "a fresh random number for each unit and example",
    whole(slope, units, patterns, layer) {
      const base = stream(layer.key, layer.step);
      for (let j = 0; j < units; j++)
        for (let n = 0; n < patterns; n++) slope[j * patterns + n] = uniform(base, j, n);
    },
  },
  frozen: { label: "0 (hidden layers frozen)", says: "0, so that hidden layers keep their first weights", at: () => 0, hidden: true },
  negated_top: {
    label: "−f′ in the top hidden layer", says: "f′ with the wrong sign in the last hidden layer",
    whole(slope, units, patterns, layer) { if (layer.topmost) for (let i = 0; i < slope.length; i++) slope[i] *= -1; },
    hidden: true,
  },
};
for (const [name, rule] of Object.entries(RULES)) rule.name = name;

/** Turn a layer's slopes (units · patterns) into φ, in place. */
function applyRule(rule, slope, z, y, units, patterns, layer) {
  if (rule.whole) rule.whole(slope, units, patterns, layer);
  else if (rule.at)
    for (let i = 0; i < slope.length; i++)
      slope[i] = rule.at(slope[i], z[i], y[i], layer.f, layer.amount, layer.mean);
}

const MATCHED = {
  removed: (f) => line(f, 1),
  constant: (f, amount) => line(f, amount),
  offset: (f, amount) => ({
    f: (z) => f.f(z) + amount * f.most * z,
    slope: (z) => f.slope(z, f.f(z)) + amount * f.most,
    most: f.most * (1 + amount),
  }),
  floor(f, amount) {
    const least = amount * f.most;
    if (f.steps) {
      const low = Math.max(least, f.slope(-1));
      return { f: (z) => (z <= 0 ? low * z : z), slope: (z) => (z > 0 ? 1 : low) };
    }
    const r = amount >= 1 ? 0 : f.knee(amount), cut = (z) => Math.min(Math.max(z, -r), r);
    return {
      f: (z) => f.f(cut(z)) + least * (z - cut(z)),
      slope: (z) => (Math.abs(z) > r ? least : f.slope(z, f.f(z))),
    };
  },
};
const line = (f, c) => ({ f: (z) => c * z + f.f(0), slope: () => c, most: c });

/** Return why no activation has the rule's φ for its slope here, or "". */
function notMatched(rule, f) {
  if (!MATCHED[rule.name]) return "only removed, a constant, a floor and an offset have one on this page";
  return rule.name === "floor" && f.falls ? "f′ changes its sign" : "";
}

/** Return F with F' = φ and F(0) = f(0). */
const matched = (rule, f, amount) => ({ ...f, bounds: none, ...MATCHED[rule.name](f, amount), name: "matched" });
