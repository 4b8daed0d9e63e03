// Small notices at the bottom right, and what to say when a call of htmx fails.
// A server adds one with the header HX-Trigger: {"toast": {"level": "success", "text": "..."}}.
"use strict";
(() => {
  const STAY = 8000; // ms that good news stays; bad news stays until it is dismissed
  const MOST = 4; // older notices make room for newer ones
  const ICONS = { success: "circle-check", info: "info" };
  const WORDS = {
    400: "The console did not accept this. Reload the page and try again.",
    403: "You may not do this.",
    404: "This is gone.",
    409: "Somebody changed this before you. Reload the page to see it.",
    413: "This is too much at once.",
    429: "Too many calls in a short time. Wait a little.",
    500: "Something went wrong on our side.",
    502: "The console is not answering.",
    503: "The console is not answering.",
  };

  function fade(toast) {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) fade(toast);
      else toast.remove();
    }, STAY);
  }

  function add(level, text) {
    const box = document.getElementById("toasts");
    const template = document.getElementById("toast-template");
    if (!box || !template) return;
    const toast = template.content.firstElementChild.cloneNode(true);
    toast.classList.add(`toast-${level}`);
    toast.querySelector(".toast-text").textContent = text;
    const use = toast.querySelector("use");
    const sprite = use.getAttribute("href").split("#")[0];
    use.setAttribute("href", `${sprite}#${ICONS[level] ?? "triangle-alert"}`);
    box.append(toast);
    while (box.children.length > MOST) box.firstElementChild.remove();
    if (level in ICONS) fade(toast);
  }

  function isPoll(event) {
    // A poll that fails is told by the live sign; a notice every two seconds would bury the page.
    return event.target.closest?.("[data-poll]") !== null;
  }

  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) return;
    const { status } = event.detail.xhr;
    const id = event.detail.xhr.getResponseHeader("X-Request-ID");
    const words = WORDS[status] ?? "The console could not do this.";
    add("error", `${words} (${status}${id ? `, quote ${id}` : ""})`);
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (!isPoll(event)) add("error", "No answer from the console. Is the network there?");
    });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    // 422 is a form with its errors: it is shown where it belongs instead of as a failure.
    if (event.detail.xhr.status !== 422) return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });
  document.addEventListener("toast", (event) => {
    const { level = "info", text = "" } = event.detail ?? {};
    if (text) add(level, text);
  });
  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".toast").remove();
  });
  for (const toast of document.querySelectorAll(".toast-success, .toast-info")) fade(toast);
})();
