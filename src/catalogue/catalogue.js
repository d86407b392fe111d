// One entry at a time, search, and the pictures. Without this script all entries stand below one another.
(() => {
  "use strict";
  const { words, tables } = lineage;
  const entries = [...document.querySelectorAll(".entry")];
  document.documentElement.classList.add("one");

  const sectionOf = (id) => document.getElementById(id)?.closest(".entry");
  let shown = null;
  function picture(section, column) {
    const element = section.querySelector(".lineage");
    if (!element) return;
    const select = section.querySelector(".of-column"), deciding = section.querySelector(".deciding");
    if (select.options.length === 1) {
      for (const name of tables.find(([n]) => n === element.dataset.table)[1]) select.append(new Option(name, name));
      section.querySelector(".controls").hidden = false;
      select.addEventListener("change", () => { history.replaceState(null, "", `#${section.id}${select.value ? `.${select.value}` : ""}`); redraw(); });
      deciding.addEventListener("change", redraw);
    }
    function redraw() {
      deciding.disabled = !select.value;
      deciding.parentElement.classList.toggle("off", !select.value);
      lineage.draw(element, element.dataset.table, select.value, deciding.checked);
      // What the catalogue says of the column, beside its picture.
      const picked = section.querySelector(".picked"), row = select.value && document.getElementById(`${section.id}.${select.value}`);
      picked.hidden = !row;
      picked.replaceChildren();
      for (const cell of row ? row.cells : []) {
        const part = document.createElement("div");
        part.append(...[...cell.childNodes].map((n) => n.cloneNode(true)));
        picked.append(part);
      }
      for (const marked of document.querySelectorAll("tr.marked")) marked.classList.remove("marked");
      if (row) row.classList.add("marked");
    }
    if (column !== undefined) select.value = column;
    redraw();
  }

  function show() {
    const id = decodeURIComponent(location.hash.slice(1)) || "overview";
    const section = sectionOf(id);
    if (!section) { if (!shown) { shown = entries[0]; shown.classList.add("shown"); } return; }
    const target = document.getElementById(id);
    for (const e of entries) e.classList.toggle("shown", e === section);
    for (const link of document.querySelectorAll("aside a[aria-current]")) link.removeAttribute("aria-current");
    const link = document.querySelector(`aside a[href="#${CSS.escape(section.id).replaceAll("\\", "")}"]`);
    if (link) { link.setAttribute("aria-current", "page"); const layer = link.closest(".layer"); if (layer) layer.open = true; }
    const isColumn = target.matches("tr");
    picture(section, isColumn ? id.slice(section.id.length + 1) : section === shown && target !== section ? undefined : "");
    if (narrow.matches) document.querySelector("details.all").open = false;
    // After the browser's own way to the place: a column is looked at in its picture.
    const first = !shown, place = isColumn ? section.querySelector("figure") : first && target === section ? document.body : target;
    requestAnimationFrame(() => place.scrollIntoView({ behavior: "instant", block: "start" }));
    shown = section;
    document.title = `${section.id === "overview" ? "" : `${id} · `}${base}`;
  }
  const base = document.title;
  const narrow = matchMedia("(max-width: 900px)");
  if (narrow.matches) document.querySelector("details.all").open = false;
  addEventListener("hashchange", show);
  // Paper is white.
  addEventListener("beforeprint", () => document.documentElement.classList.add("paper"));
  addEventListener("afterprint", () => document.documentElement.classList.remove("paper"));

  // What can be found: a name, its kind, where it leads, and the words that describe it.
  const things = [];
  const rank = { marts: 0, warehouse: 1, staging: 2, identity: 3, landing: 4, project: 5, quarantine: 5 };
  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ");
  for (const section of document.querySelectorAll(".entry.table")) {
    const [layer, name] = section.id.split(".");
    things.push({ id: section.id, name, kind: words.table, layer, text: plain(section.querySelector(".lead").textContent), order: rank[layer] });
    for (const row of section.querySelectorAll(".columns tbody tr")) {
      const column = row.id.slice(section.id.length + 1);
      things.push({ id: row.id, name: column, of: section.id, kind: words.column, layer, text: plain(row.cells[1].textContent), order: rank[layer] + 0.5 });
    }
  }
  for (const metric of document.querySelectorAll("article[id^='metric.']")) {
    things.push({ id: metric.id, name: metric.id.slice(7), kind: words.metric, layer: "metric", text: plain(metric.textContent), order: -1 });
  }

  function score(thing, parts) {
    // Names have no blanks: open tickets finds open_tickets first.
    let sum = thing.name === parts.join("_") ? 100 : 0;
    for (const part of parts) {
      const name = thing.name.toLowerCase();
      if (name === part || thing.id === part) sum += 100;
      else if (name.startsWith(part)) sum += 60;
      else if (name.includes(part)) sum += 40;
      else if (thing.id.includes(part)) sum += 20;
      else if (thing.text.includes(part)) sum += 8;
      else return 0;
    }
    return sum - thing.order;
  }

  const form = document.querySelector(".search"), input = form.querySelector("input"), list = form.querySelector(".results"), found = form.querySelector(".found");
  form.hidden = false;
  const MOST = 30;
  function search() {
    const parts = plain(input.value).split(" ").filter(Boolean);
    list.replaceChildren();
    list.hidden = parts.length === 0;
    form.classList.toggle("busy", parts.length > 0);
    if (!parts.length) { found.textContent = ""; return; }
    const hits = things.map((t) => [score(t, parts), t]).filter(([s]) => s > 0).sort((a, b) => b[0] - a[0] || (a[1].id < b[1].id ? -1 : 1));
    found.textContent = hits.length ? `${hits.length} ${words.found}` : words.none;
    for (const [, t] of hits.slice(0, MOST)) {
      const item = document.createElement("li"), link = document.createElement("a"), where = document.createElement("small");
      link.href = `#${t.id}`;
      link.className = `l-${t.layer}`;
      link.textContent = t.name;
      where.textContent = t.of || (t.kind === words.table ? t.layer : t.kind);
      link.append(where);
      item.append(link);
      list.append(item);
    }
  }
  input.addEventListener("input", search);
  form.addEventListener("submit", (e) => { e.preventDefault(); list.querySelector("a")?.click(); });
  list.addEventListener("click", () => { input.value = ""; setTimeout(search); });
  form.addEventListener("keydown", (e) => {
    const links = [input, ...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); links[Math.max(0, Math.min(links.length - 1, at + (e.key === "ArrowDown" ? 1 : -1)))].focus(); }
    if (e.key === "Escape") { input.value = ""; search(); input.focus(); }
  });
  addEventListener("keydown", (e) => {
    if (e.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { e.preventDefault(); input.focus(); }
  });
  show();
})();
