// The page: language, picking a learning rate, drawing when anything changes.

const MAKERS = {
  lr: lrFigure, curve: curveFigure, race: raceFigure, heat: heatFigure, line: lineFigure, surface: surfaceFigure, band: bandFigure,
};
const boxes = page.figures.map((figure) => ({
  figure, box: document.getElementById(figure.id), zoom: null, width: 0, configs: {}, hidden: new Set(), lit: null, frame: figure.start ?? 0, step: null, playing: null,
}));
const slider = document.getElementById("lr");

function draw(entry) {
  const { figure, box } = entry;
  if (box.clientWidth === 0 && !state.printing) return; // in a tab not yet laid out; drawn when it gets a size
  const { data, layout } = MAKERS[figure.kind](figure, box, entry);
  const first = entry.width === 0;
  entry.width = box.clientWidth;
  entry.configs[state.language] ??= config(entry); // a new object would make Plotly start again from nothing
  Plotly.react(box, data, layout, entry.configs[state.language]);
  const scale = figure.kind === "curve" ? lrScaleOf(figure) : figure.kind === "heat" && { limits: figure.limits, isLog: figure.log };
  if (scale) drawScale(figure.id, scale);
  showControls(entry);
  if (first) listen(entry);
}

const drawAll = () => boxes.forEach(draw);

// Once per frame, however many changes it holds: two drawings in one task can lock Plotly up.
const due = new Set();
function drawSoon(entries = boxes) {
  if (due.size === 0) requestAnimationFrame(() => { const now = [...due]; due.clear(); now.forEach(draw); });
  entries.forEach((entry) => due.add(entry));
}

function listen(entry) {
  const { box } = entry;
  box.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => key.includes(".range"))) return;
    entry.zoom = { x: [...box.layout.xaxis.range], y: [...box.layout.yaxis.range] };
    draw(entry);
  });
  box.on("plotly_doubleclick", () => { entry.zoom = null; draw(entry); return false; });
  box.on("plotly_click", ({ points: [point] }) => {
    const lr = { lr: point.x, curve: point.data.meta }[entry.figure.kind];
    if (typeof lr === "number" && page.at.length > 0) pick(nearestIndex(lr));
  });
}

function config(entry) {
  const button = (name, key, icon, click) => ({ name, title: word(key), icon: Plotly.Icons[icon], click });
  const scaleBy = (factor) => (box) => {
    const zoomed = ({ range }) => [0.5 + factor / 2, 0.5 - factor / 2].map((f) => f * range[0] + (1 - f) * range[1]);
    entry.zoom = { x: zoomed(box.layout.xaxis), y: zoomed(box.layout.yaxis) };
    draw(entry);
  };
  const zooms = [
    button("in", "zoom.in", "zoom_plus", scaleBy(0.6)),
    button("out", "zoom.out", "zoom_minus", scaleBy(1 / 0.6)),
    button("reset", "zoom.reset", "home", () => { entry.zoom = null; draw(entry); }),
  ];
  return {
    displaylogo: false,
    doubleClick: false,
    displayModeBar: "hover",
    modeBarButtons: [[
      ...(entry.figure.kind === "heat" ? [] : zooms), // cells have no parts to look at
      button("save", "zoom.save", "camera", (box) => Plotly.downloadImage(box, { format: "png", scale: 2, filename: entry.figure.id })),
    ]],
  };
}

function pick(index) {
  state.picked = index;
  followPicked();
  showPicked();
  drawSoon();
}

function showPicked() {
  if (!slider || state.picked === null) return;
  const at = page.at[state.picked];
  slider.value = String(state.picked);
  slider.setAttribute("aria-valuetext", `η = ${number(at.lr)}`);
  document.getElementById("lr-value").textContent = number(at.lr);
  document.getElementById("facts").replaceChildren(...at.facts.map(factElement));
  for (const row of document.querySelectorAll("tr[data-lr]")) {
    row.classList.toggle("picked", sameLr(Number(row.dataset.lr), at.lr));
  }
}

function factElement({ label, value }) {
  const pair = document.createElement("div");
  const make = (kind, both) => Object.assign(document.createElement(kind), { textContent: text(both) });
  pair.append(make("dt", label), make("dd", value));
  return pair;
}

function speak(language) {
  state.language = language;
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = text(page.title);
  showPicked();
  drawSoon();
}

// Figures with a slider of their own go to the picked learning rate, or the one nearest to it.
function followPicked() {
  if (pickedLr() === null) return;
  boxes.filter(({ figure }) => hasFrames(figure)).forEach((entry) => { entry.frame = nearestTo(framesOf(entry.figure), pickedLr()); });
}

const asked = () => /(?:^#|&)lang=(en|zh)\b/.exec(location.hash)?.[1];

function print(printing) {
  state.printing = printing;
  document.documentElement.toggleAttribute("data-print", printing);
  drawAll();
}

async function copy() {
  const command = document.getElementById("command");
  getSelection().selectAllChildren(command);
  const copied = await navigator.clipboard?.writeText(command.textContent).then(() => true, () => false);
  document.getElementById("copied").textContent = word(copied ? "again.copied" : "again.selected");
}

slider?.addEventListener("input", () => pick(Number(slider.value)));
document.getElementById("copy").addEventListener("click", copy);
document.getElementById("language").addEventListener("click", () => {
  const language = state.language === "en" ? "zh" : "en";
  history.replaceState(null, "", `#lang=${language}`);
  speak(language);
});
addEventListener("hashchange", () => asked() && asked() !== state.language && speak(asked()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawSoon());
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
boxes.forEach(listenToControls);
followPicked();
speak(asked() ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
const resized = new ResizeObserver(() => drawSoon(boxes.filter((e) => !state.printing && e.box.clientWidth !== e.width)));
boxes.forEach(({ box }) => resized.observe(box));
