// Syncs in progress refresh by themselves: in place, slower while nothing changes, not in a hidden tab, and until all have ended.
"use strict";

const FIRST_SECONDS = 4, LAST_SECONDS = 60, MOST_SYNCS = 50;
const news = document.getElementById("news");

// Resolves after a while of which the tab is shown: a hidden one waits until it is shown again.
async function pause(seconds) {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

// Asks `url()` until it returns nothing. `show(document)` returns whether it could show all that is new.
async function poll(url, show) {
  let seconds = FIRST_SECONDS, tag = "";
  for (;;) {
    await pause(seconds);
    const wanted = url();
    if (!wanted) return;
    const answer = await fetch(wanted, { headers: tag ? { "if-none-match": tag } : {}, redirect: "manual", cache: "no-store" }).catch(() => null);
    if (answer?.type === "opaqueredirect") return tell("You are signed out:", "sign in");
    const hasChanged = Boolean(answer?.ok) && answer.headers.get("etag") !== tag;
    if (hasChanged) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      showTimes(fresh);
      tag = show(fresh) ? answer.headers.get("etag") || "" : "";
    }
    seconds = hasChanged ? FIRST_SECONDS : Math.min(seconds * 1.5, LAST_SECONDS);
  }
}

// A status message at the edge of the window: nothing on the page moves.
function tell(text, action) {
  const shown = news.querySelector("span");
  if (shown.textContent !== text) shown.textContent = text;
  const link = news.querySelector("a");
  link.textContent = action;
  link.href = location.href.split("#")[0];
  news.classList.add("open");
}
news.querySelector("button").addEventListener("click", () => news.classList.remove("open"));

function replace(shown, fresh) {
  if (shown.contains(document.activeElement)) return false;
  reveal(fresh);
  shown.replaceWith(fresh);
  return true;
}

function underway() {
  const syncs = new Set([...document.querySelectorAll("[data-underway]")].map((each) => each.dataset.sync));
  const main = document.querySelector("main");
  // A page that lists none of those in progress only says that there are new ones.
  if (!syncs.size && (!("follow" in main.dataset) || news.classList.contains("open"))) return null;
  const url = new URL(main.dataset.live, location.href);
  for (const sync of [...syncs].slice(0, MOST_SYNCS)) url.searchParams.append("sync", sync);
  return url;
}

function showSyncs(fresh) {
  const changed = new Set();
  let isComplete = true;
  for (const each of fresh.querySelectorAll("[data-sync]")) {
    for (const shown of document.querySelectorAll(`${each.localName}[data-sync="${CSS.escape(each.dataset.sync)}"]`)) {
      const [before, after] = [shown, each].map((which) => which.querySelector(".pill").textContent);
      if (!replace(shown, each.cloneNode(true))) isComplete = false;
      else if (before !== after) changed.add(`${each.dataset.sync}: ${after}`);
    }
  }
  const text = fresh.getElementById("new-syncs")?.textContent;
  const title = document.querySelector("h1 [data-copy]")?.dataset.copy;
  if (text) tell(text, "show");
  else if (changed.size && document.querySelector(`h1 + [data-sync="${CSS.escape(title || "")}"]`)) tell("This sync has changed:", "show");
  if (changed.size) say(changed.size === 1 ? `Sync ${[...changed][0]}` : `${changed.size} syncs have changed`);
  return isComplete;
}
if (underway()) poll(underway, showSyncs);

// A panel that follows what its page does, such as a retry, is replaced as a whole.
for (const { id } of document.querySelectorAll("[data-refresh]")) {
  poll(() => document.getElementById(id)?.dataset.refresh !== undefined && location.href, (fresh) => {
    const panel = fresh.getElementById(id);
    return Boolean(panel) && replace(document.getElementById(id), panel);
  });
}
