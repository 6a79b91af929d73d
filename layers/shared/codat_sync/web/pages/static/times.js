// Times in the reader's time zone with UTC as their title, or in UTC: kept in localStorage. The server sends UTC.
"use strict";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const isElsewhere = new Date().getTimezoneOffset() !== 0 || !["UTC", "Etc/UTC", "GMT"].includes(zone);
const inWords = new Intl.RelativeTimeFormat("en");

// In the server's format, whatever the reader's language: "5 Nov 2026, 09:30:00".
function timesIn(timeZone) {
  const numeric = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const format = new Intl.DateTimeFormat("en-US", { ...numeric, hourCycle: "h23", timeZone });
  return (at) => {
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return `${part.day} ${part.month} ${part.year}, ${part.hour}:${part.minute}:${part.second}`;
  };
}
const utc = timesIn("UTC");
const local = timesIn(zone);

function chosenZone() {
  try { return localStorage.getItem("times") === "utc" ? "utc" : "local"; } catch { return "local"; }
}

// "5 minutes ago" within a week, otherwise nothing.
function ago(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(([size]) => Math.abs(seconds) >= size) || [1, "second"];
  return Math.abs(seconds) < 7 * 86400 ? inWords.format(Math.trunc(seconds / size), unit) : "";
}

function showTimes(root) {
  const isLocal = isElsewhere && chosenZone() === "local";
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const exact = (isLocal ? local : utc)(at);
    const text = ("relative" in time.dataset && ago(at)) || exact;
    if (time.textContent !== text) time.textContent = text;
    time.title = [isLocal && text !== exact && `${exact} ${zone}`, `${utc(at)} UTC`].filter(Boolean).join(", ");
  }
  for (const each of root.querySelectorAll(".zone")) each.textContent = isLocal ? "local" : "UTC";
}

function showZone() {
  showTimes(document);
  const isLocal = chosenZone() === "local";
  document.getElementById("zone").textContent = isLocal ? `Times are in your time zone, ${zone}; days and periods are UTC.` : "All times are UTC.";
  document.getElementById("other-zone").textContent = isLocal ? "Show UTC" : "Show local times";
}

showTimes(document);
if (isElsewhere) {
  showZone();
  const button = document.getElementById("other-zone");
  button.hidden = false;
  button.addEventListener("click", () => {
    try { localStorage.setItem("times", chosenZone() === "local" ? "utc" : "local"); } catch { return; }
    showZone();
  });
}
setInterval(() => { if (!document.hidden) showTimes(document); }, 30000);
