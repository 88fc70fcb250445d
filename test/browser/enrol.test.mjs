// A person with a link registers a passkey, signs in with it and sees it.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;
const shots = new URL("./screenshots/", import.meta.url).pathname;

before(async () => {
  await mkdir(shots, { recursive: true });
  server = await Server.start();
});
after(() => server?.stop());

async function invite(name, ...flags) {
  return (await server.bestow("user", "invite", name, "--create", ...flags)).link;
}

// visit opens a page that fails the test on anything the browser complains about.
async function visit(t, options) {
  const context = await server.browser(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The browser reports each refused call; those are what some tests are about.
    if (message.type() === "error" && !message.text().includes("the server responded with a status of 4")) complaints.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

const title = (page) => page.locator("section:not([hidden]) h1");

// heard returns what the page tells the browser of passkeys, as it comes.
async function heard(page) {
  const signals = [];
  await page.exposeFunction("overhear", (method, argument) => { signals.push([method, argument]); });
  await page.addInitScript(() => {
    for (const what of ["UnknownCredential", "AllAcceptedCredentials", "CurrentUserDetails"]) {
      const method = "signal" + what;
      const real = PublicKeyCredential[method];
      if (!real) continue;
      PublicKeyCredential[method] = function (argument) {
        window.overhear(method, argument);
        return real.call(this, argument);
      };
    }
  });
  return signals;
}

test("register, sign in, see the passkey, sign out", async (t) => {
  const page = await visit(t);
  const signals = await heard(page);
  const { session, authenticatorId } = await authenticator(page);
  const link = await invite("alice@example.com");

  await page.goto(link);
  await title(page).getByText("Register a passkey").waitFor();
  assert.equal(new URL(page.url()).hash, "", "the secret stays in the address bar");
  await page.screenshot({ path: shots + "1-invited.png" });

  await page.getByRole("button", { name: "Start" }).click();
  await title(page).getByText("Hello, alice@example.com").waitFor();
  await page.screenshot({ path: shots + "2-create.png" });
  const cookie = (await page.context().cookies()).find((c) => c.name === "__Host-bestow");
  assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === "Strict", "the session cookie is not as it has to be");

  await page.getByLabel("Name of this passkey").fill("Alice's laptop");
  const finish = page.waitForRequest((request) => request.url().endsWith("/registration/finish"));
  await page.getByRole("button", { name: "Create passkey" }).click();
  const { response } = (await finish).postDataJSON();
  assert.deepEqual(response.clientExtensionResults, { credProps: { rk: true } });
  await title(page).getByText("Your passkey is registered").waitFor();
  await page.screenshot({ path: shots + "3-made.png" });
  const { credentials } = await session.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(credentials.length, 1);
  assert.equal(credentials[0].rpId, "localhost");
  assert.deepEqual(signals, [], "nobody has signed in yet");

  await page.getByRole("button", { name: "Sign in with it" }).click();
  await title(page).getByText("You are signed in").waitFor();
  await page.getByText("Alice's laptop").waitFor();
  await page.getByText("used just now").waitFor();
  await page.screenshot({ path: shots + "4-signed-in.png" });

  await page.getByRole("button", { name: "Sign out" }).click();
  await title(page).getByText("Sign in", { exact: true }).waitFor();

  // Later, without a link: whoever holds the passkey says who they are.
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await title(page).getByText("You are signed in").waitFor();
  await page.getByText("Alice's laptop").waitFor();

  const listed = await server.bestow("credential", "list", "--user", "alice@example.com");
  assert.equal(listed.length, 1);
  assert.equal(listed[0].name, "Alice's laptop");
  assert.equal(listed[0].via, "enrol");

  // Each sign-in tells the browser what there is, in words that it takes.
  const userId = url64(credentials[0].userHandle);
  assert.deepEqual(signals.slice(0, 2), [
    ["signalAllAcceptedCredentials", { rpId: "localhost", userId, allAcceptedCredentialIds: [listed[0].credentialId] }],
    ["signalCurrentUserDetails", { rpId: "localhost", userId, name: "alice@example.com", displayName: "alice@example.com" }],
  ]);
  assert.deepEqual(signals.slice(2), signals.slice(0, 2));
});

// url64 is base64 in the alphabet of URLs, without padding.
const url64 = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

test("a passkey of nobody's is called unknown, and no other", async (t) => {
  const page = await visit(t);
  const { session, authenticatorId } = await authenticator(page);
  const signals = await heard(page);
  await page.goto(await invite("judy@example.com"));
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await title(page).getByText("Your passkey is registered").waitFor();
  const [made] = await server.bestow("credential", "list", "--user", "judy@example.com");

  await page.getByRole("button", { name: "Sign in with it" }).click();
  await title(page).getByText("You are signed in").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await title(page).getByText("Sign in", { exact: true }).waitFor();
  const { credentials } = await session.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(credentials.length, 1, "a passkey that is accepted was taken away");

  await server.bestow("credential", "delete", made.id, "--yes");
  signals.length = 0;
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("This passkey is not known here").waitFor();
  assert.deepEqual(signals, [["signalUnknownCredential", { rpId: "localhost", credentialId: made.credentialId }]]);
});

test("a link works once", async (t) => {
  const link = await invite("bob@example.com");
  const page = await visit(t);
  await authenticator(page);
  await page.goto(link);
  await page.getByRole("button", { name: "Start" }).click();
  await title(page).getByText("Hello, bob@example.com").waitFor();

  const thief = await visit(t);
  await thief.goto(link);
  await thief.getByRole("button", { name: "Start" }).click();
  await thief.getByText("This link has been used already").waitFor();
  assert.equal(await thief.locator("section:not([hidden])").count(), 0, "a link of no more use still offers Start");
  assert.equal(await thief.getByRole("button", { name: "Start" }).isVisible(), false);
  await thief.screenshot({ path: shots + "5-used-link.png" });
  // Another link in the same window is taken up.
  await thief.goto(await invite("ivan@example.com"));
  await title(thief).getByText("Register a passkey").waitFor();
  assert.equal(await thief.getByText("This link has been used already").isVisible(), false);

  // The first visitor goes on undisturbed, even after loading the page again.
  await page.reload();
  await title(page).getByText("Hello, bob@example.com").waitFor();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await title(page).getByText("Your passkey is registered").waitFor();
});

test("opening the page spends nothing", async (t) => {
  const link = await invite("carol@example.com");
  for (let i = 0; i < 2; i++) {
    const page = await visit(t);
    await page.goto(link);
    await title(page).getByText("Register a passkey").waitFor();
  }
  const page = await visit(t);
  await page.goto(link);
  await page.getByRole("button", { name: "Start" }).click();
  await title(page).getByText("Hello, carol@example.com").waitFor();
});

test("a newer link cancels the older one", async (t) => {
  const older = await invite("dave@example.com");
  await invite("dave@example.com");
  const page = await visit(t);
  await page.goto(older);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("This link was replaced by a newer one").waitFor();
});

test("a second passkey needs --additional", async (t) => {
  await assert.rejects(server.bestow("user", "invite", "alice@example.com"), /additional_needed/);
  const page = await visit(t);
  await authenticator(page);
  await page.goto(await invite("alice@example.com", "--additional"));
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await title(page).getByText("Your passkey is registered").waitFor();
  const events = await server.bestow("audit", "list", "--action", "invitation.additional");
  assert.equal(events.length, 1);
});

test("a declined prompt can be tried again", async (t) => {
  const page = await visit(t);
  const { session, authenticatorId } = await authenticator(page, { automaticPresenceSimulation: true, isUserVerified: false });
  await page.goto(await invite("erin@example.com"));
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await page.getByText("You can try again").waitFor();
  await page.screenshot({ path: shots + "6-declined.png" });
  await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
  await page.getByRole("button", { name: "Create passkey" }).click();
  await title(page).getByText("Your passkey is registered").waitFor();
});

test("no session sees the list without a fresh sign-in", async (t) => {
  const page = await visit(t);
  await page.goto(await invite("frank@example.com"));
  await page.getByRole("button", { name: "Start" }).click();
  await title(page).getByText("Hello, frank@example.com").waitFor();
  const status = await page.evaluate(async () => (await fetch("/enrol/credentials")).status);
  assert.equal(status, 403);
});

test("the page without a link says what is missing", async (t) => {
  const page = await visit(t);
  await page.goto(server.url + "/enrol");
  await title(page).getByText("A link is needed").waitFor();
});

test("it fits a phone, and says how it is protected", async (t) => {
  const page = await visit(t, { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 });
  const response = await page.goto(await invite("grace@example.com"));
  await title(page).getByText("Register a passkey").waitFor();
  await page.screenshot({ path: shots + "7-phone.png" });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "the page scrolls sideways");

  const headers = response.headers();
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.equal(headers["cache-control"], "no-store");
  assert.match(headers["content-security-policy"], /default-src 'none'/);
  assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
});

test("the log holds no secret", async () => {
  const link = await invite("heidi@example.com");
  const secret = new URL(link).hash.slice(1);
  assert.equal(server.log.join("\n").includes(secret), false);
});
