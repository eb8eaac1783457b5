"use strict";
// Draws the panels, and keeps two things the same in all of them: the decision that is looked at
// (`cursor`) and those that a brush has chosen (`chosen`). Texts of the record are set as text.
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const rows = page.rows || [];
  const views = new Map();
  const root = document.documentElement;
  const slider = document.getElementById("slider");
  let cursor = page.start || 0;
  let chosen = null;

  // The decision whose trainings are seen: a decision may revisit those of an earlier one.
  const seen = () => rows[cursor]?.seen ?? cursor;
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const OPTIONS = {
    mode: "vega", actions: false, tooltip: false, hover: false, renderer: "canvas", ast: true,
    defaultStyle: false, logLevel: 1, // without warnings of layers that are empty now
  };

  async function draw(name) {
    const panel = page.panels[name];
    const data = { ...panel.data, rows };
    for (const set of panel.spec.data) {
      if (set.name in data) set.values = data[set.name].map((row) => ({ ...row }));
    }
    views.get(name)?.finalize();
    const { view } = await vegaEmbed("#plot-" + name, panel.spec, OPTIONS);
    views.set(name, view);
    if (rows.length) listen(name, view, panel);
    return signals(view).runAsync();
  }

  // A panel is drawn when it comes near the window: a thousand decisions are many marks.
  const drawn = new Map();
  const once = (name) => drawn.get(name) || drawn.set(name, draw(name)).get(name);
  const drawAll = () => Promise.all(Object.keys(page.panels).map(once));
  const ready = new Promise((done) => {
    const near = new IntersectionObserver((entries) => {
      const seen = entries.filter((entry) => entry.isIntersecting);
      done(Promise.all(seen.map((entry) => once(entry.target.id.slice("plot-".length)))));
    }, { rootMargin: "300px" });
    for (const plot of document.querySelectorAll(".plot")) near.observe(plot);
  });

  function signals(view) {
    view.signal("cursor", cursor).signal("seen", seen()).signal("chosen", chosen);
    view.signal("chain", rows.length ? rows[cursor].chain : 0);
    for (const name of ["ink", "soft", "line"]) view.signal(name, color("--" + name));
    return view;
  }

  function update() {
    for (const view of views.values()) signals(view).runAsync();
  }

  // The decision under the pointer: a mark's own, or the nearest at this i.
  function listen(name, view, panel) {
    const at = (event, item) => {
      if (event.buttons && event.type !== "pointerdown") return;
      if (item && item.datum && Number.isInteger(item.datum.n)) return look(item.datum.n);
      if (!/^(scores|axis|masses)/.test(name)) return;
      const x = event.clientX - view.container().querySelector("canvas").getBoundingClientRect().left;
      const i = Math.round(view.scale("x").invert(x - view.origin()[0]));
      const here = rows.filter((row) => row.i === i);
      if (here.length) look((here.find((row) => row.chain === rows[cursor].chain) || here[0]).n);
    };
    view.addEventListener("pointermove", at);
    view.addEventListener("pointerdown", at);
    if (panel.brush) {
      view.addSignalListener("brush", (_, range) => choose(name, panel, range));
    }
  }

  function choose(name, panel, range) {
    const within = (value, [a, b]) => value !== null && value >= Math.min(a, b) && value <= Math.max(a, b);
    const fields = Object.keys(range);
    const points = panel.brush === "rows" ? rows : page.panels[name].data[panel.brush];
    chosen = null;
    if (fields.length) {
      chosen = {};
      for (const one of points) {
        const lists = fields.map((field) => [].concat(one[field]));
        if (lists[0].some((_, k) => fields.every((field, f) => within(lists[f][k], range[field])))) {
          chosen[one.n] = true;
        }
      }
      for (const row of rows) if (row.seen !== null && chosen[row.seen]) chosen[row.n] = true;
    }
    const count = chosen && Object.keys(chosen).length;
    document.getElementById("brushed").textContent =
      chosen ? `${count} of ${rows.length} decisions chosen; Escape shows all` : "";
    update();
  }

  function unbrush() {
    chosen = null;
    for (const name of views.keys()) draw(name);
    document.getElementById("brushed").textContent = "";
  }

  function look(n) {
    if (n === cursor) return;
    cursor = n;
    show();
    update();
  }

  const element = (tag, words, ...children) => {
    const made = document.createElement(tag);
    if (words !== null) made.textContent = words;
    made.append(...children);
    return made;
  };

  function show() {
    const row = rows[cursor];
    const where = page.chains > 1 ? `chain ${row.chain}, i = ${row.i}` : `i = ${row.i}`;
    const notes = [row.o, row.revisits === null ? "" : `as i = ${row.revisits}`, `epoch ${row.epochs}`];
    slider.value = cursor;
    slider.setAttribute("aria-valuetext", `${where}, ${row.s}`);
    const head = element("p", null, element("b", where), " · ", element("b", row.s), " · ",
      notes.filter(Boolean).join(" · "));
    const table = element("table", null);
    page.names.forEach((name, a) => {
      const cells = [element("th", name), element("td", row.v[a])];
      if (row.m.length) {
        const u = row.u[a] === null ? "" : `u = ${row.u[a].toFixed(3)}`;
        const p = row.p[a].length > 8 ? "" : "p = " + row.p[a].map((mass) => mass.toFixed(2)).join(" ");
        cells.push(element("td", row.m[a]), element("td", u), element("td", p));
      }
      table.append(element("tr", null, ...cells));
    });
    document.getElementById("detail").replaceChildren(head, table);
  }

  function keys(event) {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -cursor, End: rows.length };
    if (event.key === "Escape") return unbrush();
    if (!(event.key in steps)) return;
    event.preventDefault();
    look(Math.max(0, Math.min(rows.length - 1, cursor + steps[event.key])));
  }

  function theme() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    update();
  }

  async function changes() {
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== page.version) return location.reload();
    } catch { /* the server has gone; what is drawn stays */ }
    setTimeout(changes, 1000);
  }

  document.getElementById("theme").addEventListener("click", theme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  if (rows.length) {
    slider.max = rows.length - 1;
    slider.addEventListener("input", () => look(+slider.value));
    document.addEventListener("keydown", keys);
    show();
  }
  if (page.version) setTimeout(changes, 1000);
  addEventListener("beforeprint", drawAll);
  window.jaxmeta = { ready, drawAll, page, views, get cursor() { return cursor; }, get chosen() { return chosen; } };
})();
