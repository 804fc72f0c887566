"use strict";
// Draws the data of the page: the bone in 3-D (vtk.js), slices (canvas) and curves (uPlot).

const data = JSON.parse(document.getElementById("data").textContent);
const runs = data.runs;
const element = (name) => document.getElementById(name);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const kept = new Map();
function volume(key, text) {
  if (!kept.has(key)) kept.set(key, unpacked(text));
  return kept.get(key);
}
const boneOf = (index, time) => volume(`bone ${index} ${time}`, runs[index].bone[time]);
const fieldOf = (index, name, time) =>
  volume(`${name} ${index} ${time}`, runs[index].fields[name].data[time]);

// Times of all runs; a run shows its last snapshot that is not later.
const days = [...new Set(runs.flatMap((run) => run.times))].sort((a, b) => a - b);
const snapshotAt = (run, day) => Math.max(0, run.times.filter((time) => time <= day).length - 1);
const shown = { day: days[days.length - 1], paint: "sites", field: "rankl", axis: 0, depth: 0.5 };

// viridis, at nine evenly spaced values
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
function viridis(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return [0, 1, 2].map((k) => VIRIDIS[low][k] + (at - low) * (VIRIDIS[low + 1][k] - VIRIDIS[low][k]));
}
const BONE = [226, 208, 178], RESORBED = [213, 94, 0], FORMED = [0, 114, 178];
const number = (value) => Number(value.toPrecision(3)).toString();

// ---- slices ----

function makeSlices() {
  runs.forEach((run, index) => {
    const figure = document.createElement("figure");
    figure.className = "slice";
    figure.innerHTML = "<figcaption></figcaption><canvas class='picture'></canvas>" +
      "<div class='bar'><span></span><canvas width='256' height='1'></canvas><span></span></div>";
    figure.querySelector("figcaption").textContent = runs.length > 1 ? run.name : "";
    figure.querySelector(".picture").dataset.run = index;
    const bar = figure.querySelector(".bar canvas").getContext("2d");
    for (let i = 0; i < 256; i++) {
      bar.fillStyle = `rgb(${viridis(i / 255).map(Math.round)})`;
      bar.fillRect(i, 0, 1, 1);
    }
    element("slices").append(figure);
  });
}

// the same scale in all runs, so that they can be compared
function range(name) {
  const with_it = runs.filter((run) => name in run.fields).map((run) => run.fields[name]);
  return [Math.min(...with_it.map((f) => f.low)), Math.max(...with_it.map((f) => f.high))];
}

async function drawSlice(figure, index) {
  const run = runs[index], field = run.fields[shown.field];
  if (!field) return;
  const time = snapshotAt(run, shown.day);
  const [values, bone] = await Promise.all([
    fieldOf(index, shown.field, time), fieldOf(index, "bone_volume_fraction", time)]);
  const counts = field.shape, across = [0, 1, 2].filter((axis) => axis !== shown.axis);
  const steps = [counts[1] * counts[2], counts[2], 1];
  const rows = counts[across[0]], columns = counts[across[1]];
  const layer = Math.min(counts[shown.axis] - 1, Math.floor(shown.depth * counts[shown.axis]));
  const place = (i, j) => layer * steps[shown.axis] + i * steps[across[0]] + j * steps[across[1]];
  const zoom = Math.max(1, Math.floor(576 / Math.max(rows, columns)));
  const canvas = figure.querySelector(".picture");
  canvas.width = columns * zoom;
  canvas.height = rows * zoom;
  const context = canvas.getContext("2d");
  const [low, high] = range(shown.field);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const value = field.low + values[place(i, j)] / 255 * (field.high - field.low);
    context.fillStyle = `rgb(${viridis((value - low) / (high - low || 1)).map(Math.round)})`;
    context.fillRect(j * zoom, i * zoom, zoom, zoom);
  }
  context.strokeStyle = "#ffffff";
  context.lineWidth = Math.max(1.5, zoom / 4);
  context.beginPath();
  const solid = (i, j) => bone[place(i, j)] >= 128;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    if (j + 1 < columns && solid(i, j) !== solid(i, j + 1)) {
      context.moveTo((j + 1) * zoom, i * zoom);
      context.lineTo((j + 1) * zoom, (i + 1) * zoom);
    }
    if (i + 1 < rows && solid(i, j) !== solid(i + 1, j)) {
      context.moveTo(j * zoom, (i + 1) * zoom);
      context.lineTo((j + 1) * zoom, (i + 1) * zoom);
    }
  }
  context.stroke();
  drawScale(context, canvas, run.grid.spacing * field.block / zoom);
  const [from, to] = figure.querySelectorAll(".bar span");
  const unit = field.unit === "1" ? "" : ` ${field.unit}`;
  [from.textContent, to.textContent] = [number(low), number(high) + unit];
  element("place").textContent = `${number((layer + 0.5) * field.block * run.grid.spacing)} µm`;
}

