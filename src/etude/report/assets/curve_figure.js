// Curves over training, one per learning rate, coloured by it.

function curveFigure(figure, box, { zoom }) {
  const lrs = figure.curves.map((curve) => curve.lr);
  const colourOf = lrScale(lrs);
  const last = Math.max(...figure.curves.map((curve) => curve.steps.at(-1) ?? 0));
  const whole = figure.yLimits
    ? limitsToRange(figure.yLimits, figure.logY)
    : rangeOf(figure.curves.flatMap((curve) => curve.mean), figure.logY);
  const layout = {
    ...baseLayout(box, narrowBox(box) ? 350 : 440, { l: 56, r: 14, t: 34 + labelRoom(text(figure.yLabel), box), b: 48 }),
    xaxis: {
      ...axis(false, zoom?.x ?? [0, last], narrowBox(box) ? 5 : 9),
      title: axisTitle(word("axis.step"), box),
    },
    yaxis: axis(figure.logY, zoom?.y ?? whole, 7),
    annotations: [panelLabel(text(figure.yLabel), 1, box)],
  };
  const picked = figure.curves.findIndex((curve) => pickedLr() !== null && sameLr(curve.lr, pickedLr()));
  const data = figure.curves.map((curve) => curveTrace(curve, figure, colourOf(curve.lr), picked >= 0));
  if (figure.target !== null) {
    data.push(targetTrace(figure.target, zoom?.x ?? [0, last]));
    layout.annotations.push(onPaper(`${word("mark.target")} ${number(figure.target)}`, figure.logY, figure.target, {
      x: 0, xref: "paper", xanchor: "left", yanchor: "top", yshift: -1,
    }));
  }
  if (picked >= 0) {
    const curve = figure.curves[picked];
    data.push(...pickedTraces(curve, figure, colourOf(curve.lr)));
    layout.annotations.push(...pickedLabel(curve, figure));
  }
  return { data, layout };
}

function lrScale(lrs) {
  const [low, high] = [Math.log(lrs[0]), Math.log(lrs.at(-1))];
  return (lr) => viridis(high > low ? (Math.log(lr) - low) / (high - low) : 0.5);
}

function curveTrace(curve, figure, colour, faded) {
  return {
    x: curve.steps, y: curve.mean, mode: "lines", type: "scatter", meta: curve.lr, connectgaps: false,
    line: { color: colour, width: 1.5 }, opacity: faded ? 0.62 : 0.95,
    hovertemplate: hover(curve, figure),
  };
}

const hover = (curve, figure) =>
  `η = ${number(curve.lr)}<br>${plain(word("axis.step"))} %{x}<br>${plain(text(figure.yLabel))} %{y:.3g}<extra></extra>`;

function pickedTraces(curve, figure, colour) {
  const line = { x: curve.steps, y: curve.mean, mode: "lines", type: "scatter", connectgaps: false };
  const outline = curve.low ? band(curve.steps, curve.low, curve.high) : { x: [], y: [] };
  return [
    { ...outline, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: translucent(colour, 0.25), hoverinfo: "skip" },
    { ...line, line: { color: css("--paper"), width: 6.5 }, hoverinfo: "skip" },
    { ...line, meta: "picked", line: { color: colour, width: 3.4 }, hovertemplate: hover(curve, figure) },
  ];
}

function pickedLabel(curve, figure) {
  const i = curve.mean.findLastIndex((v) => v !== null);
  if (i < 0) return [];
  const place = { x: curve.steps[i], xanchor: "right", yanchor: "bottom", yshift: 8 };
  return [onPaper(`η = ${number(curve.lr)}`, figure.logY, curve.mean[i], place)];
}

const targetTrace = (target, [left, right]) => ({
  x: [left, right], y: [target, target], mode: "lines", line: { color: css("--ink"), width: 1.2, dash: "dash" }, hoverinfo: "skip",
});

const lrScaleOf = (figure) => {
  const lrs = figure.curves.map((curve) => curve.lr);
  return lrs.length > 0 && { limits: [lrs[0], lrs.at(-1)], isLog: true, at: pickedLr() };
};
