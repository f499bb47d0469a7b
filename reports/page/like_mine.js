// "Tasks like mine": what the published tasks nearest to the reader's say, as `study predict` does.
// Distances are in standard deviations; two different words are 1 apart. See study/harm/.

const likeMine = (() => {
  const known = JSON.parse(document.getElementById("tasks-data").textContent);
  const count = known.names.length, words = known.words.length;
  const form = document.getElementById("mine"), out = document.getElementById("mine-told");

  /** What is known of a task before it is trained: numbers or their log10, then words. */
  function covariates(task) {
    const sizes = [task.inputs, ...task.hidden, task.outputs], batch = Math.min(task.batch_size || task.patterns, task.patterns);
    const facts = {
      ...task, depth: task.hidden.length, batch_share: batch / task.patterns, epochs: (task.updates * batch) / task.patterns,
      width: task.hidden.length ? Math.exp(task.hidden.reduce((sum, w) => sum + Math.log(w), 0) / task.hidden.length) : 0,
      weights: sizes.slice(1).reduce((sum, to, l) => sum + (sizes[l] + 1) * to, 0),
    };
    const number = (name) => (known.plain.includes(name) ? facts[name] : Math.log10(Math.max(facts[name], name === "width" ? 1 : 1e-9)));
    return [...known.names.map(number), ...known.words.map((name) => facts[name])];
  }

  /** A function that turns covariates into coordinates, standardised by these rows. */
  function standardised(rows) {
    const columns = known.names.map((_, i) => {
      const mean = rows.reduce((sum, row) => sum + row[i], 0) / rows.length;
      const spread = Math.sqrt(rows.reduce((sum, row) => sum + (row[i] - mean) ** 2, 0) / rows.length);
      return [mean, spread || 1];
    });
    const kinds = known.words.map((_, i) => [...new Set(rows.map((row) => row[count + i]))].sort());
    return (row) => [
      ...columns.map(([mean, spread], i) => (row[i] - mean) / spread),
      ...kinds.flatMap((all, i) => all.map((word) => known.weight * Number(row[count + i] === word))),
    ];
  }

  const distance = (a, b) => Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0));

  /** The nearest rows to a place: pairs [distance, row], nearest first. */
  function nearest(rows, places, at, skip = -1) {
    const found = rows.map((row, k) => [distance(places[k], at), row]).filter((_, k) => k !== skip);
    return found.sort((a, b) => a[0] - b[0]).slice(0, known.nearest);
  }

  function quantile(values, q) {
    const sorted = [...values].sort((a, b) => a - b), at = q * (sorted.length - 1), low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  }

  const middle = (values) => quantile(values, 0.5);
  const places = (() => { const place = standardised(known.rows); return { place, all: known.rows.map(place) }; })();
  const usual = middle(known.rows.flatMap((row, k) => nearest(known.rows, places.all, places.all[k], k).map(([far]) => far)));

  /** What to expect: { distance, usual, expected: [{ outcome, low, middle, high, harmless }] }. */
  function forecast(task) {
    const own = covariates(task), near = nearest(known.rows, places.all, places.place(own));
    const expected = known.outcomes.flatMap((outcome, k) => {
      if (outcome.kind && outcome.kind !== task.kind) return [];
      const at = count + words + k, rows = known.rows.filter((row) => row[at] !== null), place = standardised(rows);
      let ends;
      if (outcome.model === "ridge") {
        const value = outcome.start + place(own).reduce((sum, v, i) => sum + v * outcome.slopes[i], 0);
        ends = [value, value, value];
      } else if (outcome.model === "median") ends = known.ends.map((q) => quantile(rows.map((row) => row[at]), q));
      else if (outcome.model === "neighbours") {
        const found = nearest(rows, rows.map(place), place(own)).map(([, row]) => row[at]);
        ends = known.ends.map((q) => quantile(found, q));
      } else return [];
      const low = Math.min(ends[0] - outcome.margin, ends[1]), high = Math.max(ends[2] + outcome.margin, ends[1]);
      const mine = near.map(([, row]) => row[at]).filter((v) => v !== null);
      const harmless = mine.filter((v) => v <= known.same).length / mine.length;
      return [{ outcome, low, middle: ends[1], high, harmless }];
    });
    return { distance: middle(near.map(([far]) => far)), usual, expected };
  }

  const times = (decades) => { const v = 10 ** decades; return v < 1e-3 || v >= 1e5 ? v.toExponential(0) : v < 2 ? v.toFixed(2) : String(+v.toPrecision(2)); };
  const points = (v) => `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(1)}`;

  function read() {
    const task = Object.fromEntries(["kind", "objective", "activation"].map((name) => [name, form.elements[name].value]));
    for (const name of ["patterns", "inputs", "outputs", "updates", "gain", "noise", "batch_size"]) task[name] = Number(form.elements[name].value);
    task.noise /= 100;
    task.hidden = (form.elements.hidden.value.match(/\d+/g) || []).map(Number);
    return task;
  }

  /** The reason why a task can't be told of, or "". */
  function wrong(task) {
    if (task.kind === "regression" && task.objective === "cross_entropy") return "Cross-entropy is not for regression: choose a squared error.";
    for (const [name, said] of [["patterns", "Training examples"], ["inputs", "Inputs"], ["outputs", "Outputs"], ["updates", "Updates"]])
      if (!(task[name] >= 1 && Number.isInteger(task[name]))) return `${said} must be a whole number of at least 1.`;
    if (!(task.gain > 0)) return "The size of the first weights must be above 0.";
    if (!(task.noise >= 0 && task.noise <= 1)) return "Noise must lie between 0 and 100 %.";
    return task.hidden.length && task.hidden.every((w) => w >= 1) ? "" : "Hidden layers are their widths, as in: 32, 32.";
  }

  function tell() {
    const task = read(), reason = wrong(task), body = document.querySelector("#mine-table tbody");
    document.getElementById("mine-table").hidden = Boolean(reason);
    if (reason) { out.textContent = reason; return; }
    const found = forecast(task), far = found.distance > known.far * found.usual;
    out.textContent = far ? "No published task is near yours: rely on none of this."
      : `From the ${known.nearest} nearest of ${known.rows.length} published tasks (median distance ${found.distance.toFixed(1)} standard deviations; ${found.usual.toFixed(1)} is usual).`;
    body.replaceChildren(...found.expected.map(({ outcome, low, middle: half, high, harmless }) => {
      const row = document.createElement("tr"), say = outcome.score ? points : times, unit = outcome.score ? "points" : "×";
      const cells = [
        outcome.said, outcome.score ? `test ${outcome.score}` : "training loss, times exact's", `${say(half)} ${unit}`, `${say(low)} to ${say(high)} ${unit}`,
        outcome.score ? "–" : `${Math.round(100 * harmless)} %`, outcome.external ? `${Math.round(100 * outcome.coverage)} % of ${outcome.external}` : "not checked",
      ];
      cells.forEach((text, k) => {
        const cell = document.createElement(k ? "td" : "th");
        if (!k) cell.scope = "row";
        cell.dataset.label = document.querySelectorAll("#mine-table thead th")[k].textContent;
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }));
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); tell(); });
  form.addEventListener("change", tell);
  tell();
  return { forecast };
})();
