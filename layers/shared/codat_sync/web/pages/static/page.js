// Progressive enhancement: copy buttons, filters applied on change, double-submit protection, panel refresh, "/" for the search.
"use strict";

const said = document.getElementById("said");

// Announced to screen readers, politely.
function say(text) {
  said.textContent = text;
  setTimeout(() => { if (said.textContent === text) said.textContent = ""; }, 4000);
}

// Copy buttons need a script, and a page served over HTTPS.
function reveal(root) {
  if (navigator.clipboard) for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}
reveal(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  say("Copied");
  setTimeout(() => button.classList.remove("done"), 1500);
});

for (const form of document.querySelectorAll("form[data-submit]")) {
  for (const button of form.querySelectorAll("[data-needless]")) button.classList.add("unneeded");
  form.addEventListener("change", (event) => {
    // Checkbox lists have an Apply button, and text is submitted with Enter.
    if (!event.target.closest("details") && event.target.type !== "search" && form.reportValidity()) form.requestSubmit();
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent; });

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.choice[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("find").select();
});
document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.choice[open]");
  if (event.key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
