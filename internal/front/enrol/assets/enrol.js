// The enrolment and sign-in pages: a few sections of which one is shown, and calls
// to our own server. WebAuthn goes through the browser's own JSON forms.

const $ = (id) => document.getElementById(id);
const page = document.body.dataset.page;

// A refusal of our server, with words for people.
class Refused extends Error {
  constructor(body, status) {
    super(body.message || "The server answered with an error (" + status + ").");
    this.code = body.code || "";
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch("/enrol/" + path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch {
    throw new Refused({ message: "The server cannot be reached. Check your connection and try again." }, 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}

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

// Words for what the browser or the authenticator said.
function wordsFor(error) {
  if (error instanceof Refused) return error.message;
  switch (error.name) {
    case "NotAllowedError": return "That was cancelled, or took too long. You can try again.";
    case "InvalidStateError": return "There is a passkey of yours on this device or security key already.";
    case "NotSupportedError": return "This device or security key cannot make the kind of passkey that is asked for here.";
    case "ConstraintError": return "This device or security key cannot check who you are. It may need a PIN first.";
    case "SecurityError": return "The browser does not allow passkeys on this address.";
    default: return "Something unexpected happened: " + error.name + ". You can try again.";
  }
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
  const { publicKey } = await call("POST", "registration/begin");
  const credential = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
  await call("POST", "registration/finish", { name: $("name").value.trim(), response: credential.toJSON() });
  show("made");
}

async function signIn() {
  const { publicKey } = await call("POST", "authentication/begin");
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
  let visitor;
  try {
    visitor = await call("POST", "authentication/finish", { response: credential.toJSON() });
  } catch (error) {
    // Nobody has it: the browser need not offer it again. Where the page asked for the
    // passkeys of one person, the answer speaks of theirs alone.
    if (error.code === "credential.unknown" && !publicKey.allowCredentials?.length) {
      signal("UnknownCredential", { rpId: publicKey.rpId, credentialId: credential.id });
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
  const { items } = await call("GET", "credentials");
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
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
    explain("This browser is too old for this page. Use a current version of Chrome, Edge, Firefox or Safari.");
    return;
  }
  if (page === "enrol" && secret) {
    show("invited");
    return;
  }
  const visitor = await call("GET", "session");
  if (visitor) greet(visitor);
  if (visitor?.purpose === "signed_in") return list();
  if (page === "signin" || (visitor?.purpose === "enrol" && visitor.registered)) return show("made");
  show(visitor?.purpose === "enrol" ? "create" : "no-link");
}

onClick("start", "One moment…", async () => {
  greet(await call("POST", "start", { secret }));
  secret = "";
  show("create");
});
onClick("make", "Follow your browser…", create);
onClick("sign-in", "Follow your browser…", signIn);
onClick("sign-out", "One moment…", async () => {
  await call("POST", "signout");
  location.assign("/signin");
});

takeSecret();
addEventListener("hashchange", () => { takeSecret(); explain(""); begin().catch((error) => explain(wordsFor(error))); });
if ($("name")) $("name").value = suggestName();
begin().catch((error) => explain(wordsFor(error)));
