// Random numbers: each is a pure function of a key, a step and a place, as in study/learning/seeds.py.
// The hash is SplitMix64's finaliser. Keys and bases are BigInts of 64 bits.

const GOLDEN = 0x9e3779b97f4a7c15n;
const bits64 = (x) => BigInt.asUintN(64, x);

function mix(x) {
  x = bits64((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = bits64((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  return x ^ (x >> 31n);
}

const stream = (key, step) => mix(bits64(key + BigInt(step) * GOLDEN));
const hashed = (base, unit, pattern) =>
  mix(bits64(base + ((BigInt(unit) << 32n) + BigInt(pattern) + 1n) * GOLDEN));

/** A draw of U(0, 1) for a place. */
const uniform = (base, unit, pattern) => Number(hashed(base, unit, pattern) >> 40n) * 2 ** -24;

/** Fill `order` with the patterns' order in an epoch: Fisher and Yates, one draw a swap. */
function shuffled(order, key, epoch) {
  const base = stream(key, epoch);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let i = order.length - 1; i > 0; i--) {
    const k = Number(((hashed(base, i, 0) >> 32n) * BigInt(i + 1)) >> 32n);
    [order[i], order[k]] = [order[k], order[i]];
  }
}

/** The page's own key of a stream. */
function keyOf(seed, name) {
  let key = BigInt(seed);
  for (const letter of name) key = mix(bits64(key + BigInt(letter.codePointAt(0)) * GOLDEN));
  return key;
}

/** A generator of draws in sequence: `next()` from U(0, 1), `normal()` from N(0, 1). */
function sequence(seed, name) {
  const base = stream(keyOf(seed, name), 0);
  let drawn = 0;
  const next = () => uniform(base, 0, drawn++);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return { next, normal };
}
