"use strict";
// Controls of the page, the day in the curves, and news of a run in progress.

function fill(select, entries, chosen) {
  for (const [value, text] of entries) select.append(new Option(text, value, false, value === chosen));
}

// whether a day lies between the first dose and the end of the interval of the last
function acts(times, day) {
  const last = times[times.length - 1], gap = times.length > 1 ? last - times[times.length - 2] : 0;
  return times[0] <= day && day <= last + gap;
}

// what is given and what branches on a day, in words
function eventsOf(day) {
  const found = [];
  runs.forEach((run) => {
    const name = runs.length > 1 ? `${run.name}: ` : "";
    const drugs = run.therapy.filter((each) => acts(each.times, day) && day <= run.last).map((each) => each.drug);
    const events = drugs.length ? [[...new Set(drugs)].join(" and ")] : [];
    if (run.branched !== null && Math.abs(run.branched - day) < 1e-6) events.unshift("branch");
    if (events.length) found.push(name + events.join(", "));
  });
  return found.join("; ");
}

// marks of the slider: the snapshots from which a drug acts or a run branches
function markTimes() {
  const events = runs.flatMap((run) => [
    ...(run.branched === null ? [] : [[run.branched, `${run.name} branches`]]),
    ...run.therapy.flatMap((each) => each.times.slice(0, 50).map((time) => [time, each.drug]))]);
  const marks = new Map();
  for (const [time, text] of events) {
    const index = days.findIndex((day) => day >= time - 1e-6);
    if (index >= 0 && !marks.has(index)) marks.set(index, text);
  }
  for (const [index, text] of marks) element("times").append(new Option(text, index));
}

async function start() {
  const names = Object.keys(runs[0].fields);
  if (!names.includes(shown.field)) shown.field = names[0];
  const named = names.map((name) => [name, runs[0].fields[name].long_name]);
  fill(element("field"), named, shown.field);
  fill(element("paint"), [["moved", "how far the surface moved"], ["plain", "plain"],
    ...named.filter(([name]) => name !== "bone_volume_fraction")], "moved");
  const time = element("time"), day = element("day");
  time.max = days.length - 1;
  time.value = time.max;
  const showDay = () => {
    const events = eventsOf(shown.day), text = `${dayText(shown.day)} of ${dayText(days[days.length - 1])}`;
    day.textContent = `day ${text}${events ? ` (${events})` : ""}`;
    time.setAttribute("aria-valuetext", day.textContent);
    markDay();
  };
  markTimes();
  makeReadings();
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
  const on = (name, event, act) => element(name).addEventListener(event, (happened) => act(happened.target));
  on("time", "input", () => { shown.day = days[time.value]; showDay(); legend(); draw(drawSlices, drawSurfaces); });
  on("paint", "change", (target) => { shown.paint = target.value; legend(); draw(drawSurfaces); });
  on("ghost", "change", (target) => { shown.ghost = target.checked; legend(); draw(drawSurfaces); });
  on("field", "change", (target) => { shown.field = target.value; fit(); draw(drawSlices); });
  on("axis", "change", (target) => { shown.axis = target.selectedIndex; fit(); draw(drawSlices); });
  on("depth", "input", () => { shown.depth = (Number(depth.value) + 0.5) / counts()[shown.axis]; draw(drawSlices); });
  on("range", "change", (target) => { shown.range = target.value; legend(); draw(drawSlices, drawSurfaces); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(drawSurfaces));
  legend();
  await draw(drawSlices);
  try {
    await makeSurfaces();
    await draw(drawSurfaces);
    addEventListener("beforeprint", () => scenes.forEach(keepStill));
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