function drawScale(context, canvas, um) {
  const most = 0.3 * canvas.width * um, power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find((k) => k * power <= most) * power, width = length / um;
  context.fillStyle = "rgba(0, 0, 0, 0.6)";
  context.fillRect(canvas.width - width - 22, canvas.height - 36, width + 18, 32);
  context.fillStyle = "#ffffff";
  context.fillRect(canvas.width - width - 13, canvas.height - 12, width, 3);
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(`${length} µm`, canvas.width - 13 - width / 2, canvas.height - 18);
}

const drawSlices = () =>
  Promise.all([...element("slices").children].map((figure, index) => drawSlice(figure, index)));

// ---- the surface ----

const scenes = [];

async function makeSurfaces() {
  const code = new TextDecoder().decode(await unpacked(element("vtk").textContent.trim()));
  (0, eval)(code);
  runs.forEach((run, index) => {
    const figure = document.createElement("figure");
    figure.innerHTML = "<figcaption></figcaption><div class='surface' tabindex='0' role='img'></div>";
    figure.querySelector("figcaption").textContent = runs.length > 1 ? run.name : "";
    const box = figure.querySelector(".surface");
    box.setAttribute("aria-label", `Surface of the bone of ${run.name}; arrow keys turn it`);
    element("surfaces").append(figure);
    const view = vtk.Rendering.Misc.vtkGenericRenderWindow.newInstance();
    view.setContainer(box);
    view.resize();
    const actor = vtk.Rendering.Core.vtkActor.newInstance();
    const mapper = vtk.Rendering.Core.vtkMapper.newInstance();
    actor.setMapper(mapper);
    actor.getProperty().setSpecular(0.15);
    actor.getProperty().setAmbient(0.15);
    const scene = { view, mapper, actor, index, meshes: new Map(), placed: false };
    new ResizeObserver(() => {
      view.resize();
      if (scene.placed) view.getRenderWindow().render();
    }).observe(box);
    scenes.push(scene);
    box.addEventListener("keydown", (event) => turn(scene, event));
    view.getInteractor().onAnimation(() => follow(scene));
    view.getInteractor().onEndAnimation(() => follow(scene));
  });
}

// the bone with a margin of marrow, so that its cut faces are closed
async function mesh(scene, time) {
  if (scene.meshes.has(time)) return scene.meshes.get(time);
  const run = runs[scene.index], [nz, ny, nx] = run.grid.shape, h = run.grid.spacing;
  const bone = await boneOf(scene.index, time);
  const framed = new Uint8Array((nz + 2) * (ny + 2) * (nx + 2));
  for (let z = 0; z < nz; z++) for (let y = 0; y < ny; y++) {
    const from = (z * ny + y) * nx;
    framed.set(bone.subarray(from, from + nx), ((z + 1) * (ny + 2) + y + 1) * (nx + 2) + 1);
  }
  const image = vtk.Common.DataModel.vtkImageData.newInstance();
  image.setDimensions(nx + 2, ny + 2, nz + 2);
  image.setSpacing(h, h, h);
  image.setOrigin(-0.5 * h, -0.5 * h, -0.5 * h);
  image.getPointData().setScalars(vtk.Common.Core.vtkDataArray.newInstance({ values: framed }));
  const cubes = vtk.Filters.General.vtkImageMarchingCubes.newInstance({
    contourValue: 127.5, computeNormals: true, mergePoints: true });
  cubes.setInputData(image);
  const made = cubes.getOutputData();
  scene.meshes.set(time, made);
  return made;
}

async function painted(scene, made, time) {
  const run = runs[scene.index], points = made.getPoints().getData(), count = points.length / 3;
  const colors = new Uint8Array(3 * count);
  const pick = shown.paint === "sites" ? await bySites(scene.index)
    : shown.paint === "plain" ? () => BONE : await byField(run, scene.index, time);
  for (let i = 0; i < count; i++) {
    const at = [points[3 * i + 2], points[3 * i + 1], points[3 * i]];
    colors.set(pick(at), 3 * i);
  }
  made.getPointData().setScalars(
    vtk.Common.Core.vtkDataArray.newInstance({ values: colors, numberOfComponents: 3 }));
  made.modified();
}

