"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // Charts take their colours when they are drawn; where there are none this finds none.
  const redraw = () => dispatchEvent(new Event("redraw"));

  // Light or dark: what the system says, until somebody says otherwise; on paper always light.
  const theme = document.getElementById("theme");
  theme.addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    redraw();
  });
  dark.addEventListener("change", redraw);
  let screen;
  addEventListener("beforeprint", () => {
    screen = root.dataset.theme;
    root.dataset.theme = "light";
    document.querySelectorAll("details").forEach((one) => { one.dataset.was = one.open; one.open = true; });
    redraw();
  });
  addEventListener("afterprint", () => {
    if (screen) root.dataset.theme = screen; else delete root.dataset.theme;
    document.querySelectorAll("details").forEach((one) => { one.open = one.dataset.was === "true"; });
    redraw();
  });

  // A click on a heading sorts: by value where cells have one, else by text; what is empty stays last.
  for (const head of document.querySelectorAll("thead th button")) {
    head.addEventListener("click", () => {
      const cell = head.parentElement;
      const down = cell.getAttribute("aria-sort") === "ascending" || (!cell.hasAttribute("aria-sort") && cell.classList.contains("n"));
      const way = cell.getAttribute("aria-sort") === "descending" ? 1 : down ? -1 : 1;
      for (const other of cell.parentElement.children) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const at = cell.cellIndex;
      const body = cell.closest("table").tBodies[0];
      const key = (row) => {
        const of = row.cells[at];
        if (!of) return null;
        if (of.dataset.k != null) return Number(of.dataset.k);
        const text = of.textContent.trim();
        return text === "" || text === "–" ? null : text;
      };
      const order = (a, b) => {
        if (a === null || b === null) return (a === null) - (b === null);
        if (typeof a === "number" && typeof b === "number") return way * (a - b);
        return way * String(a).localeCompare(String(b), "en", { numeric: true });
      };
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort((a, b) => order(a[0], b[0]));
      body.append(...rows.map(([, row]) => row));
    });
  }

  for (const command of document.querySelectorAll("pre.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", () => {
      const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
      const text = command.querySelector("code").textContent;
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {}); else getSelection().selectAllChildren(command.querySelector("code"));
    });
    command.append(button);
  }
})();
