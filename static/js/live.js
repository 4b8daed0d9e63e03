// Live parts of a page. An element with data-live holds a stream (sse-connect), what the stream
// swaps, and a sign of how fresh it is. While the stream is not open, the elements with data-poll
// inside hear the event "poll" every two seconds. When the server's fragment says data-finished,
// both end. In a hidden tab both rest.
//
//   <div data-live hx-ext="sse,morph" sse-connect="/stream" sse-swap="progress"
//        hx-target="#progress" hx-swap="morph:outerHTML">
//     {% include "_live.html" %}
//     <div id="progress" data-poll hx-get="/part" hx-trigger="poll" hx-target="this"
//          hx-swap="morph:outerHTML">
//
// sse-swap stands on the outer element, never on the one that is replaced: the extension would add
// one more listener with every message, and each message would then be swapped in as often.
"use strict";
(() => {
  const POLL_EVERY = 2000; // ms between polls while there is no stream
  const PATIENCE = 2000; // ms without a stream before the page says so
  const RETRY_MOST = 30000; // ms, the longest wait before a refused stream is tried again
  const CLOSED = 2;
  const streams = new Set();
  const states = new WeakMap();

  // What htmx takes for an EventSource, with two differences: it can pause, and it goes on trying
  // when the server refuses the stream for a while. To htmx it is open until htmx closes it.
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
      const wait = Math.min(RETRY_MOST, 1000 * 2 ** this.failures++);
      // Half of the wait is left to chance: many pages must not come back in the same instant.
      this.timer = setTimeout(() => this.resume(), wait * (0.5 + Math.random() / 2));
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
      states.set(root, { open: false, changed: now, news: now, polled: 0, answered: false });
    }
    return states.get(root);
  }

  function write(element, text) {
    // Writing the same words again would make a screen reader say them again.
    if (element && element.textContent !== text) element.textContent = text;
  }

  function show(root, way, word, age = "") {
    const sign = root.querySelector("[data-live-state]");
    if (!sign) return;
    const name = `live live-${way}`;
    if (sign.className !== name) sign.className = name;
    write(sign.querySelector("[data-live-word]"), word);
    write(sign.querySelector("[data-live-age]"), age);
    const button = sign.querySelector("[data-live-pause]");
    if (button) button.hidden = way === "ended";
  }

  function finished(root) {
    return root.matches("[data-finished]") || root.querySelector("[data-finished]") !== null;
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

  function look(root) {
    const state = stateOf(root);
    const now = Date.now();
    if (finished(root)) {
      state.source?.close();
      return show(root, "ended", "finished");
    }
    if (state.paused) return show(root, "paused", "paused");
    if (state.open) return show(root, "live", "live");
    if (now - state.changed < PATIENCE) return undefined;
    poll(root, state, now);
    const age = Math.round((now - state.news) / 1000);
    if (state.answered && age < 6) return show(root, "polling", "polling", ", every 2 s");
    return show(root, "reconnecting", "reconnecting", `, ${age} s old`);
  }

  function lookAtAll() {
    if (document.hidden) return;
    for (const root of document.querySelectorAll("[data-live]")) look(root);
  }

  function turn(event, open) {
    const root = event.target.closest?.("[data-live]");
    if (!root) return;
    const state = stateOf(root);
    state.source = event.detail.source ?? state.source;
    if (state.open !== open) {
      state.open = open;
      state.changed = Date.now();
    }
    if (open) state.news = state.changed;
    look(root);
  }

  function pauseAll() {
    for (const stream of streams) stream.pause();
    for (const root of document.querySelectorAll("[data-live]")) {
      Object.assign(stateOf(root), { open: false, changed: Date.now(), polled: 0 });
    }
  }

  function resumeAll() {
    // The server sends the whole state when a stream opens, so nothing was missed while away.
    for (const stream of streams) if (!stream.held) stream.resume();
    lookAtAll();
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
    look(root);
  }

  document.addEventListener("htmx:sseOpen", (event) => turn(event, true));
  document.addEventListener("htmx:sseError", (event) => turn(event, false));
  document.addEventListener("htmx:sseClose", (event) => turn(event, false));
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const root = event.target.closest?.("[data-live]");
    if (root) stateOf(root).news = Date.now();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const part = event.target.closest?.("[data-poll]");
    const root = part?.closest("[data-live]");
    if (!root) return;
    const state = stateOf(root);
    state.answered = event.detail.successful;
    if (state.answered) state.news = Date.now();
  });
  document.addEventListener("htmx:afterSettle", lookAtAll);
  document.addEventListener("visibilitychange", () => (document.hidden ? pauseAll() : resumeAll()));
  window.addEventListener("pagehide", pauseAll);
  window.addEventListener("pageshow", (event) => event.persisted && resumeAll());
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-pause]");
    if (button) togglePause(button);
  });
  setInterval(lookAtAll, 1000);
  lookAtAll();
})();
