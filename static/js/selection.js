// Picking rows of table[data-select="NAME"]: the head's box, ranges with Shift, a count, and rows
// of other pages of the same list, remembered in this tab under NAME and sent along with the form.
//   [data-select-all]              the head's box: all rows of this page
//   tbody input[data-select-row]   the boxes; their value is the row's id
//   [data-select-matching]         a button for all rows that answer data-query of the table, whose
//                                  number is the data-total of #device-count; rows that are unticked
//                                  then are remembered. It ends when another query is asked.
//     [data-select-total]            its number in words
//   [data-selection]               the bar (hidden while nothing is picked), in the same form, with
//     [data-selection-count] [data-selection-elsewhere] [data-selection-clear]
//   [data-selection-forget=NAME]   on a page that follows the use of a selection: it is dropped
// The form is sent the ticked boxes and `carried` (ids of other pages), or `all` and `unticked`.
"use strict";
(() => {
  const MOST = 20000; // ids kept for one list
  const number = new Intl.NumberFormat(document.documentElement.lang);

  // What is kept: {ids}, or {query, unticked, total} for all that match.
  function read(name) {
    try {
      const kept = JSON.parse(sessionStorage.getItem(`selection:${name}`) ?? "{}");
      return kept.query === undefined
        ? { ids: new Set(kept.ids ?? []) }
        : { ...kept, unticked: new Set(kept.unticked) };
    } catch {
      return { ids: new Set() };
    }
  }

  function keep(name, kept) {
    const lists = Object.entries(kept).map(([key, value]) => [
      key,
      value instanceof Set ? [...value].slice(0, MOST) : value,
    ]);
    const empty = kept.query === undefined && kept.ids.size === 0;
    try {
      if (empty) sessionStorage.removeItem(`selection:${name}`);
      else sessionStorage.setItem(`selection:${name}`, JSON.stringify(Object.fromEntries(lists)));
    } catch {
      // The selection then lasts as long as this page.
    }
  }

  function partsOf(table) {
    const form = table.closest("form") ?? document.body;
    return {
      form,
      name: table.dataset.select,
      query: table.dataset.query ?? "",
      boxes: [...table.querySelectorAll("tbody [data-select-row]:not(:disabled)")],
      head: table.querySelector("[data-select-all]"),
      bar: form.querySelector("[data-selection]"),
      matching: form.querySelector("[data-select-matching]"),
      total: form.querySelector("[data-total]")?.dataset.total,
    };
  }

  function keptOf(table) {
    const { name, query, total } = partsOf(table);
    const kept = read(name);
    if (kept.query === undefined) return kept;
    if (kept.query !== query) return { ids: new Set() }; // Another list: not these rows.
    return { ...kept, total: total === undefined ? kept.total : Number(total) };
  }

  function send(bar, name, value) {
    bar.querySelector(`[data-sent="${name}"]`)?.remove();
    if (!value) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    field.dataset.sent = name;
    bar.append(field);
  }

  function sendAlong({ bar, boxes }, kept) {
    const here = new Set(boxes.map((box) => box.value));
    const all = kept.query !== undefined;
    const others = all ? [] : [...kept.ids].filter((id) => !here.has(id));
    send(bar, "all", all ? "1" : "");
    send(bar, "unticked", all ? [...kept.unticked].join() : "");
    send(bar, "carried", others.join());
    return others.length;
  }

  function words(kept, others) {
    if (kept.query === undefined) {
      return others ? `${number.format(others)} on other pages` : "";
    }
    const less = kept.unticked.size;
    return `all that match${less ? `, less ${number.format(less)}` : ""}`;
  }

  function show(table) {
    const parts = partsOf(table);
    const { boxes, head, bar, matching, total } = parts;
    const kept = keptOf(table);
    const all = kept.query !== undefined;
    for (const box of boxes) {
      box.checked = all ? !kept.unticked.has(box.value) : kept.ids.has(box.value);
    }
    const here = boxes.filter((box) => box.checked).length;
    if (head) {
      head.checked = boxes.length > 0 && here === boxes.length;
      head.indeterminate = here > 0 && here < boxes.length;
    }
    if (matching) {
      matching.hidden = total === undefined || all;
      matching.querySelector("[data-select-total]").textContent = number.format(total ?? 0);
    }
    if (!bar) return;
    const count = all ? Math.max(0, kept.total - kept.unticked.size) : kept.ids.size;
    bar.hidden = count === 0;
    const others = sendAlong(parts, kept);
    bar.querySelector("[data-selection-count]").textContent = number.format(count);
    bar.querySelector("[data-selection-elsewhere]").textContent = words(kept, others);
  }

  // After boxes were changed by hand: what they say is remembered.
  function store(table) {
    const { name, boxes } = partsOf(table);
    const kept = keptOf(table);
    for (const box of boxes) {
      const add = kept.query === undefined ? box.checked : !box.checked;
      (kept.ids ?? kept.unticked)[add ? "add" : "delete"](box.value);
    }
    keep(name, kept);
    show(table);
  }

  function selectMatching(table) {
    const { name, query, total, bar } = partsOf(table);
    keep(name, { query, unticked: new Set(), total: Number(total) });
    show(table);
    bar?.querySelector("[type=submit]")?.focus();
  }

  function clear(table) {
    keep(table.dataset.select, { ids: new Set() });
    show(table);
    partsOf(table).head?.focus();
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

  function tables(root = document) {
    return root.querySelectorAll("table[data-select]");
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    const row = target.closest("[data-select-row]");
    const table = row?.closest("table[data-select]");
    if (table) {
      if (event.shiftKey) range(table, row);
      table.lastPicked = row;
      store(table);
    }
    const form = target.closest("form") ?? document.body;
    if (target.closest("[data-selection-clear]")) tables(form).forEach(clear);
    if (target.closest("[data-select-matching]")) tables(form).forEach(selectMatching);
  });
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-select-all]")) return;
    const table = target.closest("table[data-select]");
    for (const box of partsOf(table).boxes) box.checked = target.checked;
    store(table);
  });
  document.addEventListener("htmx:afterSettle", () => tables().forEach(show));
  window.addEventListener("pageshow", () => tables().forEach(show));

  for (const mark of document.querySelectorAll("[data-selection-forget]")) {
    keep(mark.dataset.selectionForget, { ids: new Set() });
  }
  tables().forEach(show);
})();
