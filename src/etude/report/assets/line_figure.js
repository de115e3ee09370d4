// Named lines over anything: measured lines and points, theory beside them, bands, labelled straight lines.

const BEYOND = 0.3; // how far bands may widen what the lines span, as a share of it

function lineFigure(figure, box, { zoom, hidden, lit }) {
  const shown = figure.series.map((_, i) => i).filter((i) => !hidden.has(nameOf(figure, i)));
  const counted = (shown.length > 0 ? shown : [...figure.series.keys()]).map((i) => figure.series[i]);
  const rows = figure.verticals.map(markRow);
  const panels = stack(rows.length, false, text(figure.yLabel), box);
  const extra = labelRoom(text(figure.xLabel), box);
  const x = zoom?.x ?? horizontalRange(figure, counted);
  const y = zoom?.y ?? verticalRange(figure, counted);
  const layout = {
    ...baseLayout(box, panels.height + extra, { ...panels.margin, b: panels.margin.b + extra }),
    xaxis: { ...axis(figure.logX, x, narrowBox(box) ? 5 : 9), title: axisTitle(text(figure.xLabel), box) },
    yaxis: { ...axis(figure.logY, y, 7), domain: panels.main },
    yaxis3: rulerAxis(rows, panels),
    annotations: [panelLabel(text(figure.yLabel), panels.main[1], box), ...horizontalLabels(figure)],
    shapes: straightLines(figure),
  };
  const lines = solidFirst(shown).flatMap((i) => lineTraces(figure.series[i], i, figure, lit === null || lit === nameOf(figure, i)));
  return { data: [...lines, ...rulerTraces(rows, x, box, figure.logX)], layout };
}

// Theory comes and goes with the measurement whose colour it has.
const nameOf = (figure, i) => figure.series[i].like ?? i;

function horizontalRange(figure, counted) {
  if (figure.xLimits) return limitsToRange(figure.xLimits, figure.logX);
  const all = [...counted.flatMap((line) => line.x), ...figure.verticals.map((mark) => mark.value)];
  if (counted.some((line) => line.style === "points") || figure.logX) return rangeOf(all, figure.logX);
  return [Math.min(...all), Math.max(...all)];
}

function verticalRange(figure, counted) {
  if (figure.yLimits) return limitsToRange(figure.yLimits, figure.logY);
  const [left, right] = figure.xLimits ?? [-Infinity, Infinity];
  const inside = (column) => (line) => (line[column] ?? []).filter((_, t) => line.x[t] >= left && line.x[t] <= right);
  const lines = rangeOf([...counted.flatMap(inside("y")), ...figure.horizontals.map((mark) => mark.value)], figure.logY);
  const bands = rangeOf([...counted.flatMap(inside("low")), ...counted.flatMap(inside("high"))], figure.logY);
  if (!counted.some((line) => line.low)) return lines;
  const most = BEYOND * (lines[1] - lines[0]);
  return [Math.max(Math.min(lines[0], bands[0]), lines[0] - most), Math.min(Math.max(lines[1], bands[1]), lines[1] + most)];
}

function lineTraces(line, i, figure, full) {
  const style = styleOf(line.like ?? i);
  const points = line.style === "points";
  const trace = {
    x: line.x, y: line.y, type: "scatter", mode: points ? "markers" : "lines", connectgaps: false, opacity: full ? 1 : 0.15,
    line: { color: style.colour, width: 2, dash: line.style === "dashed" ? "dash" : line.like === null ? lineDash(i) : "solid" },
    marker: { color: style.colour, size: 7, symbol: style.symbol },
    hovertemplate: `${plain(text(line.name))}<br>${plain(text(figure.xLabel))} %{x:.4~g}<br>${plain(text(figure.yLabel))} %{y:.4~g}<extra></extra>`,
  };
  if (!line.low) return [trace];
  if (points) {
    const ends = (end) => line.y.map((v, t) => (v === null || end[t] === null ? 0 : Math.abs(end[t] - v)));
    return [{ ...trace, error_y: { type: "data", symmetric: false, array: ends(line.high), arrayminus: ends(line.low), color: style.colour, thickness: 1.3, width: 0 } }];
  }
  const outline = band(line.x, line.low, line.high, figure.logY ? (v) => Math.max(v, 1e-300) : undefined);
  const area = { ...outline, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: translucent(style.colour, 0.16), hoverinfo: "skip" };
  return full ? [area, trace] : [trace];
}

const horizontalLabels = (figure) => figure.horizontals.map((mark) =>
  onPaper(text(mark.label), figure.logY, mark.value, { x: 1, xref: "paper", xanchor: "right", yanchor: "bottom" }));

function straightLines(figure) {
  const line = { color: css("--soft"), width: 1.2, dash: "dash" };
  return [
    ...figure.verticals.map(({ value }) => ({ type: "line", x0: value, x1: value, yref: "y domain", y0: 0, y1: 1, line })),
    ...figure.horizontals.map(({ value }) => ({ type: "line", xref: "x domain", x0: 0, x1: 1, y0: value, y1: value, line })),
  ];
}
