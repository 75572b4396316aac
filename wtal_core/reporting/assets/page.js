"use strict";
// A video's page: a timeline of tracks over the same seconds, in step with the player.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const player = byId("player");
const timeline = byId("timeline");

const GUTTER = 128; // px left of the tracks, for their names
const RIGHT = 24; // px right of them, for the names of levels
const LANE = 18; // px, height of a lane of segments
const MOST_LANES = 8; // of predictions of one run
const PLOT = data.runs.length > 1 ? 84 : 108;
const STRIP = 13;
const NAMES = { cbp: "CBP", vlp: "VLP", final: "final" };
const MEANING = {
  1: "foreground", 0: "background", "?": "uncertain",
  F: "foreground, corrected", B: "background, corrected", U: "uncertain, corrected",
};

const state = {
  time: 0, // s, where the player is
  hover: null, // s, where the mouse is
  threshold: 0.3,
  only: null, // number of the one class whose segments are shown
  chosen: data.chosen, // number of the class of curves and labels
  from: 0, // s, what part of the video is shown
  to: data.duration,
  curves: new Set(["cbp", "vlp", "final"]),
};

// ---- small things

const SVG = "http://www.w3.org/2000/svg";

function svg(parent, name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

function html(parent, name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.assign(made, attributes);
  parent.append(made);
  return made;
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${rest}.${tenths % 10}`;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const fitting = ([place]) => state.only === null || place === state.only;
const truth = () => (data.truth || []).filter(fitting);
const predicted = (run) =>
  run.predictions.filter((one) => fitting(one) && one[3] >= state.threshold);
const snippetAt = (run, seconds) => Math.floor((seconds - run.start) / run.step + 1e-9);
const step = data.runs.length ? data.runs[0].step : 0.64;

// ---- where things lie

let width = 1000; // px of the tracks
const x = (seconds) => GUTTER + ((seconds - state.from) / (state.to - state.from)) * width;
const secondsAt = (px) => state.from + ((px - GUTTER) / width) * (state.to - state.from);

// Segments that overlap lie in different lanes; of those that find none, the worst are left out.
function packed(segments, most) {
  const ends = [];
  const lanes = [];
  let left = 0;
  for (const one of segments) {
    let lane = ends.findIndex((taken) => taken.every(([s, e]) => one[2] <= s || one[1] >= e));
    if (lane < 0 && ends.length < most) lane = ends.push([]) - 1;
    if (lane < 0) left += 1;
    else {
      ends[lane].push([one[1], one[2]]);
      lanes.push([lane, one]);
    }
  }
  return { lanes, count: Math.max(1, ends.length), left };
}

// ---- drawing; every function takes the top of its track and returns its bottom

function draw() {
  width = Math.max(60, timeline.clientWidth - GUTTER - RIGHT);
  timeline.replaceChildren();
  const root = svg(timeline, "svg", { role: "presentation" });
  const defs = svg(root, "defs");
  const clip = svg(svg(defs, "clipPath", { id: "inside" }), "rect", { x: GUTTER, y: 0, width });
  const bed = { root, defs, marks: svg(root, "g", { "clip-path": "url(#inside)" }) };
  let y = drawAxis(bed, 0);
  if (data.truth) y = drawSegments(bed, y, "ground truth", truth(), 6);
  for (const run of data.runs) {
    const own = data.runs.length > 1 ? run.name : "";
    if (own) y = drawHead(bed, y, own);
    if (run.final) y = drawSegments(bed, y, "predictions", predicted(run), MOST_LANES);
    y = drawCurves(bed, y, run);
    y = drawStrips(bed, y, run);
  }
  clip.setAttribute("height", y);
  root.setAttribute("height", y + 4);
  bed.hover = svg(bed.marks, "line", { class: "hover", y1: 0, y2: y });
  bed.playhead = svg(bed.marks, "line", { class: "playhead", y1: 0, y2: y });
  lines = bed;
  move();
}

let lines = null;

function drawAxis({ root, marks }, y) {
  const span = state.to - state.from;
  const wanted = span / (width / 90);
  const gap = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].find((g) => g >= wanted) || 3600;
  for (let i = Math.ceil(state.from / gap); i * gap <= state.to + 1e-9; i += 1) {
    svg(marks, "line", { class: "rule", x1: x(i * gap), x2: x(i * gap), y1: 0, y2: 4000 });
    const label = gap < 1 ? clock(i * gap) : clock(i * gap).replace(/\.0$/, "");
    svg(marks, "text", { class: "faint", x: x(i * gap) + 3, y: y + 13 }, label);
  }
  svg(root, "text", { class: "faint", x: 8, y: y + 13 }, "time");
  return y + 20;
}

function drawHead({ root }, y, name) {
  svg(root, "line", { class: "rule", x1: 0, x2: GUTTER + width + RIGHT, y1: y + 3, y2: y + 3 });
  svg(root, "text", { class: "head", x: 8, y: y + 18 }, name);
  return y + 22;
}

// A pattern of a class: its colour, and after six classes another texture.
function texture(defs, place) {
  const id = `class${place}`;
  if (defs.querySelector(`#${id}`)) return `url(#${id})`;
  const kind = Math.floor(place / 6) % 4;
  const made = svg(defs, "pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", class: `bar-c${place % 6}` });
  svg(made, "rect", { width: 6, height: 6, fill: "currentColor", stroke: "none", opacity: kind ? 0.16 : 0.34 });
  if (kind === 1) svg(made, "path", { d: "M-1 1L1 -1M0 6L6 0M5 7L7 5", "stroke-width": 1.3 });
  if (kind === 2) svg(made, "circle", { cx: 3, cy: 3, r: 1.3, fill: "currentColor", stroke: "none" });
  if (kind === 3) svg(made, "path", { d: "M3 0V6", "stroke-width": 1.5 });
  return `url(#${id})`;
}

