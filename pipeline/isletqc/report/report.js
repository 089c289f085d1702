// Islets lie in data-islets: label,x,y,r,diameter,ieq,reason; lengths in 1/10,000 of the width.
const pictures = (function readIslets() {
  const dialog = document.getElementById("lightbox");
  const thumbs = Array.from(document.querySelectorAll("a.thumb"));
  const reasons = JSON.parse(dialog.dataset.reasons);
  const WIDTH = 10000;

  function islets(thumb) {
    if (!thumb.islets) {
      thumb.islets = thumb.dataset.islets.split(";").filter(Boolean).map((text) => {
        const [label, x, y, r, diameter, ieq, reason] = text.split(",").map(Number);
        return { label, x, y, r, diameter, ieq, reason };
      });
    }
    return thumb.islets;
  }

  function words(islet) {
    const reason = reasons[islet.reason];
    const counted = islet.reason === 0
      ? dialog.dataset.counted
      : `${dialog.dataset.out}${reason ? `: ${reason}` : ""}`;
    return fill(dialog.dataset.tip, { ...islet, counted });
  }

  // The smallest islet around a place; outlines are no circles, so a fifth more is still inside.
  function at(thumb, x, y) {
    let best = null;
    islets(thumb).forEach((islet) => {
      const inside = Math.hypot(islet.x - x, islet.y - y) <= 1.2 * islet.r;
      if (inside && (!best || islet.r < best.r)) best = islet;
    });
    return best;
  }

  return { dialog, thumbs, islets, words, at, WIDTH };
})();

// Where the pointer is on a picture that is shown whole in its box, in 1/10,000 of its width.
function placeOn(image, event) {
  const box = image.getBoundingClientRect();
  const shape = (image.naturalWidth || 1) / (image.naturalHeight || 1);
  const width = Math.min(box.width, box.height * shape);
  const left = box.left + (box.width - width) / 2;
  const top = box.top + (box.height - width / shape) / 2;
  const factor = pictures.WIDTH / width;
  return [(event.clientX - left) * factor, (event.clientY - top) * factor];
}

