"use strict";
// The page works without this. It adds keys, and takes away what time has run out for.
const legend = document.querySelector(".legend");
const toggle = document.getElementById("keys");
const STORED = "hashmatch-review-keys";
let on = true;
try { on = localStorage.getItem(STORED) !== "off"; } catch { /* the browser keeps nothing */ }

function show() {
  legend.hidden = false;
  legend.classList.toggle("off", !on);
  toggle.setAttribute("aria-pressed", String(on));
  toggle.textContent = on ? "Turn keys off" : "Turn keys on";
}

function press(key) {
  const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (found === null) return false;
  found.click();
  if (found.type === "radio") document.getElementById("reason").focus();
  return true;
}

if (legend !== null) {
  show();
  toggle.addEventListener("click", () => {
    on = !on;
    try { localStorage.setItem(STORED, on ? "on" : "off"); } catch { /* as above */ }
    show();
  });
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=radio]), select, textarea");
    if (event.key === "Escape" && field !== null) field.blur();
    if (!on || field !== null || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (press(event.key.toLowerCase())) event.preventDefault();
  });
}

for (const notice of document.querySelectorAll("[data-seconds]")) {
  setTimeout(() => notice.remove(), 1000 * Number(notice.dataset.seconds));
}
