// People do the tasks that processes have for them: by a link or signed in, a form, and
// the form that opens the link to a desk.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;
const shots = new URL("./screenshots/", import.meta.url).pathname;
const phone = { width: 360, height: 740 };
const desktop = { width: 1000, height: 800 };
const patience = { timeout: 180_000 };

before(async () => {
  await mkdir(shots, { recursive: true });
  server = await Server.staged();
});
after(() => server?.stop());

// visit opens a page that fails the test on anything the browser complains about. No app
// is here for links to desks: the links that the browser tried are in page.launched.
async function visit(t, options) {
  const context = await server.browser({ viewport: desktop, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.launched = [];
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.includes("the server responded with a status of 4")) complaints.push(text);
  });
  page.on("requestfailed", (request) => {
    if (request.failure().errorText !== "net::ERR_ABORTED") complaints.push(request.failure().errorText); // such as of the policy
  });
  page.on("request", (request) => { if (request.url().startsWith("com.nexusgroup.plugout:")) page.launched.push(request.url()); });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

async function shoot(page, name) {
  await page.screenshot({ path: shots + name + ".png", fullPage: true });
  await page.setViewportSize(phone);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await page.screenshot({ path: shots + name + "-phone.png", fullPage: true });
  await page.setViewportSize(desktop);
  assert.equal(wide, false, name + " scrolls sideways on a phone");
}

const says = (page, text) => page.getByText(text).first().waitFor();
const next = (page) => page.getByRole("button", { name: "Next", exact: true });

// open opens the page of a fresh task at a desk by its link.
async function open(page, user, messagingServer) {
  const { task } = await server.do({ do: "start", name: "desk", user, server: messagingServer });
  const { link } = await server.do({ do: "link", id: task });
  await page.goto(link);
  await page.getByRole("button", { name: /Continue|Weiter/ }).click();
  await page.waitForURL(server.url + "/task/" + task, { waitUntil: "commit" });
  return task;
}

async function appLink(page) {
  return page.locator("#open").getAttribute("href");
}

