// An operator who was invited registers a passkey, signs in to the console and sees
// what their role lets them see.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;
const shots = new URL("./screenshots/", import.meta.url).pathname;
const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 900 };

before(async () => {
  await mkdir(shots, { recursive: true });
  server = await Server.start();
});
after(() => server?.stop());

// visit opens a page that fails the test on anything the browser complains about.
async function visit(t, options) {
  const context = await server.browser({ viewport: desktop, locale: "en-GB", ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("the server responded with a status of 4")) complaints.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

// enrol has the person with the link register a passkey, on the authenticator returned.
async function enrol(page, link) {
  const made = await authenticator(page);
  await page.goto(link);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await page.getByText("Your passkey is registered").waitFor();
  return made;
}

async function signIn(page, path) {
  await page.goto(server.url + path);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.locator("header .who").waitFor();
}

async function invite(name, role) {
  return (await server.bestow("operator", "invite", name, "--role", role)).link;
}

// shoot takes a page's picture on a desktop and on a phone, where nothing scrolls sideways.
async function shoot(page, name) {
  await page.screenshot({ path: shots + name + ".png", fullPage: true });
  await page.setViewportSize(phone);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await page.screenshot({ path: shots + name + "-phone.png", fullPage: true });
  await page.setViewportSize(desktop);
  assert.equal(wide, false, name + " scrolls sideways on a phone");
}

const heading = (page, text) => page.getByRole("heading", { level: 1, name: text }).waitFor();

test("an administrator is invited, enrols and signs in", async (t) => {
  const page = await visit(t);
  await enrol(page, await invite("alice@example.com", "administrator"));

  await page.goto(server.url + "/console/users?search=alice");
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  await shoot(page, "console-1-signin");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("link", { name: "alice@example.com" }).waitFor(); // where they wanted to go
  const cookie = (await page.context().cookies()).find((c) => c.name === "__Host-bestow-console");
  assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === "Strict", "the session cookie is not as it has to be");
  await shoot(page, "console-2-users");

  await page.getByRole("link", { name: "alice@example.com" }).click();
  await page.getByRole("heading", { name: "Credentials" }).waitFor();
  await shoot(page, "console-3-user");
  await page.getByRole("link", { name: "Operators" }).click();
  await heading(page, "Operators");
  await shoot(page, "console-4-operators");
  await page.getByRole("link", { name: "Audit trail" }).click();
  await page.getByText("operator.invited").waitFor();
  await shoot(page, "console-5-audit");
  await page.getByLabel("Action").fill("operator.");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("operator.granted").waitFor();
  assert.equal(await page.getByText("session.opened").count(), 0);
  await page.getByRole("link", { name: "Overview" }).click();
  await heading(page, "Overview");
  await shoot(page, "console-6-home");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  await page.goto(server.url + "/console");
  assert.match(page.url(), /\/console\/signin\?to=/);
});

test("an auditor reads the trail, and no more than is theirs", async (t) => {
  const page = await visit(t);
  await enrol(page, await invite("bob@example.com", "auditor"));
  await signIn(page, "/console");
  await heading(page, "Overview");
  assert.equal(await page.getByRole("link", { name: "Operators" }).count(), 0);
  const response = await page.goto(server.url + "/console/operators");
  assert.equal(response.status(), 403);
  await page.getByText("Your role does not include this page").waitFor();
  await shoot(page, "console-7-denied");

  // A refusal is seen by whoever looks.
  const stranger = await visit(t);
  await enrol(stranger, (await server.bestow("user", "invite", "carol@example.com", "--create")).link);
  await server.bestow("credential", "suspend", (await server.bestow("credential", "list", "--user", "carol@example.com"))[0].id);
  await stranger.goto(server.url + "/console");
  await stranger.getByRole("button", { name: "Sign in with a passkey" }).click();
  await stranger.getByText("This passkey is suspended").waitFor();
  await page.goto(server.url + "/console");
  await page.getByText("credential.suspended").waitFor();
  await shoot(page, "console-8-refusals");

  // The role is taken, and the next page is the sign-in page.
  await server.bestow("operator", "revoke", "bob@example.com");
  await page.goto(server.url + "/console/audit");
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
});

test("who is no operator is told so, in their language", async (t) => {
  const page = await visit(t, { locale: "de-DE" });
  await enrol(page, (await server.bestow("user", "invite", "dora@example.com", "--create")).link);
  await page.goto(server.url + "/console");
  await page.getByRole("button", { name: "Mit Passkey anmelden" }).click();
  await page.getByText("Sie sind hier kein Operator.").waitFor();
  await page.getByText("Sie sind als dora@example.com angemeldet").waitFor();
  await shoot(page, "console-9-nobody");
  await server.bestow("operator", "grant", "dora@example.com", "--role", "enroller");
  await page.reload();
  await page.getByText("Guten Tag, dora@example.com").waitFor();
  await shoot(page, "console-10-german");
});

test("a link from another site finds the session", async (t) => {
  const page = await visit(t);
  await enrol(page, await invite("erin@example.com", "auditor"));
  await signIn(page, "/console");
  // The browser keeps a strict cookie back where another site leads here; the page asks
  // for it then by itself.
  await page.goto("data:text/html,<a href='" + server.url + "/console/audit'>to the console</a>");
  await page.getByRole("link", { name: "to the console" }).click();
  await heading(page, "Audit trail");
});

test("a declined prompt can be tried again, in German", async (t) => {
  const page = await visit(t, { locale: "de-DE" });
  const { session, authenticatorId } = await enrol(page, await invite("frank@example.com", "auditor"));
  await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await page.goto(server.url + "/console/signin");
  await page.getByRole("button", { name: "Mit Passkey anmelden" }).click();
  await page.locator("#problem").getByText("Sie können es noch einmal versuchen").waitFor();
  await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
  await page.getByRole("button", { name: "Mit Passkey anmelden" }).click();
  await page.getByText("Guten Tag, frank@example.com").waitFor();
});
