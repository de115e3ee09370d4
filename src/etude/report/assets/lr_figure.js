// Quantities against the learning rate. Three panels share the axis of η: a ruler of what was concluded (best, basin,
// edge, recommended), the quantities, and the strip of P(diverge | η).

const DETAILED = 6; // with more series than this, runs and intervals would hide each other

function lrFigure(figure, box, { zoom, hidden, lit }) {
  const rows = rulerRows(figure);
  const panels = stack(rows.length, figure.divergence !== null, text(figure.yLabel), box);
  const x = zoom?.x ?? rangeOf([...figure.lrs, ...(figure.divergence?.lrs ?? []), ...(figure.edge ?? []), ...figure.marks.map((mark) => mark.value)], true);
  const shown = figure.series.map((_, i) => i).filter((i) => !hidden.has(i));
  const whole = valueRange(figure, shown);
  const y = zoom?.y ?? whole;
  const strip = panels.strip;
  const layout = {
    ...baseLayout(box, panels.height, panels.margin),
    xaxis: {
      ...axis(true, x, narrowBox(box) ? 6 : 9), anchor: strip ? "y2" : "y",
      title: axisTitle(word("axis.lr"), box),
    },
    yaxis: { ...axis(figure.logY, y, 7), domain: panels.main, ...allowed(whole) },
    yaxis3: rulerAxis(rows, panels),
    annotations: [panelLabel(text(figure.yLabel), panels.main[1], box)],
    shapes: verticals(figure, panels, whole),
  };
  if (strip) {
    layout.yaxis2 = {
      ...axis(false, [-0.08, 1.08], 3), domain: strip, fixedrange: true, tickmode: "array",
      tickvals: [0, 0.5, 1], ticktext: ["0", "0.5", "1"],
    };
    layout.annotations.push(panelLabel(word("axis.divergence"), strip[1], box));
  }
  const clamp = clampTo(whole, figure.logY);
  // A learning rate that is only recommended says nothing of divergence.
  const known = figure.lrs.map((lr, l) => lr === figure.recommended || figure.series.some((series) => series.mean[l] !== null));
  const drawn = (figure.series.some((series) => series.points) ? shown : solidFirst(shown)).flatMap((i) => {
    const traces = seriesTraces(joined(figure.series[i], figure, known), i, figure, clamp, shown.length <= DETAILED || lit === i);
    return lit === null || lit === i ? traces : traces.map((trace) => ({ ...trace, opacity: 0.18 }));
  });
  const data = [...drawn, ...rulerTraces(rows, x, box), ...(strip ? stripTraces(figure.divergence) : [])];
  return { data, layout };
}

function valueRange(figure, shown) {
  if (figure.yLimits) return limitsToRange(figure.yLimits, figure.logY);
  const counted = shown.length > 0 ? shown.map((i) => figure.series[i]) : figure.series;
  const ends = (s) => (counted.length > DETAILED ? [] : [...(s.low ?? []), ...(s.high ?? [])]);
  return rangeOf(counted.flatMap((s) => [...s.mean, ...ends(s)]), figure.logY);
}

// A learning rate at which only other series have a number lies on their grids: the line goes on across it. Where no series
// has one, all runs diverged, and the line is broken.
function joined(series, figure, known) {
  const kept = figure.lrs.map((_, l) => l).filter((l) => series.mean[l] !== null || !known[l]);
  const take = (column) => column && kept.map((l) => column[l]);
  return { ...series, lrs: take(figure.lrs), mean: take(series.mean), low: take(series.low), high: take(series.high), points: take(series.points) };
}

// Beyond the whole range there is nothing to see: points out there are drawn as triangles on the border.
const allowed = (whole) => ({ minallowed: whole[0], maxallowed: whole[1] });

function clampTo(whole, isLog) {
  const [low, high] = whole.map((v) => (isLog ? 10 ** v : v));
  return (v) => (v === null ? null : Math.min(Math.max(v, low), high));
}

