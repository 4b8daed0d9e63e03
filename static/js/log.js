// The page of a log. Without this script the numbers of the lines are links all the same.
//   [data-log-link]    offers to copy the link to the line that the address names
//   [data-log-wrap]    remembers whether lines are wrapped
"use strict";
(() => {
  const box = document.querySelector("[data-log-wrap]");
  const offer = document.querySelector("[data-log-link]");

  function showLink() {
    const line = /^#L(\d+)$/.exec(location.hash)?.[1];
    offer.hidden = !line;
    if (!line) return;
    offer.querySelector("[data-log-line]").textContent = line;
    offer.querySelector("[data-copy]").dataset.copy = location.href;
  }

  if (offer) {
    window.addEventListener("hashchange", showLink);
    showLink();
  }
  if (box) {
    try {
      box.checked = localStorage.getItem("log-wrap") === "on";
      box.addEventListener("change", () => {
        localStorage.setItem("log-wrap", box.checked ? "on" : "off");
      });
    } catch {
      box.checked = false; // Without storage each page begins unwrapped.
    }
  }
})();