// until waits for something that the test cannot be told of.
async function until(what) {
  for (let i = 0; i < 600; i++) {
    if (await what()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail("it did not come to that");
}

test("a link leads to a form, once", patience, async (t) => {
  const { task } = await server.do({ do: "start", name: "form", user: "alice@example.com" });
  const { link } = await server.do({ do: "link", id: task });
  const page = await visit(t);
  await page.goto(link);
  await says(page, "A task is waiting for you");
  assert.equal(page.url(), server.url + "/task", "the secret is still in the address bar");
  await shoot(page, "task-1-link");
  await page.getByRole("button", { name: "Continue" }).click();
  await says(page, "Where shall your security key be sent?");
  const cookie = (await page.context().cookies()).find((c) => c.name === "__Host-bestow-task");
  assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === "Strict", "the session cookie is not as it has to be");
  await shoot(page, "task-2-form");

  const other = await visit(t, { locale: "de-DE" });
  await other.goto(link);
  await other.getByRole("button", { name: "Weiter" }).click();
  await says(other, "Dieser Link wurde schon benutzt");
  await shoot(other, "task-5-spent");

  await page.getByLabel("How many").fill("two");
  await page.getByLabel("Address").fill("Desk 4\nVienna");
  await page.getByLabel("Kind of key").selectOption("USB-C with NFC");
  await page.getByRole("button", { name: "Done" }).click();
  await says(page, "Please give a whole number.");
  assert.equal(await page.getByLabel("Address").inputValue(), "Desk 4\nVienna");
  await shoot(page, "task-3-form-error");
  await page.getByLabel("How many").fill("2");
  await page.getByLabel("Not before").fill("2026-03-02");
  await page.getByLabel("I know").check();
  await page.getByRole("button", { name: "Done" }).click();
  await says(page, "Your part is done");
  await shoot(page, "task-4-others");
});

test("who signs in sees their tasks", patience, async (t) => {
  const page = await visit(t);
  await authenticator(page);
  await page.goto((await server.bestow("user", "invite", "bob@example.com", "--create")).link);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await says(page, "Your passkey is registered");
  const { task } = await server.do({ do: "start", name: "form", user: "bob@example.com" });
  await server.do({ do: "start", name: "desk", user: "bob@example.com", server: "patient" });
  await page.goto(server.url + "/task/" + task);
  await shoot(page, "task-6-signin");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await says(page, "Where shall your security key be sent?"); // where they wanted to go
  await page.getByRole("link", { name: "All tasks" }).click();
  await says(page, "Register your security key");
  await shoot(page, "task-7-list");

  // The browser keeps a strict cookie back where another site leads here.
  await page.goto("data:text/html,<a href='" + server.url + "/task/" + task + "'>to the task</a>");
  await page.getByRole("link", { name: "to the task" }).click();
  await says(page, "Where shall your security key be sent?");
  await page.getByRole("link", { name: "All tasks" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in with a passkey" }).waitFor();
});

test("a security key at the desk, and then Next", patience, async (t) => {
  const page = await visit(t);
  await open(page, "carol@example.com", "patient");
  await says(page, "Waiting for the app on your computer");
  const link = await appLink(page);
  await until(() => page.launched.length > 0);
  assert.deepEqual(page.launched, [link], "the link is opened by itself, once, and the policy lets it");
  await shoot(page, "task-8-waiting");
  await page.reload();
  await says(page, "Waiting for the app on your computer");
  await page.locator("#open").click();
  await until(() => page.launched.length > 1);
  assert.equal(page.launched.length, 2, "it was opened again without the button");

  await server.do({ do: "follow", link });
  await says(page, "Waiting for the security key");
  await page.locator("#live-code").waitFor();
  assert.match(await page.locator("#live-code").textContent(), /^\d{4}$/);
  await page.locator("#open").waitFor({ state: "hidden" });
  await shoot(page, "task-9-creating");
  await server.do({ do: "agree" });
  await server.do({ do: "create" });
  await says(page, "Your security key is ready");
  await shoot(page, "task-10-done");
  await next(page).click();
  await says(page, "Your security key is registered");
  await shoot(page, "task-11-end");
});

test("Next first, and then the security key", patience, async (t) => {
  const page = await visit(t);
  await open(page, "dora@example.com", "patient");
  const link = await appLink(page);
  await next(page).click();
  await says(page, "Waiting for the app on your computer");
  assert.equal(await next(page).count(), 0);
  await server.do({ do: "follow", link });
  await says(page, "Waiting for the security key");
  await server.do({ do: "agree" });
  await server.do({ do: "create" });
  await says(page, "Your security key is registered");
});

test("a refused touch is told, and the next try is another task", patience, async (t) => {
  const page = await visit(t);
  const first = await open(page, "erin@example.com", "patient");
  await server.do({ do: "follow", link: await appLink(page) });
  await server.do({ do: "agree" });
  await server.do({ do: "refuse", status: "USER_CANCELLED" });
  await says(page, "It was declined in the app, or at the key");
  await shoot(page, "task-12-failed");
  await next(page).click();
  await says(page, "Waiting for the app on your computer");
  assert.notEqual(page.url(), server.url + "/task/" + first);
  await until(() => page.launched.length > 1); // for the new task, by itself
  await server.do({ do: "follow", link: await appLink(page) });
  await server.do({ do: "agree" });
  await server.do({ do: "create" });
  await says(page, "Your security key is ready");
  await next(page).click();
  await says(page, "Your security key is registered");
});

test("an ignored prompt is told, in German", patience, async (t) => {
  const page = await visit(t, { locale: "de-DE" });
  await open(page, "frank@example.com", "hasty");
  await says(page, "Die App wurde nicht rechtzeitig geöffnet");
  await page.locator("#open").waitFor({ state: "hidden" }).catch(() => {}); // or it never was there
  await shoot(page, "task-13-ignored-german");
});

test("without scripts the page looks again by itself", patience, async (t) => {
  const scripted = await visit(t);
  const task = await open(scripted, "gina@example.com", "patient");
  const link = await appLink(scripted);
  const plain = await visit(t, { javaScriptEnabled: false });
  await plain.context().addCookies(await scripted.context().cookies());
  await plain.goto(server.url + "/task/" + task);
  await says(plain, "Waiting for the app on your computer");
  await server.do({ do: "follow", link });
  await says(plain, "Waiting for the security key");
  await plain.getByRole("button", { name: "Next" }).click();
  await server.do({ do: "agree" });
  await server.do({ do: "create" });
  await says(plain, "Your security key is registered");
});