function seriesTraces(series, i, figure, clamp, detailed) {
  const { colour, dash, symbol } = styleOf(i);
  const { lrs, mean } = series;
  const name = text(series.name);
  const at = (lr, value) => `η = ${number(lr)}<br>${plain(name)} ${number(value)}`;
  const traces = [];
  if (series.low && detailed) {
    const outline = band(lrs, series.low, series.high, clamp);
    traces.push({ ...outline, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: translucent(colour, 0.16), hoverinfo: "skip" });
  }
  if (series.points && detailed) {
    const dots = lrs.flatMap((lr, l) => series.points[l].filter((v) => v !== null).map((v) => [lr, v]));
    const beyond = ([, v]) => (clamp(v) < v ? "triangle-up-open" : clamp(v) > v ? "triangle-down-open" : symbol);
    traces.push({
      x: dots.map(([lr]) => lr), y: dots.map(([, v]) => clamp(v)), mode: "markers",
      marker: { color: colour, size: 4.5, opacity: 0.45, symbol: dots.map(beyond) },
      hovertext: dots.map(([lr, v]) => at(lr, v)), hoverinfo: "text",
    });
  }
  const interval = (l) => (series.low && series.low[l] !== null ? ` [${number(series.low[l])}, ${number(series.high[l])}]` : "");
  traces.push({
    x: lrs, y: mean, mode: series.points ? "lines+markers" : "lines", connectgaps: false,
    line: { color: colour, width: 2, dash: series.points ? dash : lineDash(i) }, marker: { symbol, size: 7, color: colour },
    hovertext: lrs.map((lr, l) => at(lr, mean[l]) + interval(l)), hoverinfo: "text",
  });
  const l = lrs.findIndex((lr) => pickedLr() !== null && sameLr(lr, pickedLr()));
  if (l >= 0 && series.points && mean[l] !== null) {
    traces.push({
      x: [lrs[l]], y: [clamp(mean[l])], mode: "markers", hoverinfo: "skip", meta: "picked",
      marker: { symbol: `${symbol}-open`, size: 15, color: css("--pick"), line: { width: 2.2 } },
    });
  }
  return traces;
}

// Plotly 4.1 has no layer between grid and lines for a shape that spans a domain: these span the whole range instead.
function verticals(figure, panels, whole) {
  const spans = [["y", ...whole.map((v) => (figure.logY ? 10 ** v : v))], ...(panels.strip ? [["y2", -1, 2]] : [])];
  const lines = (x, colour, dash) => spans.map(([yref, y0, y1]) => ({
    type: "line", x0: x, x1: x, yref, y0, y1, layer: "between", line: { color: colour, width: 1.2, dash },
  }));
  const area = ([x0, x1], colour) => ({
    type: "rect", x0, x1, yref: "y", y0: spans[0][1], y1: spans[0][2], layer: "between", line: { width: 0 }, fillcolor: colour,
  });
  return [
    ...(figure.basin ? [area(figure.basin, css("--basin"))] : []),
    ...(figure.edge ? [area(figure.edge, css("--edge"))] : []),
    ...(figure.recommended ? lines(figure.recommended, css("--accent"), "dash") : []),
    ...figure.marks.flatMap((mark) => lines(mark.value, css("--soft"), "dot")),
    ...(pickedLr() === null ? [] : lines(pickedLr(), css("--pick"), "solid")),
  ];
}

function rulerRows(figure) {
  const rows = figure.marks.map(markRow);
  if (figure.edge) rows.push({ label: word("mark.edge"), low: figure.edge[0], high: figure.edge[1], width: 9, colour: css("--s1") });
  if (figure.basin) rows.push({ label: word("mark.basin"), low: figure.basin[0], high: figure.basin[1], width: 9, colour: translucent(css("--s0"), 0.4) });
  if (figure.best) {
    const [value, low, high] = figure.best;
    rows.push({ label: word("mark.best"), value, low, high, width: 2, colour: css("--s0"), symbol: "circle" });
  }
  if (figure.recommended) {
    rows.push({ label: word("mark.recommended"), value: figure.recommended, low: null, high: null, width: 2, colour: css("--accent"), symbol: "diamond" });
  }
  return rows;
}

function stripTraces(divergence) {
  const { lrs, diverged, runs, low, high } = divergence;
  const p = lrs.map((_, i) => diverged[i] / runs[i]);
  return [{
    x: lrs, y: p, yaxis: "y2", mode: "markers", marker: { color: css("--s1"), size: 6, symbol: "square" },
    error_y: {
      type: "data", symmetric: false, array: p.map((v, i) => Math.max(high[i] - v, 0)), arrayminus: p.map((v, i) => Math.max(v - low[i], 0)),
      color: translucent(css("--s1"), 0.55), thickness: 1.3, width: 0,
    },
    hovertext: lrs.map((lr, i) => `η = ${number(lr)}<br>${plain(word("axis.divergence"))}: ${diverged[i]}/${runs[i]} [${number(low[i], 2)}, ${number(high[i], 2)}]`),
    hoverinfo: "text",
  }];
}
