// The first page of tasks: it opens a link, or signs in.

import { call } from "/assets/passkey.js";
import { explain, onClick, signIn } from "/assets/signin.js";

const $ = (id) => document.getElementById(id);

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
  const { to } = await call("POST", "/task/link", { secret }).catch((error) => {
    if (error.code?.startsWith("process.")) dismiss();
    throw error;
  });
  secret = "";
  location.replace(to);
});

onClick("sign-in", "follow", () => signIn("/task", document.body.dataset.to));

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
