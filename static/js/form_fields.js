// Fields that do more than hold a value. Without this script the button beside them does it.
//   select[data-submit]                  sends its form when another choice is made by pointer; with
//                                        the arrow keys every step would be a choice
//   button[data-fill="ID"][data-value]   writes the value into that field; data-uncheck="ID" takes
//                                        the mark off a box that would contradict it
"use strict";
(() => {
  function changed(field) {
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function fill({ dataset }) {
    const field = document.getElementById(dataset.fill);
    const box = document.getElementById(dataset.uncheck ?? "");
    if (box?.checked) {
      box.checked = false;
      changed(box);
    }
    if (!field) return;
    field.value = dataset.value;
    changed(field);
    field.focus();
  }

  let byKeys = false;
  document.addEventListener("keydown", () => (byKeys = true), true);
  document.addEventListener("pointerdown", () => (byKeys = false), true);
  document.addEventListener("change", ({ target }) => {
    if (target.matches("select[data-submit]") && !byKeys) target.form.requestSubmit();
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-fill]");
    if (button) fill(button);
  });
})();
