// Keys for those who come every day: "/" search, "g" and a letter for a place, "?" the list of
// keys. They can be switched off in that list, because speech input types single letters.
"use strict";
(() => {
  const PLACES = {
    o: "overview",
    d: "devices",
    r: "action_requests",
    l: "agent_logs",
    v: "vendor_calls",
    a: "audit",
  };
  const TOGETHER = 1200; // ms in which the second key must follow "g"
  let after = 0;

  function enabled() {
    try {
      return localStorage.getItem("keys") !== "off";
    } catch {
      return true;
    }
  }

  function typing(element) {
    return element.isContentEditable || element.matches("input, textarea, select");
  }

  function go(key) {
    document.querySelector(`[data-go="${PLACES[key]}"]`)?.click();
  }

  function search() {
    const field = document.querySelector("[data-search], main input[type=search]");
    field?.focus();
    field?.select();
    return field !== null;
  }

  function escape(target) {
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
    if (key === "Escape") escape(target);
    if (!enabled() || typing(target) || document.querySelector("dialog[open]")) return;
    if (Date.now() - after < TOGETHER && key in PLACES) go(key);
    else if (key === "/" && search()) event.preventDefault();
    else if (key === "?") document.getElementById("keys")?.showModal();
    after = key === "g" ? Date.now() : 0;
  });

  for (const box of document.querySelectorAll("[data-keys-switch]")) {
    box.checked = enabled();
    box.addEventListener("change", () => {
      try {
        localStorage.setItem("keys", box.checked ? "on" : "off");
      } catch {
        box.checked = true; // Without storage the keys stay on.
      }
    });
  }
})();