// the surface lies where half of a voxel is bone: more bone there before means loss, less means
// formation
async function bySites(index) {
  const before = await boneOf(index, 0), run = runs[index], h = run.grid.spacing;
  const counts = run.grid.shape, steps = [counts[1] * counts[2], counts[2], 1];
  return (point) => {
    const place = point.map((p) => p / h - 0.5);
    if (place.some((u, k) => u < -0.25 || u > counts[k] - 0.75)) return BONE;  // a cut face
    const low = place.map((u, k) => Math.min(Math.max(Math.floor(u), 0), counts[k] - 2));
    const part = place.map((u, k) => Math.min(Math.max(u - low[k], 0), 1));
    let value = 0;
    for (let corner = 0; corner < 8; corner++) {
      const bits = [corner >> 2, (corner >> 1) & 1, corner & 1];
      const weight = bits.reduce((w, bit, k) => w * (bit ? part[k] : 1 - part[k]), 1);
      if (weight) value += weight * before[bits.reduce((at, bit, k) => at + (low[k] + bit) * steps[k], 0)];
    }
    const change = value / 255 - 0.5, strength = Math.min(Math.max((Math.abs(change) - 0.05) / 0.2, 0), 1);
    const site = change > 0 ? RESORBED : FORMED;
    return BONE.map((part, k) => part + strength * (site[k] - part));
  };
}

async function byField(run, index, time) {
  const field = run.fields[shown.paint];
  if (!field) return () => BONE;
  const values = await fieldOf(index, shown.paint, time);
  const [low, high] = range(shown.paint), h = run.grid.spacing * field.block;
  return (point) => {
    const [z, y, x] = point.map((p, k) => Math.min(Math.max(Math.floor(p / h), 0), field.shape[k] - 1));
    const value = values[(z * field.shape[1] + y) * field.shape[2] + x] / 255;
    return viridis((field.low + value * (field.high - field.low) - low) / (high - low || 1));
  };
}

async function drawSurface(scene) {
  const time = snapshotAt(runs[scene.index], shown.day);
  const made = await mesh(scene, time);
  await painted(scene, made, time);
  scene.mapper.setInputData(made);
  const back = color("--back").match(/\w\w/g).map((pair) => parseInt(pair, 16) / 255);
  scene.view.getRenderer().setBackground(...back);
  if (!scene.placed) {
    scene.view.getRenderer().addActor(scene.actor);
    const camera = scene.view.getRenderer().getActiveCamera();
    camera.setPosition(0.85, -1, 0.62);
    camera.setFocalPoint(0, 0, 0);
    camera.setViewUp(0, 0, 1);
    scene.view.getRenderer().resetCamera();
    camera.zoom(0.97);
    scene.placed = true;
  }
  scene.view.getRenderer().resetCameraClippingRange();
  scene.view.getRenderWindow().render();
}

