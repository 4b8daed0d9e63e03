// Picking rows of table[data-select="NAME"]: the head's box, ranges with Shift, a count, and rows
// of other pages of the same list, remembered in this tab under NAME and sent along with the form.
//   [data-select-all]              the head's box
//   tbody input[data-select-row]   the boxes; their value is the row's id
//   [data-selection]               the bar (hidden while nothing is picked), in the same form, with
//     [data-selection-count] [data-selection-elsewhere] [data-selection-clear] and
//     [data-select-matching]       a box for all rows of the filter; data-total is their number
//   [data-selection-forget=NAME]   on a page that follows the use of a selection: it is dropped
"use strict";
(() => {
  const MOST = 20000; // ids kept for one list
  const number = new Intl.NumberFormat(document.documentElement.lang);

  function read(key) {
    try {
      return new Set(JSON.parse(sessionStorage.getItem(key) ?? "[]"));
    } catch {
      return new Set();
    }
  }

  function keep(key, ids) {
    try {
      if (ids.size) sessionStorage.setItem(key, JSON.stringify([...ids].slice(0, MOST)));
      else sessionStorage.removeItem(key);
    } catch {
      // The selection then lasts as long as this page.
    }
  }

  function partsOf(table) {
    const form = table.closest("form") ?? document.body;
    const bar = form.querySelector("[data-selection]");
    return {
      bar,
      key: table.dataset.select ? `selection:${table.dataset.select}` : "",
      boxes: [...table.querySelectorAll("tbody [data-select-row]:not(:disabled)")],
      head: table.querySelector("[data-select-all]"),
      matching: bar?.querySelector("[data-select-matching]"),
    };
  }

  function sendAlong(bar, name, ids) {
    // Rows of other pages travel as hidden fields of the same name as the boxes.
    bar.querySelectorAll("[data-carried]").forEach((field) => field.remove());
    for (const id of ids) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value: id });
      field.dataset.carried = "";
      bar.append(field);
    }
  }

  function show({ bar, boxes, head, matching }, ids, elsewhere) {
    const here = boxes.filter((box) => box.checked).length;
    if (head) {
      head.checked = boxes.length > 0 && here === boxes.length;
      head.indeterminate = here > 0 && here < boxes.length;
    }
    if (!bar) return;
    const all = matching?.checked;
    const count = all ? Number(matching.dataset.total) : ids.size;
    bar.hidden = count === 0;
    const counter = bar.querySelector("[data-selection-count]");
    if (counter) counter.textContent = number.format(count);
    const other = bar.querySelector("[data-selection-elsewhere]");
    if (other) {
      const some = elsewhere.length > 0 && !all;
      other.textContent = some ? `${number.format(elsewhere.length)} on other pages` : "";
    }
  }

  function sync(table) {
    const parts = partsOf(table);
    const ids = parts.key ? read(parts.key) : new Set();
    for (const box of parts.boxes) {
      if (box.checked) ids.add(box.value);
      else ids.delete(box.value);
    }
    if (parts.key) keep(parts.key, ids);
    const onPage = new Set(parts.boxes.map((box) => box.value));
    const elsewhere = [...ids].filter((id) => !onPage.has(id));
    if (parts.bar && parts.boxes.length) sendAlong(parts.bar, parts.boxes[0].name, elsewhere);
    show(parts, ids, elsewhere);
  }

  function restore(table) {
    const { key, boxes } = partsOf(table);
    const ids = key ? read(key) : new Set();
    for (const box of boxes) if (ids.has(box.value)) box.checked = true;
    sync(table);
  }

  function clear(table) {
    const { key, boxes, matching } = partsOf(table);
    for (const box of boxes) box.checked = false;
    if (matching) matching.checked = false;
    if (key) keep(key, new Set());
    sync(table);
  }

  function range(table, box) {
    const { boxes } = partsOf(table);
    const last = boxes.indexOf(table.lastPicked);
    const now = boxes.indexOf(box);
    if (last < 0 || now < 0) return;
    for (const between of boxes.slice(Math.min(last, now), Math.max(last, now) + 1)) {
      between.checked = box.checked;
    }
  }

  function tables() {
    return document.querySelectorAll("table[data-select]");
  }

  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-select-row]");
    const table = row?.closest("table[data-select]");
    if (table) {
      if (event.shiftKey) range(table, row);
      table.lastPicked = row;
      sync(table);
    }
    if (event.target.closest("[data-selection-clear]")) {
      const form = event.target.closest("form") ?? document.body;
      form.querySelectorAll("table[data-select]").forEach(clear);
    }
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    const form = target.closest("form") ?? document.body;
    if (target.matches("[data-select-all]")) {
      const table = target.closest("table[data-select]");
      for (const box of partsOf(table).boxes) box.checked = target.checked;
    } else if (target.matches("[data-select-row]") && !target.checked) {
      const matching = form.querySelector("[data-select-matching]");
      if (matching) matching.checked = false; // All but one is not all.
    }
    if (target.matches("[data-select-all], [data-select-row], [data-select-matching]")) {
      form.querySelectorAll("table[data-select]").forEach(sync);
    }
  });
  document.addEventListener("htmx:afterSettle", () => tables().forEach(restore));
  window.addEventListener("pageshow", () => tables().forEach(restore));

  for (const mark of document.querySelectorAll("[data-selection-forget]")) {
    keep(`selection:${mark.dataset.selectionForget}`, new Set());
  }
  tables().forEach(restore);
})();
