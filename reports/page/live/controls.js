// The form of settings: one select a setting, its label, and what it offers.

const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];
const labelled = (records) => Object.entries(records).map(([name, record]) => [name, record.label]);
const counted = (numbers, unit = "") => numbers.map((n) => [n, unit ? `${n} ${unit}` : String(n)]);

const FIELDS = {
  data: ["Data", () => labelled(DATA)],
  rule: ["In the place of f′", () => labelled(RULES)],
  amount: ["Its amount", () => counted([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1, 2])],
  location: ["Where", () => [["hidden", "hidden layers"], ["output", "output"], ["all", "all layers"]]],
  matched: ["Activation", () => [[false, "stays as it is"], [true, "changed to match"]]],
  activation: ["Hidden units f", () => labelled(ACTIVATIONS)],
  objective: ["Training loss", () => labelled(OBJECTIVES)],
  depth: ["Hidden layers", () => counted([1, 2, 3, 4, 5, 6])],
  width: ["Units in each", () => counted([2, 4, 6, 8, 12, 16])],
  optimizer: ["Optimizer", () => labelled(OPTIMIZERS)],
  rate: ["Learning rate", () => counted(RATES)],
  ruleRate: ["Rate of the changed net", () => [[0, "the same"], ...counted(RATES)]],
  batch: ["Examples in a batch", () => [...counted([8, 20, 32]), [0, "all"]]],
  gain: ["First weights", () => [0.5, 1, 2, 4, 6].map((g) => [g, g === 1 ? "usual" : `${g} times as large`])],
};
const GROUPS = { "What is changed": ["rule", "amount", "location", "matched", "ruleRate"] };
GROUPS["The net and its data"] = Object.keys(FIELDS).filter((name) => !GROUPS["What is changed"].includes(name));

/** Fill the form; `changed(settings)` is called with every setting when one is chosen. Return a function that shows settings. */
function makeControls(form, changed) {
  const selects = {};
  for (const [title, names] of Object.entries(GROUPS)) {
    const group = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = title;
    group.append(legend);
    for (const name of names) {
      const label = document.createElement("label"), select = document.createElement("select"), [text, options] = FIELDS[name];
      label.textContent = text;
      select.id = `set-${name}`;
      options().forEach(([value, said]) => select.append(new Option(said, String(value))));
      select.addEventListener("change", () => changed(read()));
      label.append(select);
      group.append(label);
      selects[name] = select;
    }
    form.append(group);
  }
  const typed = (name, text) => (["data", "rule", "location", "activation", "objective", "optimizer"].includes(name) ? text : JSON.parse(text));
  const read = () => Object.fromEntries(Object.entries(selects).map(([name, select]) => [name, typed(name, select.value)]));
  return (settings) => {
    for (const [name, select] of Object.entries(selects)) select.value = String(settings[name]);
    selects.amount.disabled = !RULES[settings.rule].amount;
    selects.location.disabled = settings.objective !== "squared_error" || Boolean(RULES[settings.rule].hidden);
    selects.matched.disabled = Boolean(notMatched(RULES[settings.rule], ACTIVATIONS[settings.activation]));
  };
}
