// The page of an agent log. Line numbers are links without this script, too.
//   [data-log-link]    offers to copy the link to the line in the address
//   [data-log-wrap]    remembers whether lines wrap
"use strict";
(() => {
  const wrapBox = document.querySelector("[data-log-wrap]");
  const copyOffer = document.querySelector("[data-log-link]");

  function showLink() {
    const line = /^#L(\d+)$/.exec(location.hash)?.[1];
    copyOffer.hidden = !line;
    if (!line) return;
    copyOffer.querySelector("[data-log-line]").textContent = line;
    copyOffer.querySelector("[data-copy]").dataset.copy = location.href;
  }

  if (copyOffer) {
    window.addEventListener("hashchange", showLink);
    showLink();
  }
  if (wrapBox) {
    try {
      wrapBox.checked = localStorage.getItem("log-wrap") === "on";
      wrapBox.addEventListener("change", () => {
        localStorage.setItem("log-wrap", wrapBox.checked ? "on" : "off");
      });
    } catch {
      wrapBox.checked = false; // Without storage lines do not wrap.
    }
  }
})();
