// What all figures share: the page's state, texts, numbers, colours, logarithmic ticks.

const page = JSON.parse(document.getElementById("data").textContent);
const state = { language: "en", picked: page.picked, printing: false };

const text = (both) => both[state.language];
const word = (key) => text(page.words[key]);

// Plotly reads its texts as a kind of HTML, "%" as the start of a template and "$" as that of a formula.
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "%": "&#37;", $: "&#36;" };
const plain = (string) =>
  String(string).replace(/[&<>%$]/g, (character) => ENTITIES[character]).replace(/(?<![A-Za-z0-9])([σδλhz])_([a-z]+)/g, "$1<sub>$2</sub>");

const superscript = (integer) =>
  String(integer).replace(/[-0-9]/g, (digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]);

function number(value, digits = 3) {
  if (value === null) return "–";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  if (exponent >= -4 && exponent < 6) {
    return String(Number(value.toPrecision(Math.max(digits, exponent + 1)))).replace("-", "−");
  }
  const mantissa = Number((value / 10 ** exponent).toPrecision(digits));
  return (mantissa === 1 ? "" : `${mantissa}×`).replace("-", "−") + `10${superscript(exponent)}`;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => !state.printing && matchMedia("(prefers-color-scheme: dark)").matches;
const translucent = (colour, alpha) => colour + Math.round(alpha * 255).toString(16).padStart(2, "0");

// Viridis, without the end that would drown in the paper.
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const COLOURS = Array.from({ length: 12 });
function viridis(fraction) {
  const [first, last] = isDark() ? [0.33, 1] : [0, 0.86];
  const position = (first + (last - first) * fraction) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(position), VIRIDIS.length - 2);
  const channel = (colour, c) => parseInt(colour.slice(1 + 2 * c, 3 + 2 * c), 16);
  const mixed = [0, 1, 2].map((c) => {
    const [a, b] = [channel(VIRIDIS[i], c), channel(VIRIDIS[i + 1], c)];
    return Math.round(a + (b - a) * (position - i)).toString(16).padStart(2, "0");
  });
  return "#" + mixed.join("");
}

// Colours and dashes have periods without a common factor, so 28 series and 35 lines look different; the swatches do the same.
const DASHES = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS = ["circle", "diamond", "square", "triangle-up"];
const styleOf = (i) => ({ colour: css(`--s${i % 7}`), dash: DASHES[i % 4], symbol: SYMBOLS[i % 4] });

// Lines without points: a plain dash is theory, so that measured lines keep to the others. What is solid lies below, so that
// a line that coincides with it shows through.
const LINE_DASHES = ["solid", "longdashdot", "dot", "dashdot", "12px,3px,2px,3px,2px,3px"];
const lineDash = (i) => LINE_DASHES[i % 5];
const solidFirst = (shown) => [...shown].sort((a, b) => (lineDash(a) !== "solid") - (lineDash(b) !== "solid"));

const pen = document.createElement("canvas").getContext("2d");
function widthOf(string, weight = 400) {
  pen.font = `${weight} 12.5px ${css("--sans")}`;
  return pen.measureText(string).width;
}

