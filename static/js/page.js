// Small enhancements of every page; the pages work without them.
//   [data-copy]                    copies its value, or the text of the <code> beside it
//   time[data-relative]            "3 min ago", kept up to date; the exact time is in its title
//   time[data-countdown]           "12 s", updated each second; "now" when it has ended
//   form[data-once]                is submitted once, even on a double click
//   [data-dialog="id"] [data-close]    opens and closes a <dialog>
//   [data-focus]                   takes the focus when the page opens (errors of a form)
"use strict";
(() => {
  const UNITS = [
    [60, 1, "s"],
    [3600, 60, "min"],
    [86400, 3600, "h"],
    [86400 * 60, 86400, "d"],
    [86400 * 730, 86400 * 30.44, "months"],
    [Infinity, 86400 * 365.25, "years"],
  ];
  const exactFormat = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "long",
  });

  // Times.
  function distance(seconds) {
    const [, size, unit] = UNITS.find(([max]) => seconds < max);
    return `${Math.max(1, Math.floor(seconds / size))} ${unit}`;
  }

  function relative(at) {
    const seconds = (Date.now() - at) / 1000;
    if (Math.abs(seconds) < 5) return "now";
    return seconds > 0 ? `${distance(seconds)} ago` : `in ${distance(-seconds)}`;
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function updateTimes() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      setText(time, relative(at));
      if (!time.title) time.title = exactFormat.format(at);
    }
  }

  function updateCountdowns() {
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const seconds = Math.ceil((Date.parse(time.dateTime) - Date.now()) / 1000);
      if (!Number.isNaN(seconds)) setText(time, seconds > 0 ? distance(seconds) : "now");
    }
  }

  function updateAllTimes() {
    updateTimes();
    updateCountdowns();
  }

  // Copying.
  async function copy(button) {
    const code = button.closest(".copy")?.querySelector("code");
    const text = button.dataset.copy || code?.textContent.trim() || "";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard: select the text for Ctrl+C.
      if (code) getSelection().selectAllChildren(code);
      return;
    }
    button.classList.add("copied");
    const label = button.getAttribute("aria-label");
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      button.classList.remove("copied");
      button.setAttribute("aria-label", label ?? "Copy");
    }, 1500);
  }

  // Submitting once.
  function lock(form) {
    form.dataset.sent = "";
    for (const button of form.querySelectorAll("[type=submit]")) {
      button.setAttribute("aria-busy", "true");
      button.setAttribute("aria-disabled", "true");
    }
  }

  function unlock(form) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) {
      button.removeAttribute("aria-busy");
      button.removeAttribute("aria-disabled");
    }
  }

  // Dialogs.
  function openDialog(opener, event) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog?.showModal) return;
    event.preventDefault(); // Without a script the link works.
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    const button = target.closest("[data-copy]");
    const opener = target.closest("[data-dialog]");
    if (button) copy(button);
    else if (opener && !event.ctrlKey && !event.metaKey) openDialog(opener, event);
    else if (target.closest("[data-close]")) target.closest("dialog")?.close();
    else if (target.matches("dialog.dialog")) target.close(); // A click on the backdrop.
    else if (target.closest("[aria-disabled=true]")) event.preventDefault();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if ("sent" in form.dataset) event.preventDefault();
    else lock(form);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.matches?.("form[data-once]")) unlock(event.target);
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const field = document.querySelector("[name=csrfmiddlewaretoken]");
    if (event.detail.verb !== "get" && field) event.detail.headers["X-CSRFToken"] = field.value;
  });
  for (const name of ["htmx:afterSettle", "htmx:sseMessage"]) {
    document.addEventListener(name, updateAllTimes);
  }
  window.addEventListener("pageshow", (event) => {
    // The Back button restores the page as it was left: its forms must work again.
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(unlock);
    updateAllTimes();
  });

  setInterval(updateTimes, 30000);
  setInterval(updateCountdowns, 1000);
  updateAllTimes();
  document.querySelector("[data-focus]")?.focus();
})();
