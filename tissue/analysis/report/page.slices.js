"use strict";
// Slices of the fields on canvases, with the surface of the bone, a scale and a caption.

const AXES = ["z", "y", "x"], WIDEST = 576;
const RANGES = { slice: ", range of this slice", day: ", range of this day", all: ", range of all days" };

function makeSlices() {
  runs.forEach((run, index) => {
    const figure = document.createElement("figure");
    figure.className = "slice";
    figure.innerHTML = "<canvas class='picture' role='img'></canvas>" +
      "<div class='bar'><span></span><canvas width='256' height='1' aria-hidden='true'></canvas><span></span></div>" +
      "<figcaption></figcaption>";
    figure.querySelector(".picture").dataset.run = index;
    element("slices").append(figure);
  });
}

// color of a value in a place with a share of bone; bone has its own color in a field of marrow
function paintOf(field, share, bone) {
  if (shown.field === "bone_volume_fraction") return mixed(MARROW, [70, 66, 60], share);
  if (field.where === "marrow" && bone >= 0.5) return SOLID;
  if (field.where === "tissue" && bone >= 0.9) return SOLID;
  if (field.where === "bone" && bone < 0.5) return MARROW;
  return viridis(share);
}

// places of a slice in an array of the field: the first voxel, and the steps down and to the right
function planeOf(field) {
  const counts = field.shape, across = [0, 1, 2].filter((axis) => axis !== shown.axis);
  const steps = [counts[1] * counts[2], counts[2], 1];
  const layer = Math.min(counts[shown.axis] - 1, Math.floor(shown.depth * counts[shown.axis]));
  return { layer, first: layer * steps[shown.axis], down: steps[across[0]], right: steps[across[1]],
    rows: counts[across[0]], columns: counts[across[1]] };
}

