"use strict";
// The surface of the bone in 3-D (vtk.js), colored by how far it moved or by a field.

const scenes = [], GONE = 0.15;

async function makeSurfaces() {
  const code = new TextDecoder().decode(await unpacked(element("vtk").textContent.trim()));
  (0, eval)(code);
  runs.forEach((run, index) => {
    const figure = document.createElement("figure");
    figure.innerHTML = "<div class='surface' tabindex='0' role='application'></div>" +
      "<img class='still print-only' alt=''><div class='scale'><i></i><span></span></div><figcaption></figcaption>";
    const box = figure.querySelector(".surface");
    if (runs.length > 1) box.style.borderTop = `4px solid var(--run${index % 4})`;
    box.setAttribute("aria-label", `Surface of the bone of ${run.name}; arrow keys turn it, + and - zoom`);
    element("surfaces").append(figure);
    const view = vtk.Rendering.Misc.vtkGenericRenderWindow.newInstance();
    view.setContainer(box);
    view.resize();
    const scene = { view, index, figure, meshes: new Map(), placed: false, ...actor(), ghost: actor() };
    scene.ghost.actor.getProperty().setOpacity(0.3);
    scene.ghost.actor.getProperty().setColor(...LOST.map((part) => part / 255));
    new ResizeObserver(() => {
      view.resize();
      if (scene.placed) {
        view.getRenderWindow().render();
        showScale(scene);
      }
    }).observe(box);
    scenes.push(scene);
    box.addEventListener("keydown", (event) => turn(scene, event));
    view.getInteractor().onAnimation(() => follow(scene));
    view.getInteractor().onEndAnimation(() => follow(scene));
  });
}

