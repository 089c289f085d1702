"use strict";

(function lightbox() {
  const dialog = document.getElementById("lightbox");
  const thumbs = Array.from(document.querySelectorAll("a.thumb"));
  if (!thumbs.length || !dialog.showModal) return;
  const image = dialog.querySelector("img");
  const caption = dialog.querySelector(".caption");
  const link = dialog.querySelector("a");
  let at = 0;

  function show(index) {
    at = (index + thumbs.length) % thumbs.length;
    const thumb = thumbs[at];
    image.src = thumb.querySelector("img").src;
    image.alt = thumb.dataset.caption;
    caption.textContent = thumb.dataset.caption;
    link.setAttribute("href", thumb.getAttribute("href"));
    if (!dialog.open) dialog.showModal();
  }

  thumbs.forEach((thumb, index) => {
    thumb.addEventListener("click", (event) => {
      // A click with a modifier keeps its meaning: open the file in another tab.
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(index);
    });
  });
  dialog.querySelector(".previous").addEventListener("click", () => show(at - 1));
  dialog.querySelector(".next").addEventListener("click", () => show(at + 1));
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => thumbs[at].focus());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else return;
    event.preventDefault();
  });
})();

(function objects() {
  const table = document.getElementById("objects");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const words = rows.map((row) => row.textContent.toLowerCase());
  const text = document.getElementById("filter");
  const which = document.getElementById("which");
  const output = document.getElementById("shown");

  function filter() {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, index) => {
      const out = row.classList.contains("out");
      const fits = !which.value || (which.value === "out") === out;
      row.hidden = !(fits && words[index].includes(wanted));
      shown += row.hidden ? 0 : 1;
    });
    output.textContent = output.dataset.words
      .replace("{shown}", shown.toLocaleString("en"))
      .replace("{n}", rows.length.toLocaleString("en"));
  }

  const collator = new Intl.Collator("en", { numeric: true });
  function sort(column, direction) {
    const value = (row) => row.cells[column].textContent.trim();
    const number = (row) => Number.parseFloat(value(row));
    const sorted = Array.from(rows);
    const numeric = table.tHead.rows[0].cells[column].classList.contains("n");
    sorted.sort((a, b) => direction * (numeric
      ? (number(a) || 0) - (number(b) || 0)
      : collator.compare(value(a), value(b))));
    body.append(...sorted);
  }

  Array.from(table.tHead.rows[0].cells).forEach((cell, column, cells) => {
    cell.querySelector("button").addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      cells.forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(column, up ? 1 : -1);
    });
  });
  text.addEventListener("input", filter);
  which.addEventListener("change", filter);
  filter();
})();
