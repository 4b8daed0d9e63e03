// What a browser keeps for the person who is signed in. <body data-person> names the person; pages
// for signed-out people have none.
//   - Another person finds nothing of the one before: sessionStorage is cleared.
//   - A form whose session had ended is filled in again when the same person has signed in anew.
//   - Requests that a page makes by itself carry X-Unattended: they are no activity of a person.
// Loaded before the scripts that read sessionStorage.
"use strict";
(() => {
  const DRAFT = "draft"; // {person, action, fields, at, lost}
  const ARRIVES_WITHIN = 60000; // ms from sending a form to the page that answers it
  const MAX_DRAFT = 1000000; // characters
  const UNATTENDED = /every|poll|sse:|load|progressed/;
  const person = document.body.dataset.person ?? "";
  const isSignIn = document.querySelector("[data-sign-in]") !== null;

  function read(key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null; // Storage may be blocked: then nothing is kept.
    }
  }

  function write(key, value) {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      // Full or blocked: then nothing is kept.
    }
  }

  function forgetAnother() {
    if (!person || read("person") === person) return;
    if (read("person") !== null) sessionStorage.clear();
    write("person", person);
  }

  function keepDraft(form) {
    const fields = [...new FormData(form)].filter(
      ([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken",
    );
    const action = new URL(form.action, location.href).pathname;
    const draft = JSON.stringify({ person, action, fields, at: Date.now() });
    if (draft.length <= MAX_DRAFT) write(DRAFT, draft);
  }

  function readDraft() {
    try {
      return JSON.parse(read(DRAFT) ?? "null");
    } catch {
      return null;
    }
  }

  function fill(form, fields) {
    const rest = new Map();
    for (const [name, value] of fields) rest.set(name, [...(rest.get(name) ?? []), value]);
    for (const field of form.elements) {
      if (!field.name || !rest.has(field.name) || field.type === "file") continue;
      if (field.name === "form_token" || field.name === "csrfmiddlewaretoken") continue;
      const values = rest.get(field.name);
      if (field.type === "checkbox" || field.type === "radio") {
        field.checked = values.includes(field.value);
      } else if (field.type !== "submit" && field.type !== "button") {
        field.value = values[0];
      }
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  function tellRestored(form) {
    const note = document.createElement("p");
    note.className = "banner banner-info";
    note.setAttribute("role", "status");
    note.textContent =
      "Your session had ended, so nothing was sent. Your entries are filled in again: check and send.";
    form.prepend(note);
  }

  // The sign-in page marks a draft whose form has led to it. An older draft is of a form that was
  // answered with a file, so that the page stayed.
  function markLost(draft) {
    const lost = draft.lost || Date.now() - draft.at < ARRIVES_WITHIN;
    write(DRAFT, JSON.stringify(lost ? { ...draft, lost } : null));
  }

  function restore(draft) {
    const form = [...document.forms].find(
      (each) =>
        each.method === "post" && new URL(each.action, location.href).pathname === draft.action,
    );
    if (!form) return;
    fill(form, draft.fields);
    form.closest("dialog")?.showModal();
    const menu = form.closest("details");
    if (menu) menu.open = true;
    tellRestored(form);
  }

  // Any other page means that the form was sent.
  function settleDraft() {
    const draft = readDraft();
    if (!draft) return;
    if (isSignIn) markLost(draft);
    if (!person) return;
    write(DRAFT, "null");
    if (draft.lost && draft.person === person) restore(draft);
  }

  document.addEventListener("submit", ({ target, defaultPrevented }) => {
    if (defaultPrevented || target.method !== "post" || !person) return;
    if (target.matches("[data-sign-out]")) sessionStorage.clear();
    else keepDraft(target);
  });
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    const trigger = detail.elt.getAttribute("hx-trigger") ?? "";
    if (UNATTENDED.test(trigger)) detail.headers["X-Unattended"] = "1";
  });
  window.addEventListener("pageshow", (event) => {
    // A page from the Back button's memory may be another person's by now: ask the server.
    if (event.persisted && person && read("person") !== person) location.reload();
  });

  forgetAnother();
  settleDraft();
})();
