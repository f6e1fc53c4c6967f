"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];

  // What a mark is: shown beside the pointer, or beside the mark that has the keyboard's focus.
  const tip = document.getElementById("tip");
  const show = (mark, x, y) => {
    tip.textContent = mark.getAttribute("aria-label").replaceAll("; ", "\n");
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x + 14), document.documentElement.clientWidth - box.width - 8);
    const below = y + 18 + box.height < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? y + 18 : Math.max(8, y - box.height - 14)}px`;
  };
  const hide = () => { tip.hidden = true; };
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.(".t");
    if (mark) show(mark, event.clientX, event.clientY);
    else if (!document.activeElement?.matches(".t")) hide();
  });
  const point = (mark) => {
    const box = mark.getBoundingClientRect();
    show(mark, box.left + box.width / 2, box.top + box.height / 2);
  };
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".t")) point(event.target);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", () => {  // also what a focus off the screen causes
    if (tip.hidden) return;
    if (document.activeElement?.matches(".t")) point(document.activeElement);
    else hide();
  }, { passive: true });

  // One stop of the Tab key for a figure; arrow keys go from mark to mark.
  for (const figure of all("[data-rove]")) {
    const marks = all(".t", figure);
    marks.forEach((mark, k) => mark.setAttribute("tabindex", k ? "-1" : "0"));
    figure.addEventListener("keydown", (event) => {
      const shown = marks.filter((mark) => mark.getClientRects().length);
      const at = shown.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      const next = shown[Math.min(Math.max(to, 0), shown.length - 1)];
      marks.forEach((mark) => mark.setAttribute("tabindex", mark === next ? "0" : "-1"));
      next.focus();
    });
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Which layers are shown: none chosen shows all.
  const chosen = new Set();
  const buttons = all("[data-only]");
  const filter = () => {
    const has = (name) => !chosen.size || chosen.has(name);
    for (const button of buttons) button.setAttribute("aria-pressed", String(chosen.has(button.dataset.only)));
    for (const button of all("[data-all]")) button.setAttribute("aria-pressed", String(!chosen.size));
    for (const one of all("[data-layer]")) {
      const gone = !has(one.dataset.layer);
      if (one.closest(".crossbars")) one.classList.toggle("off", gone);
      else one.hidden = gone;
    }
    for (const one of all("[data-layers]")) one.hidden = !one.dataset.layers.split("|").some(has);
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const name = button.dataset.only;
      if (!chosen.delete(name)) chosen.add(name);
      filter();
    });
  }
  for (const button of all("[data-all]")) button.addEventListener("click", () => { chosen.clear(); filter(); });

  // Tables sort by a column, up and then down; rows without a value stay below.
  for (const table of all("table[data-sortable]")) {
    const body = table.tBodies[0];
    const heads = all("thead th", table);
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => {
          const cell = row.cells[k];
          return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
        };
        const order = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === "" || y === "") return (x === "") - (y === "");
          const found = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
          return down ? -found : found;
        };
        body.append(...[...body.rows].sort(order));
      });
    });
  }

  // Paper shows what the screen has folded.
  window.addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
})();
