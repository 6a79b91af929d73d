// Progressive enhancement: copy buttons, filters applied on change, double-submit protection, panel refresh, "/" for the search.
"use strict";

const said = document.getElementById("said");

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    said.textContent = "Copied";
    setTimeout(() => { button.classList.remove("done"); said.textContent = ""; }, 1500);
  });
}

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

async function refresh(panel) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  const text = answer.ok ? await answer.text() : "";
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(panel.id);
  if (!fresh || panel.contains(document.activeElement)) return panel;
  panel.replaceWith(fresh);
  return fresh;
}

async function poll(panel) {
  while (panel.dataset.refresh) {
    await new Promise((resolve) => setTimeout(resolve, Number(panel.dataset.refresh)));
    if (!document.hidden) panel = await refresh(panel);
  }
}
for (const panel of document.querySelectorAll("[data-refresh]")) poll(panel);
