// Quantities against the learning rate. Three panels share the axis of η: a ruler of what was concluded (best, basin,
// edge, recommended), the quantities, and the strip of P(diverge | η).

const DASHES = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS = ["circle", "diamond", "square", "triangle-up"];
const ROW = 21;

function lrFigure(figure, box, zoom) {
  const rows = rulerRows(figure);
  const panels = stack(rows.length, figure.divergence !== null, narrowBox(box));
  const x = zoom?.x ?? rangeOf([...figure.lrs, ...(figure.divergence?.lrs ?? []), ...(figure.edge ?? [])], true);
  const whole = valueRange(figure);
  const y = zoom?.y ?? whole;
  const strip = panels.strip;
  const layout = {
    ...baseLayout(box, panels.height, panels.margin),
    xaxis: {
      ...axis(true, x, narrowBox(box) ? 6 : 9), anchor: strip ? "y2" : "y",
      title: { text: plain(word("axis.lr")), font: { color: css("--soft") }, standoff: 8 },
    },
    yaxis: { ...axis(figure.logY, y, 7), domain: panels.main, ...allowed(whole) },
    yaxis3: { domain: panels.ruler, range: [-0.5, rows.length - 0.5], visible: false, fixedrange: true },
    annotations: [panelLabel(text(figure.yLabel), panels.main[1])],
    shapes: verticals(figure, panels, whole),
  };
  if (strip) {
    layout.yaxis2 = {
      ...axis(false, [-0.08, 1.08], 3), domain: strip, fixedrange: true, tickmode: "array",
      tickvals: [0, 0.5, 1], ticktext: ["0", "0.5", "1"],
    };
    layout.annotations.push(panelLabel(word("axis.divergence"), strip[1]));
  }
  const clamp = clampTo(whole, figure.logY);
  const drawn = figure.series.flatMap((series, i) => seriesTraces(series, i, figure, clamp));
  const data = [...drawn, ...rulerTraces(rows, x, box), ...(strip ? stripTraces(figure.divergence) : [])];
  return { data, layout };
}

function stack(rows, hasStrip, narrow) {
  const margin = { l: 56, r: 14, t: 14, b: 48 };
  const [ruler, main, strip] = [rows * ROW, narrow || state.printing ? 250 : 320, hasStrip ? 58 : 0];
  const [above, between] = [28, hasStrip ? 30 : 0];
  const inner = ruler + above + main + between + strip;
  const at = (top) => 1 - top / inner;
  return {
    margin,
    height: inner + margin.t + margin.b,
    ruler: [at(ruler), 1],
    main: [at(ruler + above + main), at(ruler + above)],
    strip: hasStrip ? [0, at(inner - strip)] : null,
  };
}

function valueRange(figure) {
  if (figure.yLimits) return limitsToRange(figure.yLimits, figure.logY);
  return rangeOf(figure.series.flatMap((s) => [...s.mean, ...(s.low ?? []), ...(s.high ?? [])]), figure.logY);
}

// Beyond the whole range there is nothing to see: points out there are drawn as triangles on the border.
const allowed = (whole) => ({ minallowed: whole[0], maxallowed: whole[1] });

function clampTo(whole, isLog) {
  const [low, high] = whole.map((v) => (isLog ? 10 ** v : v));
  return (v) => (v === null ? null : Math.min(Math.max(v, low), high));
}

function seriesTraces(series, i, figure, clamp) {
  const colour = css(`--s${i % 4}`);
  const name = text(series.name);
  const at = (lr, value) => `η = ${number(lr)}<br>${plain(name)} ${number(value)}`;
  const traces = [];
  if (series.low) {
    const outline = band(figure.lrs, series.low, series.high, clamp);
    traces.push({ ...outline, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: translucent(colour, 0.16), hoverinfo: "skip" });
  }
  if (series.points) {
    const dots = figure.lrs.flatMap((lr, l) => series.points[l].filter((v) => v !== null).map((v) => [lr, v]));
    const beyond = ([, v]) => (clamp(v) < v ? "triangle-up-open" : clamp(v) > v ? "triangle-down-open" : SYMBOLS[i % 4]);
    traces.push({
      x: dots.map(([lr]) => lr), y: dots.map(([, v]) => clamp(v)), mode: "markers",
      marker: { color: colour, size: 4.5, opacity: 0.45, symbol: dots.map(beyond) },
      hovertext: dots.map(([lr, v]) => at(lr, v)), hoverinfo: "text",
    });
  }
  const interval = (l) => (series.low && series.low[l] !== null ? ` [${number(series.low[l])}, ${number(series.high[l])}]` : "");
  traces.push({
    x: figure.lrs, y: series.mean, mode: series.points ? "lines+markers" : "lines", connectgaps: false,
    line: { color: colour, width: 2, dash: DASHES[i % 4] }, marker: { symbol: SYMBOLS[i % 4], size: 7, color: colour },
    hovertext: figure.lrs.map((lr, l) => at(lr, series.mean[l]) + interval(l)), hoverinfo: "text",
  });
  const l = figure.lrs.findIndex((lr) => pickedLr() !== null && sameLr(lr, pickedLr()));
  if (l >= 0 && series.points && series.mean[l] !== null) {
    traces.push({
      x: [figure.lrs[l]], y: [clamp(series.mean[l])], mode: "markers", hoverinfo: "skip", meta: "picked",
      marker: { symbol: `${SYMBOLS[i % 4]}-open`, size: 15, color: css("--pick"), line: { width: 2.2 } },
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
    ...(pickedLr() === null ? [] : lines(pickedLr(), css("--pick"), "solid")),
  ];
}

function rulerRows(figure) {
  const rows = [];
  if (figure.edge) rows.push({ key: "edge", low: figure.edge[0], high: figure.edge[1], width: 9, colour: css("--s1") });
  if (figure.basin) rows.push({ key: "basin", low: figure.basin[0], high: figure.basin[1], width: 9, colour: translucent(css("--s0"), 0.4) });
  if (figure.best) {
    const [value, low, high] = figure.best;
    rows.push({ key: "best", value, low, high, width: 2, colour: css("--s0"), symbol: "circle" });
  }
  if (figure.recommended) {
    rows.push({ key: "recommended", value: figure.recommended, low: null, high: null, width: 2, colour: css("--accent"), symbol: "diamond" });
  }
  return rows;
}

function rulerTraces(rows, [left, right], box) {
  return rows.flatMap((row, y) => {
    const [low, high] = [row.low ?? row.value, row.high ?? row.value];
    const roomAtRight = right - Math.log10(high) > Math.log10(low) - left;
    const range = row.low === null ? "" : `${number(row.low, 2)}–${number(row.high, 2)}`;
    const values = row.value === undefined ? range : number(row.value) + (range && !narrowBox(box) ? ` [${range}]` : "");
    const common = { yaxis: "y3", y: [y, y], hoverinfo: "skip" };
    const traces = [{ ...common, x: [low, high], mode: "lines", line: { color: row.colour, width: row.width } }];
    if (row.value !== undefined) {
      traces.push({ ...common, x: [row.value], y: [y], mode: "markers", marker: { color: row.colour, size: 9, symbol: row.symbol } });
    }
    traces.push({
      ...common, x: [roomAtRight ? high : low], y: [y], mode: "text", cliponaxis: false,
      text: [`${roomAtRight ? "   " : ""}${plain(word(`mark.${row.key}`))} ${values}${roomAtRight ? "" : "   "}`],
      textposition: roomAtRight ? "middle right" : "middle left", textfont: { color: css("--ink"), size: 12.5 },
    });
    return traces;
  });
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
