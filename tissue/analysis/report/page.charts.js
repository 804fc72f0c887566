"use strict";
// The day in the curves, and what they read there: of the slider, the pointer or the arrow keys.

const STEPS = 60;  // of an arrow key from one end of a chart to the other

// value of a curve at a place [px], from the points that it is drawn with
function valueAt(curve, x, svg) {
  const points = curve.matches("circle") ? [[curve.cx.baseVal.value, curve.cy.baseVal.value]]
    : [...curve.points].map((point) => [point.x, point.y]);
  const after = points.findIndex(([right]) => right >= x - 0.06);
  if (after < 0 || (after === 0 && points[0][0] > x + 0.06)) return null;
  const [right, low] = points[after], [left, high] = points[Math.max(after - 1, 0)];
  const y = right > left ? high + (low - high) * (Math.min(x, right) - left) / (right - left) : low;
  const { low: least, high: most, top, foot } = svg.dataset;
  const value = most - (y - top) / (foot - top) * (most - least);
  const digits = Math.max(0, 2 - Math.floor(Math.log10((most - least) || 1)));
  return value.toFixed(Math.min(digits, 12)).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
}

function readAt(svg, day) {
  const { first, last, left, right } = svg.dataset, line = svg.querySelector(".now");
  const x = Number(left) + (day - first) / (last - first) * (right - left);
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
  line.setAttribute("visibility", "visible");
  const curves = [...svg.querySelectorAll("polyline, circle")];
  const texts = curves.map((curve) => [curve.textContent, valueAt(curve, x, svg)]);
  const words = texts.map(([name, value]) => {
    const text = value ?? "no value";
    return curves.length > 1 ? `${name} ${text}` : text;
  });
  svg.parentElement.querySelector(".reading").textContent = `day ${dayText(day)}: ${words.join(", ")}`;
}

const charts = () => document.querySelectorAll("#curves .chart > svg");
const markDay = () => charts().forEach((svg) => readAt(svg, shown.day));

function makeReadings() {
  for (const svg of charts()) {
    const { first, last, left, right } = svg.dataset;
    const reading = svg.parentElement.querySelector(".reading");
    const within = (day) => Number(Math.min(Math.max(day, Number(first)), Number(last)).toFixed(1));
    let day = null;
    svg.addEventListener("focus", () => reading.setAttribute("aria-live", "polite"));
    svg.addEventListener("blur", () => {
      reading.setAttribute("aria-live", "off");
      day = null;
      readAt(svg, shown.day);
    });
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      readAt(svg, within(Number(first) + (x - left) / (right - left) * (last - first)));
    });
    svg.addEventListener("pointerleave", () => readAt(svg, day ?? shown.day));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      day = within((day ?? within(shown.day)) + step * (last - first) / STEPS);
      readAt(svg, day);
    });
  }
}
