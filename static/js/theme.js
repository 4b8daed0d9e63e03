// The colours: the system's, light or dark, kept in this browser. Loaded before the first paint, so
// that no page flashes in the wrong colours; everything else in the console's scripts is deferred.
"use strict";
(() => {
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // Storage may be forbidden; the system's colours are right then.
    }
  }

  function apply(choice) {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
  }

  function mark() {
    const chosen = root.dataset.theme ?? "system";
    for (const button of document.querySelectorAll("[data-theme-set]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === chosen));
    }
  }

  root.classList.add("js");
  apply(stored());

  document.addEventListener("DOMContentLoaded", mark);
  window.addEventListener("storage", (event) => {
    if (event.key !== "theme") return;
    apply(event.newValue);
    mark();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-set]");
    if (!button) return;
    apply(button.dataset.themeSet);
    mark();
    try {
      localStorage.setItem("theme", button.dataset.themeSet);
    } catch {
      // The choice then lasts as long as this page.
    }
  });
})();
