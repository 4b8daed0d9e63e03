// Keyboard shortcuts: "/" focuses the search box, "g" and a letter open a page, "?" lists the
// shortcuts. The list has a switch to turn them off, because speech input types single letters.
"use strict";
(() => {
  const PAGES = {
    o: "overview",
    d: "devices",
    r: "action_requests",
    l: "agent_logs",
    v: "vendor_calls",
    a: "audit",
    s: "storage",
  };
  const SEQUENCE_TIMEOUT = 1200; // ms within which the second key must follow "g"
  let pressedG = 0;

  function isEnabled() {
    try {
      return localStorage.getItem("keys") !== "off";
    } catch {
      return true;
    }
  }

  function isTextEntry(element) {
    return element.isContentEditable || element.matches("input, textarea, select");
  }

  function openPage(key) {
    document.querySelector(`[data-go="${PAGES[key]}"]`)?.click();
  }

  function focusSearch() {
    const field = document.querySelector("[data-search], main input[type=search]");
    field?.focus();
    field?.select();
    return field !== null;
  }

  function closeOrBlur(target) {
    const menu = target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (target.matches("input[type=search]")) {
      target.blur();
    }
  }

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "Escape") closeOrBlur(target);
    if (!isEnabled() || isTextEntry(target) || document.querySelector("dialog[open]")) return;
    if (Date.now() - pressedG < SEQUENCE_TIMEOUT && key in PAGES) openPage(key);
    else if (key === "/" && focusSearch()) event.preventDefault();
    else if (key === "?") document.getElementById("keys")?.showModal();
    pressedG = key === "g" ? Date.now() : 0;
  });

  for (const box of document.querySelectorAll("[data-keys-switch]")) {
    box.checked = isEnabled();
    box.addEventListener("change", () => {
      try {
        localStorage.setItem("keys", box.checked ? "on" : "off");
      } catch {
        box.checked = true; // Without storage the shortcuts stay on.
      }
    });
  }
})();
