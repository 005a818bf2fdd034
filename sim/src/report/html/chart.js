"use strict";
(() => {
  const root = document.documentElement;
  const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const charts = [];

  // Numbers as the program's tables show them: three digits, and no zeros that say nothing.
  const digits = (value) => {
    const size = Math.abs(value);
    if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(2);
    const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(size)));
    return value.toLocaleString("en-US", { maximumFractionDigits: places });
  };
  const steps = (value, units, base) => {
    let at = 0;
    while (at + 1 < units.length && Math.abs(value) >= base) { value /= base; at += 1; }
    return `${digits(value)} ${units[at]}`.trim();
  };
  const show = (value, unit) => {
    if (value == null) return "–";
    switch (unit) {
      case "ns": return Math.abs(value) >= 1e9 ? `${digits(value / 1e9)} s` : steps(value, ["ns", "us", "ms"], 1000);
      case "s": return `${digits(value)} s`;
      case "B": return steps(value, ["B", "kB", "MB", "GB", "TB"], 1000);
      case "1/s": return `${digits(value)}/s`;
      case "ratio": return `${digits(value * 100)} %`;
      case "percentile": return value <= 1 ? "0 %" : `${Number((100 - 100 / value).toPrecision(8))} %`;
      default: return digits(value);
    }
  };

  // What happened, behind the lines: a band for a while, a line for an instant, a label where there is room.
  const marks = (list) => ({ hooks: {
    drawClear: (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
      for (const mark of list) {
        const from = u.valToPos(mark.from, "x", true);
        ctx.fillStyle = token(mark.quiet ? "--quiet" : "--fault");
        if (mark.to != null) ctx.fillRect(from, bbox.top, Math.max(1, u.valToPos(mark.to, "x", true) - from), bbox.height);
        ctx.fillStyle = token(mark.quiet ? "--line" : "--fault-line");
        ctx.fillRect(from, bbox.top, Math.max(1, devicePixelRatio), bbox.height);
      }
      ctx.restore();
    },
    draw: (u) => {
      const { ctx, bbox } = u;
      const size = 11 * devicePixelRatio;
      ctx.save();
      ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
      ctx.font = `${size}px system-ui, sans-serif`; ctx.textBaseline = "top"; ctx.textAlign = "left";
      const ends = [-1e9, -1e9, -1e9];
      for (const mark of list) {
        const width = ctx.measureText(mark.label).width;
        const from = Math.max(bbox.left, Math.min(u.valToPos(mark.from, "x", true), bbox.left + bbox.width - width - 8)) + 4 * devicePixelRatio;
        const row = ends.findIndex((end) => end < from);
        if (row < 0 || (mark.to ?? mark.from) < u.scales.x.min || mark.from > u.scales.x.max) continue;
        ends[row] = from + width + 8;
        ctx.fillStyle = token(mark.quiet ? "--dim" : "--fault-line");
        ctx.fillText(mark.label, from, bbox.top + 3 + row * size * 1.25);
      }
      ctx.restore();
    },
  } });

  const tooltip = (data) => {
    const tip = document.createElement("div");
    tip.className = "tip";
    const line = (text, colour, name) => {
      const row = document.createElement("div");
      if (colour) { const dot = document.createElement("i"); dot.style.background = colour; row.append(dot); }
      if (name) row.className = name;
      row.append(text);
      tip.append(row);
    };
    return { hooks: {
      init: (u) => u.over.append(tip),
      setCursor: (u) => {
        const { idx, left, top } = u.cursor;
        if (idx == null || left < 0) { tip.style.display = "none"; return; }
        tip.replaceChildren();
        const head = document.createElement("b");
        head.textContent = show(u.data[0][idx], data.x.unit);
        tip.append(head);
        data.series.forEach((series, at) => {
          const value = u.data[at + 1][idx];
          if (value != null && u.series[at + 1].show) line(`${series.name}: ${show(value, data.y.unit)}`, token(`--c${at % 8}`));
        });
        const x = u.posToVal(left, "x");
        for (const mark of data.marks) {
          const slack = (u.scales.x.max - u.scales.x.min) * 0.01;
          if (x >= mark.from - slack && x <= (mark.to ?? mark.from) + slack) line(mark.label, null, mark.quiet ? "quiet" : "fault");
        }
        tip.style.display = "block";
        const room = u.over.clientWidth - tip.offsetWidth;
        tip.style.left = `${Math.max(0, Math.min(room, left + 14 > room ? left - tip.offsetWidth - 14 : left + 14))}px`;
        tip.style.top = `${Math.max(0, Math.min(u.over.clientHeight - tip.offsetHeight, top + 8))}px`;
      },
    } };
  };

  const options = (data, width) => {
    const axis = (of, more) => ({
      stroke: token("--dim"), font: "12px system-ui, sans-serif",
      grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1, size: 4 },
      values: (u, splits) => splits.map((split) => (split == null ? "" : show(split, of.unit))),
      ...more,
    });
    const scale = (of) => ({
      time: false, distr: of.scale === "linear" ? 1 : 3,
      range: of.scale === "linear" && of.zero ? (u, min, max) => [0, (max > 0 ? max : 1) * 1.06] : undefined,
    });
    const paths = { steps: uPlot.paths.stepped({ align: 1 }), points: () => null };
    const x = scale(data.x);
    if (data.x.scale !== "linear") x.range = (u, min, max) => [min, max > min ? max : min * 10];
    return {
      width, height: Math.max(240, Math.min(320, Math.round(width * 0.42))),
      padding: [8, 12, 0, 0], scales: { x, y: scale(data.y) },
      cursor: { drag: { x: true, y: false, dist: 6 }, points: { size: 6 }, sync: data.group ? { key: data.group, scales: ["x", null] } : undefined },
      legend: { show: data.series.length > 1, live: false },
      axes: [axis(data.x, { space: 64, size: 34 }), axis(data.y, { size: 66 })],
      series: [{}, ...data.series.map((series, at) => {
        const colour = token(`--c${at % 8}`);
        return {
          label: series.name, stroke: colour, width: series.shape === "points" ? 0 : 1.6, dash: series.dashed ? [5, 4] : undefined,
          fill: series.shape === "area" ? `${colour}22` : undefined, paths: paths[series.shape], spanGaps: series.span,
          points: series.shape === "points" ? { show: true, size: 6, stroke: colour, fill: colour } : { show: data.xs.length < 3 },
        };
      })],
      plugins: [marks(data.marks), tooltip(data)],
    };
  };

  const draw = (chart) => {
    const kept = chart.plot && [chart.plot.scales.x.min, chart.plot.scales.x.max];
    if (chart.plot) chart.plot.destroy();
    chart.plot = new uPlot(options(chart.data, chart.place.clientWidth), [chart.data.xs, ...chart.data.series.map((series) => series.y)], chart.place);
    if (kept && kept[0] != null && chart.data.xs.length > 1) chart.plot.setScale("x", { min: kept[0], max: kept[1] });
    chart.place.plot = chart.plot;
  };

  for (const figure of document.querySelectorAll("figure.chart")) {
    const chart = { data: JSON.parse(figure.querySelector("script").textContent), place: figure.querySelector(".plot") };
    charts.push(chart);
    draw(chart);
    let width = chart.place.clientWidth;
    new ResizeObserver(() => {
      const now = chart.place.clientWidth;
      if (now === width || now === 0) return;
      width = now;
      const { height } = options(chart.data, width);
      chart.plot.setSize({ width, height });
    }).observe(chart.place);
  }
  addEventListener("redraw", () => charts.forEach(draw));
})();
