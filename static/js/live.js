// Live parts of a page. An element with data-live holds a stream (sse-connect), the parts that the
// stream swaps, and a sign that shows the age of the data. While the stream is not open, elements
// with data-poll inside receive the event "poll" every two seconds. Both end when a fragment with
// data-final arrives. Both stop in a hidden tab.
//
//   <div data-live hx-ext="sse,morph" sse-connect="/stream" sse-swap="progress"
//        hx-target="#progress" hx-swap="morph:outerHTML">
//     {% include "_live.html" %}
//     <div id="progress" data-poll hx-get="/part" hx-trigger="poll" hx-target="this"
//          hx-swap="morph:outerHTML">
//
// Put sse-swap on the outer element, not on the one that is replaced: the extension would add a
// listener with every message, and then swap each message in several times.
"use strict";
(() => {
  const POLL_EVERY = 2000; // ms between polls while there is no stream
  const GRACE_PERIOD = 2000; // ms without a stream before the page shows it
  const MAX_RETRY_DELAY = 30000; // ms before a refused stream is retried
  const CLOSED = 2;
  const streams = new Set();
  const states = new WeakMap();

  // Replaces EventSource for htmx, with two differences: it can pause, and it retries when the
  // server refuses the stream. For htmx it stays open until htmx closes it.
  class Stream {
    constructor(url) {
      this.url = url;
      this.readyState = 0;
      this.listeners = [];
      this.failures = 0;
      streams.add(this);
      if (!document.hidden) this.resume();
    }

    resume() {
      if (this.real || this.readyState === CLOSED) return;
      clearTimeout(this.timer);
      const real = new EventSource(this.url);
      this.real = real;
      real.onopen = (event) => {
        this.readyState = 1;
        this.failures = 0;
        this.onopen?.(event);
      };
      real.onerror = (event) => {
        this.readyState = 0;
        if (real.readyState === CLOSED) this.retryLater();
        this.onerror?.(event);
      };
      for (const [name, listener] of this.listeners) real.addEventListener(name, listener);
    }

    retryLater() {
      this.real = null;
      const delay = Math.min(MAX_RETRY_DELAY, 1000 * 2 ** this.failures++);
      // Jitter of up to half the delay, so that many pages do not reconnect at the same instant.
      this.timer = setTimeout(() => this.resume(), delay * (0.5 + Math.random() / 2));
    }

    pause() {
      clearTimeout(this.timer);
      this.real?.close();
      this.real = null;
      if (this.readyState !== CLOSED) this.readyState = 0;
    }

    close() {
      this.pause();
      this.readyState = CLOSED;
      streams.delete(this);
    }

    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      this.real?.addEventListener(name, listener);
    }

    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter(([n, l]) => n !== name || l !== listener);
      this.real?.removeEventListener(name, listener);
    }
  }

  htmx.createEventSource = (url) => new Stream(url);

  function stateOf(root) {
    if (!states.has(root)) {
      const now = Date.now();
      states.set(root, { open: false, changed: now, updated: now, polled: 0, answered: false });
    }
    return states.get(root);
  }

  function setText(element, text) {
    // A screen reader announces the text again even if it is set to the same value.
    if (element && element.textContent !== text) element.textContent = text;
  }

  function show(root, mode, word, age = "") {
    const sign = root.querySelector("[data-live-state]");
    if (!sign) return;
    const name = `live live-${mode}`;
    if (sign.className !== name) sign.className = name;
    setText(sign.querySelector("[data-live-word]"), word);
    setText(sign.querySelector("[data-live-age]"), age);
    const button = sign.querySelector("[data-live-pause]");
    if (button) button.hidden = mode === "ended";
  }

  function isFinal(root) {
    return root.matches("[data-final]") || root.querySelector("[data-final]") !== null;
  }

  function poll(root, state, now) {
    if (now - state.polled < POLL_EVERY) return;
    state.polled = now;
    const parts = [...root.querySelectorAll("[data-poll]")];
    if (root.matches("[data-poll]")) parts.push(root);
    for (const part of parts) {
      if (!part.classList.contains("htmx-request")) htmx.trigger(part, "poll");
    }
  }

  function update(root) {
    const state = stateOf(root);
    const now = Date.now();
    if (isFinal(root)) {
      state.source?.close();
      return show(root, "ended", "finished");
    }
    if (state.paused) return show(root, "paused", "paused");
    if (state.open) return show(root, "live", "live");
    if (now - state.changed < GRACE_PERIOD) return undefined;
    poll(root, state, now);
    const age = Math.round((now - state.updated) / 1000);
    if (state.answered && age < 6) return show(root, "polling", "polling", ", every 2 s");
    return show(root, "reconnecting", "reconnecting", `, ${age} s old`);
  }

  function updateAll() {
    if (document.hidden) return;
    for (const root of document.querySelectorAll("[data-live]")) update(root);
  }

  function setOpen(event, open) {
    const root = event.target.closest?.("[data-live]");
    if (!root) return;
    const state = stateOf(root);
    state.source = event.detail.source ?? state.source;
    if (state.open !== open) {
      state.open = open;
      state.changed = Date.now();
    }
    if (open) state.updated = state.changed;
    update(root);
  }

  function pauseAll() {
    for (const stream of streams) stream.pause();
    for (const root of document.querySelectorAll("[data-live]")) {
      Object.assign(stateOf(root), { open: false, changed: Date.now(), polled: 0 });
    }
  }

  function resumeAll() {
    // The server sends the whole state when a stream opens, so no update is lost.
    for (const stream of streams) if (!stream.held) stream.resume();
    updateAll();
  }

  function togglePause(button) {
    const root = button.closest("[data-live]");
    const state = stateOf(root);
    state.paused = !state.paused;
    button.setAttribute("aria-pressed", String(state.paused));
    if (state.source) {
      state.source.held = state.paused;
      if (state.paused) state.source.pause();
      else state.source.resume();
    }
    Object.assign(state, { open: false, changed: Date.now(), polled: 0 });
    update(root);
  }

  document.addEventListener("htmx:sseOpen", (event) => setOpen(event, true));
  document.addEventListener("htmx:sseError", (event) => setOpen(event, false));
  document.addEventListener("htmx:sseClose", (event) => setOpen(event, false));
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const root = event.target.closest?.("[data-live]");
    if (root) stateOf(root).updated = Date.now();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const part = event.target.closest?.("[data-poll]");
    const root = part?.closest("[data-live]");
    if (!root) return;
    const state = stateOf(root);
    state.answered = event.detail.successful;
    if (state.answered) state.updated = Date.now();
  });
  document.addEventListener("htmx:afterSettle", updateAll);
  document.addEventListener("visibilitychange", () => (document.hidden ? pauseAll() : resumeAll()));
  window.addEventListener("pagehide", pauseAll);
  window.addEventListener("pageshow", (event) => event.persisted && resumeAll());
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-pause]");
    if (button) togglePause(button);
  });
  setInterval(updateAll, 1000);
  updateAll();
})();
