// Contours of f(w₁, w₂) with the trajectory of the chosen learning rate up to the chosen step, one panel per method.

function surfaceFigure(figure, box, entry) {
  const margin = { l: 50, r: 16, t: 24, b: 48 };
  const narrow = narrowBox(box);
  const width = (state.printing ? 660 : box.clientWidth) - margin.l - margin.r;
  const n = figure.panels.length;
  const columns = narrow && !state.printing ? Math.min(n, 2) : n === 4 ? 2 : n;
  const size = Math.min(Math.max((0.85 * width) / columns, 150), 380);
  const paths = figure.panels.map((panel) => chosen(panel, framesOf(figure)[entry.frame]));
  const { height, panels } = panelGrid(paths.map((path, i) => surfaceName(figure.panels[i], path, entry)), columns, width, size);
  const range = ([first, ...rest]) => [first, rest.at(-1) ?? first];
  const view = { x: entry.zoom?.x ?? range(figure.x), y: entry.zoom?.y ?? range(figure.y), box };
  const layout = { ...baseLayout(box, height + margin.t + margin.b, margin), annotations: [], shapes: [] };
  panels.forEach((panel) => addSurfacePanel(layout, panel, { figure, view }));
  layout.annotations.push(panelLabel(text(figure.yLabel), 1, box));
  const data = paths.flatMap((path, i) => {
    const place = { xaxis: `x${panels[i].suffix}`, yaxis: `y${panels[i].suffix}` };
    return [{ ...contours(figure, entry), ...place }, ...pathTraces(path, entry, figure).map((trace) => ({ ...trace, ...place }))];
  });
  return { data, layout };
}

// The learning rates that the slider of a figure runs over.
function framesOf(figure) {
  if (figure.kind === "heat") return figure.frames.map((frame) => frame.lr);
  const all = figure.panels.flatMap((panel) => panel.trajectories.map((path) => path.lr)).sort((a, b) => a - b);
  return all.filter((lr, i) => i === 0 || !sameLr(lr, all[i - 1]));
}

const chosen = (panel, lr) => panel.trajectories[nearestTo(panel.trajectories.map((path) => path.lr), lr)];
const lastStep = (path) => Math.max(path.x.length - 1, 0) * path.every;
const stepsOf = (figure, frame) => Math.max(...figure.panels.map((panel) => lastStep(chosen(panel, framesOf(figure)[frame]))), 0);

function surfaceName(panel, path, entry) {
  const own = sameLr(path.lr, framesOf(entry.figure)[entry.frame]) ? "" : ` · η = ${number(path.lr)}`;
  const ended = path.diverged && shownStep(entry) >= lastStep(path) ? ` · ${word("missing.diverged")}` : "";
  return text(panel.name) + own + ended;
}

const shownStep = (entry) => entry.step ?? stepsOf(entry.figure, entry.frame);

function addSurfacePanel(layout, panel, { figure, view }) {
  layout[`xaxis${panel.suffix}`] = {
    ...axis(false, view.x, narrowBox(view.box) ? 4 : 6), showgrid: false, domain: panel.x, anchor: `y${panel.suffix}`, showticklabels: panel.bottom,
    ...(panel.bottom ? { title: axisTitle(text(figure.xLabel), view.box) } : {}), ...(panel.suffix ? { matches: "x" } : {}),
  };
  layout[`yaxis${panel.suffix}`] = {
    ...axis(false, view.y, 6), showgrid: false, domain: panel.y, anchor: `x${panel.suffix}`, showticklabels: panel.left,
    ...(panel.suffix ? { matches: "y" } : {}),
  };
  layout.annotations.push(panelName(panel));
}

// One object for all panels and steps, so that Plotly sees that the contours stay the same.
function contours(figure, entry) {
  entry.levels ??= levels(figure);
  const { z, start, end } = entry.levels;
  const [deep, high] = isDark() ? ["#2b5a78", css("--paper")] : ["#b9d3e3", css("--paper")];
  return {
    type: "contour", x: figure.x, y: figure.y, z, autocontour: false, contours: { start, end, size: (end - start) / 14 || 1 },
    colorscale: [[0, deep], [1, high]], line: { color: css("--soft"), width: 0.5 }, showscale: false,
    customdata: figure.values, hovertemplate: `${plain(text(figure.valueLabel))} %{customdata:.3g}<extra></extra>`,
  };
}

function levels(figure) {
  const positive = figure.values.flat().filter((v) => v > 0);
  const floor = positive.reduce((a, b) => Math.min(a, b), Infinity);
  const z = figure.values.map((row) => row.map((v) => (v === null ? null : figure.log ? Math.log10(Math.max(v, floor)) : v)));
  const all = z.flat().filter((v) => v !== null).sort((a, b) => a - b);
  return { z, start: all[Math.floor(all.length / 500)] ?? 0, end: all.at(-1) ?? 1 };
}

function pathTraces(path, entry, figure) {
  const count = Math.min(Math.floor(shownStep(entry) / path.every) + 1, path.x.length);
  const [x, y] = [path.x.slice(0, count), path.y.slice(0, count)];
  const colour = css("--s1");
  const common = { type: "scatter", hoverinfo: "skip" };
  const hover = { hovertemplate: `${plain(word("axis.step"))} %{text}<br>(%{x:.3g}, %{y:.3g})<extra></extra>`, hoverinfo: undefined };
  const traces = [
    { ...common, x: path.x, y: path.y, mode: "lines", line: { color: colour, width: 1 }, opacity: 0.25 },
    { ...common, ...hover, x, y, text: x.map((_, t) => t * path.every), mode: "lines+markers", meta: "path",
      line: { color: colour, width: 1.8 }, marker: { color: colour, size: 4 } },
    { ...common, x: x.slice(0, 1), y: y.slice(0, 1), mode: "markers", marker: { size: 9, color: css("--paper"), line: { color: colour, width: 2.2 } } },
    { ...common, x: x.slice(-1), y: y.slice(-1), mode: "markers", marker: { size: 11, color: colour, line: { color: css("--paper"), width: 1.5 } } },
  ];
  if (figure.minimum) {
    const [mx, my] = figure.minimum;
    traces.unshift({ ...common, x: [mx], y: [my], mode: "markers", marker: { symbol: "x-thin", size: 11, color: css("--ink"), line: { width: 2.2, color: css("--ink") } } });
  }
  return traces;
}