function drawSegments(bed, y, title, segments, most) {
  const { lanes, count, left } = packed(segments, most);
  svg(bed.root, "text", { x: 8, y: y + 13 }, title);
  if (left) svg(bed.root, "text", { class: "faint", x: 8, y: y + 26 }, `${left} more, hidden`);
  const group = svg(bed.marks, "g", { "data-track": title });
  if (title === "ground truth") {
    for (const [start, end] of data.ambiguous) {
      const made = svg(group, "rect", { class: "doubt", x: x(start), y: y + 1, width: Math.max(1, x(end) - x(start)), height: count * LANE - 2 });
      svg(made, "title", {}, `ambiguous, ${clock(start)} to ${clock(end)}`);
    }
  }
  for (const [lane, [place, start, end, score = 1]] of lanes) {
    const long = Math.max(1.5, x(end) - x(start));
    const made = svg(group, "rect", {
      class: `segment bar-c${place % 6}`, x: x(start), y: y + 2 + lane * LANE, width: long, height: LANE - 4, rx: 2,
      fill: texture(bed.defs, place), opacity: clamp(0.35 + 0.65 * score, 0.35, 1), "stroke-width": 1.2,
    });
    const name = data.classes[place];
    const told = title === "predictions" ? `${name} ${score.toFixed(2)}` : name;
    svg(made, "title", {}, `${told}, ${clock(start)} to ${clock(end)}`);
    // a seen part of the bar that holds the name; a letter takes about 6.4 px
    const seen = Math.max(x(start), GUTTER);
    const letters = Math.floor((Math.min(x(end), GUTTER + width) - seen - 8) / 6.4);
    const label = told.length <= letters ? told : name.length <= letters ? name : "";
    if (label) svg(group, "text", { class: "on", x: seen + 4, y: y + 13 + lane * LANE }, label);
  }
  if (!lanes.length) svg(group, "text", { class: "faint", x: GUTTER + 6, y: y + 13 }, "none");
  return y + Math.max(count * LANE, left ? 30 : 0) + 6;
}