// A label in lines no wider than the room; breaks at spaces, between Chinese characters, else anywhere.
function wrapped(label, room, most = 2) {
  const lines = [""];
  for (const part of label.match(/[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+/g) ?? []) {
    for (const piece of widthOf(part) > room ? part : [part]) {
      if (widthOf((lines.at(-1) + piece).trimEnd()) > room && lines.at(-1)) lines.push("");
      lines[lines.length - 1] += piece;
    }
  }
  if (lines.length <= most) return lines.map((line) => line.trim());
  const kept = lines.slice(0, most);
  while (kept[most - 1] && widthOf(`${kept[most - 1]}…`) > room) kept[most - 1] = kept[most - 1].slice(0, -1);
  return [...kept.slice(0, -1), `${kept[most - 1].trimEnd()}…`].map((line) => line.trim());
}

const sameLr = (a, b) => Math.abs(a / b - 1) < 1e-4;
const pickedLr = () => (state.picked === null ? null : page.at[state.picked].lr);

function nearestTo(lrs, lr) {
  const distance = lrs.map((other) => Math.abs(Math.log(other / lr)));
  return distance.indexOf(Math.min(...distance));
}
const nearestIndex = (lr) => nearestTo(page.at.map((at) => at.lr), lr);

// Ticks at 1, 2, 5 × 10ⁿ while they fit, else at decades, else at every second decade, and so on.
function logTicks([low, high], room) {
  const ticks = [];
  for (const steps of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
    ticks.length = 0;
    for (let n = Math.floor(low); n <= Math.ceil(high); n += 1) {
      for (const step of steps) {
        const at = Math.log10(step) + n;
        if (at >= low - 1e-9 && at <= high + 1e-9) ticks.push([step, n]);
      }
    }
    if (ticks.length <= room) break;
  }
  const every = Math.ceil(ticks.length / room);
  const kept = ticks.filter(([, n]) => n % every === 0);
  const powers = kept.some(([, n]) => n < -4 || n > 4);
  return {
    tickvals: kept.map(([step, n]) => step * 10 ** n),
    ticktext: kept.map(([step, n]) => (powers ? power(step, n) : number(Number(`${step}e${n}`)))),
  };
}

const power = (step, n) => (step === 1 ? "" : `${step}×`) + `10${superscript(n)}`;

function axis(isLog, range, room) {
  const narrow = isLog && range[1] - range[0] < 0.35;
  return {
    type: isLog ? "log" : "linear",
    range,
    ...(isLog ? { tickmode: "array", ...(narrow ? linearTicks(range.map((v) => 10 ** v), 5) : logTicks(range, room)) } : { nticks: room, exponentformat: "power" }),
    showgrid: true,
    gridcolor: css("--grid"),
    gridwidth: 1,
    zeroline: false,
    linecolor: css("--soft"),
    tickcolor: css("--soft"),
    tickfont: { color: css("--soft") },
    ticks: "outside",
    ticklen: 4,
    tickangle: 0,
  };
}

// Range of a vertical axis from the numbers on it, with a little air; in log10 on a logarithmic axis.
function rangeOf(values, isLog) {
  const usable = values.filter((v) => v !== null && (!isLog || v > 0)).map((v) => (isLog ? Math.log10(v) : v));
  if (usable.length === 0) return isLog ? [-1, 1] : [0, 1];
  const [low, high] = [Math.min(...usable), Math.max(...usable)];
  const air = 0.05 * (high - low) || 0.5;
  return [low - air, high + air];
}

const limitsToRange = ([low, high], isLog) => (isLog ? [Math.log10(low), Math.log10(high)] : [low, high]);
const touched = matchMedia("(pointer: coarse)").matches;
const narrowBox = (box) => box.clientWidth < 520;

function baseLayout(box, height, margin) {
  const buttons = touched ? 22 : 0; // where nothing hovers, the buttons are always there and need a place of their own
  return {
    width: state.printing ? 660 : box.clientWidth,
    height: height + buttons,
    margin: { ...margin, t: margin.t + buttons },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css("--sans"), size: 12.5, color: css("--ink") },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: css("--raised"), bordercolor: css("--rule"), font: { color: css("--ink") }, align: "left" },
    dragmode: touched ? false : "zoom",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--accent") },
  };
}

// A label at the top left of a panel reads better than a turned one beside it; on a phone it may need a second line.
const labelLines = (label, box) => wrapped(label, (state.printing ? 660 : box.clientWidth) - 60, 2);
const labelRoom = (label, box) => 16 * (labelLines(label, box).length - 1);
const panelLabel = (label, top, box) => ({
  text: labelLines(label, box).map(plain).join("<br>"), x: 0, y: top, xref: "paper", yref: "paper", xanchor: "left", align: "left",
  yanchor: "bottom", yshift: 3, showarrow: false, font: { size: 12.5, color: css("--soft") },
});

