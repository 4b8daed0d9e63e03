// The theme: system, light or dark, kept in this browser. Not deferred like the other scripts, so
// that the theme is set before the first paint.
"use strict";
(() => {
  const root = document.documentElement;

  function storedTheme() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // Storage may be blocked: use the system theme.
    }
  }

  function applyTheme(choice) {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
  }

  function markButtons() {
    const chosen = root.dataset.theme ?? "system";
    for (const button of document.querySelectorAll("[data-theme-set]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === chosen));
    }
  }

  root.classList.add("js");
  applyTheme(storedTheme());

  document.addEventListener("DOMContentLoaded", markButtons);
  window.addEventListener("storage", (event) => {
    if (event.key !== "theme") return;
    applyTheme(event.newValue);
    markButtons();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-set]");
    if (!button) return;
    applyTheme(button.dataset.themeSet);
    markButtons();
    try {
      localStorage.setItem("theme", button.dataset.themeSet);
    } catch {
      // Without storage the choice lasts until the page is left.
    }
  });
})();
