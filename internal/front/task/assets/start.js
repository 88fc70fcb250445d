// The first page of tasks: it opens a link, or signs in.

import { call, get, needPasskeys, wordsFor } from "/assets/passkey.js";

const $ = (id) => document.getElementById(id);
const word = (name) => document.querySelector(`[data-word="${name}"]`).textContent;

function explain(text) {
  $("problem-text").textContent = text;
  $("problem").hidden = !text;
}

// Runs what a button does: once at a time, with its outcome told.
function onClick(id, working, act) {
  $(id)?.addEventListener("click", async () => {
    $(id).disabled = true;
    explain("");
    $("working").textContent = word(working);
    try {
      await act();
    } catch (error) {
      explain(wordsFor(error));
      if (error.code?.startsWith("process.")) dismiss();
      $(id).disabled = false;
    }
    $("working").textContent = "";
  });
}

// The secret leaves the address bar at once, so that it is in no bookmark and no
// screenshot; until the person goes on it is kept in memory alone.
let secret = "";
function takeSecret() {
  const fragment = location.hash.slice(1);
  if (!fragment) return;
  secret = fragment;
  history.replaceState(null, "", location.pathname);
  explain("");
  $("open").disabled = false;
  $("page").hidden = true;
  $("link").hidden = false;
  $("link-title").focus();
}

// The link is of no more use: the message is left, and what else there is.
function dismiss() {
  secret = "";
  $("link").hidden = true;
  $("page").hidden = false;
}

onClick("open", "moment", async () => {
  const { to } = await call("POST", "/task/link", { secret });
  secret = "";
  location.replace(to);
});

onClick("sign-in", "follow", async () => {
  needPasskeys();
  const { publicKey } = await call("POST", "/task/signin/begin");
  await call("POST", "/task/signin/finish", { response: await get(publicKey) });
  location.replace(document.body.dataset.to);
});

takeSecret();
addEventListener("hashchange", takeSecret);

// A link from another site brings no cookie; a call of our own does.
const { to } = document.body.dataset;
if (to && !secret) {
  const session = await call("GET", "/task/session").catch(() => null);
  if (session?.signedIn && !secret) location.replace(to);
  else if (session && to !== "/task" && !secret) {
    // The session of a link: try once what it leads to.
    const answer = await fetch(to, { redirect: "manual", cache: "no-store" }).catch(() => null);
    if (answer?.ok) location.replace(to);
  }
}
