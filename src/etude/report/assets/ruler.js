// Panels above one another that share an axis: a ruler of labelled values on top, the quantities, and perhaps a strip.

const ROW = 21;

function stack(rows, hasStrip, label, box) {
  const margin = { l: 56, r: 14, t: 14, b: 48 };
  const [ruler, main, strip] = [rows * ROW, narrowBox(box) || state.printing ? 250 : 320, hasStrip ? 58 : 0];
  const [above, between] = [28 + labelRoom(label, box), hasStrip ? 30 : 0];
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

// One row each: a range, a value with or without its interval, and the label on the side that has more room.
function rulerTraces(rows, [left, right], box, isLog = true) {
  const onAxis = (v) => (isLog ? Math.log10(v) : v);
  return rows.flatMap((row, y) => {
    const [low, high] = [row.low ?? row.value, row.high ?? row.value];
    const roomAtRight = right - onAxis(high) > onAxis(low) - left;
    const range = row.low === null ? "" : `${number(row.low, 2)}–${number(row.high, 2)}`;
    const values = row.value === undefined ? range : number(row.value) + (range && !narrowBox(box) ? ` [${range}]` : "");
    const common = { yaxis: "y3", y: [y, y], hoverinfo: "skip" };
    const traces = [{ ...common, x: [low, high], mode: "lines", line: { color: row.colour, width: row.width } }];
    if (row.value !== undefined) {
      traces.push({ ...common, x: [row.value], y: [y], mode: "markers", marker: { color: row.colour, size: 9, symbol: row.symbol } });
    }
    traces.push({
      ...common, x: [roomAtRight ? high : low], y: [y], mode: "text", cliponaxis: false,
      text: [`${roomAtRight ? "   " : ""}${plain(row.label)} ${values}${roomAtRight ? "" : "   "}`],
      textposition: roomAtRight ? "middle right" : "middle left", textfont: { color: css("--ink"), size: 12.5 },
    });
    return traces;
  });
}

const rulerAxis = (rows, panels) => ({ domain: panels.ruler, range: [-0.5, Math.max(rows.length, 1) - 0.5], visible: false, fixedrange: true });
const markRow = (mark) => ({ label: text(mark.label), value: mark.value, low: null, high: null, width: 2, colour: css("--soft"), symbol: "line-ns-open" });
