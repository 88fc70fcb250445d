// The enrolment and sign-in pages: a few sections of which one is shown, and calls
// to our own server.

import { Refused, call, create as make, get, needPasskeys, wordsFor } from "/assets/passkey.js";

const $ = (id) => document.getElementById(id);
const page = document.body.dataset.page;

const ours = (method, path, body) => call(method, "/enrol/" + path, body);

function show(id) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== id;
  document.querySelector("#" + id + " h1").focus();
}

// Leaves the message alone on the page: the link is of no more use.
function dismiss() {
  secret = "";
  for (const section of document.querySelectorAll("section")) section.hidden = true;
}

function fill(what, text) {
  for (const place of document.querySelectorAll(`[data-fill="${what}"]`)) place.textContent = text;
}

function explain(text) {
  $("problem-text").textContent = text;
  $("problem").hidden = !text;
}

// Runs what a button does: once at a time, with its outcome told.
function onClick(id, working, act) {
  const button = $(id);
  if (!button) return;
  button.addEventListener("click", async () => {
    button.disabled = true;
    explain("");
    $("working").textContent = working;
    try {
      await act();
    } catch (error) {
      explain(wordsFor(error));
      if (error instanceof Refused && error.code.startsWith("invitation.")) dismiss();
      if (error.code === "session.unknown") await begin();
    } finally {
      $("working").textContent = "";
      button.disabled = false;
    }
  });
}

function greet(visitor) {
  fill("person", visitor.displayName || visitor.name || "you");
  if (visitor.relyingParty) fill("relying-party", visitor.relyingParty);
}

// The secret leaves the address bar at once, so that it is in no bookmark and no
// screenshot; until Start it is kept in memory alone.
let secret = "";
function takeSecret() {
  const fragment = location.hash.slice(1);
  if (!fragment) return;
  secret = fragment;
  history.replaceState(null, "", location.pathname);
}

async function create() {
  const { publicKey } = await ours("POST", "registration/begin");
  await ours("POST", "registration/finish", { name: $("name").value.trim(), response: await make(publicKey) });
  show("made");
}

async function signIn() {
  const { publicKey } = await ours("POST", "authentication/begin");
  const response = await get(publicKey);
  let visitor;
  try {
    visitor = await ours("POST", "authentication/finish", { response });
  } catch (error) {
    // Nobody has it: the browser need not offer it again. Where the page asked for the
    // passkeys of one person, the answer speaks of theirs alone.
    if (error.code === "credential.unknown" && !publicKey.allowCredentials?.length) {
      signal("UnknownCredential", { rpId: publicKey.rpId, credentialId: response.id });
    }
    throw error;
  }
  greet(visitor);
  signal("AllAcceptedCredentials", visitor.signals?.allAcceptedCredentials);
  signal("CurrentUserDetails", visitor.signals?.currentUserDetails);
  await list();
}

// Tells the browser how passkeys stand, where it listens. It never says what it made of it.
function signal(what, argument) {
  const tell = PublicKeyCredential["signal" + what];
  if (tell && argument) tell.call(PublicKeyCredential, argument).catch(() => {});
}

function day(text) {
  return new Date(text).toLocaleDateString(undefined, { year: "numeric", month: "long", day: "numeric" });
}

async function list() {
  const { items } = await ours("GET", "credentials");
  $("credentials").replaceChildren(...items.map((item) => {
    const entry = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = item.name || "Passkey";
    const facts = [item.synced ? "can be on several of your devices" : "on one device or security key", "registered " + day(item.created)];
    if (item.lastUsed) facts.push("last used " + day(item.lastUsed));
    if (item.state !== "active") facts.push("suspended");
    if (item.current) facts.push("used just now");
    const line = document.createElement("span");
    line.textContent = facts.join(" · ");
    entry.append(name, line);
    return entry;
  }));
  show("signed-in");
}

function suggestName() {
  const system = navigator.userAgentData?.platform || (/\(([^;)]+)/.exec(navigator.userAgent) || [])[1] || "";
  return system ? "Passkey on " + system : "My passkey";
}

// Shows where the person is: with a link, in a session, or neither.
async function begin() {
  needPasskeys();
  if (page === "enrol" && secret) {
    show("invited");
    return;
  }
  const visitor = await ours("GET", "session");
  if (visitor) greet(visitor);
  if (visitor?.purpose === "signed_in") return list();
  if (page === "signin" || (visitor?.purpose === "enrol" && visitor.registered)) return show("made");
  show(visitor?.purpose === "enrol" ? "create" : "no-link");
}

onClick("start", "One moment…", async () => {
  greet(await ours("POST", "start", { secret }));
  secret = "";
  show("create");
});
onClick("make", "Follow your browser…", create);
onClick("sign-in", "Follow your browser…", signIn);
onClick("sign-out", "One moment…", async () => {
  await ours("POST", "signout");
  location.assign("/signin");
});

takeSecret();
addEventListener("hashchange", () => { takeSecret(); explain(""); begin().catch((error) => explain(wordsFor(error))); });
if ($("name")) $("name").value = suggestName();
begin().catch((error) => explain(wordsFor(error)));
