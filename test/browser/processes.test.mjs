// What operators do about identity processes at the console: deploy, start, look, help,
// do tasks and make links for those of others; and the settings of what tasks reach.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;
const shots = new URL("./screenshots/", import.meta.url).pathname;
const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 900 };
const patience = 60_000; // the machine may be slow

const header = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="http://example.com">
`;

// What the spare key's process calls.
const tellUser = header + `<process id="tellUser" name="Tell the user" isExecutable="true">
  <startEvent id="start"/>
  <serviceTask id="note" name="Note what was said" flowable:delegateExpression="\${setVariableTask}"><extensionElements>
    <flowable:field name="name" stringValue="told"/><flowable:field name="value" expression="A key for \${user.name} is on its way."/>
  </extensionElements></serviceTask>
  <endEvent id="end"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="note"/><sequenceFlow id="f2" sourceRef="note" targetRef="end"/>
</process></definitions>`;

// The spare key itself: a role decides, the server asks for options, the user confirms.
const spareKey = header + `<error id="no" errorCode="NOT_APPROVED"/>
<process id="spareKey" name="Spare security key" isExecutable="true">
  <documentation>A second key for somebody who has one, once the desk has agreed.</documentation>
  <startEvent id="asked" name="Asked for"><extensionElements>
    <flowable:formProperty id="model" name="Which key" type="enum" required="true"><flowable:value id="nfc" name="With NFC"/><flowable:value id="usb" name="USB only"/></flowable:formProperty>
    <flowable:formProperty id="why" name="Why a spare one" type="string" required="true"/>
  </extensionElements></startEvent>
  <userTask id="approve" name="Approve" flowable:candidateGroups="enroller">
    <documentation>Look at the badge first.</documentation>
    <extensionElements>
      <flowable:formProperty id="asker" name="For" type="string" writable="false" default="\${user.name}"/>
      <flowable:formProperty id="reason" name="Why" type="string" writable="false" default="\${why}"/>
      <flowable:formProperty id="approved" name="May have it" type="boolean"/>
      <flowable:formProperty id="remark" name="Remark" type="text"/>
    </extensionElements>
  </userTask>
  <exclusiveGateway id="choice" name="approved?" default="denied"/>
  <serviceTask id="options" name="Get creation options" flowable:delegateExpression="\${daFidoGetCreationOptionsTask}"><extensionElements>
    <flowable:field name="connection" stringValue="da"/><flowable:field name="userid" expression="\${user.name}"/>
    <flowable:failedJobRetryTimeCycle>R0/PT1S</flowable:failedJobRetryTimeCycle>
  </extensionElements></serviceTask>
  <callActivity id="tell" name="Tell the user" calledElement="tellUser"/>
  <userTask id="confirm" name="Confirm receipt" flowable:assignee="\${user.name}"><extensionElements>
    <flowable:formProperty id="serial" name="Serial number" type="long" required="true"/>
  </extensionElements></userTask>
  <endEvent id="done" name="Handed out"/>
  <endEvent id="refused" name="Not approved"><errorEventDefinition errorRef="no"/></endEvent>
  <sequenceFlow id="f1" sourceRef="asked" targetRef="approve"/>
  <sequenceFlow id="f2" sourceRef="approve" targetRef="choice"/>
  <sequenceFlow id="agreed" name="yes" sourceRef="choice" targetRef="options"><conditionExpression>\${approved}</conditionExpression></sequenceFlow>
  <sequenceFlow id="denied" name="no" sourceRef="choice" targetRef="refused"/>
  <sequenceFlow id="f3" sourceRef="options" targetRef="tell"/>
  <sequenceFlow id="f4" sourceRef="tell" targetRef="confirm"/>
  <sequenceFlow id="f5" sourceRef="confirm" targetRef="done"/>
