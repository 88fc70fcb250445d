// A browser and its authenticator against the endpoints of the conformance tests: what
// they answer is what browsers take, and what browsers answer is taken.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

let server;

before(async () => {
  server = await Server.start(async (server, port) => {
    const config = join(server.dir, "bestow.json");
    await writeFile(config, JSON.stringify({
      tenants: [{ name: "lab", "relying-parties": [{ id: "localhost", name: "Lab" }] }],
      fronts: { conformance: { enabled: true, "relying-party": "localhost" } },
    }));
    server.arguments = ["--test-data"];
    return { BESTOW_CONFIG: config, BESTOW_LISTEN: `127.0.0.1:${port}` };
  });
});
after(() => server?.stop());

// call posts to an endpoint from the page and returns the answer.
const call = (page, path, body) => page.evaluate(async ({ path, body }) => {
  const answer = await fetch("/conformance" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.json();
}, { path, body });

const create = (page, options) => page.evaluate(async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey })).toJSON();
}, options);

const get = (page, options) => page.evaluate(async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}, options);

test("register and sign in through the four endpoints", async (t) => {
  const context = await server.browser();
  t.after(() => context.close());
  const page = await context.newPage();
  await authenticator(page);
  await page.goto(server.url + "/enrol");

  const user = { username: "k3v9", displayName: "Kim Vogel" };
  const options = await call(page, "/attestation/options", {
    ...user, authenticatorSelection: { requireResidentKey: false, userVerification: "required" }, extensions: { "example.extension": "any text" },
  });
  assert.equal(options.status, "ok", options.errorMessage);
  assert.deepEqual(options.extensions, { "example.extension": "any text" });
  const made = await create(page, options);
  assert.deepEqual(await call(page, "/attestation/result", made), { status: "ok", errorMessage: "" });
  assert.match((await call(page, "/attestation/result", made)).errorMessage, /^session\.consumed: /);

  const again = await call(page, "/attestation/options", user);
  assert.deepEqual(again.excludeCredentials.map((c) => c.id), [made.id]);

  const asked = await call(page, "/assertion/options", { username: user.username, userVerification: "required" });
  assert.deepEqual(asked.allowCredentials.map((c) => c.id), [made.id]);
  assert.deepEqual(await call(page, "/assertion/result", await get(page, asked)), { status: "ok", errorMessage: "" });
});
