// A value over two axes as coloured cells. Cells lie at their positions, or at log10 of them, on linear axes, because
// Plotly draws cells on logarithmic axes brick by brick.

function heatFigure(figure, box, { frame }) {
  const shown = figure.frames[frame];
  const width = state.printing ? 660 : box.clientWidth;
  const rows = cells(figure.y);
  const left = rowSpace(figure.y, width);
  const inner = width - left.margin - 14;
  const below = columnSpace(figure.x, inner);
  const height = figure.y.names ? figure.y.names.length * left.row : Math.max(240, Math.min(figure.y.numbers.length * 22, 420));
  const margin = { l: left.margin, r: 14, t: 30 + labelRoom(text(figure.y.label), box), b: below.margin + labelRoom(text(figure.x.label), box) };
  const columns = cells(figure.x);
  const narrowest = ({ edges }) => Math.min(...edges.slice(1).map((edge, i) => edge - edges[i])) / (edges.at(-1) - edges[0]);
  const size = [inner * narrowest(columns), height * narrowest(rows)];
  const layout = {
    ...baseLayout(box, height + margin.t + margin.b, margin),
    dragmode: false,
    xaxis: { ...heatAxis(columns.range), ...below.ticks, tickangle: below.angle, title: axisTitle(text(figure.x.label), box) },
    yaxis: { ...heatAxis(figure.y.names ? [...rows.range].reverse() : rows.range), ...left.ticks },
    annotations: [panelLabel(text(figure.y.label), 1, box), ...cellTexts(figure, shown, columns, rows, size)],
    shapes: [...hatching(inner, height), ...shown.marks.flatMap(([row, column]) => framed(columns.edges, rows.edges, row, column))],
  };
  return { data: [heatTrace(figure, shown, columns, rows)], layout };
}

const heatAxis = (range) => ({ ...axis(false, range, 6), showgrid: false, fixedrange: true, ticks: "outside", ticklen: 3 });

// Centres and edges of the cells along an axis.
function cells({ names, numbers, log }) {
  const centres = names ? names.map((_, i) => i) : numbers.map((v) => (log ? Math.log10(v) : v));
  const between = centres.slice(1).map((v, i) => (v + centres[i]) / 2);
  const n = centres.length;
  const edges = n > 1 ? [2 * centres[0] - between[0], ...between, 2 * centres[n - 1] - between[n - 2]] : [centres[0] - 0.5, centres[0] + 0.5];
  return { centres, edges, range: [edges[0], edges.at(-1)] };
}

// Numbers along an axis: each cell's own while there is room, else round ones.
function numberTicks({ numbers, log }, room, sizeOf) {
  const onAxis = (v) => (log ? Math.log10(v) : v);
  const labels = numbers.map((v) => number(v));
  const widest = Math.max(...labels.map(sizeOf));
  if (widest * numbers.length <= room) return { tickmode: "array", tickvals: numbers.map(onAxis), ticktext: labels };
  const ends = [numbers[0], numbers.at(-1)];
  const { tickvals, ticktext } = log ? logTicks(ends.map(Math.log10), room / widest) : linearTicks(ends, room / widest);
  return { tickmode: "array", tickvals: tickvals.map(onAxis), ticktext };
}

function rowSpace(axisOfRows, width) {
  if (!axisOfRows.names) {
    const height = Math.max(240, Math.min(axisOfRows.numbers.length * 22, 420));
    const ticks = numberTicks(axisOfRows, height, () => 26);
    return { margin: Math.max(...ticks.ticktext.map((label) => widthOf(label))) + 14, row: 0, ticks };
  }
  const labels = axisOfRows.names.map((name) => wrapped(text(name), 0.34 * width, 3));
  const ticktext = labels.map((lines) => lines.map(plain).join("<br>"));
  return {
    margin: Math.max(...labels.flat().map((line) => widthOf(line))) + 14,
    row: 12 + 16 * Math.max(...labels.map((lines) => lines.length)),
    ticks: { tickmode: "array", tickvals: labels.map((_, i) => i), ticktext },
  };
}

