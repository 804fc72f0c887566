"use strict";
// Data, colors and days that all parts of the page share.

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

// Times of all runs; a run shows its last snapshot that is not later, or its first.
const days = [...new Set(runs.flatMap((run) => run.times))].sort((a, b) => a - b);
const snapshotAt = (run, day) => Math.max(0, run.times.filter((time) => time <= day).length - 1);
const shown = {
  day: days[days.length - 1], paint: "moved", ghost: true, field: "rankl", axis: 0, depth: 0.5,
  range: "slice",
};

// viridis, at nine evenly spaced values
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
const mixed = (from, to, share) => from.map((part, k) => part + share * (to[k] - part));
function along(colors, share) {
  const at = Math.min(Math.max(share, 0), 1) * (colors.length - 1);
  const low = Math.min(Math.floor(at), colors.length - 2);
  return mixed(colors[low], colors[low + 1], at - low);
}
const viridis = (share) => along(VIRIDIS, share);
const BONE = [226, 208, 178], LOST = [213, 94, 0], FORMED = [0, 114, 178];
// by how much was lost or formed: hue and lightness change, so that arms differ for every kind of color vision
const LOSSES = [BONE, [246, 190, 80], LOST, [122, 16, 44]], GAINS = [BONE, [120, 196, 232], FORMED, [14, 36, 112]];
const SOLID = [190, 186, 180], MARROW = [244, 241, 236];
const number = (value) => Number(value.toPrecision(3)).toString();
const dayText = (day) => Number(day.toFixed(3)).toString();
const unitOf = (field) => (field.unit === "1" ? "" : ` [${field.unit.replace("^2", "²").replace("^3", "³")}]`);

// the same range in all runs, so that they can be compared: that of all days, or of the shown one
function range(name) {
  const found = runs.filter((run) => name in run.fields).map((run) => {
    const field = run.fields[name], time = snapshotAt(run, shown.day);
    return shown.range === "all" ? [Math.min(...field.low), Math.max(...field.high)]
      : [field.low[time], field.high[time]];
  });
  return [Math.min(...found.map(([low]) => low)), Math.max(...found.map(([, high]) => high))];
}

// a round length of at most a limit
function roundLength(limit) {
  const power = 10 ** Math.floor(Math.log10(limit));
  return [5, 2, 1].find((k) => k * power <= limit) * power;
}