function drawCurves({ root, marks }, y, run) {
  const shown = run.curves.filter((one) => state.curves.has(one.key) && one.values[state.chosen]);
  const scale = (value) => y + 4 + (1 - value) * (PLOT - 8);
  svg(root, "text", { x: 8, y: y + 14 }, "scores");
  svg(root, "text", { class: "faint", x: 8, y: y + 28 }, shortened(data.classes[state.chosen], 18));
  for (const value of [0, 0.5, 1]) {
    svg(marks, "line", { class: "rule", x1: GUTTER, x2: GUTTER + width, y1: scale(value), y2: scale(value) });
    svg(root, "text", { class: "faint", x: GUTTER - 6, y: scale(value) + 4, "text-anchor": "end" }, String(value));
  }
  for (const [place, start, end] of data.truth || []) {
    if (place === state.chosen) svg(marks, "rect", { class: "shade", x: x(start), width: x(end) - x(start), y: scale(1), height: PLOT - 8 });
  }
  const drawn = new Set();
  const level = (value, look, name) => {
    svg(marks, "line", { class: look, x1: GUTTER, x2: GUTTER + width, y1: scale(value), y2: scale(value) });
    if (name) svg(root, "text", { class: "faint", x: GUTTER + width + 4, y: scale(value) + 4 }, name);
  };
  for (const { levels } of shown) {
    if (!levels || drawn.has(levels[0])) continue;
    drawn.add(levels[0]);
    level(levels[0], "level", "fg");
    level(levels[1], "level", "bg");
  }
  if (run.final) level(state.threshold, "cut", "");
  for (const one of [...shown].reverse()) {
    const values = one.values[state.chosen];
    const path = [`M${x(run.start)} ${scale(values[0] / 1000)}`];
    values.forEach((value, i) => path.push(`V${scale(value / 1000).toFixed(1)}H${x(run.start + (i + 1) * run.step).toFixed(1)}`));
    svg(marks, "path", { class: `curve ${one.key}`, d: path.join("") });
  }
  if (run.curves.length && !run.curves[0].values[state.chosen]) svg(marks, "text", { class: "faint", x: GUTTER + 6, y: y + 22 }, "below 0.05 throughout");
  if (!run.curves.length) svg(marks, "text", { class: "faint", x: GUTTER + 6, y: y + 22 }, "this run has no scores of this video");
  return y + PLOT + 4;
}

function drawStrips({ root, marks, defs }, y, run) {
  if (!run.strips.some((one) => one.values[state.chosen])) return y;
  if (!defs.querySelector("#unsure")) {
    const made = svg(defs, "pattern", { id: "unsure", width: 5, height: 5, patternUnits: "userSpaceOnUse" });
    svg(made, "path", { class: "unsure-line", d: "M-1 1L1 -1M0 5L5 0M4 6L6 4" });
  }
  let corrected = false;
  for (const one of run.strips) {
    const signs = one.values[state.chosen];
    if (!signs) continue; // background throughout
    svg(root, "text", { class: "faint", x: 8, y: y + 10 }, one.title);
    svg(marks, "rect", { class: "border", x: x(run.start), y: y + 1, width: x(run.start + signs.length * run.step) - x(run.start), height: STRIP - 3 });
    for (const run_ of signs.matchAll(/[1F]+|[?U]+/g)) {
      const start = x(run.start + run_.index * run.step);
      const long = x(run.start + (run_.index + run_[0].length) * run.step) - start;
      const look = "1F".includes(run_[0][0]) ? { class: `fg ${one.key}` } : { fill: "url(#unsure)" };
      svg(marks, "rect", { ...look, x: start, y: y + 1, width: long, height: STRIP - 3 });
    }
    for (const set of signs.matchAll(/[FBU]+/g)) {
      corrected = true;
      const at = { x1: x(run.start + set.index * run.step), x2: x(run.start + (set.index + set[0].length) * run.step) };
      svg(svg(marks, "line", { class: "given", y1: y + STRIP - 0.5, y2: y + STRIP - 0.5, ...at }), "title", {}, "corrected by hand");
    }
    y += STRIP;
  }
  const words = `${data.trained ? "pseudo-labels of each round" : "what the rule makes of each round's scores"}; filled: foreground; hatched: uncertain; empty: background; ${corrected ? "underlined: corrected by hand; " : ""}lines fg, bg: its thresholds`;
  for (const line of wrapped(words, width + RIGHT)) {
    svg(root, "text", { class: "faint", x: GUTTER, y: y + 11 }, line);
    y += 13;
  }
  return y + 5;
}

