// The guided scenes: a preset each, with two buttons; then free play.

const scenesShown = (() => {
  const nav = document.getElementById("scene-nav"), boxes = [...document.querySelectorAll("[data-scene]")];
  const buttons = [...nav.querySelectorAll("button")], presets = Object.fromEntries(shipped.scenes.map((s) => [s.id, s]));
  const seed = () => stage.state().settings.seed;

  function show(id, focus = false) {
    boxes.forEach((box) => { box.hidden = box.dataset.scene !== id; });
    buttons.forEach((button) => {
      if (button.dataset.to === id) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    if (presets[id]) stage.set({ ...presets[id].set, seed: seed() }, false);
    document.getElementById("live-settings").open = id === "free" ? true : document.getElementById("live-settings").open;
    if (focus) boxes.find((box) => box.dataset.scene === id).querySelector("h3").focus();
  }

  function run(id, which) {
    boxes.find((box) => box.dataset.scene === id).querySelectorAll("[data-run]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.run === which));
    });
    const { updates, ...settings } = presets[id][which];
    stage.set({ ...settings, seed: seed() });
    stage.play(updates);
  }

  buttons.forEach((button) => button.addEventListener("click", () => show(button.dataset.to)));
  boxes.forEach((box) => box.querySelectorAll("[data-run]").forEach((button) => button.addEventListener("click", () => run(box.dataset.scene, button.dataset.run))));
  boxes.forEach((box) => box.querySelectorAll("[data-next]").forEach((button) => button.addEventListener("click", () => show(button.dataset.next, true))));
  document.querySelectorAll("[data-go]").forEach((link) => link.addEventListener("click", () => show(link.dataset.go)));
  stage.begin(presets[shipped.scenes[0].id].set);
  show(shipped.scenes[0].id);
  return { show, run };
})();