// A label inside a panel, on a veil of paper so that the curves below do not cross it.
const onPaper = (label, isLog, y, place) => ({
  text: plain(label), y: isLog ? Math.log10(y) : y, showarrow: false, bgcolor: translucent(css("--paper"), 0.8),
  font: { color: css("--ink"), size: 12.5, weight: 600 }, ...place,
});

const axisTitle = (label, box) => ({ text: labelLines(label, box).map(plain).join("<br>"), font: { color: css("--soft") }, standoff: 8 });

// Small multiples: domains of named panels in columns, each with room above it for its name, in a drawing of some height.
function panelGrid(names, columns, inner, size) {
  const n = names.length;
  const gap = 34 / inner;
  const share = (1 - gap * (columns - 1)) / columns;
  const lines = names.map((name) => wrapped(name, share * inner + 20, 2));
  const head = 10 + 16 * Math.max(...lines.map((all) => all.length));
  const rows = Math.ceil(n / columns);
  const height = rows * (size + head) + (rows - 1) * 24;
  return {
    height,
    panels: lines.map((label, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const top = 1 - (row * (size + head + 24) + head) / height;
      return {
        x: [column * (share + gap), column * (share + gap) + share], y: [top - size / height, top], label,
        left: column === 0, bottom: i + columns >= n, suffix: i === 0 ? "" : String(i + 1),
      };
    }),
  };
}

// The name of a panel above it.
const panelName = ({ label, x, y }) => ({
  text: label.map(plain).join("<br>"), x: x[0], y: y[1], xref: "paper", yref: "paper", xanchor: "left", align: "left",
  yanchor: "bottom", yshift: 3, showarrow: false, font: { size: 12.5, color: css("--ink"), weight: 600 },
});

// Outline of a band; one polygon for each unbroken stretch.
function band(xs, lows, highs, clamp = (v) => v) {
  const [x, y] = [[], []];
  let start = 0;
  const close = (end) => {
    for (let i = start; i < end; i += 1) { x.push(xs[i]); y.push(clamp(lows[i])); }
    for (let i = end - 1; i >= start; i -= 1) { x.push(xs[i]); y.push(clamp(highs[i])); }
    if (end > start) { x.push(null); y.push(null); }
  };
  for (let i = 0; i <= xs.length; i += 1) {
    if (i === xs.length || lows[i] === null || highs[i] === null) { close(i); start = i + 1; }
  }
  return { x, y };
}

// The colour bar above a figure: a gradient with ticks, and a mark at a value if one is picked.
function drawScale(id, { limits, isLog, at = null }) {
  const bar = document.querySelector(`#scale-${CSS.escape(id)} .bar`);
  const [low, high] = limitsToRange(limits, isLog);
  const place = (value) => (high > low ? (100 * ((isLog ? Math.log10(value) : value) - low)) / (high - low) : 50);
  bar.style.background = `linear-gradient(to right, ${COLOURS.map((_, i) => viridis(i / (COLOURS.length - 1))).join(", ")})`;
  const { tickvals, ticktext } = isLog && high - low >= 0.35 ? logTicks([low, high], 5) : linearTicks(limits, 4);
  const ticks = tickvals.map((value, i) => scaleMark("tick", place(value), ticktext[i]));
  bar.replaceChildren(...ticks, ...(at === null ? [] : [scaleMark("at", place(at), "")]));
}

function scaleMark(kind, percent, label) {
  const element = document.createElement("span");
  element.className = kind;
  element.style.left = `${percent}%`;
  element.textContent = label;
  return element;
}

// Ticks at multiples of 1, 2 or 5 × 10ⁿ.
function linearTicks([low, high], room) {
  if (!(high > low)) return { tickvals: [low], ticktext: [number(low)] };
  const rough = 10 ** Math.floor(Math.log10((high - low) / room));
  const step = [1, 2, 5, 10].map((factor) => factor * rough).find((size) => (high - low) / size <= room);
  const first = Math.ceil(low / step - 1e-9);
  const tickvals = Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
  return { tickvals, ticktext: tickvals.map((value) => number(value, 6)) };
}
