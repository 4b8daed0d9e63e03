// Selecting rows of table[data-select="NAME"]: the box in the head, ranges with Shift, a count, and
// rows on other pages of the same list, kept in sessionStorage under NAME and sent with the form.
//   [data-select-all]              the box in the head: all rows of this page
//   tbody input[data-select-row]   the boxes; their value is the row's ID
//   [data-select-matching]         a button that selects all rows matching data-query of the table;
//                                  their number is data-total of #device-count. Rows that are then
//                                  unticked are excluded. Another query ends this selection.
//     [data-select-total]            the number on that button
//   [data-selection]               the bar (hidden without a selection), in the same form, with
//     [data-selection-count] [data-selection-elsewhere] [data-selection-clear]
//   [data-selection-forget=NAME]   on a page after the selection was used: clears it
// The form sends the ticked boxes and `carried` (IDs on other pages), or `all` and `unticked`.
"use strict";
(() => {
  const MAX_IDS = 20000; // stored for one list
  const numberFormat = new Intl.NumberFormat(document.documentElement.lang);

  // The stored selection: {ids}, or {query, unticked, total} for all matching rows.
  function read(name) {
    try {
      const selection = JSON.parse(sessionStorage.getItem(`selection:${name}`) ?? "{}");
      return selection.query === undefined
        ? { ids: new Set(selection.ids ?? []) }
        : { ...selection, unticked: new Set(selection.unticked) };
    } catch {
      return { ids: new Set() };
    }
  }

  function save(name, selection) {
    const lists = Object.entries(selection).map(([key, value]) => [
      key,
      value instanceof Set ? [...value].slice(0, MAX_IDS) : value,
    ]);
    const empty = selection.query === undefined && selection.ids.size === 0;
    try {
      if (empty) sessionStorage.removeItem(`selection:${name}`);
      else sessionStorage.setItem(`selection:${name}`, JSON.stringify(Object.fromEntries(lists)));
    } catch {
      // Without storage the selection lasts until the page is left.
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

  function selectionOf(table) {
    const { name, query, total } = partsOf(table);
    const selection = read(name);
    if (selection.query === undefined) return selection;
    if (selection.query !== query) return { ids: new Set() }; // A selection in another list.
    return { ...selection, total: total === undefined ? selection.total : Number(total) };
  }

  function setHiddenField(bar, name, value) {
    bar.querySelector(`[data-sent="${name}"]`)?.remove();
    if (!value) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    field.dataset.sent = name;
    bar.append(field);
  }

  function setHiddenFields({ bar, boxes }, selection) {
    const here = new Set(boxes.map((box) => box.value));
    const all = selection.query !== undefined;
    const others = all ? [] : [...selection.ids].filter((id) => !here.has(id));
    setHiddenField(bar, "all", all ? "1" : "");
    setHiddenField(bar, "unticked", all ? [...selection.unticked].join() : "");
    setHiddenField(bar, "carried", others.join());
    return others.length;
  }

  function describe(selection, others) {
    if (selection.query === undefined) {
      return others ? `${numberFormat.format(others)} on other pages` : "";
    }
    const excluded = selection.unticked.size;
    return `all matching${excluded ? `, ${numberFormat.format(excluded)} excluded` : ""}`;
  }

  function show(table) {
    const parts = partsOf(table);
    const { boxes, head, bar, matching, total } = parts;
    const selection = selectionOf(table);
    const all = selection.query !== undefined;
    for (const box of boxes) {
      box.checked = all ? !selection.unticked.has(box.value) : selection.ids.has(box.value);
    }
    const here = boxes.filter((box) => box.checked).length;
    if (head) {
      head.checked = boxes.length > 0 && here === boxes.length;
      head.indeterminate = here > 0 && here < boxes.length;
    }
    if (matching) {
      matching.hidden = total === undefined || all;
      matching.querySelector("[data-select-total]").textContent = numberFormat.format(total ?? 0);
    }
    if (!bar) return;
    const count = all ? Math.max(0, selection.total - selection.unticked.size) : selection.ids.size;
    bar.hidden = count === 0;
    const others = setHiddenFields(parts, selection);
    bar.querySelector("[data-selection-count]").textContent = numberFormat.format(count);
    bar.querySelector("[data-selection-elsewhere]").textContent = describe(selection, others);
  }

  // Store the boxes after the user changed them.
  function store(table) {
    const { name, boxes } = partsOf(table);
    const selection = selectionOf(table);
    for (const box of boxes) {
      const add = selection.query === undefined ? box.checked : !box.checked;
      (selection.ids ?? selection.unticked)[add ? "add" : "delete"](box.value);
    }
    save(name, selection);
    show(table);
  }

  function selectMatching(table) {
    const { name, query, total, bar } = partsOf(table);
    save(name, { query, unticked: new Set(), total: Number(total) });
    show(table);
    bar?.querySelector("[type=submit]")?.focus();
  }

  function clear(table) {
    save(table.dataset.select, { ids: new Set() });
    show(table);
    partsOf(table).head?.focus();
  }

  function selectRange(table, box) {
    const { boxes } = partsOf(table);
    const previous = boxes.indexOf(table.lastClicked);
    const current = boxes.indexOf(box);
    if (previous < 0 || current < 0) return;
    const [start, end] = [Math.min(previous, current), Math.max(previous, current)];
    for (const between of boxes.slice(start, end + 1)) between.checked = box.checked;
  }

  function tables(root = document) {
    return root.querySelectorAll("table[data-select]");
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    const row = target.closest("[data-select-row]");
    const table = row?.closest("table[data-select]");
    if (table) {
      if (event.shiftKey) selectRange(table, row);
      table.lastClicked = row;
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

  for (const element of document.querySelectorAll("[data-selection-forget]")) {
    save(element.dataset.selectionForget, { ids: new Set() });
  }
  tables().forEach(show);
})();