function putTip(tip, x, y) {
  tip.hidden = false;
  const left = Math.min(Math.max(8, x + 14), window.innerWidth - tip.offsetWidth - 8);
  const below = y + 18 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? y + 18 : Math.max(8, y - tip.offsetHeight - 12)}px`;
}

(function tipsOnCards() {
  const tip = document.getElementById("tip");
  pictures.thumbs.forEach((thumb) => {
    const image = thumb.querySelector("img");
    thumb.addEventListener("pointermove", (event) => {
      const islet = pictures.at(thumb, ...placeOn(image, event));
      tip.hidden = !islet;
      if (!islet) return;
      tip.textContent = pictures.words(islet);
      putTip(tip, event.clientX, event.clientY);
    });
    thumb.addEventListener("pointerleave", () => { tip.hidden = true; });
  });
})();

(function lightbox() {
  const { dialog, thumbs } = pictures;
  if (!thumbs.length || !dialog.showModal) return;
  const part = (selector) => dialog.querySelector(selector);
  const [view, sheet, image] = [part(".view"), part(".sheet"), part("img")];
  const [svg, circle, tip] = [part("svg"), part("circle"), part(".tip")];
  const MOST = 12;
  let [index, scale, left, top] = [0, 1, 0, 0];
  let chosen = null;
  let laidOut = Promise.resolve();

  function fit() {
    const shape = (image.naturalWidth || 1) / (image.naturalHeight || 1);
    const width = Math.min(view.clientWidth, view.clientHeight * shape);
    sheet.style.width = `${width}px`;
    sheet.style.height = `${width / shape}px`;
    svg.setAttribute("viewBox", `0 0 ${pictures.WIDTH} ${pictures.WIDTH / shape}`);
    [scale, left, top] = [1, (view.clientWidth - width) / 2,
      (view.clientHeight - width / shape) / 2];
    draw();
  }

  function draw() {
    sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    view.classList.toggle("zoomed", scale > 1);
    circle.style.strokeWidth = 2 / scale;
  }

  function zoom(factor, x, y) {
    const wanted = Math.min(MOST, Math.max(1, scale * factor));
    if (wanted === 1) { fit(); return; }
    [left, top] = [x - (x - left) * wanted / scale, y - (y - top) * wanted / scale];
    scale = wanted;
    draw();
  }

  const middle = () => [view.clientWidth / 2, view.clientHeight / 2];
  const zoomMiddle = (factor) => zoom(factor, ...middle());

  function mark(islet) {
    chosen = islet;
    tip.hidden = !islet;
    circle.setAttribute("r", islet ? 1.15 * islet.r + 20 : 0);
    if (!islet) return;
    circle.setAttribute("cx", islet.x);
    circle.setAttribute("cy", islet.y);
    tip.textContent = pictures.words(islet);
    const box = sheet.getBoundingClientRect();
    const factor = box.width / pictures.WIDTH;
    putTip(tip, box.left + (islet.x + islet.r) * factor, box.top + islet.y * factor);
  }

  // Bring an islet to the middle, so large that its surroundings are still seen.
  function goTo(islet) {
    fit();
    const factor = sheet.clientWidth / pictures.WIDTH;
    const wanted = Math.min(view.clientWidth, view.clientHeight) / (islet.r * factor * 8);
    scale = Math.min(6, Math.max(1.5, wanted));
    [left, top] = [islet.x, islet.y].map((v, k) => middle()[k] - v * factor * scale);
    draw();
    mark(islet);
  }

  function step(by) {
    const all = pictures.islets(thumbs[index]);
    if (!all.length) return;
    const at = all.indexOf(chosen);
    goTo(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  }

  function show(number) {
    index = (number + thumbs.length) % thumbs.length;
    const thumb = thumbs[index];
    image.src = thumb.querySelector("img").src;
    image.alt = thumb.dataset.caption;
    part(".caption").textContent = thumb.dataset.caption;
    part("a").setAttribute("href", thumb.getAttribute("href"));
    document.getElementById("tip").hidden = true;
    if (!dialog.open) dialog.showModal();
    mark(null);
    laidOut = image.decode().then(fit, fit);
    return laidOut;
  }

  function drag() {
    const fingers = new Map();
    let [moved, before] = [0, 0];
    view.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event);
      [moved, before] = [0, 0];
      view.setPointerCapture(event.pointerId);
    });
    view.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) {
        mark(pictures.at(thumbs[index], ...placeOn(image, event)));
        return;
      }
      fingers.set(event.pointerId, event);
      const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
      moved += Math.hypot(dx, dy);
      if (fingers.size === 1 && scale > 1 && moved > 4) {
        [left, top] = [left + dx, top + dy];
        draw();
        tip.hidden = true;
      } else if (fingers.size === 2) {
        const [a, b] = Array.from(fingers.values());
        const apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (before) zoomAt(apart / before, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
        before = apart;
      }
    });
    ["pointerup", "pointercancel"].forEach((name) => view.addEventListener(name, (event) => {
      const alone = fingers.size === 1;
      fingers.delete(event.pointerId);
      if (name !== "pointerup" || moved > 4 || !alone) return;
      const islet = pictures.at(thumbs[index], ...placeOn(image, event));
      if (event.pointerType === "touch" && islet) mark(islet);
      else if (scale > 1) fit();
      else zoomAt(3, event.clientX, event.clientY);
    }));
    view.addEventListener("pointerleave", () => { if (!fingers.size) mark(null); });
  }

  function zoomAt(factor, x, y) {
    const box = view.getBoundingClientRect();
    zoom(factor, x - box.left, y - box.top);
    tip.hidden = true;
  }

  const actions = {
    ".previous": () => show(index - 1),
    ".next": () => show(index + 1),
    ".previous-islet": () => laidOut.then(() => step(-1)),
    ".next-islet": () => laidOut.then(() => step(1)),
    ".zoom-in": () => zoomMiddle(1.5),
    ".zoom-out": () => zoomMiddle(1 / 1.5),
    ".whole": fit,
    ".close": () => dialog.close(),
  };
  const keys = {
    ArrowLeft: ".previous",
    ArrowRight: ".next",
    ArrowUp: ".previous-islet",
    ArrowDown: ".next-islet",
    "+": ".zoom-in",
    "=": ".zoom-in",
    "-": ".zoom-out",
    0: ".whole",
  };
  Object.entries(actions).forEach(([selector, act]) => {
    const button = part(selector);
    if (button) button.addEventListener("click", act);
  });
  dialog.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    actions[keys[event.key]]();
    event.preventDefault();
  });
  dialog.addEventListener("close", () => thumbs[index].focus());
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });
  window.addEventListener("resize", () => { if (dialog.open) fit(); });
  drag();

  thumbs.forEach((thumb, number) => thumb.addEventListener("click", (event) => {
    // A click with a modifier keeps its meaning: open the file in another tab.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(number);
  }));

  const table = document.getElementById("objects");
  if (table) table.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (window.getSelection().toString()) return;
    const number = thumbs.findIndex((thumb) => thumb.dataset.number === row.dataset.p);
    if (number < 0) return;
    const label = Number(row.querySelector("[data-label]").textContent);
    show(number).then(() => {
      const islet = pictures.islets(thumbs[number]).find((one) => one.label === label);
      if (islet) goTo(islet);
    });
  });
})();

(function objects() {
  const table = document.getElementById("objects");
  if (!table) return;
  const rows = Array.from(table.tBodies[0].rows);
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
    output.textContent = fill(output.dataset.words, {
      shown: shown.toLocaleString("en"),
      n: rows.length.toLocaleString("en"),
    });
  }
  text.addEventListener("input", filter);
  which.addEventListener("change", filter);
  filter();
})();
