// Training: one network, its weights, its optimizer's state, and batches that are the same for every arm.

/** Glorot's U(-a, a) times a gain, a = √(6 / (n_in + n_out)); biases are 0. Relu and its kin get He's N(0, 2 / n_in). */
function initialWeights(net, seed, gain) {
  const draws = sequence(seed, "weights"), w = new Float64Array(net.size);
  const he = !bounded(ACTIVATIONS[net.activation]);
  for (const { at, from, to } of net.layers) {
    const limit = Math.sqrt(6 / (from + to)), spread = Math.sqrt(2 / from);
    for (let i = 0; i < from * to; i++)
      w[at + i] = gain * (he ? spread * draws.normal() : limit * (2 * draws.next() - 1));
  }
  return w;
}

/** The patterns of a set, given as { x: [input · n], t: [output · n], n }, at the places `chosen`. */
function batchOf(set, chosen) {
  const b = chosen.length, x = new Float64Array((set.x.length / set.n) * b), t = new Float64Array((set.t.length / set.n) * b);
  for (const [from, into] of [[set.x, x], [set.t, t]])
    for (let i = 0; i < into.length / b; i++)
      for (let n = 0; n < b; n++) into[i * b + n] = from[i * set.n + chosen[n]];
  return { x, t, n: b };
}

/** An arm: `advance()` takes one update. Keys are those of the batches and of each layer's rule. */
function makeArm(net, w, set, { rate, optimizer, batch, keys }) {
  const by = OPTIMIZERS[optimizer], size = Math.min(batch, set.n), inEpoch = Math.ceil(set.n / size);
  const state = Array.from({ length: by.state }, () => new Float64Array(net.size));
  const order = Array.from({ length: set.n }, (_, n) => n);
  const arm = { net, w: Float64Array.from(w), rate, step: 0, failed: false };
  net.layers.forEach((layer, l) => { layer.key = keys.rule[l]; });
  prepare(net, w, set.x, set.n);
  arm.advance = () => {
    const epoch = Math.floor(arm.step / inEpoch), at = (arm.step % inEpoch) * size;
    if (at === 0 && size < set.n) shuffled(order, keys.batches, epoch);
    const part = size < set.n ? batchOf(set, order.slice(at, at + size)) : set;
    arm.step++;
    const g = backward(net, arm.w, forward(net, arm.w, part.x, part.n), part.t, arm.step);
    by.update(arm.w, g, state, arm.rate, arm.step);
  };
  return arm;
}

/** Train from given weights and keys, and return the weights: what the test compares with the study. */
function trained(given) {
  const net = makeNet(given), set = { x: Float64Array.from(given.x), t: Float64Array.from(given.t), n: given.n };
  const keys = { batches: BigInt(given.keys.batches), rule: given.keys.rule.map(BigInt) };
  const arm = makeArm(net, given.weights, set, { ...given, keys });
  for (let i = 0; i < given.updates; i++) arm.advance();
  return Array.from(arm.w);
}
