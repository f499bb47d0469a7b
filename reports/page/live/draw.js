// Pictures of an arm on canvases: what it says of the plane, the fitted curve or the digits.
// Colours come from the style sheet, so that they follow light and dark.

const REACH = 2.6, CELLS = 44, DIGIT = 50;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Size a canvas to its box, and return { ctx, width, height } in CSS pixels. */
function sheet(canvas, height) {
  const width = Math.max(120, Math.floor(canvas.parentElement.clientWidth)), scale = devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = "12px system-ui, sans-serif";
  return { ctx, width, height };
}

const parsed = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function drawArm(canvas, arm, session) {
  const { regression, inputs } = DATA[session.settings.data];
  const square = Math.min(300, Math.max(200, canvas.parentElement.clientWidth));
  if (arm.failed) drawFailure(sheet(canvas, inputs === 2 ? square : 240));
  else if (regression) drawCurve(sheet(canvas, 240), arm, session);
  else if (inputs === 2) drawPlane(sheet(canvas, square), arm, session);
  else drawDigits(sheet(canvas, 5 * DIGIT), arm, session);
}

function drawFailure({ ctx, width, height }) {
  ctx.strokeStyle = colour("wrong");
  ctx.strokeRect(1, 1, width - 2, height - 2);
  ctx.fillStyle = colour("wrong");
  ctx.textAlign = "center";
  ctx.font = "bold 15px system-ui, sans-serif";
  ctx.fillText("failed:", width / 2, height / 2 - 10);
  ctx.fillText("the training loss exploded", width / 2, height / 2 + 12);
}

function drawPlane({ ctx, width, height }, arm, session) {
  const { set, raw } = session, x = new Float64Array(2 * CELLS * CELLS), n = CELLS * CELLS;
  const across = (i) => -REACH + (2 * REACH * (i + 0.5)) / CELLS;
  for (let k = 0; k < n; k++) { x[k] = across(k % CELLS); x[n + k] = -across(Math.floor(k / CELLS)); }
  const y = forward(arm.net, arm.w, x, n).y.at(-1), small = document.createElement("canvas");
  small.width = small.height = CELLS;
  const image = new ImageData(CELLS, CELLS), ends = [parsed(colour("class-0")), parsed(colour("class-1"))], paper = parsed(colour("paper"));
  for (let k = 0; k < n; k++) {
    const from = (2 * (y[k] - set.low)) / (set.high - set.low) - 1, far = Math.min(1, Math.abs(from)) ** 0.6 * 0.72;
    const end = ends[Number(from > 0)];
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = Number.isFinite(far) ? paper[c] + far * (end[c] - paper[c]) : 128;
    image.data[4 * k + 3] = 255;
  }
  small.getContext("2d").putImageData(image, 0, 0);
  const left = (width - height) / 2;
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(small, left, 0, height, height);
  const place = (v) => ((v + REACH) / (2 * REACH)) * height;
  ctx.lineWidth = 1;
  raw.x.forEach((point, k) => {
    const [px, py] = [left + place(point[0]), height - place(point[1])];
    ctx.fillStyle = colour(raw.t[k] ? "class-1" : "class-0");
    ctx.strokeStyle = colour("paper");
    ctx.beginPath();
    if (raw.t[k]) ctx.rect(px - 3, py - 3, 6, 6);
    else ctx.arc(px, py, 3.4, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  });
}

function drawCurve({ ctx, width, height }, arm, session) {
  const { set, raw } = session, n = 160, x = Float64Array.from({ length: n }, (_, k) => -1.9 + (3.8 * k) / (n - 1));
  const y = forward(arm.net, arm.w, x, n).y.at(-1), low = Math.min(...set.t), high = Math.max(...set.t), room = 0.25 * (high - low);
  const px = (v) => 26 + ((v + 1.9) / 3.8) * (width - 34), py = (v) => height - 26 - ((v - low + room) / (high - low + 2 * room)) * (height - 34);
  ctx.strokeStyle = colour("faint");
  ctx.strokeRect(26, 8, width - 34, height - 34);
  ctx.fillStyle = colour("muted");
  ctx.textAlign = "center";
  ctx.fillText("input x", width / 2, height - 8);
  ctx.save();
  ctx.translate(14, height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.fillText("target and output", 0, 0);
  ctx.restore();
  ctx.fillStyle = colour("muted");
  raw.x.forEach(([v], k) => { ctx.beginPath(); ctx.arc(px(v), py(set.t[k]), 3, 0, 2 * Math.PI); ctx.fill(); });
  ctx.strokeStyle = colour(arm.role);
  ctx.lineWidth = 3;
  ctx.save();
  ctx.beginPath();
  ctx.rect(26, 8, width - 34, height - 34);
  ctx.clip();
  ctx.beginPath();
  for (let k = 0; k < n; k++) if (Number.isFinite(y[k])) ctx.lineTo(px(x[k]), py(y[k]));
  ctx.stroke();
  ctx.restore();
}

function drawDigits({ ctx, width, height }, arm, session) {
  const { test, raw } = session, y = forward(arm.net, arm.w, test.x, test.n).y.at(-1);
  const across = Math.floor(width / DIGIT), size = DIGIT - 20, left = (width - across * DIGIT) / 2;
  ctx.textAlign = "center";
  for (let k = 0; k < across * Math.floor(height / DIGIT); k++) {
    const at = [left + (k % across) * DIGIT + 10, Math.floor(k / across) * DIGIT + 2], said = predicted(y, k, test), right = said === raw.test.t[k];
    raw.test.raw[k].forEach((level, i) => {
      const grey = Math.round((255 * level) / (LETTERS.length - 1));
      ctx.fillStyle = `rgb(${grey},${grey},${grey})`;
      ctx.fillRect(at[0] + ((i % 4) * size) / 4, at[1] + (Math.floor(i / 4) * size) / 4, size / 4 + 0.5, size / 4 + 0.5);
    });
    ctx.strokeStyle = colour(right ? "faint" : "wrong");
    ctx.lineWidth = right ? 1 : 3;
    ctx.strokeRect(at[0], at[1], size, size);
    ctx.fillStyle = colour(right ? "ink" : "wrong");
    ctx.font = `${right ? "" : "bold "}13px system-ui, sans-serif`;
    ctx.fillText(right ? said : `${said} ✗`, at[0] + size / 2, at[1] + size + 14);
  }
}
