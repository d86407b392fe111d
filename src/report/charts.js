// Draws the page's charts with Apache ECharts, from what stands in each one's data-spec. Colours come from the style sheet, so
// that light, dark and paper have their own; the numbers of a tooltip are written as the page's language writes them.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  const many = (options) => new Intl.NumberFormat(language, options);
  const writers = {
    share: many({ style: "percent", maximumFractionDigits: 1 }),
    number: many({ maximumFractionDigits: 2 }),
    money: many({ style: "currency", currency: "EUR" }),
    count: many({ maximumFractionDigits: 0 }),
  };
  const write = (unit, value) => (value === null || value === undefined ? "–" : (writers[unit] || writers.number).format(value));
  const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const lines = (...parts) => parts.filter(Boolean).map(escape).join("<br>");

  // What the style sheet says now.
  function theme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["ink", "soft", "rule", "faint", "card", "line", "bar", "second"];
    const found = Object.fromEntries(names.map((name) => [name, of(name)]));
    found.seq = of("seq").split(",").map((c) => c.trim());
    found.hot = of("hot").split(",").map((c) => c.trim());
    found.color = (number) => of(`c${number}`);
    found.font = getComputedStyle(document.body).fontFamily;
    return found;
  }

  // Which of ink and paper is read better on a colour.
  function readable(color) {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const c = parseInt(color.slice(at, at + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    return 1.05 / (light + 0.05) >= (light + 0.05) / 0.058 ? "#ffffff" : "#14181d";
  }

  // The colour of a value on a scale of five.
  function shade(scale, part) {
    const at = Math.max(0, Math.min(1, part)) * (scale.length - 1);
    const low = Math.min(Math.floor(at), scale.length - 2);
    const mix = (i) => {
      const [a, b] = [scale[low], scale[low + 1]].map((c) => parseInt(c.slice(i, i + 2), 16));
      return Math.round(a + (b - a) * (at - low)).toString(16).padStart(2, "0");
    };
    return `#${mix(1)}${mix(3)}${mix(5)}`;
  }

  const label = (t, more) => ({ color: t.soft, fontSize: 12, ...more });
  const category = (t, data, more) => ({
    type: "category", data, axisTick: { show: false }, axisLine: { show: false }, axisLabel: label(t), ...more,
  });

  const kinds = {
    trend(s, t, narrow) {
      const most = Math.max(...s.values.filter((v) => v !== null));
      const last = s.values.length - 1;
      const open = s.open ? last : -1;
      const main = s.values.map((v, at) => (at === open ? null : v));
      const tail = s.values.map((v, at) => (open > 0 && at >= open - 1 ? v : null));
      const marks = (at) => ({ symbolSize: at === open ? 8 : 0, itemStyle: { color: t.card, borderColor: t.line, borderWidth: 2 } });
      return {
        grid: { left: 4, right: 16, top: 14, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { trigger: "axis", axisPointer: { lineStyle: { color: t.soft } },
          formatter: (points) => lines(s.x[points[0].dataIndex], `${s.name}: ${write(s.unit, s.values[points[0].dataIndex])}`) },
        xAxis: category(t, s.x, { boundaryGap: false, axisLine: { show: true, lineStyle: { color: t.rule } },
          axisLabel: label(t, { hideOverlap: true, showMaxLabel: true, alignMaxLabel: "right", alignMinLabel: "left", interval: (at) => (last - at) % (narrow ? 12 : 6) === 0 }) }),
        yAxis: { type: "value", min: 0, ...(s.unit === "share" && most > 0.8 ? { max: 1, interval: 0.25 } : {}), splitNumber: 3, splitLine: { lineStyle: { color: t.faint } }, axisLabel: label(t, { formatter: (v) => write(s.unit, v) }) },
        series: [
          { type: "line", data: main, showSymbol: false, lineStyle: { color: t.line, width: 2.5 }, itemStyle: { color: t.line }, areaStyle: { color: t.line, opacity: 0.08 }, emphasis: { disabled: true } },
          { type: "line", data: tail.map((value, at) => ({ value, ...marks(at) })), symbol: "circle", lineStyle: { color: t.line, width: 2, type: [3, 4] }, emphasis: { disabled: true } },
        ],
      };
    },

    matrix(s, t, narrow) {
      const most = Math.max(0.01, ...s.cells.map((c) => c[2] || 0));
      const data = s.cells.map((c) => {
        const fill = c[2] === null ? t.faint : shade(t.hot, c[2] / most);
        const ink = c[2] === null ? t.soft : readable(fill);
        return { value: c, itemStyle: { color: fill, borderColor: t.card, borderWidth: 3, borderRadius: 6 },
          label: { formatter: `{a|${c[3]}}\n{b|${c[4]}}`,
            rich: { a: { color: ink, fontSize: narrow ? 13 : 17, fontWeight: 600, lineHeight: narrow ? 17 : 22 }, b: { color: ink, fontSize: narrow ? 10.5 : 12.5, lineHeight: 15 } } } };
      });
      return {
        grid: { left: 4, right: 4, top: 40, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { formatter: ({ value: c }) => lines(`${s.names[c[1]]} → ${s.names[c[0]]}`, `${c[3]} ${s.words[0]}`, `${c[4]} ${s.words[1]}`, `${c[5]}× ${s.words[2]}`) },
        xAxis: category(t, s.names, { position: "top", axisLabel: label(t, { color: t.ink, fontSize: narrow ? 11.5 : 13, interval: 0, rotate: narrow ? 38 : 0, formatter: (name) => (narrow ? name : `${s.to} ${name}`) }) }),
        yAxis: category(t, s.names, { inverse: true, axisLabel: label(t, { color: t.ink, fontSize: narrow ? 11 : 13, formatter: (name) => (narrow ? name : `${s.from} ${name}`) }) }),
        series: [{ type: "heatmap", data, label: { show: true }, emphasis: { itemStyle: { borderColor: t.ink, borderWidth: 2 } } }],
      };
    },

    sankey(s, t) {
      const found = new Map(s.nodes.map((n) => [n.id, n]));
      return {
        tooltip: { formatter: (p) => (p.dataType === "edge"
          ? lines(`${found.get(p.data.source).label} → ${found.get(p.data.target).label}`, `${write("count", p.data.value)} ${s.word}`)
          : lines(`${s.stepWord} ${p.data.depth + 1}: ${[p.data.department, p.data.label].filter(Boolean).join(", ")}`, `${p.data.count} ${s.word}`)) },
        series: [{
          type: "sankey", left: 2, right: 128, top: 10, bottom: 10, nodeWidth: 13, nodeGap: 13, draggable: false, layoutIterations: 48, emphasis: { focus: "adjacency" },
          nodes: s.nodes.map((n) => ({ name: n.id, depth: n.depth, label_: n.label, label: { formatter: n.label }, department: n.department, count: n.value, itemStyle: { color: t.color(n.color), borderWidth: 0, borderRadius: 3 } })),
          links: s.links.map(([source, target, value]) => ({ source, target, value })),
          lineStyle: { color: "source", opacity: 0.28, curveness: 0.5 },
          label: { color: t.ink, fontSize: 12, width: 118, overflow: "truncate", textBorderColor: t.card, textBorderWidth: 3 },
        }],
      };
    },

    // Bars and line have one scale: a bar is as long as its step of the line. The amounts stand in a column of their own.
    pareto(s, t, narrow) {
      const sum = s.values.reduce((all, v) => all + (v || 0), 0);
      const whole = Math.max(s.line ? sum : Math.max(...s.values.map((v) => v || 0)), 0.01);
      const series = [{
        type: "bar", data: s.values.map((v) => (v || 0) / whole), barMaxWidth: 22, itemStyle: { color: t.bar, borderRadius: [0, 4, 4, 0] }, emphasis: { disabled: true },
      }];
      if (s.line) {
        series.push({ type: "line", data: s.line, symbol: "circle", symbolSize: 7, lineStyle: { color: t.second, width: 2 }, itemStyle: { color: t.second, borderColor: t.card, borderWidth: 1 }, z: 5, emphasis: { disabled: true } });
      }
      const money = s.values.map((v) => write(s.unit, v));
      return {
        grid: { left: 4, right: 4, top: 8, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: t.faint, opacity: 0.6 } },
          formatter: (points) => { const at = points[0].dataIndex; return lines(s.names[at], `${s.word}: ${money[at]}`, s.line && `${s.lineWord}: ${write("share", s.line[at])}`); } },
        yAxis: [
          category(t, s.names, { inverse: true, axisLabel: label(t, { color: t.ink, fontSize: narrow ? 11.5 : 12.5, width: narrow ? 96 : 165, overflow: "break", lineHeight: 15, interval: 0 }) }),
          category(t, money, { inverse: true, position: "right", axisLabel: label(t, { color: t.ink, interval: 0 }), axisPointer: { show: false } }),
        ],
        xAxis: { type: "value", min: 0, max: 1, interval: 0.5, axisLine: { show: false }, axisLabel: label(t, { show: !!s.line, formatter: (v) => write("share", v) }), splitLine: { show: !!s.line, lineStyle: { color: t.faint } } },
        series: [...series, { type: "bar", yAxisIndex: 1, data: [], silent: true }],
      };
    },

    stack(s, t, narrow) {
      const sums = s.names.map((_, at) => s.series.reduce((sum, one) => sum + one.values[at], 0) || 1);
      return {
        grid: { left: 4, right: 12, top: 8, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: t.faint, opacity: 0.6 } },
          formatter: (points) => { const at = points[0].dataIndex; return lines(s.names[at], ...s.series.map((one) => `${one.name}: ${write("count", one.values[at])} (${write("share", one.values[at] / sums[at])})`)); } },
        yAxis: category(t, s.names, { inverse: true, axisLabel: label(t, { color: t.ink, fontSize: 12.5 }) }),
        xAxis: { type: "value", min: 0, max: 1, interval: 0.25, axisLabel: label(t, { formatter: (v) => write("share", v), hideOverlap: true }), splitLine: { lineStyle: { color: t.faint } } },
        series: s.series.map((one, number) => {
          const color = t.color(11 + number);
          return {
            type: "bar", stack: "all", name: one.name, barMaxWidth: 24, data: one.values.map((v, at) => v / sums[at]), itemStyle: { color, borderColor: t.card, borderWidth: 1 }, emphasis: { disabled: true },
            label: { show: true, color: readable(color), fontSize: 11.5, formatter: (p) => (p.value >= (narrow ? 0.13 : 0.08) ? write("count", one.values[p.dataIndex]) : "") },
          };
        }),
      };
    },

    cohorts(s, t, narrow) {
      const sorted = s.cells.map((c) => c[2]).sort((a, b) => a - b);
      // One cohort of a single customer would take all the colours for itself.
      const most = Math.max(0.01, sorted[Math.floor((sorted.length - 1) * 0.98)] || 0);
      const data = s.cells.map((c) => {
        const fill = c[2] ? shade(t.seq, c[2] / most) : t.faint;
        return { value: c, itemStyle: { color: fill, borderColor: t.card, borderWidth: narrow ? 1 : 2, borderRadius: 3 },
          label: { show: !narrow && c[2] > 0, color: readable(fill), fontSize: 11, formatter: () => String(Math.round(c[2] * 100)) } };
      });
      return {
        grid: { left: 4, right: 4, top: 44, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { formatter: ({ value: c }) => lines(`${s.y[c[1]]} + ${s.x[c[0]]}`, write("share", c[2])) },
        xAxis: category(t, s.x, { position: "top", name: s.xName, nameLocation: "middle", nameGap: 26, nameTextStyle: label(t), axisLabel: label(t, { interval: narrow ? 3 : 0, fontSize: 11.5 }) }),
        yAxis: category(t, s.y, { inverse: true, axisLabel: label(t, { interval: narrow ? 1 : 0, fontSize: narrow ? 11 : 12 }) }),
        series: [{ type: "heatmap", data, emphasis: { itemStyle: { borderColor: t.ink } } }],
      };
    },

    rush(s, t, narrow) {
      const most = Math.max(...s.cells.map((c) => c[2]), 0.0001);
      const there = new Map(s.cells.map((c) => [`${c[0]} ${c[1]}`, c]));
      const data = s.y.flatMap((_, y) => s.x.map((_, x) => {
        const c = there.get(`${x} ${y}`) || [x, y, 0, "0"];
        return { value: c, itemStyle: { color: c[2] ? shade(t.seq, 0.12 + (0.88 * c[2]) / most) : t.faint, borderColor: t.card, borderWidth: narrow ? 1 : 1.5, borderRadius: 3 } };
      }));
      return {
        grid: { left: 4, right: 4, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: { formatter: ({ value: c }) => lines(`${s.y[c[1]]} ${s.x[c[0]]}${s.words[2]}`, `${write("number", c[2])} ${s.words[0]}`, `${c[3]} ${s.words[1]}`) },
        xAxis: category(t, s.x, { axisLabel: label(t, { interval: narrow ? 5 : 2 }) }),
        yAxis: category(t, s.y, { inverse: true, axisLabel: label(t, { interval: 0 }) }),
        series: [{ type: "heatmap", data, emphasis: { itemStyle: { borderColor: t.ink } } }],
      };
    },
  };

  const charts = [];
  function draw(width) {
    const t = theme();
    for (const { element, spec, chart } of charts) {
      chart.resize(width ? { width: element.closest(".wide") ? width : width / 2 - 36 } : { width: "auto" });
      const narrow = chart.getWidth() < 430;
      chart.setOption({
        animation: false, textStyle: { fontFamily: t.font }, ...kinds[spec.kind](spec, t, narrow),
      }, { notMerge: true });
    }
  }

  for (const element of document.querySelectorAll("[data-spec]")) {
    const chart = echarts.init(element, null, { renderer: "svg" });
    charts.push({ element, spec: JSON.parse(element.dataset.spec), chart });
  }
  // All tooltips look alike, and stay on the screen.
  const base = kinds;
  for (const kind of Object.keys(base)) {
    const options = base[kind];
    base[kind] = (s, t, narrow) => {
      const made = options(s, t, narrow);
      made.tooltip = { confine: true, backgroundColor: t.card, borderColor: t.rule, padding: [8, 12], textStyle: { color: t.ink, fontSize: 13, fontFamily: t.font }, ...made.tooltip };
      return made;
    };
  }
  draw();

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => draw(), 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  // Paper is white, and as wide as paper is.
  addEventListener("beforeprint", () => { document.documentElement.classList.add("paper"); draw(650); });
  addEventListener("afterprint", () => { document.documentElement.classList.remove("paper"); draw(); });
})();
