// A critical-difference figure: one row per arm, best on top; bars at the right join arms that the seeds do not tell apart.

const LANE = 13;

function raceFigure(figure, box, { zoom }) {
  const width = state.printing ? 660 : box.clientWidth;
  const lanes = Math.max(...figure.lanes.map((lane) => lane + 1), 0) * LANE;
  const space = raceSpace(figure, width, lanes, labelRoom(text(figure.xLabel), box));
  const { margin, row, main } = space;
  const x = zoom?.x ?? raceRange(figure);
  const layout = {
    ...baseLayout(box, figure.arms.length * row + margin.t + margin.b, margin),
    xaxis: { ...axis(figure.logX, x, Math.max(3, Math.min(9, Math.floor((main * (width - margin.l - margin.r)) / 52)))), domain: [0, main], title: axisTitle(text(figure.xLabel), box) },
    xaxis2: { domain: [main, 1], range: [-8 / LANE - 0.5, lanes / LANE - 0.5], visible: false, fixedrange: true },
    yaxis: { range: [figure.arms.length - 0.5, -0.5], fixedrange: true, showticklabels: false, showgrid: false, zeroline: false },
    annotations: figure.arms.flatMap((arm, i) => rowLabels(arm, i, space)),
    shapes: figure.arms.map((_, i) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: i, y1: i, layer: "below", line: { color: css("--grid"), width: 1 },
    })),
  };
  return { data: [...figure.arms.flatMap((arm, i) => armTraces(arm, i, figure)), ...groupTraces(figure)], layout };
}

// Names and numbers stand beside the row; where that leaves too little room, numbers lose their interval and their note,
// and names and numbers stand on lines of their own above the row.
function raceSpace(figure, width, lanes, extra) {
  const longest = Math.max(...figure.arms.map((arm) => widthOf(text(arm.name), 600)), 0);
  const widest = (parts) => Math.max(...figure.arms.map((arm) => widthOf(result(arm, parts))), 0);
  const beside = RESULTS.find((parts) => longest + widest(parts) + lanes < (width < 520 ? 0.4 : 0.62) * width);
  const above = beside === undefined || longest > 0.33 * width;
  const room = width - 48 - lanes;
  const parts = above ? RESULTS.slice(1).find((all) => widest(all) < 0.48 * room) ?? RESULTS.at(-1) : beside;
  const margin = {
    l: above ? 8 : Math.ceil(longest) + 14, r: above ? 8 : Math.ceil(widest(parts)) + 22, t: above ? 18 : 10, b: 48 + extra,
  };
  const names = figure.arms.map((arm) => (above ? wrapped(text(arm.name), room - widthOf(result(arm, parts)), 2) : [text(arm.name)]));
  const row = above ? 24 + 16 * Math.max(...names.map((lines) => lines.length)) : 25;
  return { above, parts, names, margin, row, main: 1 - (lanes + 8) / Math.max(width - margin.l - margin.r, 1) };
}

const RESULTS = [{ interval: true, note: true }, { note: true }, {}];

function result(arm, { interval, note } = RESULTS[0]) {
  const ends = interval && arm.low !== null && arm.value !== null ? ` [${number(arm.low)}, ${number(arm.high)}]` : "";
  return (arm.value === null ? word("missing.diverged") : number(arm.value) + ends) + (note && arm.note ? `  ${text(arm.note)}` : "");
}

function raceRange(figure) {
  if (figure.xLimits) return limitsToRange(figure.xLimits, figure.logX);
  return rangeOf(figure.arms.flatMap((arm) => [arm.value, arm.low, arm.high]), figure.logX);
}

function rowLabels(arm, i, { above, parts, names, main }) {
  const common = { y: i, showarrow: false, xref: "paper", ...(above ? { yanchor: "bottom", yshift: 7 } : {}) };
  const name = {
    ...common, text: names[i].map(plain).join("<br>"), x: 0, align: above ? "left" : "right", xanchor: above ? "left" : "right",
    xshift: above ? 0 : -6, font: { size: 12.5, color: css("--ink"), weight: arm.won ? 650 : 400 },
  };
  const numbers = {
    ...common, text: plain(result(arm, parts)), x: above ? main : 1, xanchor: above ? "right" : "left",
    xshift: above ? 0 : 8, font: { size: 12.5, color: css("--soft") },
  };
  return [name, numbers];
}

function armTraces(arm, i, figure) {
  if (arm.value === null) return [];
  const colour = arm.won ? css("--s0") : css("--soft");
  const hovertext = `${plain(text(arm.name))}<br>${plain(text(figure.xLabel))} ${plain(result(arm))}`;
  const traces = [];
  if (arm.points) {
    const points = arm.points.filter((v) => v !== null);
    traces.push({ x: points, y: points.map(() => i), mode: "markers", marker: { size: 4.5, color: colour, opacity: 0.4 }, hoverinfo: "skip" });
  }
  if (arm.low !== null && arm.high !== null) {
    traces.push({ x: [arm.low, arm.high], y: [i, i], mode: "lines", line: { color: colour, width: 2.2 }, hoverinfo: "skip" });
  }
  traces.push({
    x: [arm.value], y: [i], mode: "markers", hovertext, hoverinfo: "text",
    marker: { size: 10, color: arm.won ? colour : css("--paper"), line: { color: colour, width: 2 } },
  });
  return traces;
}

function groupTraces(figure) {
  return figure.groups.map((group, g) => ({
    x: group.map(() => figure.lanes[g]), y: group, xaxis: "x2", mode: "lines+markers", line: { color: css("--ink"), width: 2.4 },
    marker: { size: 6.5, color: css("--ink") }, hoverinfo: "text",
    hovertext: group.map((i) => plain(text(figure.arms[i].name))),
  }));
}
