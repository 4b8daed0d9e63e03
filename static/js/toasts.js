// Toasts: short messages at the bottom right, also for htmx requests that fail.
// A response adds one with the header HX-Trigger: {"toast": {"level": "success", "text": "..."}}.
"use strict";
(() => {
  const DISMISS_AFTER = 8000; // ms; warnings and errors stay until they are dismissed
  const MAX_TOASTS = 4; // older ones are removed
  const ICONS = { success: "circle-check", info: "info" };
  const MESSAGES = {
    400: "Request rejected. Reload the page and try again.",
    403: "Not allowed for your role.",
    404: "Not found. It may have been removed.",
    409: "Another user changed this. Reload the page.",
    413: "Too large. Send less at once.",
    429: "Too many requests. Try again in a moment.",
    500: "Internal error. Check Requests before you try again.",
    502: "The console is unavailable. Try again in a moment.",
    503: "The console is unavailable. Try again in a moment.",
  };

  function dismissLater(toast) {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) dismissLater(toast);
      else toast.remove();
    }, DISMISS_AFTER);
  }

  function showToast(level, text) {
    const container = document.getElementById("toasts");
    const template = document.getElementById("toast-template");
    if (!container || !template) return;
    const toast = template.content.firstElementChild.cloneNode(true);
    toast.classList.add(`toast-${level}`);
    toast.querySelector(".toast-text").textContent = text;
    const use = toast.querySelector("use");
    const sprite = use.getAttribute("href").split("#")[0];
    use.setAttribute("href", `${sprite}#${ICONS[level] ?? "triangle-alert"}`);
    container.append(toast);
    while (container.children.length > MAX_TOASTS) container.firstElementChild.remove();
    if (level in ICONS) dismissLater(toast);
  }

  function isPoll(event) {
    // The live sign shows a failing poll; a toast every two seconds would cover the page.
    return event.target.closest?.("[data-poll]") !== null;
  }

  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) return;
    const { status } = event.detail.xhr;
    if (event.detail.xhr.getResponseHeader("HX-Trigger")?.includes("toast")) return; // It says why.
    const id = event.detail.xhr.getResponseHeader("X-Request-ID");
    const seconds = event.detail.xhr.getResponseHeader("Retry-After");
    const known = MESSAGES[status] ?? "The request failed.";
    const text = seconds ? known.replace(/Try again .*/, `Try again in ${seconds} s.`) : known;
    showToast("error", `${text} (Error ${status}${id ? `, reference ${id}` : ""})`);
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (!isPoll(event)) showToast("error", "Connection lost. Check the network and try again.");
    });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    // 422 is a form with its errors: swap it in instead of showing a failure.
    if (event.detail.xhr.status !== 422) return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });
  document.addEventListener("toast", (event) => {
    const { level = "info", text = "" } = event.detail ?? {};
    if (text) showToast(level, text);
  });
  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".toast").remove();
  });
  for (const toast of document.querySelectorAll(".toast-success, .toast-info")) dismissLater(toast);
})();
