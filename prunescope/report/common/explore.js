// Explore a report: a cell of a map, or a density, opens its panel. The page is complete without this script: then
// the cells are links to the same panels further down.
(() => {
  "use strict";
  const area = document.querySelector("[data-explore]");
  if (!area || !document.querySelector("[data-grid]")) return;

  const panel = area.querySelector("[data-panel]");
  const hint = panel.querySelector("[data-hint]");
  const closing = panel.querySelector("[data-close]");
  const axes = [...panel.querySelectorAll("select[data-axis]")];
  const choice = area.querySelector("select[data-maps]");
  const figures = [...area.querySelectorAll("[data-map]")];
  const grids = [...document.querySelectorAll("[data-grid]")].map((element) => ({
    element,
    rows: [...element.querySelectorAll("[data-line]")].map((line) => [...line.querySelectorAll("a")]),
  }));
  const places = new Map();
  grids[0].rows.forEach((links, row) => links.forEach((link, column) => places.set(link.hash, [row, column])));

  let shown = null; // the open cell: its hash, its article, and a mark where the article is at home
  let origin = null; // the link that was used last

  const wide = () => matchMedia("(min-width: 62rem)").matches;
  const behavior = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

  const remember = (hash) => {
    try {
      history.replaceState(null, "", hash || location.href.split("#")[0]);
    } catch {
      // a page within another, as in a notebook, has no address of its own
    }
  };

  const mark = (hash) => {
    for (const { rows } of grids) {
      for (const link of rows.flat()) {
        link.parentElement.setAttribute("aria-selected", String(link.hash === hash));
      }
    }
  };

  const rove = (rows, link) => {
    for (const other of rows.flat()) other.tabIndex = other === link ? 0 : -1;
  };

  const putBack = () => {
    if (shown) shown.home.replaceWith(shown.article);
    shown = null;
  };

  const open = (hash) => {
    const place = places.get(hash);
    const article = document.getElementById(hash.slice(1));
    if (!place || !article) return false;
    if (shown && shown.hash === hash) return true;
    putBack();
    shown = { hash, article, home: document.createComment("") };
    article.replaceWith(shown.home);
    panel.append(article);
    panel.scrollTop = 0;
    hint.hidden = true;
    closing.hidden = false;
    axes.forEach((select, axis) => (select.value = String(place[axis])));
    mark(hash);
    for (const { rows } of grids) rove(rows, rows[place[0]][place[1]]);
    return true;
  };

  const close = () => {
    if (!shown) return;
    const within = panel.contains(document.activeElement) || document.activeElement === document.body;
    const [row, column] = places.get(shown.hash);
    putBack();
    hint.hidden = false;
    closing.hidden = true;
    for (const select of axes) select.value = "";
    mark("");
    remember("");
    const back = origin && origin.offsetParent ? origin : grids.map(({ rows }) => rows[row][column]).find((a) => a.offsetParent);
    if (within && back) back.focus();
  };

  const reveal = (focused) => {
    const heading = shown.article.querySelector("h3");
    heading.tabIndex = -1;
    if (focused) heading.focus({ preventScroll: true });
    const box = panel.getBoundingClientRect();
    if (box.top > innerHeight - 120 || box.bottom < 120) panel.scrollIntoView({ block: "nearest", behavior: behavior() });
  };

  const show = (map) => {
    for (const figure of figures) figure.hidden = map === "" ? "more" in figure.dataset : figure.id !== map;
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !open(link.hash)) return;
    event.preventDefault();
    remember(link.hash);
    origin = link;
    reveal(event.detail === 0 || !link.closest("[data-grid]"));
  });

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  const target = (event, rows, row, column) => {
    const last = rows[row].length - 1;
    if (event.key in steps) {
      const [down, right] = steps[event.key];
      return [Math.min(Math.max(row + down, 0), rows.length - 1), Math.min(Math.max(column + right, 0), last)];
    }
    if (event.key === "Home") return [event.ctrlKey ? 0 : row, 0];
    if (event.key === "End") return [event.ctrlKey ? rows.length - 1 : row, last];
    return null;
  };

  for (const { element, rows } of grids) {
    element.setAttribute("role", "grid");
    for (const links of rows) {
      links[0].parentElement.parentElement.setAttribute("role", "row");
      for (const link of links) link.parentElement.setAttribute("role", "gridcell");
    }
    rove(rows, rows[0][0]);
    element.addEventListener("keydown", (event) => {
      const at = places.get(event.target.hash);
      if (!at) return;
      if (event.key === " ") {
        event.preventDefault();
        event.target.click();
        return;
      }
      const to = target(event, rows, ...at);
      if (!to) return;
      event.preventDefault();
      origin = rows[to[0]][to[1]];
      rove(rows, origin);
      origin.focus();
      if (shown && open(origin.hash)) remember(origin.hash);
    });
  }
  mark("");

  document.addEventListener("keydown", (event) => {
    const within = (element) => panel.contains(element) || element.closest("[data-grid]");
    if (event.key === "Escape" && within(document.activeElement)) close();
  });

  closing.addEventListener("click", close);

  for (const select of axes) {
    select.addEventListener("change", () => {
      const first = axes.map((axis) => Number(axis.value || 0));
      const link = grids[0].rows[first[0]][first[1]];
      if (select.value === "") close();
      else if (open(link.hash)) remember(link.hash);
    });
  }

  if (choice) choice.addEventListener("change", () => show(choice.value));
  show("");

  // On paper everything is there: every cell at home, every part unfolded, every map.
  let folded = [];
  let last = null;
  addEventListener("beforeprint", () => {
    last = shown && shown.hash;
    putBack();
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
    if (last) open(last);
  });

  addEventListener("hashchange", () => open(location.hash) && reveal(false));

  for (const part of area.querySelectorAll("[data-with-script]")) part.hidden = false;
  document.documentElement.classList.add("explored");
  if (open(location.hash)) addEventListener("load", () => setTimeout(() => (panel.scrollTop = 0, area.scrollIntoView())));
  else if (wide()) open(panel.dataset.panel);
})();
