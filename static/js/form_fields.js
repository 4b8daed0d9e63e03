// Form fields with extra behaviour. Without this script the button beside the field does the same.
//   select[data-submit]                  submits its form when the choice changes by pointer; with
//                                        the arrow keys, every step would be a change
//   button[data-fill="ID"][data-value]   writes the value into that field; data-uncheck="ID" clears
//                                        a check box that contradicts it
"use strict";
(() => {
  function dispatchChange(field) {
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function fill({ dataset }) {
    const field = document.getElementById(dataset.fill);
    const box = document.getElementById(dataset.uncheck ?? "");
    if (box?.checked) {
      box.checked = false;
      dispatchChange(box);
    }
    if (!field) return;
    field.value = dataset.value;
    dispatchChange(field);
    field.focus();
  }

  let usedKeyboard = false;
  document.addEventListener("keydown", () => (usedKeyboard = true), true);
  document.addEventListener("pointerdown", () => (usedKeyboard = false), true);
  document.addEventListener("change", ({ target }) => {
    if (target.matches("select[data-submit]") && !usedKeyboard) target.form.requestSubmit();
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-fill]");
    if (button) fill(button);
  });
})();
