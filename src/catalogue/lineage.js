// Draws where a table or a column comes from: boxes in columns, from the sources on the left to the readers on the right. Colours
// come from the style sheet, so that light, dark and paper have their own.
const lineage = (() => {
  "use strict";
  const { tables, values, influences, words } = JSON.parse(document.getElementById("lineage").textContent);
  const number = new Map(tables.map(([name], at) => [name, at]));
  const into = new Map(), outof = new Map(), decides = new Map();
  const push = (map, key, value) => { if (!map.has(key)) map.set(key, []); map.get(key).push(value); };
  const id = (t, c) => `${t}.${c}`;
  for (const [t, c, ft, fc] of values) { push(into, id(t, c), [ft, fc]); push(outof, id(ft, fc), [t, c]); }
  for (const [t, c, ft, fc, how] of influences) push(decides, id(t, c), [ft, fc, how]);
  const readers = tables.map(() => []);
  tables.forEach(([, , , reads], at) => reads.forEach((r) => readers[r].push(at)));

  const CHAR = 7.25, TITLE = 8.4, LINE = 21, HEAD = 30, PAD = 12, WIDEST = 30;
  const layer = (t) => tables[t][0].split(".")[0];
  const short = (text, most = WIDEST) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const columnName = (t, c) => (c < 0 ? words.rows : tables[t][1][c]);
  const fieldOf = (t, c) => (c < 0 ? undefined : tables[t][2][c]);

  // What a whole table reads and who reads it, one step each way.
  function around(focus) {
    const nodes = new Map([[focus, { columns: new Set(), level: 0 }]]), edges = [];
    const shared = (from, to) => values.filter(([t, c, ft, fc]) => t === to && ft === from && c >= 0 && fc >= 0).length;
    for (const t of tables[focus][3]) { if (t !== focus) { nodes.set(t, { columns: new Set(), level: -1 }); edges.push({ from: [t], to: [focus], weight: shared(t, focus) }); } }
    for (const t of readers[focus]) { if (t !== focus && !nodes.has(t)) { nodes.set(t, { columns: new Set(), level: 1 }); edges.push({ from: [focus], to: [t], weight: shared(focus, t) }); } }
    return { nodes, edges };
  }

  // A column back to the fields of the sources, and one step on.
  function along(focus, column, deciding) {
    const nodes = new Map(), edges = [], seen = new Set();
    const node = (t, c) => { if (!nodes.has(t)) nodes.set(t, { columns: new Set(), level: 0 }); nodes.get(t).columns.add(c); };
    const back = (t, c) => {
      if (seen.has(id(t, c))) return;
      seen.add(id(t, c));
      node(t, c);
      for (const [ft, fc] of into.get(id(t, c)) || []) { edges.push({ from: [ft, fc], to: [t, c] }); back(ft, fc); }
    };
    back(focus, column);
    const heads = [...nodes.keys()];
    for (const [t, c] of outof.get(id(focus, column)) || []) { if (c >= 0 && !heads.includes(t)) { node(t, c); edges.push({ from: [focus, column], to: [t, c] }); } }
    if (deciding) {
      const told = new Set();
      for (const place of [column, -1]) {
        for (const [ft, fc] of decides.get(id(focus, place)) || []) {
          const key = id(ft, fc);
          if (fc < 0 || ft === focus || told.has(key)) continue;
          // What reads the focus itself cannot stand before it.
          if (nodes.has(ft) && !heads.includes(ft)) continue;
          told.add(key); node(ft, fc); edges.push({ from: [ft, fc], to: [focus, column], soft: true });
        }
      }
    }
    // How many steps a table lies before the focus: the longest way.
    const pairs = [...new Set(edges.map((e) => `${e.from[0]} ${e.to[0]}`))].map((p) => p.split(" ").map(Number)).filter(([a, b]) => a !== b);
    for (let pass = 0, moved = true; moved && pass < 60; pass += 1) {
      moved = false;
      for (const [a, b] of pairs) {
        if (a === focus) { if (nodes.get(b).level < 1) { nodes.get(b).level = 1; moved = true; } continue; }
        if (nodes.get(b).level - 1 < nodes.get(a).level) { nodes.get(a).level = nodes.get(b).level - 1; moved = true; }
      }
    }
    return { nodes, edges };
  }

  function place({ nodes, edges }, wide) {
    const boxes = new Map(), GAP = wide ? 10 : 20, ACROSS = wide ? 100 : 56;
    for (const [t, { columns, level }] of nodes) {
      const list = [...columns].sort((a, b) => a - b);
      const texts = list.map((c) => (fieldOf(t, c) ? `${columnName(t, c)} ← ${fieldOf(t, c)}` : columnName(t, c)));
      const chars = Math.min(WIDEST + 4, Math.max(...texts.map((x) => x.length), 9));
      const title = Math.min(WIDEST, tables[t][0].split(".")[1].length) * TITLE;
      boxes.set(t, { t, list, level, width: Math.ceil(Math.max(chars * CHAR, title)) + 2 * PAD, height: HEAD + 16 + (list.length ? list.length * LINE + 6 : 0) });
    }
    const levels = [...new Set([...boxes.values()].map((b) => b.level))].sort((a, b) => a - b);
    const ranks = levels.map((l) => [...boxes.values()].filter((b) => b.level === l));
    const rankOf = new Map(levels.map((l, at) => [l, at]));
    // Long lines go through stations of their own, so that they do not run behind boxes.
    const chains = new Map();
    for (const e of edges) {
      const [a, b] = [boxes.get(e.from[0]), boxes.get(e.to[0])];
      const key = `${e.from[0]} ${e.to[0]}`;
      if (a === b || chains.has(key)) continue;
      const stations = [];
      for (let r = rankOf.get(a.level) + 1; r < rankOf.get(b.level); r += 1) { const s = { station: true, width: 0, height: 10, rank: r }; stations.push(s); ranks[r].push(s); }
      chains.set(key, stations);
    }
    const links = new Map();
    for (const [key, stations] of chains) {
      const [a, b] = key.split(" ").map((n) => boxes.get(Number(n)));
      const way = [a, ...stations, b];
      for (let i = 1; i < way.length; i += 1) { push(links, way[i], way[i - 1]); push(links, way[i - 1], way[i]); }
    }
    ranks.forEach((rank) => rank.sort((a, b) => (a.station ? 1 : 0) - (b.station ? 1 : 0) || (a.t ?? 0) - (b.t ?? 0)));
    const stack = () => ranks.forEach((rank) => { let y = 0; for (const n of rank) { n.y = y; y += n.height + GAP; } rank.tall = y - GAP; for (const n of rank) n.y -= rank.tall / 2; });
    stack();
    const middle = (n) => n.y + n.height / 2;
    for (let pass = 0; pass < 8; pass += 1) {
      for (const rank of pass % 2 ? [...ranks].reverse() : ranks) {
        for (const n of rank) { const near = links.get(n) || []; n.pull = near.length ? near.reduce((s, m) => s + middle(m), 0) / near.length : middle(n); }
        rank.sort((a, b) => a.pull - b.pull);
        let y = -Infinity;
        for (const n of rank) { n.y = Math.max(n.pull - n.height / 2, y); y = n.y + n.height + GAP; }
        // What was pushed down moves back up as a whole.
        const shift = rank.reduce((s, n) => s + (n.pull - middle(n)), 0) / (rank.length || 1);
        for (const n of rank) n.y += shift;
      }
    }
    let x = 2;
    for (const rank of ranks) { const wide = Math.max(...rank.map((n) => n.width), 0); for (const n of rank) { n.x = x; if (n.station) n.width = wide; } x += wide + ACROSS; }
    const all = ranks.flat();
    const top = Math.min(...all.map((n) => n.y)) - 4;
    for (const n of all) n.y -= top;
    return { boxes, chains, width: x - ACROSS + 2, height: Math.max(...all.map((n) => n.y + n.height)) + 6 };
  }

  const SVG = "http://www.w3.org/2000/svg";
  function make(name, attributes, parent, text) {
    const e = document.createElementNS(SVG, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  }

  function draw(element, name, column, deciding) {
    const focus = number.get(name);
    const at = column === "" || column === undefined ? -1 : tables[focus][1].indexOf(column);
    const graph = at < 0 ? around(focus) : along(focus, at, deciding);
    const { boxes, chains, width, height } = place(graph, at < 0);
    element.replaceChildren();
    // A little smaller, rather than to be scrolled.
    const scale = Math.max(0.8, Math.min(1, (element.parentElement.clientWidth - 2) / width));
    const svg = make("svg", { width: Math.floor(width * scale), height: Math.ceil(height * scale), viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${words.picture} ${name}${at < 0 ? "" : `.${column}`}` }, element);
    const lines = make("g", { class: "lines" }, svg);
    const port = (box, c) => (c === undefined || !box.list.includes(c) ? box.y + HEAD / 2 + 8 : box.y + HEAD + 16 + box.list.indexOf(c) * LINE + LINE / 2);
    for (const e of graph.edges) {
      const [a, b] = [boxes.get(e.from[0]), boxes.get(e.to[0])];
      if (a === b) continue;
      const points = [[a.x + a.width, port(a, e.from[1])]];
      for (const s of chains.get(`${e.from[0]} ${e.to[0]}`) || []) points.push([s.x, s.y + 5], [s.x + s.width, s.y + 5]);
      points.push([b.x, port(b, e.to[1])]);
      let d = `M${points[0][0]} ${points[0][1].toFixed(1)}`;
      for (let i = 1; i < points.length; i += 1) {
        const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
        const bend = (x1 - x0) / 2;
        d += `C${x0 + bend} ${y0.toFixed(1)} ${x1 - bend} ${y1.toFixed(1)} ${x1} ${y1.toFixed(1)}`;
      }
      make("path", { d, class: e.soft ? "soft" : "flow", "stroke-width": e.weight === undefined ? 1.6 : 1.4 + Math.min(4, Math.log2(1 + e.weight) * 0.7) }, lines);
    }
    for (const box of boxes.values()) {
      const [full, , ] = tables[box.t];
      const group = make("g", { class: `box l-${layer(box.t)}${box.t === focus ? " focus" : ""}`, transform: `translate(${box.x} ${box.y.toFixed(1)})` }, svg);
      make("rect", { width: box.width, height: box.height, rx: 8, class: "card" }, group);
      make("rect", { x: 0, y: 8, width: 4, height: box.height - 16, class: "stripe" }, group);
      const link = make("a", { href: `#${full}` }, group);
      make("title", {}, link, full);
      make("text", { x: PAD, y: 15, class: "layer" }, link, layer(box.t));
      make("text", { x: PAD, y: 33, class: "name" }, link, short(full.split(".")[1]));
      box.list.forEach((c, i) => {
        const y = HEAD + 16 + i * LINE;
        const chosen = box.t === focus && c === at;
        if (chosen) make("rect", { x: 5, y: y + 1, width: box.width - 10, height: LINE - 2, rx: 4, class: "chosen" }, group);
        const one = c < 0 ? group : make("a", { href: `#${full}.${columnName(box.t, c)}` }, group);
        const text = fieldOf(box.t, c) ? `${columnName(box.t, c)} ← ${fieldOf(box.t, c)}` : columnName(box.t, c);
        const e = make("text", { x: PAD, y: y + 15, class: c < 0 ? "column rows" : "column" }, one, short(text, WIDEST + 4));
        make("title", {}, e, text);
      });
    }
    if (at >= 0 && graph.edges.length === 0) make("text", { x: 4, y: height + 14, class: "layer" }, svg, words.made).parentNode.setAttribute("height", height + 24);
    const box = boxes.get(focus), scroll = element.parentElement;
    // Of a table both sides matter, of a column what lies behind it.
    const middle = (box.x + box.width / 2) * scale - scroll.clientWidth / 2, end = (box.x + box.width) * scale + 14 - scroll.clientWidth;
    scroll.scrollLeft = Math.max(0, at < 0 ? middle : end);
  }

  return { draw, tables, words };
})();