function actor() {
  const made = vtk.Rendering.Core.vtkActor.newInstance(), mapper = vtk.Rendering.Core.vtkMapper.newInstance();
  made.setMapper(mapper);
  made.getProperty().setSpecular(0.15);
  made.getProperty().setAmbient(0.15);
  return { actor: made, mapper };
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

// values of a volume between the centers of voxels; null on a cut face
function interpolator(run, values) {
  const counts = run.grid.shape, h = run.grid.spacing, steps = [counts[1] * counts[2], counts[2], 1];
  return (point) => {
    const place = point.map((p) => p / h - 0.5);
    if (place.some((u, k) => u < -0.25 || u > counts[k] - 0.75)) return null;
    const low = place.map((u, k) => Math.min(Math.max(Math.floor(u), 0), counts[k] - 2));
    const part = place.map((u, k) => Math.min(Math.max(u - low[k], 0), 1));
    let value = 0;
    for (let corner = 0; corner < 8; corner++) {
      const bits = [corner >> 2, (corner >> 1) & 1, corner & 1];
      const weight = bits.reduce((w, bit, k) => w * (bit ? part[k] : 1 - part[k]), 1);
      if (weight) value += weight * values[bits.reduce((at, bit, k) => at + (low[k] + bit) * steps[k], 0)];
    }
    return value;
  };
}

const pointOf = (points, i) => [points[3 * i + 2], points[3 * i + 1], points[3 * i]];

async function painted(scene, made, time) {
  const points = made.getPoints().getData(), count = points.length / 3;
  const colors = new Uint8Array(3 * count);
  const pick = shown.paint === "moved" ? await byDistance(scene.index, time)
    : shown.paint === "plain" ? () => BONE : await byField(scene.index, time);
  for (let i = 0; i < count; i++) colors.set(pick(pointOf(points, i)), 3 * i);
  made.getPointData().setScalars(
    vtk.Common.Core.vtkDataArray.newInstance({ values: colors, numberOfComponents: 3 }));
  made.modified();
}

// largest distance of the color scale, the same in all runs [um]
const largestDistance = () => Math.max(...runs.map((run) => run.moved.largest));

const colorOfDistance = (um, most) => along(um < 0 ? LOSSES : GAINS, Math.abs(um) / (most || 1));

async function byDistance(index, time) {
  const run = runs[index], { largest, data: packed } = run.moved, most = largestDistance();
  if (!time) return () => BONE;
  const distance = interpolator(run, await volume(`moved ${index} ${time}`, packed[time]));
  return (point) => {
    const byte = distance(point);
    return byte === null ? BONE : colorOfDistance((byte / 127.5 - 1) * largest, most);
  };
}

async function byField(index, time) {
  const run = runs[index], field = run.fields[shown.paint];
  if (!field) return () => BONE;
  const values = await fieldOf(index, shown.paint, time);
  const [low, high] = range(shown.paint), h = run.grid.spacing * field.block;
  const from = field.low[time], size = field.high[time] - from;
  return (point) => {
    const [z, y, x] = point.map((p, k) => Math.min(Math.max(Math.floor(p / h), 0), field.shape[k] - 1));
    const value = from + values[(z * field.shape[1] + y) * field.shape[2] + x] / 255 * size;
    return viridis((value - low) / (high - low || 1));
  };
}

// faces of the surface at the start around which the bone is gone
async function drawGhost(scene, time) {
  scene.ghost.actor.setVisibility(shown.ghost && time > 0);
  if (!shown.ghost || !time) return;
  const start = await mesh(scene, 0), points = start.getPoints().getData();
  const left = interpolator(runs[scene.index], await boneOf(scene.index, time));
  const gone = new Uint8Array(points.length / 3);
  for (let i = 0; i < gone.length; i++) {
    const bone = left(pointOf(points, i));
    gone[i] = bone !== null && bone < 255 * GONE ? 1 : 0;
  }
  const polys = start.getPolys().getData(), cells = [];
  for (let k = 0; k < polys.length; k += 4) {
    const [a, b, c] = [polys[k + 1], polys[k + 2], polys[k + 3]];
    if (gone[a] && gone[b] && gone[c]) cells.push(3, a, b, c);
  }
  const ghost = vtk.Common.DataModel.vtkPolyData.newInstance();
  ghost.setPoints(start.getPoints());
  ghost.setPolys(vtk.Common.Core.vtkCellArray.newInstance({ values: Uint32Array.from(cells) }));
  scene.ghost.mapper.setInputData(ghost);
}

async function drawSurface(scene) {
  const run = runs[scene.index], time = snapshotAt(run, shown.day);
  const made = await mesh(scene, time);
  await painted(scene, made, time);
  await drawGhost(scene, time);
  scene.mapper.setInputData(made);
  if (!scene.placed) {
    const renderer = scene.view.getRenderer();
    renderer.addActor(scene.actor);
    renderer.addActor(scene.ghost.actor);
    const camera = renderer.getActiveCamera();
    camera.setParallelProjection(true);  // a scale bar holds at every depth
    camera.setPosition(0.85, -1, 0.62);
    camera.setFocalPoint(0, 0, 0);
    camera.setViewUp(0, 0, 1);
    renderer.resetCamera();
    const box = scene.figure.querySelector(".surface");
    const wide = Math.min(1, box.clientWidth / (box.clientHeight || 1)) || 1;
    camera.setParallelScale(camera.getParallelScale() / (1.15 * wide));
    scene.placed = true;
  }
  caption(scene, time);
  keepStill(scene);
}

function caption(scene, time) {
  const run = runs[scene.index], name = runs.length > 1 ? `${run.name}: ` : "", field = run.fields[shown.paint];
  const since = `day ${dayText(run.times[0])}`;
  const median = run.moved.medians[time];
  const half = typeof median === "number" ? ` (median ${number(median).replace("-", "−")} µm)` : "";
  const what = shown.paint === "moved" ? (time ? `how far the surface moved since ${since}${half}` : `the start, ${since}`)
    : shown.paint === "plain" || !field ? "bone" : `${field.long_name}${unitOf(field)}`;
  const text = `${name}day ${dayText(run.times[time])}, ${what}`;
  scene.figure.querySelector("figcaption").textContent = text;
  scene.figure.querySelector(".still").alt = text;
}

// the picture for print, on white
function keepStill(scene) {
  const renderer = scene.view.getRenderer(), canvas = scene.figure.querySelector("canvas");
  const draw = (back) => {
    renderer.setBackground(...back);
    renderer.resetCameraClippingRange();
    scene.view.getRenderWindow().render();
  };
  draw([1, 1, 1]);
  if (canvas) scene.figure.querySelector(".still").src = canvas.toDataURL("image/png");
  draw(color("--back").match(/\w\w/g).map((pair) => parseInt(pair, 16) / 255));
  showScale(scene);
}

function showScale(scene) {
  const box = scene.figure.querySelector(".surface"), bar = scene.figure.querySelector(".scale");
  const um = 2 * scene.view.getRenderer().getActiveCamera().getParallelScale() / (box.clientHeight || 1);
  const length = roundLength(0.25 * (box.clientWidth || 1) * um);
  // as a share, so that it holds for the picture in print too
  bar.querySelector("i").style.width = `${100 * length / um / (box.clientWidth || 1)}%`;
  bar.querySelector("span").textContent = `${number(length)} µm`;
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
  showScale(leader);
  for (const scene of scenes) if (scene !== leader && scene.placed) {
    const own = scene.view.getRenderer().getActiveCamera();
    own.setPosition(...camera.getPosition());
    own.setFocalPoint(...camera.getFocalPoint());
    own.setViewUp(...camera.getViewUp());
    own.setParallelScale(camera.getParallelScale());
    scene.view.getRenderer().resetCameraClippingRange();
    scene.view.getRenderWindow().render();
    showScale(scene);
  }
}

const drawSurfaces = () => Promise.all(scenes.map(drawSurface));

function legend() {
  const box = element("paint-legend"), css = (rgb) => `rgb(${rgb.map(Math.round)})`;
  const bar = (colors, ends) => `<span class="ramp">${ends[0]}<i style="background: linear-gradient(90deg, ` +
    `${colors.map(css).join(", ")})"></i>${ends[1]}</span>`;
  const ghost = `<span><span class="swatch ghost"></span>bone that is gone</span>`;
  if (shown.paint === "moved") {
    const most = largestDistance(), ends = [-3, -2, -1, 0, 1, 2, 3].map((third) => colorOfDistance(third * most / 3, most));
    box.innerHTML = bar(ends, [`lost ${number(most)} µm`, `formed ${number(most)} µm`]) + (shown.ghost ? ghost : "");
  } else if (shown.paint === "plain") {
    box.innerHTML = shown.ghost ? ghost : "";
  } else {
    const field = runs[0].fields[shown.paint], [low, high] = range(shown.paint);
    box.innerHTML = bar([0, 0.25, 0.5, 0.75, 1].map(viridis), [number(low), `${number(high)}${unitOf(field).replace(/[[\]]/g, "")}`]) +
      (shown.ghost ? ghost : "");
  }
}