function turn(scene, event) {
  const camera = scene.view.getRenderer().getActiveCamera();
  const moves = {
    ArrowLeft: () => camera.azimuth(10), ArrowRight: () => camera.azimuth(-10),
    ArrowUp: () => camera.elevation(-10), ArrowDown: () => camera.elevation(10),
    "+": () => camera.zoom(1.15), "-": () => camera.zoom(1 / 1.15),
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
  camera.orthogonalizeViewUp();
  follow(scene);
  scene.view.getRenderer().resetCameraClippingRange();
  scene.view.getRenderWindow().render();
}

// all bones have the same camera
function follow(leader) {
  const camera = leader.view.getRenderer().getActiveCamera();
  for (const scene of scenes) if (scene !== leader && scene.placed) {
    const own = scene.view.getRenderer().getActiveCamera();
    own.setPosition(...camera.getPosition());
    own.setFocalPoint(...camera.getFocalPoint());
    own.setViewUp(...camera.getViewUp());
    own.setViewAngle(camera.getViewAngle());
    scene.view.getRenderer().resetCameraClippingRange();
    scene.view.getRenderWindow().render();
  }
}

const drawSurfaces = () => Promise.all(scenes.map(drawSurface));

function legend() {
  const box = element("paint-legend");
  const swatch = (rgb, text) => `<span class="swatch" style="background: rgb(${rgb})"></span>${text}`;
  if (shown.paint === "sites") {
    box.innerHTML = swatch(RESORBED, "resorbed since the start") + swatch(FORMED, "formed since the start") +
      swatch(BONE, "unchanged");
  } else if (shown.paint === "plain") {
    box.textContent = "";
  } else {
    const field = runs[0].fields[shown.paint], [low, high] = range(shown.paint);
    box.innerHTML = swatch(viridis(0).map(Math.round), number(low)) +
      swatch(viridis(1).map(Math.round), `${number(high)} ${field.unit === "1" ? "" : field.unit}`);
  }
}

// ---- curves ----

const PANELS = [
  ["change in BV/TV [%]", [["bv_tv_change_percent", ""]]],
  ["rate at the bone surface [µm/day]", [["resorption_um_per_day", "resorption"], ["formation_um_per_day", "formation"]]],
  ["cells on the surface [1/mm²]", [["osteoclasts_per_mm2", "osteoclasts"], ["osteoblasts_per_mm2", "osteoblasts"]]],
  ["at the surface [pM]", [["rankl_pM", "RANKL"], ["opg_pM", "OPG"]]],
  ["IL-1 in marrow [pM]", [["il1_marrow_pM", ""]]],
  ["stiffness along z [N/mm]", [["stiffness_z_N_per_mm", ""]]],
  ["failure load along z [N]", [["failure_load_z_N", ""]]],
];
const plots = [];

function drawCurves() {
  plots.splice(0).forEach((plot) => plot.destroy());
  element("curves").replaceChildren();
  const computed = ([name]) => runs.some((run) => run.metrics[name]?.some((value) => value !== null));
  for (const [title, columns] of PANELS) {
    if (!columns.some(computed)) continue;
    const box = document.createElement("div");
    element("curves").append(box);
    const series = [{ label: "day" }], tables = [];
    runs.forEach((run, index) => {
      const lines = columns.filter(([name]) => name in run.metrics);
      tables.push([run.metrics.time_day, ...lines.map(([name]) => run.metrics[name])]);
      for (const [, label] of lines) {
        const words = [runs.length > 1 ? run.name : "", label].filter(Boolean).join(" ");
        const second = label && label === columns[1]?.[1];
        const single = runs.length === 1 && columns.length > 1;
        series.push({ label: words || title, spanGaps: true, width: 2, points: { show: run.metrics.time_day.length < 3 },
          stroke: color(single ? (second ? "--run0" : "--run1") : `--run${index % 4}`),
          dash: second && !single ? [6, 4] : undefined });
      }
    });
    const axis = { stroke: color("--ink"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
    plots.push(new uPlot({
      title, width: box.clientWidth, height: 260, series,
      scales: { x: { time: false } }, cursor: { sync: { key: "days" } },
      axes: [{ ...axis, label: "day", labelSize: 22 }, { ...axis, size: 62 }],
    }, uPlot.join(tables), box));
  }
}

// ---- controls ----

function fill(select, entries, chosen) {
  for (const [value, text] of entries) select.append(new Option(text, value, false, value === chosen));
}

async function start() {
  const names = Object.keys(runs[0].fields);
  if (!names.includes(shown.field)) shown.field = names[0];
  const named = names.map((name) => [name, runs[0].fields[name].long_name]);
  fill(element("field"), named, shown.field);
  fill(element("paint"), [["sites", "resorbed and formed"], ["plain", "plain"],
    ...named.filter(([name]) => name !== "bone_volume_fraction")], "sites");
  const time = element("time"), day = element("day");
  time.max = days.length - 1;
  time.value = time.max;
  const showDay = () => { day.textContent = number(days[time.value]); };
  showDay();
  makeSlices();
  const counts = () => runs[0].fields[shown.field].shape;
  shown.axis = counts().indexOf(Math.min(...counts()));  // along the longest edges
  element("axis").selectedIndex = shown.axis;
  const depth = element("depth");
  const fit = () => {
    depth.max = counts()[shown.axis] - 1;
    depth.value = Math.floor(shown.depth * counts()[shown.axis]);
  };
  fit();
  // one drawing at a time; the last request wins
  let busy = Promise.resolve(), requested = 0;
  const draw = (...parts) => {
    const request = ++requested;
    busy = busy.then(async () => {
      for (const part of parts) if (request === requested || part === drawSlices) await part();
      document.body.dataset.drawn = request;
    });
    return busy;
  };
  time.addEventListener("input", () => { shown.day = days[time.value]; showDay(); draw(drawSlices, drawSurfaces); });
  element("paint").addEventListener("change", (event) => { shown.paint = event.target.value; legend(); draw(drawSurfaces); });
  element("field").addEventListener("change", (event) => { shown.field = event.target.value; fit(); draw(drawSlices); });
  element("axis").addEventListener("change", (event) => { shown.axis = event.target.selectedIndex; fit(); draw(drawSlices); });
  depth.addEventListener("input", () => { shown.depth = (Number(depth.value) + 0.5) / counts()[shown.axis]; draw(drawSlices); });
  drawCurves();
  new ResizeObserver(() => plots.forEach((plot) => plot.setSize({ width: plot.root.parentNode.clientWidth, height: 260 })))
    .observe(element("curves"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawCurves(); draw(drawSurfaces); });
  legend();
  await draw(drawSlices);
  try {
    await makeSurfaces();
    await draw(drawSurfaces);
  } catch (error) {
    element("surfaces").textContent = `The bone cannot be shown in 3-D here: ${error.message}`;
  }
  if (data.live) watchForNews();
}

function watchForNews() {
  setInterval(async () => {
    try {
      const answer = await fetch("state");
      if (answer.ok && (await answer.text()) !== data.live) location.reload();
    } catch { /* the server has stopped; the page stays */ }
  }, 2000);
}

start();
