// Keeps the page of a run up to date: asks for the part that changes, and puts in the
// place of the old what is another. A part in which somebody is writing stays as it is.

const run = document.getElementById("run");
const line = document.getElementById("live");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// inUse reports whether a person is at something in a part.
function inUse(part) {
  if (part.querySelector("details[open]")) return true;
  const at = document.activeElement;
  return part.contains(at) && at.matches("input, textarea, select, button");
}

function put(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of run.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!other || part.isEqualNode(other) || inUse(part)) continue;
    const scrolled = part.querySelector(".picture")?.scrollLeft;
    part.replaceWith(other);
    if (scrolled) other.querySelector(".picture").scrollLeft = scrolled;
  }
}

async function shown() {
  while (document.hidden) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}

async function follow() {
  for (let failures = 0; ; ) {
    await shown();
    const query = new URLSearchParams(location.search);
    query.set("seen", run.dataset.seen);
    query.set("wait", "");
    const response = await fetch(`${location.pathname.replace(/\/(retry|skip|end)$/, "")}/live?${query}`).catch(() => null);
    if (response && (response.status === 401 || response.status === 403 || response.status === 404)) {
      line.textContent = run.dataset.over;
      return;
    }
    if (!response?.ok) {
      failures++;
      line.textContent = run.dataset.lost;
      await pause(Math.min(30000, 1000 * 2 ** failures));
      continue;
    }
    failures = 0;
    line.textContent = "";
    if (response.status === 200) {
      put(await response.text());
      run.dataset.seen = response.headers.get("X-Seen");
      await pause(300); // what changes fast is looked at now and then
    }
  }
}

follow();
