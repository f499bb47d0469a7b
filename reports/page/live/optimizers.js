// Optimizers: what a gradient g does to the weights w at learning rate η, as in study/learning/optimizers.py.
// `state` is how many arrays of the size of w they keep; `step` counts from 1.

const OPTIMIZERS = {
  sgd: {
    label: "sgd, the plain delta rule", state: 0,
    update(w, g, state, rate) { for (let i = 0; i < w.length; i++) w[i] -= rate * g[i]; },
  },
  momentum: {
    label: "momentum 0.9", state: 1,
    update(w, g, [v], rate) {
      for (let i = 0; i < w.length; i++) { v[i] = 0.9 * v[i] - rate * g[i]; w[i] += v[i]; }
    },
  },
  nesterov: {
    label: "Nesterov's momentum 0.9", state: 1,
    update(w, g, [v], rate) {
      for (let i = 0; i < w.length; i++) {
        const step = rate * g[i];
        v[i] = 0.9 * v[i] - step;
        w[i] += 0.9 * v[i] - step;
      }
    },
  },
  adagrad: {
    label: "Adagrad", state: 1,
    update(w, g, [total], rate) {
      for (let i = 0; i < w.length; i++) {
        total[i] += g[i] * g[i];
        w[i] -= (rate * g[i]) / (Math.sqrt(total[i]) + 1e-10);
      }
    },
  },
  rmsprop: {
    label: "RMSprop", state: 1,
    update(w, g, [mean], rate) {
      for (let i = 0; i < w.length; i++) {
        mean[i] = 0.9 * mean[i] + (1 - 0.9) * g[i] * g[i];
        w[i] -= (rate * g[i]) / (Math.sqrt(mean[i]) + 1e-8);
      }
    },
  },
  adam: {
    label: "Adam", state: 2,
    update(w, g, [m, v], rate, step) {
      const corrected = (rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
      for (let i = 0; i < w.length; i++) {
        m[i] = 0.9 * m[i] + (1 - 0.9) * g[i];
        v[i] = 0.999 * v[i] + (1 - 0.999) * g[i] * g[i];
        w[i] -= (corrected * m[i]) / (Math.sqrt(v[i]) + 1e-8);
      }
    },
  },
};