// Text in as many lines as it needs; a letter takes about 5.7 px.
function wrapped(text, px) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length && longer.length * 5.7 <= px) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function shortened(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

// ---- the cursor and what is under it

function move() {
  if (!lines) return;
  for (const [line, seconds] of [[lines.playhead, state.time], [lines.hover, state.hover]]) {
    line.setAttribute("visibility", seconds === null ? "hidden" : "visible");
    line.setAttribute("x1", x(seconds || 0));
    line.setAttribute("x2", x(seconds || 0));
  }
  byId("clock").textContent = `${clock(state.time)} / ${clock(data.duration)}`;
  timeline.setAttribute("aria-valuenow", state.time.toFixed(2));
  timeline.setAttribute("aria-valuetext", clock(state.time));
  tell(state.hover ?? state.time);
}

function tell(seconds) {
  const readout = byId("readout");
  const inside = ([, start, end]) => start <= seconds && seconds < end;
  readout.replaceChildren();
  const several = data.runs.length > 1;
  const values = html(readout, "table");
  html(values, "caption", `${seconds.toFixed(2)} s, ${data.classes[state.chosen]}`);
  const add = (name, cells) => {
    const row = values.insertRow();
    html(row, "td", name);
    for (const cell of cells) html(row, "td", cell);
  };
  if (several) add("", data.runs.map((run) => run.name));
  add("snippet", data.runs.map((run) => String(snippetAt(run, seconds))));
  const each = (kind, read) => {
    for (const title of new Set(data.runs.flatMap((run) => run[kind].map((one) => one.title)))) {
      add(title, data.runs.map((run) => {
        const found = run[kind].find((one) => one.title === title);
        const row = found && found.values[state.chosen];
        if (!found && run.shared && kind === "strips") return "same";
        return (row && read(row[snippetAt(run, seconds)])) || "–";
      }));
    }
  };
  each("curves", (value) => value !== undefined && (value / 1000).toFixed(3));
  each("strips", (sign) => MEANING[sign]);
  const here = html(readout, "table");
  html(here, "caption", "Segments here");
  const under = (whose, [place, start, end, score]) => {
    const row = here.insertRow();
    html(row, "td", whose);
    html(row, "td", score === undefined ? "" : score.toFixed(3));
    html(row, "td", `${start.toFixed(2)} to ${end.toFixed(2)} s`);
    html(row, "td", data.classes[place]);
  };
  for (const one of truth().filter(inside)) under("ground truth", one);
  for (const run of data.runs) {
    const whose = several ? run.name : "predicted";
    for (const one of predicted(run).filter(inside).slice(0, 5)) under(whose, one);
  }
  if (!here.rows.length) html(here.insertRow(), "td", "none");
}

function list() {
  const body = byId("segments");
  body.replaceChildren();
  const rows = truth().map((one) => [...one, null, "ground truth"]);
  for (const run of data.runs) rows.push(...predicted(run).map((one) => [...one, run.name]));
  rows.sort((a, b) => a[1] - b[1] || a[2] - b[2]);
  for (const [place, start, end, score, whose] of rows) {
    const row = body.insertRow();
    const button = html(row.insertCell(), "button", clock(start), { type: "button" });
    button.addEventListener("click", () => seek(start));
    row.insertCell().textContent = clock(end);
    row.insertCell().textContent = data.classes[place];
    row.insertCell().textContent = whose;
    row.insertCell().textContent = score === null ? "" : score.toFixed(3);
  }
}

// ---- going places

function seek(seconds) {
  state.time = clamp(seconds, 0, data.duration);
  state.hover = null;
  if (player && player.readyState) player.currentTime = state.time;
  follow();
  move();
}

// Keep the cursor in sight where only a part of the video is shown.
function follow() {
  const span = state.to - state.from;
  if (state.time >= state.from && state.time <= state.to) return;
  state.from = clamp(state.time - span / 4, 0, data.duration - span);
  state.to = state.from + span;
  draw();
}

function zoom(factor, middle = state.time) {
  const span = clamp((state.to - state.from) * factor, Math.min(2, data.duration), data.duration);
  const share = (middle - state.from) / (state.to - state.from);
  state.from = clamp(middle - share * span, 0, data.duration - span);
  state.to = state.from + span;
  draw();
}

// The next or the last start of a segment that is shown.
function hop(direction) {
  const starts = [...truth(), ...data.runs.flatMap(predicted)].map((one) => one[1]);
  const ahead = starts.filter((s) => (s - state.time) * direction > 0.05);
  if (ahead.length) seek(direction > 0 ? Math.min(...ahead) : Math.max(...ahead));
}

function toggle() {
  if (player) player.paused ? player.play().catch(() => {}) : player.pause();
}

const frame = data.runs.length ? 1 / data.runs[0].fps : 0.04;
const KEYS = {
  ArrowLeft: (event) => seek(state.time - (event.shiftKey ? 5 : step)),
  ArrowRight: (event) => seek(state.time + (event.shiftKey ? 5 : step)),
  ",": () => seek(state.time - frame),
  ".": () => seek(state.time + frame),
  Home: () => seek(0),
  End: () => seek(data.duration),
  n: () => hop(1),
  p: () => hop(-1),
  "+": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => zoom(Infinity),
  " ": toggle,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  // fields and the player have keys of their own; what is pressed by Space has that one
  if (event.target.closest("input:not([type=checkbox]), select, video")) return;
  if (event.key === " " && event.target.closest("input, button, summary, a")) return;
  const act = KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(event);
});