// ends of the colors: those of the shown slices of all runs, of the day, or of all days
async function sliceRange() {
  if (shown.range !== "slice" || shown.field === "bone_volume_fraction") return range(shown.field);
  let [low, high] = [Infinity, -Infinity];
  await Promise.all(runs.map(async (run, index) => {
    const field = run.fields[shown.field];
    if (!field) return;
    const time = snapshotAt(run, shown.day), { first, down, right, rows, columns } = planeOf(field);
    const [values, bone] = await Promise.all([
      fieldOf(index, shown.field, time), fieldOf(index, "bone_volume_fraction", time)]);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
      const at = first + i * down + j * right, solid = bone[at] >= 128;
      if ((field.where === "marrow" && solid) || (field.where === "bone" && !solid)) continue;
      const value = field.low[time] + values[at] / 255 * (field.high[time] - field.low[time]);
      [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }));
  return low <= high ? [low, high] : range(shown.field);
}

async function drawSlice(figure, index, [low, high]) {
  const run = runs[index], field = run.fields[shown.field];
  if (!field) {
    figure.querySelector("figcaption").textContent = `${run.name} has no such field.`;
    return;
  }
  const time = snapshotAt(run, shown.day);
  const [values, bone] = await Promise.all([
    fieldOf(index, shown.field, time), fieldOf(index, "bone_volume_fraction", time)]);
  const { layer, first, down, right, rows, columns } = planeOf(field);
  const zoom = Math.max(1, Math.floor(WIDEST / Math.max(rows, columns)));
  const canvas = figure.querySelector(".picture");
  canvas.width = columns * zoom;
  canvas.height = rows * zoom;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  const from = field.low[time], size = field.high[time] - from;
  // between the centers of voxels values change evenly, which makes the surface smooth
  const between = (array, i, j, u, v) => {
    const at = first + i * down + j * right, below = i + 1 < rows ? down : 0, next = j + 1 < columns ? right : 0;
    return (array[at] * (1 - v) + array[at + next] * v) * (1 - u)
      + (array[at + below] * (1 - v) + array[at + below + next] * v) * u;
  };
  for (let y = 0; y < canvas.height; y++) {
    const row = Math.max((y + 0.5) / zoom - 0.5, 0), i = Math.min(Math.floor(row), rows - 1);
    for (let x = 0; x < canvas.width; x++) {
      const column = Math.max((x + 0.5) / zoom - 0.5, 0), j = Math.min(Math.floor(column), columns - 1);
      const value = from + between(values, i, j, row - i, column - j) / 255 * size;
      const solid = between(bone, i, j, row - i, column - j) / 255;
      image.data.set(paintOf(field, (value - low) / (high - low || 1), solid), 4 * (y * canvas.width + x));
      image.data[4 * (y * canvas.width + x) + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  drawOutline(context, (i, j) => bone[first + i * down + j * right], rows, columns, zoom);
  drawScale(context, canvas, run.grid.spacing * field.block / zoom);
  label(figure, run, field, time, layer, [low, high]);
}

// line along half a voxel of bone, between the centers of voxels
function drawOutline(context, value, rows, columns, zoom) {
  const level = 127.5, cut = (a, b) => (level - a) / (b - a);
  context.beginPath();
  // the voxels at the edge go on beyond it
  const inside = (k, count) => Math.min(Math.max(k, 0), count - 1);
  const at = (i, j) => value(inside(i, rows), inside(j, columns));
  for (let i = -1; i < rows; i++) for (let j = -1; j < columns; j++) {
    const [a, b, c, d] = [at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)];
    const ends = [];
    if ((a < level) !== (b < level)) ends.push([j + cut(a, b), i]);
    if ((b < level) !== (c < level)) ends.push([j + 1, i + cut(b, c)]);
    if ((d < level) !== (c < level)) ends.push([j + cut(d, c), i + 1]);
    if ((a < level) !== (d < level)) ends.push([j, i + cut(a, d)]);
    for (let k = 0; k + 1 < ends.length; k += 2) {
      context.moveTo((ends[k][0] + 0.5) * zoom, (ends[k][1] + 0.5) * zoom);
      context.lineTo((ends[k + 1][0] + 0.5) * zoom, (ends[k + 1][1] + 0.5) * zoom);
    }
  }
  context.lineCap = "round";
  for (const [stroke, width] of [["#ffffff", Math.max(2.4, zoom / 3.5)], ["#222222", Math.max(1, zoom / 9)]]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.stroke();
  }
}

function drawScale(context, canvas, um) {
  const length = roundLength(0.3 * canvas.width * um), width = length / um;
  // as large on a small screen as on a wide one
  const size = 14 * Math.max(1, canvas.width / (canvas.clientWidth || canvas.width));
  context.font = `${size}px system-ui, sans-serif`;
  const text = `${length} µm`, box = Math.max(width, context.measureText(text).width) + size;
  context.fillStyle = "rgba(0, 0, 0, 0.7)";
  context.fillRect(canvas.width - box - 4, canvas.height - 2.4 * size - 4, box, 2.4 * size);
  context.fillStyle = "#ffffff";
  context.fillRect(canvas.width - 4 - box / 2 - width / 2, canvas.height - size / 2 - 6, width, 0.25 * size);
  context.textAlign = "center";
  context.fillText(text, canvas.width - 4 - box / 2, canvas.height - size - 6);
}

function label(figure, run, field, time, layer, [low, high]) {
  const across = AXES.filter((_, axis) => axis !== shown.axis);
  const um = run.grid.origin[shown.axis] + run.grid.spacing * ((layer + 0.5) * field.block - 0.5);
  const even = high - low < 0.01 * Math.abs(high) ? "; nearly even" : "";
  const where = `${AXES[shown.axis]} = ${Math.round(um)} µm`;
  const text = `${runs.length > 1 ? `${run.name}: ` : ""}${field.long_name}${unitOf(field)}, day ${dayText(run.times[time])}, ` +
    `plane ${where} (${across[0]} down, ${across[1]} to the right); colors ${number(low)} to ${number(high)}` +
    `${unitOf(field).replace(/[[\]]/g, "")}${RANGES[shown.range]}${even}` +
    `${field.where === "marrow" ? "; bone is gray" : ""}`;
  figure.querySelector("figcaption").textContent = text;
  figure.querySelector(".picture").setAttribute("aria-label", text);
  const [from, to] = figure.querySelectorAll(".bar span"), unit = unitOf(field).replace(/[[\]]/g, "");
  [from.textContent, to.textContent] = [number(low), number(high) + unit];
  const bar = figure.querySelector(".bar canvas").getContext("2d");
  for (let i = 0; i < 256; i++) {
    const rgb = shown.field === "bone_volume_fraction" ? paintOf(field, i / 255, 0) : viridis(i / 255);
    bar.fillStyle = `rgb(${rgb.map(Math.round)})`;
    bar.fillRect(i, 0, 1, 1);
  }
  element("place").textContent = where;
}

async function drawSlices() {
  const ends = await sliceRange();
  await Promise.all([...element("slices").children].map((figure, index) => drawSlice(figure, index, ends)));
}
