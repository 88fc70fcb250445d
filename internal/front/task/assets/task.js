// The page of a task while things go on: it opens the link to the desk once, and follows
// what happens there.

const $ = (id) => document.getElementById(id);
const { task, editable } = document.body.dataset;

// The link is opened by itself once, and after that by its button alone: whoever comes
// back to the page has been asked already.
function openOnce() {
  const link = $("open");
  if (!link || $("live").dataset.state !== "waiting") return;
  const key = "bestow-opened-" + task;
  try {
    if (sessionStorage.getItem(key)) return;
    sessionStorage.setItem(key, "1");
  } catch {
    return; // nothing can be kept: better not at all than time and again
  }
  location.assign(link.href);
}

function show(now) {
  $("live").dataset.state = now.state;
  const put = (id, text, around) => {
    if ($(id).textContent !== text) $(id).textContent = text;
    (around || $(id)).hidden = !text;
  };
  put("live-title", now.title);
  put("live-text", now.text);
  put("live-code", now.code || "", $("live-code").parentElement);
  put("live-desk", now.desk || "");
  if ($("desk")) $("desk").hidden = !now.canOpen;
}

function follow() {
  const events = new EventSource("/task/" + task + "/events?wait");
  events.addEventListener("message", (event) => {
    const now = JSON.parse(event.data);
    if (now.go) {
      events.close();
      location.replace(now.go);
      return;
    }
    show(now);
  });
  events.addEventListener("error", () => {
    // The browser tries again by itself, unless it was refused: then the page says why.
    if (events.readyState === EventSource.CLOSED && editable === undefined) setTimeout(() => location.reload(), 5000);
  });
}

follow();
// Not before the page is there: to leave it for an app would end its loading.
if (document.readyState === "complete") openOnce();
else addEventListener("load", () => setTimeout(openOnce));
