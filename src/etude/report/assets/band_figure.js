// Distributions over training: one small panel per arm, with the median between two bands, on common axes.

function bandFigure(figure, box, { zoom, hidden }) {
  const shown = figure.panels.filter((_, i) => !hidden.has(i));
  const margin = { l: 56, r: 20, t: 30 + labelRoom(text(figure.yLabel), box), b: 48 };
  const width = (state.printing ? 660 : box.clientWidth) - margin.l - margin.r;
  const names = shown.length > 0 ? shown.map((panel) => text(panel.name)) : [""];
  const columns = Math.min(names.length, narrowBox(box) && !state.printing ? 2 : figure.columns);
  const { height, panels } = panelGrid(names, columns, width, narrowBox(box) ? 140 : names.length <= figure.columns ? 220 : 170);
  const x = zoom?.x ?? [0, Math.max(...shown.map((panel) => panel.steps.at(-1) ?? 1), 1)];
  const values = shown.flatMap((panel) => [panel.quantiles[0], panel.quantiles[4]].flat());
  const y = zoom?.y ?? (figure.yLimits ? limitsToRange(figure.yLimits, figure.logY) : rangeOf(values, figure.logY));
  const layout = { ...baseLayout(box, height + margin.t + margin.b, margin), annotations: [], shapes: [] };
  panels.forEach((panel) => addPanel(layout, panel, { figure, x, y, box }));
  layout.annotations.push(panelLabel(text(figure.yLabel), 1, box), ...figure.horizontals.map((mark) =>
    onPaper(text(mark.label), figure.logY, mark.value, { x: panels[0].x[1], xref: "paper", xanchor: "right", yanchor: "bottom" })));
  return { data: shown.flatMap((panel, i) => bandTraces(panel, panels[i].suffix, figure)), layout };
}

function addPanel(layout, panel, { figure, x, y, box }) {
  layout[`xaxis${panel.suffix}`] = {
    ...axis(false, x, narrowBox(box) ? 3 : 4), domain: panel.x, anchor: `y${panel.suffix}`, showticklabels: panel.bottom,
    ...(panel.bottom ? { title: axisTitle(word("axis.step"), box) } : {}), ...(panel.suffix ? { matches: "x" } : {}),
  };
  layout[`yaxis${panel.suffix}`] = {
    ...axis(figure.logY, y, 5), domain: panel.y, anchor: `x${panel.suffix}`, showticklabels: panel.left,
    ...(panel.suffix ? { matches: "y" } : {}),
  };
  layout.annotations.push(panelName(panel));
  for (const { value } of figure.horizontals) {
    layout.shapes.push({
      type: "line", xref: `x${panel.suffix} domain`, x0: 0, x1: 1, yref: `y${panel.suffix}`, y0: value, y1: value,
      line: { color: css("--s1"), width: 1.3, dash: "dash" },
    });
  }
}

function bandTraces(panel, suffix, figure) {
  const colour = css("--s0");
  const place = { xaxis: `x${suffix}`, yaxis: `y${suffix}`, type: "scatter", mode: "lines" };
  const positive = figure.logY ? (v) => Math.max(v, 1e-300) : undefined;
  const area = (low, high, alpha) => ({
    ...place, ...band(panel.steps, panel.quantiles[low], panel.quantiles[high], positive),
    line: { width: 0 }, fill: "toself", fillcolor: translucent(colour, alpha), hoverinfo: "skip",
  });
  const [p5, p25, p50, p75, p95] = panel.quantiles;
  return [area(0, 4, 0.18), area(1, 3, 0.32), {
    ...place, x: panel.steps, y: p50, line: { color: colour, width: 2 }, connectgaps: false, hoverinfo: "text",
    hovertext: panel.steps.map((step, t) =>
      `${plain(text(panel.name))}<br>${plain(word("axis.step"))} ${step}<br>${number(p50[t])} (25–75 &#37;: ${number(p25[t])}–${number(p75[t])}; 5–95 &#37;: ${number(p5[t])}–${number(p95[t])})`),
  }];
}
