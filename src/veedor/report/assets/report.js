"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("strings");
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const make = (name, given = {}, ...children) => {
    const element = Object.assign(document.createElement(name), given);
    element.append(...children);
    return element;
  };
  const locale = root.lang || "en";
  const number = (value) => value.toLocaleString(locale);

  // Pages: one section at a time; without this script all are shown one after another.
  const pages = [...document.querySelectorAll(".page")];
  const menu = document.getElementById("menu");
  const entries = [...document.querySelectorAll(".contents a")];
  const narrow = window.matchMedia("(max-width: 60rem)");
  narrow.addEventListener("change", () => { menu.open = !narrow.matches; });
  const name = () => decodeURIComponent(location.hash.slice(1));
  function show(first, place) {
    const target = document.getElementById(name());
    const page = (target && target.closest(".page")) || pages[0];
    pages.forEach((other) => other.classList.toggle("open", other === page));
    prepare(page);
    entries.forEach((entry) => {
      if (entry.getAttribute("href") === "#" + page.id) entry.setAttribute("aria-current", "page");
      else entry.removeAttribute("aria-current");
    });
    if (narrow.matches) menu.open = false;
    const alone = target && target.matches("article") && page.querySelectorAll("article").length === 1;
    if (place !== undefined) window.scrollTo(0, place);
    else if (target && target !== page && target.id !== "main" && !alone) target.scrollIntoView();
    else if (!first || target) window.scrollTo(0, 0);
    if (!first && target && target.id !== "main") {
      const heading = target.matches("h2, h3") ? target : target.querySelector("h1, h2") || page.querySelector("h1");
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  }
  pages.forEach((page, i) => {
    const turn = make("nav", { className: "turn" });
    turn.setAttribute("aria-label", words.turn);
    [[pages[i - 1], "\u2190 "], [pages[i + 1], "\u2192 "]].forEach(([other, arrow]) => {
      if (other) turn.append(make("a", { href: "#" + other.id }, arrow + other.querySelector("h1").textContent));
    });
    page.append(turn);
  });
  // Each entry of the history remembers how far it was read, so that Back returns to that place.
  let resting = 0;
  const keep = () => { clearTimeout(resting); history.replaceState({ place: window.scrollY }, ""); };
  try { history.scrollRestoration = "manual"; } catch { /* the browser keeps its own way */ }
  window.addEventListener("scroll", () => { clearTimeout(resting); resting = setTimeout(keep, 200); }, { passive: true });
  document.addEventListener("click", (event) => { if (event.target.closest("a[href^='#']")) keep(); }, true);
  window.addEventListener("hashchange", () => { clearTimeout(resting); show(false, history.state?.place); });

  // Theme: the system's, until the reader chooses.
  const toggle = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const remember = (theme) => { try { localStorage.setItem("veedor-theme", theme); } catch { /* a private window */ } };
  try { const theme = localStorage.getItem("veedor-theme"); if (theme) root.dataset.theme = theme; } catch { /* a private window */ }
  const press = () => toggle.setAttribute("aria-pressed", String(dark()));
  press();
  system.addEventListener("change", press);
  toggle.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    press();
    live.forEach((button) => explore(button));
  });

  // Tables: sort by a heading, search, filter.
  const parsed = (text) => {
    const plain = text.replace(/\u2212/g, "-").split(words.thousands).join("").replace(words.decimal, ".");
    const value = parseFloat(plain);
    return Number.isNaN(value) ? -Infinity : value;
  };
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    if (body.rows.length < 2) return;
    heads.forEach((head, i) => {
      const button = make("button", { type: "button", title: words.sort }, ...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort") === "none" ? first
          : head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", now);
        const sign = now === "ascending" ? 1 : -1;
        const text = (row) => row.cells[i].textContent;
        const compare = head.classList.contains("n")
          ? (a, b) => parsed(text(a)) - parsed(text(b))
          : (a, b) => text(a).localeCompare(text(b), locale, { numeric: true });
        body.append(...[...body.rows].sort((a, b) => sign * compare(a, b) || 0));
      });
    });
  }
  function searchable(table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 8) return;
    const box = make("div", { className: "filters" });
    const search = make("input", { type: "search", placeholder: table.dataset.label || words.search });
    search.setAttribute("aria-label", table.dataset.label || words.search);
    const status = make("span");
    status.setAttribute("role", "status");
    box.append(search);
    const chosen = [];
    [...table.tHead.rows[0].cells].forEach((head, i) => {
      if (!("filter" in head.dataset)) return;
      const label = head.textContent;
      const select = make("select", {}, make("option", { value: "" }, label + ": " + words.all));
      select.setAttribute("aria-label", label);
      [...new Set(rows.map((row) => row.cells[i].textContent))].sort((a, b) => a.localeCompare(b, locale))
        .forEach((value) => select.append(make("option", { value }, value)));
      chosen.push([i, select]);
      box.append(select);
    });
    box.append(status);
    const apply = () => {
      const wanted = search.value.trim().toLocaleLowerCase(locale);
      let shown = 0;
      rows.forEach((row) => {
        const kept = (!wanted || row.textContent.toLocaleLowerCase(locale).includes(wanted))
          && chosen.every(([i, select]) => !select.value || row.cells[i].textContent === select.value);
        row.hidden = !kept;
        shown += kept;
      });
      status.textContent = say(words.rows, { shown: number(shown), total: number(rows.length) });
    };
    [search, ...chosen.map(([, select]) => select)].forEach((control) => control.addEventListener("input", apply));
    table.closest(".scroll").before(box);
  }
  const prepared = new Set();
  function prepare(page) {
    if (prepared.has(page)) return;
    prepared.add(page);
    page.querySelectorAll("table.searchable").forEach(searchable);
    page.querySelectorAll("table.sortable").forEach(sortable);
  }

  // Figures: the Vega runtime starts when a reader first asks for it; the picture stays if it cannot.
  const live = new Set();
  const specs = read("specs");
  let started = null;
  function start() {
    if (!started) {
      const code = document.getElementById("runtime").textContent;
      document.head.append(make("script", { textContent: code }));
      started = window.vegaEmbed;
    }
    return started;
  }
  function themed(spec) {
    const style = getComputedStyle(root);
    const text = JSON.stringify(spec);
    const ink = style.getPropertyValue("--ink-2").trim();
    return JSON.parse(text.split("#6b7281").join(ink).split("#9aa1ac").join(ink));
  }
  function regions(figure, values, view) {
    const names = [...new Set(values.map((row) => row.region).filter(Boolean))].sort((a, b) => a.localeCompare(b, locale));
    const select = make("select", {}, make("option", { value: "" }, words.region + ": " + words.all));
    select.setAttribute("aria-label", words.region);
    names.forEach((value) => select.append(make("option", { value }, value)));
    select.addEventListener("input", async () => {
      figure.dataset.region = select.value;
      await view.signal("region", select.value || null).runAsync();
      figure.dispatchEvent(new Event("region"));
    });
    delete figure.dataset.region;
    figure.querySelector(".filters")?.remove();
    figure.querySelector(".live").before(make("div", { className: "filters" }, select));
  }
  function counted(figure, values, view) {
    const status = figure.querySelector(".live-status");
    let brush = {};
    const count = () => {
      const inside = (value, range) => value >= Math.min(...range) && value <= Math.max(...range);
      const asked = values.filter((row) => !figure.dataset.region || row.region === figure.dataset.region);
      const shown = asked.filter((row) => brush.x && brush.y && inside(row.x, brush.x) && inside(row.y, brush.y));
      status.textContent = brush.x
        ? say(words.selected, { shown: number(shown.length), total: number(asked.length) }) : words.select_hint;
    };
    view.addSignalListener("brush", (_, now) => { brush = now; count(); });
    figure.addEventListener("region", count);
  }
  async function explore(button) {
    const figure = document.getElementById(button.dataset.figure);
    const status = figure.querySelector(".live-status");
    const place = figure.querySelector(".live");
    status.textContent = words.loading;
    try {
      const embed = start();
      const spec = themed(specs[figure.id]);
      const values = spec.data.values;
      place.hidden = false;
      const made = await embed(place, spec, {
        actions: false, ast: true, defaultStyle: false, renderer: values.length > 3000 ? "canvas" : "svg",
        tooltip: { disableDefaultStyle: true },
      });
      const has = (param) => (spec.params || []).some((one) => one.name === param);
      if (has("region")) regions(figure, values, made.view);
      if (has("brush")) counted(figure, values, made.view);
      figure.querySelector(".picture").hidden = true;
      button.hidden = true;
      button.style.display = "none";
      live.add(button);
      status.textContent = has("brush") ? words.select_hint : has("zoom") ? words.zoom_hint : words.explore_hint;
      figure.dataset.live = "yes";
    } catch (error) {
      place.hidden = true;
      status.textContent = words.failed;
      console.error(error);
    }
  }
  show(true, history.state?.place);
  // Paper has no summary to open: what is folded away is printed, and folded again afterwards.
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("main details:not([open])")];
    unfolded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => unfolded.forEach((one) => { one.open = false; }));
  document.querySelectorAll(".explore").forEach((button) => button.addEventListener("click", () => explore(button)));
})();