</process></definitions>`;

before(async () => {
  await mkdir(shots, { recursive: true });
  server = await Server.start();
});
after(() => server?.stop());

// visit opens a page that fails the test on anything the browser complains about.
async function visit(t, options) {
  const context = await server.browser({ viewport: desktop, locale: "en-GB", ...options });
  context.setDefaultTimeout(patience);
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

// operator is the page of a new operator who has signed in.
async function operator(t, name, role, options) {
  const page = await visit(t, options);
  await authenticator(page);
  await page.goto((await server.bestow("operator", "invite", name, "--role", role)).link);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await page.getByText("Your passkey is registered").waitFor();
  await page.goto(server.url + "/console");
  await page.getByRole("button", { name: /passkey/i }).click();
  await page.locator("header .who").waitFor();
  return page;
}

// shoot takes a page's picture on a desktop and on a phone, where nothing scrolls sideways.
async function shoot(page, name) {
  await page.screenshot({ path: shots + name + ".png", fullPage: true });
  await page.setViewportSize(phone);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // it is drawn
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await page.screenshot({ path: shots + name + "-phone.png", fullPage: true });
  await page.setViewportSize(desktop);
  assert.equal(wide, false, name + " scrolls sideways on a phone");
}

const heading = (page, text, level = 1) => page.getByRole("heading", { level, name: text }).waitFor();

async function deploy(name, text) {
  const file = join(server.dir, name);
  await writeFile(file, text);
  await server.bestow("process", "deploy", file);
}

test("an administrator deploys a definition, and is told what is wrong with one", async (t) => {
  const page = await operator(t, "alice@example.com", "administrator");
  await page.getByRole("link", { name: "Processes", exact: true }).click();
  await page.getByText("No process was deployed yet.").waitFor();
  await page.getByRole("link", { name: "Deploy a definition" }).click();

  const broken = spareKey.replace("<exclusiveGateway", "<inclusiveGateway").replace('<endEvent id="done"', '<endEvent');
  await page.getByLabel("Or its text").fill(broken);
  await page.getByRole("button", { name: "Check and deploy" }).click();
  await page.getByText("The definition is refused.").waitFor();
  await page.getByText("use an exclusive gateway for each choice").first().waitFor();
  await shoot(page, "processes-1-refused");

  for (const text of [tellUser, spareKey]) {
    await page.getByLabel("File", { exact: true }).setInputFiles({ name: "process.bpmn", mimeType: "application/xml", buffer: Buffer.from(text) });
    await page.getByRole("button", { name: "Check and deploy" }).click();
    await page.getByText("Version 1 is deployed.").waitFor();
    if (text === spareKey) await shoot(page, "processes-2-warned"); // of a connection that is not there yet
    await page.goto(server.url + "/console/deploy");
  }
  await page.getByRole("link", { name: "Processes", exact: true }).click();
  await page.getByRole("link", { name: "Spare security key" }).waitFor();
  await shoot(page, "processes-2-definitions");
  await page.getByRole("link", { name: "Spare security key" }).click();
  await heading(page, "Spare security key", 2);
  assert.ok(await page.locator('.picture [data-element="approve"] rect').evaluate((e) => getComputedStyle(e).fill === "rgb(255, 255, 255)"), "the picture has no style");
  await shoot(page, "processes-3-definition");
});

test("an enroller starts a process, watches it, does a task and mends it", async (t) => {
  await server.bestow("user", "create", "carol@example.com", "--display-name", "Carol Jones");
  const page = await operator(t, "erin@example.com", "enroller");
  await page.goto(server.url + "/console/processes");
  assert.equal(await page.getByRole("link", { name: "Deploy a definition" }).count(), 0);
  await page.getByRole("row", { name: /Spare security key/ }).getByRole("link", { name: "Start" }).click();
  await page.getByLabel("Login name").fill("carol");
  await page.getByLabel("Which key").selectOption("nfc");
  await page.getByLabel("Why a spare one").fill("The other one stays at home");
  await shoot(page, "processes-4-start");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("There is no user of this name.").waitFor();
  await page.getByLabel("carol@example.com").check();
  assert.equal(await page.getByLabel("Why a spare one").inputValue(), "The other one stays at home");
  await shoot(page, "processes-5-candidates");
  await page.getByRole("button", { name: "Start" }).click();
  await heading(page, "Run of a process");
  const run = page.url();
  await page.reload();
  await page.getByText("Waits for people").waitFor();
  await shoot(page, "processes-6-run");

  // It was started once, and loading the page again started nothing.
  await page.goto(server.url + "/console/runs");
  assert.equal(await page.getByRole("row").count(), 2);

  // What happens is seen by a page that is open.
  const watcher = await page.context().newPage();
  await watcher.goto(run);
  await page.goto(server.url + "/console/tasks");
  await page.getByRole("link", { name: "Approve" }).waitFor();
  await shoot(page, "processes-7-tasks");
  await page.getByRole("link", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Take it" }).click();
  await page.getByRole("button", { name: "Give it back" }).waitFor();
  await page.getByLabel("May have it").check();
  await page.getByLabel("Remark").fill("Badge seen");
  await shoot(page, "processes-8-task");
  await page.getByRole("button", { name: "Complete the task" }).click();
  await page.locator("dt", { hasText: "Completed" }).waitFor();

  // There is no connection yet: that is somebody's to mend.
  await watcher.getByRole("heading", { name: "Get creation options needs help" }).waitFor();
  await watcher.getByText("There is no connection da.").first().waitFor();
  assert.equal(await watcher.locator('.picture [data-element="options"]').getAttribute("class"), "element serviceTask failed");
  await watcher.getByText("Skip it").click();
  await watcher.getByLabel("Variables to set").fill("oops");
  await shoot(watcher, "processes-9-incident");
  await watcher.getByRole("button", { name: "Skip and go on" }).click();
  await watcher.getByText("Line 1 is not name = value.").waitFor();
  assert.equal(await watcher.getByLabel("Variables to set").inputValue(), "oops");
  await watcher.goto(run);
  await page.goto(server.url + "/console/runs?incidents=on");
  await page.getByText("needs help: 1").waitFor();
  await shoot(page, "processes-10-runs");

  const admin = await operator(t, "anna@example.com", "administrator");
  await settings(admin);

  await watcher.getByRole("button", { name: "Retry" }).click();
  await watcher.getByRole("link", { name: "Confirm receipt" }).waitFor();
  await watcher.getByRole("link", { name: "tellUser" }).waitFor();
  await shoot(watcher, "processes-11-mended");
  await watcher.getByRole("link", { name: "tellUser" }).click();
  await watcher.getByText("Called by run", { exact: true }).waitFor();
  await watcher.getByText("A key for carol@example.com is on its way.").first().waitFor();
  await watcher.goto(run);

  // A task of somebody else: a link, shown once.
  await watcher.getByRole("link", { name: "Confirm receipt" }).click();
  await watcher.getByText("This task is not yours to do.").waitFor();
  await watcher.getByRole("button", { name: "Make link" }).click();
  const link = await watcher.getByLabel("Link", { exact: true }).inputValue();
  assert.match(link, /\/task#[\w-]{43}$/);
  await watcher.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await watcher.getByRole("button", { name: "Copy" }).click();
  await watcher.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await watcher.evaluate(() => navigator.clipboard.readText()), link);
  await watcher.getByLabel("Link", { exact: true }).evaluate((e) => { e.value = e.value.replace(/#.*/, "#…"); }); // for the picture
  await shoot(watcher, "processes-12-link");
  assert.ok(!server.log.join("\n").includes(link.split("#")[1]), "the link is in the log");
  await watcher.goto(watcher.url().replace(/\/link$/, ""));
  assert.equal(await watcher.getByLabel("Link", { exact: true }).count(), 0);

  // And the end of it.
  await watcher.goto(run);
  await watcher.getByText("End it, whatever it is at").click();
  await watcher.getByLabel("Why?").fill("Carol has left");
  await watcher.getByRole("button", { name: "End run" }).click();
  await watcher.locator('[data-part="head"] .state', { hasText: "cancelled" }).waitFor();
  await watcher.getByText("Carol has left").first().waitFor();
  await shoot(watcher, "processes-13-ended");
});

// settings has an administrator make what tasks reach.
async function settings(page) {
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "New connection" }).click();
  await page.getByLabel("Name").fill("other");
  await page.getByLabel("another server, over https").check();
  await page.getByLabel("URL").fill("http://da.example.com");
  await page.getByLabel("Client id").fill("idm");
  await page.getByLabel("Secret").fill("never to be seen again");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The connection is not good.").waitFor();
  await page.getByLabel("URL").fill("https://127.0.0.1:9");
  await page.getByLabel("Secret").fill("never to be seen again");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved. Test it next.").waitFor();
  assert.ok(!(await page.content()).includes("never to be seen"), "the secret is shown");
  await page.getByRole("button", { name: "Test" }).click();
  await page.getByRole("heading", { name: "What the test found" }).waitFor();
  await shoot(page, "settings-1-unreached");
  await page.getByText("Delete this connection").click();
  await page.getByLabel("Yes, delete other").check();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("other is deleted.").waitFor();

  await page.getByRole("link", { name: "New connection" }).click();
  await page.getByLabel("Name").fill("da");
  await page.getByLabel("this Bestow itself").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Test" }).click();
  await page.locator("dd", { hasText: "yes" }).first().waitFor();
  await shoot(page, "settings-2-connection");

  await page.getByRole("link", { name: "All settings" }).click();
  await page.getByRole("link", { name: "New messaging server" }).click();
  await page.getByLabel("Name", { exact: true }).fill("hermod");
  await page.getByLabel("Description").fill("Desks in the head office");
  await page.getByLabel("this Bestow itself").check();
  await page.getByText("Add or replace a set").click();
  await page.getByLabel("Name of the set").fill("desks");
  await page.getByLabel("File with the JWKS").setInputFiles({
    name: "desks.json", mimeType: "application/json",
    buffer: Buffer.from(JSON.stringify({ keys: [await newKey("desk-1"), await newKey("desk-2")] })),
  });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved. Test it next.").waitFor();
  await page.getByText("desk-2").first().waitFor();
  await page.getByRole("button", { name: "Test" }).click();
  await page.getByRole("heading", { name: "What the test found" }).waitFor();
  await shoot(page, "settings-3-messaging");
  await page.getByRole("link", { name: "All settings" }).click();
  await page.getByRole("link", { name: "hermod" }).waitFor();
  await shoot(page, "settings-4-list");
}

// newKey is a public key as an installation of the agent has it.
async function newKey(kid) {
  const { publicKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { kty, crv, x, y, kid, alg: "ES256", use: "sig" };
}

test("an auditor has none of these pages", async (t) => {
  const page = await operator(t, "aud@example.com", "auditor");
  assert.equal(await page.getByRole("link", { name: "Runs" }).count(), 0);
  for (const path of ["processes", "runs", "tasks", "settings", "deploy"]) {
    assert.equal((await page.goto(server.url + "/console/" + path)).status(), 403, path);
  }
});

test("it works without scripts, in German and in the dark", async (t) => {
  await deploy("tellUser.bpmn", tellUser);
  const page = await operator(t, "dora@example.com", "enroller", { locale: "de-DE", colorScheme: "dark" });
  await page.route("**/console/assets/run.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  await page.goto(server.url + "/console/processes/tellUser/start");
  await page.getByRole("button", { name: "Starten" }).click();
  await page.locator('[data-part="head"] .state', { hasText: "abgeschlossen" }).waitFor();
  await page.reload();
  await shoot(page, "processes-14-german-dark");
});
