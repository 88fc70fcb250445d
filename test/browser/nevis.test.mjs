// The nevisFIDO front's own relying party: a person registers a passkey and signs in with
// it, through forms as a state machine takes them.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;

before(async () => {
  server = await Server.start(async (server) => {
    await mkdir(server.dir, { recursive: true });
    const file = join(server.dir, "bestow.yaml");
    await writeFile(file, `
tenants:
  - name: default
    relying-parties: [ { id: localhost, name: Bestow on this machine, attestation-trust: record } ]
    clients: [ { id: portal, key: 0123456789abcdef0123456789abcdef-demo, scopes: [ fido.provision, fido.authenticate ] } ]
fronts:
  nevis: { relying-party: localhost, demo: { client: portal } }
`);
    server.arguments = ["--test-data"];
    return { BESTOW_CONFIG: file };
  });
  await server.bestow("user", "create", "alice");
});
after(() => server?.stop());

test("register and sign in, with and without a name", async (t) => {
  const context = await server.browser();
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await authenticator(page);
  const begin = async (name, how) => {
    await page.goto(server.url + "/nevis/demo");
    await page.locator("#name").fill(name);
    await page.locator("#" + how).click();
    await page.waitForURL("**/nevis/demo/" + how);
  };

  await begin("alice", "register");
  await page.locator("#userFriendlyName").fill("Laptop");
  await page.locator("#go").click();
  await page.waitForURL("**/nevis/demo/ok");
  assert.equal(await page.locator("#user").textContent(), "alice");

  // A second one for the same user: the authenticator is excluded, and says so.
  await begin("alice", "register");
  await page.locator("#go").click();
  await page.locator("#lasterror").waitFor();
  assert.match(await page.locator("#lasterror").textContent(), /InvalidStateError/);

  for (const name of ["alice", ""]) {
    await begin(name, "login");
    await page.locator("#go").click();
    await page.waitForURL("**/nevis/demo/ok");
    assert.equal(await page.locator("#user").textContent(), "alice");
  }

  await begin("nobody", "login");
  await page.locator("#go").click();
  await page.locator("#lasterror").waitFor();
  assert.match(await page.locator("#lasterror").textContent(), /Nobody can sign in/);
});