function columnSpace(axisOfColumns, inner) {
  if (!axisOfColumns.names) return { margin: 48, angle: 0, ticks: numberTicks(axisOfColumns, inner, (label) => widthOf(label) + 12) };
  const room = inner / axisOfColumns.names.length - 6;
  const names = axisOfColumns.names.map(text);
  const turned = names.some((name) => name.split(/\s+/).some((part) => widthOf(part) > room) || widthOf(name) > 2 * room);
  const labels = names.map((name) => (turned ? wrapped(name, room > 26 ? 140 : 240, room > 26 ? 2 : 1) : wrapped(name, room, 2)));
  const extent = turned ? Math.max(...labels.flat().map((line) => widthOf(line))) : 17 * Math.max(...labels.map((lines) => lines.length));
  const ticktext = labels.map((lines) => lines.map(plain).join("<br>"));
  return { margin: extent + 36, angle: turned ? -90 : 0, ticks: { tickmode: "array", tickvals: names.map((_, i) => i), ticktext } };
}

function heatTrace(figure, shown, columns, rows) {
  const [zmin, zmax] = limitsToRange(figure.limits, figure.log);
  const name = (along, i) => (along.names ? text(along.names[i]) : number(along.numbers[i]));
  const said = (r, c, v) => plain(v === null ? text(figure.missing) : number(v));
  const at = (along, i) => `${plain(text(along.label))}: ${plain(name(along, i))}`;
  return {
    type: "heatmap", x: columns.edges, y: rows.edges, z: shown.values.map((row) => row.map((v) => onScale(v, figure.log))), zmin, zmax: zmax > zmin ? zmax : zmin + 1,
    colorscale: COLOURS.map((_, i) => [i / (COLOURS.length - 1), viridis(i / (COLOURS.length - 1))]), showscale: false, hoverongaps: true,
    hoverinfo: "text",
    hovertext: shown.values.map((row, r) => row.map((v, c) => `${at(figure.y, r)}<br>${at(figure.x, c)}<br>${plain(text(figure.valueLabel))}: ${said(r, c, v)}`)),
  };
}

const onScale = (v, isLog) => (v === null || (isLog && v <= 0) ? null : isLog ? Math.log10(v) : v);

// The numbers in the cells if all of them fit, black or white, whichever stands out.
function cellTexts(figure, shown, columns, rows, [width, height]) {
  if (!shown.texts || height < 15 || shown.texts.flat().some((label) => widthOf(label) + 6 > width)) return [];
  const [low, high] = limitsToRange(figure.limits, figure.log);
  const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce(
    (sum, share, c) => sum + share * (parseInt(colour.slice(1 + 2 * c, 3 + 2 * c), 16) / 255) ** 2.2, 0);
  const colourOf = (v) => {
    const z = onScale(v, figure.log);
    const fraction = z === null ? 0 : Math.min(Math.max((z - low) / (high - low || 1), 0), 1);
    return luminance(viridis(fraction)) > 0.18 ? "#000000" : "#ffffff";
  };
  return shown.values.flatMap((row, r) => row.map((v, c) => ({
    text: plain(shown.texts[r][c]), x: columns.centres[c], y: rows.centres[r], showarrow: false, font: { size: 12.5, color: colourOf(v) },
  })).filter(({ text: label }) => label));
}

// Cells without a number show the hatched ground.
function hatching(width, height) {
  const [dx, dy] = [7 / width, 7 / height];
  const lines = [];
  for (let k = 1; k * 7 < width + height; k += 1) {
    const [x, y] = [k * dx, k * dy];
    lines.push(`M${Math.max(x - 1 / dy * dx, 0)},${Math.min(y, 1)}L${Math.min(x, 1)},${Math.max(y - 1 / dx * dy, 0)}`);
  }
  const whole = { xref: "paper", yref: "paper", layer: "below" };
  return [
    { ...whole, type: "rect", x0: 0, x1: 1, y0: 0, y1: 1, fillcolor: css("--raised"), line: { width: 0 } },
    { ...whole, type: "path", path: lines.join(""), line: { color: css("--soft"), width: 1 }, opacity: 0.55 },
  ];
}

function framed(xs, ys, row, column) {
  const rect = { type: "rect", x0: xs[column], x1: xs[column + 1], y0: ys[row], y1: ys[row + 1] };
  return [{ ...rect, line: { color: css("--paper"), width: 5 } }, { ...rect, line: { color: css("--ink"), width: 2.2 } }];
}
