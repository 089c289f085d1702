"use strict";

// Tables of class "sortable": a click on a title sorts. Without script the titles are plain words.
(function sortable() {
  const collator = new Intl.Collator("en", { numeric: true });
  const words = (cell) => (cell.dataset.value || cell.textContent).trim();
  const number = (cell) => {
    const found = Number.parseFloat(words(cell).replace(/,/g, "").replace("−", "-"));
    return Number.isNaN(found) ? -Infinity : found;
  };

  function sort(table, column, direction) {
    const numeric = table.tHead.rows[0].cells[column].classList.contains("n");
    const body = table.tBodies[0];
    const keys = new Map(Array.from(body.rows, (row) => {
      const cell = row.cells[column];
      return [row, numeric ? number(cell) : words(cell)];
    }));
    const compare = numeric
      ? (a, b) => (keys.get(a) === keys.get(b) ? 0 : keys.get(a) - keys.get(b))
      : (a, b) => collator.compare(keys.get(a), keys.get(b));
    body.append(...Array.from(keys.keys()).sort((a, b) => direction * compare(a, b)));
  }

  document.querySelectorAll("table.sortable").forEach((table) => {
    const cells = Array.from(table.tHead.rows[0].cells);
    cells.forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        cells.forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, column, up ? 1 : -1);
      });
    });
  });
})();

function fill(words, facts) {
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? facts[name] : whole));
}

// Anything with data-filter gets a box that leaves only the rows or cards with the words in it.
(function filters() {
  document.querySelectorAll("[data-filter]").forEach((holder) => {
    const items = Array.from(holder.tBodies ? holder.tBodies[0].rows : holder.children);
    const texts = items.map((item) => item.textContent.toLowerCase());
    const tools = document.createElement("div");
    tools.className = "tools";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    input.type = "search";
    input.autocomplete = "off";
    label.append(`${holder.dataset.filter} `, input);
    tools.append(label, output);
    holder.before(tools);

    function filter() {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      items.forEach((item, index) => {
        item.hidden = !texts[index].includes(wanted);
        shown += item.hidden ? 0 : 1;
      });
      output.textContent = fill(holder.dataset.words, { shown, n: items.length });
    }
    input.addEventListener("input", filter);
    filter();
  });
})();
