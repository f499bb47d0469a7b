// Activations: f, f' from z and y = f(z), and what is known of them. `most` is m, the largest |f'|.
// `bounds` are those of f, `targets` the two target values of a classification.
// `knee(share)` is the |z| beyond which |f'| < share · m, where f' falls on both sides alike.

const logistic = (z) => 1 / (1 + Math.exp(-z));
const none = [-Infinity, Infinity];

const ACTIVATIONS = {
  tanh: {
    label: "tanh", f: Math.tanh, slope: (z, y) => 1 - y * y, most: 1, bounds: [-1, 1],
    targets: [-0.8, 0.8], knee: (share) => Math.acosh(1 / Math.sqrt(share)),
  },
  logistic: {
    label: "logistic (sigmoid)", f: logistic, slope: (z, y) => y * (1 - y), most: 0.25, bounds: [0, 1],
    targets: [0.1, 0.9], knee: (share) => 2 * Math.acosh(1 / Math.sqrt(share)),
  },
  relu: {
    label: "relu", f: (z) => (z <= 0 ? 0 : z), slope: (z) => (z > 0 ? 1 : 0), most: 1, bounds: [0, Infinity],
    steps: true,
  },
  leaky_relu: {
    label: "leaky relu", f: (z) => (z <= 0 ? 0.01 * z : z), slope: (z) => (z > 0 ? 1 : 0.01), most: 1, bounds: none,
    steps: true,
  },
  softsign: {
    label: "softsign", f: (z) => z / (1 + Math.abs(z)), slope: (z) => 1 / ((1 + Math.abs(z)) * (1 + Math.abs(z))),
    most: 1, bounds: [-1, 1], targets: [-0.8, 0.8], knee: (share) => 1 / Math.sqrt(share) - 1,
  },
  silu: {
    label: "silu (swish)", f: (z) => z * logistic(z), slope: (z, y) => { const s = logistic(z); return s + y * (1 - s); },
    most: 1.09983932, bounds: [-0.278464543, Infinity], falls: true,
  },
};
for (const [name, known] of Object.entries(ACTIVATIONS)) known.name = name;

const IDENTITY = { name: "identity", f: (z) => z, slope: () => 1, most: 1, bounds: none };
const SOFTMAX = { name: "softmax", bounds: [0, 1] }; // of a whole layer, see network.js
const bounded = (activation) => activation.bounds.every(Number.isFinite);
const SATURATED = 0.01; // of m
const DECIDED = 0.9; // of half the range
