// Pictures of hidden units: net inputs on f, and on f' the factor φ that is used instead.

const DOTS = 48, HIGH = 104;

/** How far net inputs are shown: half as far again as f' is more than 1 % of its largest value. */
const spanOf = (f) => (f.knee ? Math.min(12, Math.max(6, Math.round(1.5 * f.knee(SATURATED)))) : 6);

/** Draw a layer's units of an arm, in as many columns as fit. Return a sentence for those who can't see it. */
function drawUnits(canvas, arm, session, l) {
  const layer = arm.net.layers[l], { set } = session, units = layer.to;
  const columns = Math.max(2, Math.min(units, Math.floor(canvas.parentElement.clientWidth / 112)));
  if (arm.failed) {
    sheet(canvas, 24); // empty
    return "This net has failed.";
  }
  const { ctx, width } = sheet(canvas, HIGH * Math.ceil(units / columns)), wide = width / columns;
  const some = batchOf(set, Array.from({ length: Math.min(DOTS, set.n) }, (_, k) => k));
  const state = forward(arm.net, arm.w, some.x, some.n), z = state.z[l], y = state.y[l];
  const phi = factors(layer, layer.rule, z, y, some.n, Math.max(arm.step, 1));
  const span = spanOf(layer.f), curve = Array.from({ length: 61 }, (_, k) => -span + (2 * span * k) / 60), fs = curve.map((v) => layer.f.f(v));
  const slopes = curve.map((v, k) => layer.f.slope(v, fs[k]));
  const top = Math.max(layer.f.most, ...phi.filter(Number.isFinite)) * 1.1, bottom = Math.min(0, ...phi.filter(Number.isFinite)) * 1.1;
  const ends = [Math.min(...fs), Math.max(...fs)];
  const shown = { ctx, layer, span, curve, fs, slopes, top, bottom, ends, accent: colour(arm.role), n: some.n };
  for (let j = 0; j < units; j++)
    drawUnit(shown, j, (j % columns) * wide, HIGH * Math.floor(j / columns), wide, z.subarray(j * some.n, (j + 1) * some.n), y.subarray(j * some.n, (j + 1) * some.n), phi.subarray(j * some.n, (j + 1) * some.n));
  return `${units} units of hidden layer ${l + 1}; factor used: ${layer.rule.says}.`;
}

function drawUnit({ ctx, layer, span, curve, fs, slopes, top, bottom, ends, accent }, j, x0, y0, wide, z, y, phi) {
  const left = x0 + 6, right = x0 + wide - 6, middle = y0 + 46, base = y0 + HIGH - 8;
  const px = (v) => left + ((Math.min(span, Math.max(-span, v)) + span) / (2 * span)) * (right - left);
  const pf = (v) => middle - ((v - ends[0]) / (ends[1] - ends[0] || 1)) * 28;
  const pslope = (v) => base - ((v - bottom) / (top - bottom)) * (base - middle - 8);
  ctx.fillStyle = colour("flat");
  const flatAt = slopes.map((slope) => Math.abs(slope) <= SATURATED * layer.f.most);
  flatAt.forEach((here, k) => {
    if (!here || flatAt[k - 1]) return;
    const end = flatAt.indexOf(false, k), to = end < 0 ? right : px(curve[end - 1]);
    ctx.fillRect(px(curve[k]), y0 + 16, to - px(curve[k]), base - y0 - 16);
  });
  const trace = (values, place, shade, width) => {
    ctx.strokeStyle = shade;
    ctx.lineWidth = width;
    ctx.beginPath();
    values.forEach((v, k) => ctx.lineTo(px(curve[k]), place(v)));
    ctx.stroke();
  };
  trace(fs, pf, colour("muted"), 1.5);
  trace(slopes, pslope, colour("muted"), 1.5);
  ctx.strokeStyle = colour("faint");
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(left, pslope(0));
  ctx.lineTo(right, pslope(0));
  ctx.stroke();
  ctx.fillStyle = accent;
  ctx.globalAlpha = 0.7;
  let flat = 0;
  for (let n = 0; n < z.length; n++) {
    if (!Number.isFinite(z[n])) continue;
    flat += Math.abs(layer.f.slope(z[n], y[n])) <= SATURATED * layer.f.most;
    for (const at of [pf(Math.min(ends[1], Math.max(ends[0], y[n]))), pslope(phi[n])]) {
      ctx.beginPath();
      ctx.arc(px(z[n]), at, 2.1, 0, 2 * Math.PI);
      ctx.fill();
    }
  }
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour("ink");
  ctx.font = "11px system-ui, sans-serif";
  ctx.textAlign = "left";
  ctx.fillText(`unit ${j + 1}: ${Math.round((100 * flat) / z.length)} % flat`, left, y0 + 11);
}
