// Small helps that every page has; the page works without them.
//   [data-copy]                    copies its value, or the text of the <code> beside it
//   time[data-relative]            "3 min ago", renewed; the exact time is in its title
//   time[data-countdown]           "12 s", renewed each second; "now" when it is over
//   form[data-once]                is sent once, whatever the mouse does
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
  const exact = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "long",
  });

  // Times.
  function distance(seconds) {
    const [, size, unit] = UNITS.find(([most]) => seconds < most);
    return `${Math.max(1, Math.floor(seconds / size))} ${unit}`;
  }

  function relative(moment) {
    const seconds = (Date.now() - moment) / 1000;
    if (Math.abs(seconds) < 5) return "now";
    return seconds > 0 ? `${distance(seconds)} ago` : `in ${distance(-seconds)}`;
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function renewTimes() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const moment = Date.parse(time.dateTime);
      if (Number.isNaN(moment)) continue;
      write(time, relative(moment));
      if (!time.title) time.title = exact.format(moment);
    }
  }

  function renewCountdowns() {
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const seconds = Math.ceil((Date.parse(time.dateTime) - Date.now()) / 1000);
      if (!Number.isNaN(seconds)) write(time, seconds > 0 ? distance(seconds) : "now");
    }
  }

  function renewBoth() {
    renewTimes();
    renewCountdowns();
  }

  // Copying.
  async function copy(button) {
    const code = button.closest(".copy")?.querySelector("code");
    const text = button.dataset.copy || code?.textContent.trim() || "";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard: the text is at least marked for Ctrl+C.
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

  // Sending once.
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
    event.preventDefault(); // The link behind it is the way without a script.
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    const button = target.closest("[data-copy]");
    const opener = target.closest("[data-dialog]");
    if (button) copy(button);
    else if (opener && !event.ctrlKey && !event.metaKey) openDialog(opener, event);
    else if (target.closest("[data-close]")) target.closest("dialog")?.close();
    else if (target.matches("dialog.dialog")) target.close(); // Beside the box is the backdrop.
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
    document.addEventListener(name, renewBoth);
  }
  window.addEventListener("pageshow", (event) => {
    // A page that comes back with the Back button must be usable again.
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(unlock);
    renewBoth();
  });

  setInterval(renewTimes, 30000);
  setInterval(renewCountdowns, 1000);
  renewBoth();
  document.querySelector("[data-focus]")?.focus();
})();
