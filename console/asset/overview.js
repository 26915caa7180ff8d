// The time series of the overview; the table below it says the same.
(() => {
  "use strict";
  const box = document.getElementById("times-chart");
  if (!box || !window.uPlot) return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const round = (n) => Math.round(n * 10) / 10;
  const unit = (ms) => (ms >= 86400000 ? round(ms / 86400000) + " d" : ms >= 3600000 ? round(ms / 3600000) + " h" : ms >= 60000 ? round(ms / 60000) + " min" : ms >= 1000 ? round(ms / 1000) + " s" : round(ms) + " ms");
  // The marks of the logarithmic axis, in milliseconds: 10 ms to 30 days.
  const marks = [10, 100, 1000, 10000, 60000, 600000, 3600000, 21600000, 86400000, 604800000, 2592000000];
  const told = (ms) => (ms == null ? "–" : unit(ms >= 1000 ? Math.round(ms / 100) * 100 : ms));
  let chart;
  const draw = (data) => {
    const columns = [data.at || [], data.p50_ms || [], data.p95_ms || []];
    if (!columns[0].length || !columns[1].some((value) => value != null)) {
      box.hidden = true;
      return;
    }
    box.hidden = false;
    if (chart) {
      chart.setData(columns);
      return;
    }
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
    chart = new window.uPlot({
      width: box.clientWidth, height: 220,
      scales: { y: { distr: 3 } },
      axes: [axis, { ...axis, size: 70, splits: (_, __, low, high) => marks.filter((value) => value >= low && value <= high), filter: (_, splits) => splits, values: (_, splits) => splits.map(unit) }],
      series: [
        { label: box.dataset.at },
        { label: box.dataset.half, stroke: colour("--accent"), width: 2, spanGaps: true, value: (_, value) => told(value) },
        { label: box.dataset.most, stroke: colour("--info"), width: 2, spanGaps: true, value: (_, value) => told(value) },
      ],
    }, columns, box);
  };
  const load = () => fetch(box.dataset.source, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : null)).then((data) => data && draw(data)).catch(() => {});
  load();
  setInterval(() => { if (!document.hidden) load(); }, 60000);
  window.addEventListener("resize", () => { if (chart) chart.setSize({ width: box.clientWidth, height: 220 }); });
})();