const pointed = (event) =>
  clamp(secondsAt(event.clientX - timeline.getBoundingClientRect().left - timeline.clientLeft), 0, data.duration);
timeline.addEventListener("pointerdown", (event) => {
  timeline.setPointerCapture(event.pointerId);
  seek(pointed(event));
});
timeline.addEventListener("pointermove", (event) => {
  if (event.buttons) return seek(pointed(event));
  state.hover = pointed(event);
  move();
});
timeline.addEventListener("pointerleave", () => {
  state.hover = null;
  move();
});
timeline.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.shiftKey) return; // a plain wheel moves the page
  event.preventDefault();
  zoom(event.deltaY > 0 || event.deltaX > 0 ? 1.25 : 0.8, pointed(event));
}, { passive: false });

// ---- controls

function redraw() {
  draw();
  list();
}

function fill() {
  data.runs.forEach((run) => (run.final = run.curves.some((one) => one.key === "final") || run.predictions.length > 0));
  const here = new Set([...data.labels, ...(data.truth || []).map((one) => one[0]), ...data.runs.flatMap((run) => run.predictions.map((one) => one[0]))]);
  const order = [...data.classes.keys()].sort((a, b) => here.has(b) - here.has(a) || a - b);
  for (const place of order) {
    byId("chosen").append(new Option(data.classes[place], place));
    if (here.has(place)) byId("only").append(new Option(data.classes[place], place));
  }
  byId("chosen").value = data.chosen;
  const keys = new Set(data.runs.flatMap((run) => run.curves.map((one) => one.key)));
  for (const key of keys) {
    const label = html(byId("curves"), "label");
    const box = html(label, "input", "", { type: "checkbox", checked: true, value: key });
    svg(svg(label, "svg", { width: 26, height: 10, "aria-hidden": "true" }), "path", { class: `curve ${key}`, d: "M0 5H26" });
    label.append(NAMES[key]);
    box.addEventListener("input", () => {
      box.checked ? state.curves.add(key) : state.curves.delete(key);
      draw();
    });
  }
  if (!data.runs.some((run) => run.final)) byId("threshold").closest("label").hidden = true;
}

byId("chosen").addEventListener("input", (event) => {
  state.chosen = Number(event.target.value);
  draw();
});
byId("only").addEventListener("input", (event) => {
  state.only = event.target.value === "" ? null : Number(event.target.value);
  if (state.only !== null) byId("chosen").value = state.chosen = state.only;
  redraw();
});
byId("threshold").addEventListener("input", (event) => {
  state.threshold = Number(event.target.value);
  byId("threshold-value").textContent = state.threshold.toFixed(2);
  redraw();
});
byId("play").addEventListener("click", toggle);
byId("in").addEventListener("click", () => zoom(0.5));
byId("out").addEventListener("click", () => zoom(2));
byId("all").addEventListener("click", () => zoom(Infinity));

if (player) {
  const broken = () => {
    byId("broken").hidden = false;
    player.hidden = true;
    byId("play").hidden = true;
  };
  if (player.error) broken();
  player.addEventListener("error", broken);
  player.addEventListener("loadedmetadata", () => {
    if (state.time) player.currentTime = state.time;
  });
  player.addEventListener("seeked", () => {
    if (!player.paused) return;
    // the player rounds to its own clock: what was asked for stays where it is
    if (Math.abs(player.currentTime - state.time) < 0.01) return;
    state.time = Math.min(player.currentTime, data.duration);
    follow();
    move();
  });
  player.addEventListener("play", () => {
    byId("play").textContent = "Pause";
    const tick = () => {
      state.time = Math.min(player.currentTime, data.duration);
      follow();
      move();
      if (!player.paused) requestAnimationFrame(tick);
    };
    tick();
  });
  player.addEventListener("pause", () => (byId("play").textContent = "Play"));
} else {
  byId("play").hidden = true;
}

// A reload may bring back what was set before: the fields say what holds.
fill();
byId("threshold").value = state.threshold;
byId("only").value = "";
redraw();
new ResizeObserver(draw).observe(byId("timeline").parentElement);
