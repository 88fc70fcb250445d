// A page of a shop whose back end calls the OneWelcome front: what the front answers is
// given to the browser, and what the browser's toJSON gives is handed in, both untouched.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator, certificate } from "./server.mjs";

const key = "the-shop-key-0123456789abcdef012345";

let server;

before(async () => {
  server = await Server.start(async (server, port) => {
    const files = await certificate(server.dir, ["shop.test"]);
    server.authority = files.authority;
    server.browserArgs = ["--host-resolver-rules=MAP *.test 127.0.0.1"];
    const config = join(server.dir, "bestow.json");
    await writeFile(config, JSON.stringify({
      "public-url": `https://shop.test:${port}`,
      tls: { "cert-file": files.chain, "key-file": files.key },
      tenants: [{
        name: "acme",
        "relying-parties": [{
          id: "shop.test", name: "Shop", origins: [`https://shop.test:${port}`],
          "resident-key": "preferred", "user-verification": "preferred", attestation: "none",
        }],
        clients: [{ id: "shop", key, scopes: ["fido.provision", "fido.authenticate", "users.write"], "relying-parties": ["shop.test"] }],
      }],
      fronts: { onewelcome: {} },
    }));
    return { BESTOW_CONFIG: config, BESTOW_LISTEN: `127.0.0.1:${port}` };
  });
});
after(() => server?.stop());

// call is the back end's way to the server, which is not the page's.
async function call(path, body) {
  const { port } = new URL(server.url);
  const request = https.request({
    host: "127.0.0.1", port, servername: "shop.test", ca: await readFile(server.authority), method: "POST", path: `/fido/v1${path}`,
    headers: { Host: `shop.test:${port}`, Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
  });
  request.end(JSON.stringify(body));
  const [answer] = await once(request, "response");
  let text = "";
  for await (const part of answer) text += part;
  return { status: answer.statusCode, body: JSON.parse(text) };
}

// visit opens a page of the shop's, which may do what a back end of the shop's lets it do.
async function visit(t) {
  const context = await server.browser();
  t.after(() => context.close());
  const page = await context.newPage();
  await authenticator(page);
  await page.goto(`${server.url}/enrol`); // any page of the origin
  await page.exposeFunction("backEnd", call);
  return page;
}

test("enrol and sign in, named and not", async (t) => {
  const page = await visit(t);
  const enrolled = await page.evaluate(async () => {
    const options = await backEnd("/attestation/options", { username: "lena@shop.test", displayName: "Lena" });
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.body);
    const credential = await navigator.credentials.create({ publicKey });
    return { options, done: await backEnd("/attestation/verify", credential.toJSON()) };
  });
  assert.equal(enrolled.done.status, 200, JSON.stringify(enrolled.done));
  assert.equal(enrolled.done.body.status, "OK");
  assert.equal(enrolled.done.body.userId, enrolled.options.body.user.id);
  assert.equal(enrolled.done.body.credential.discoverable, true);

  for (const who of [{ userId: enrolled.done.body.userId }, {}]) {
    const signedIn = await page.evaluate(async (who) => {
      const options = await backEnd("/assertion/options?wrap=publicKey", who);
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.body.publicKey);
      const credential = await navigator.credentials.get({ publicKey });
      return backEnd("/assertion/verify", { credential: credential.toJSON(), transactionId: options.body.transactionId });
    }, who);
    assert.equal(signedIn.status, 200, JSON.stringify(signedIn));
    assert.equal(signedIn.body.userId, enrolled.done.body.userId);
    assert.equal(signedIn.body.username, "lena@shop.test");
    assert.equal(signedIn.body.userVerified, true);
  }
});

test("the browser refuses the same authenticator", async (t) => {
  const page = await visit(t);
  const said = await page.evaluate(async () => {
    const first = await backEnd("/attestation/options", { username: "twice" });
    const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(first.body) });
    await backEnd("/attestation/verify", credential.toJSON());
    const again = await backEnd("/attestation/options", { username: "twice", userId: first.body.user.id });
    try {
      await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(again.body) });
    } catch (e) {
      return e.name;
    }
    return "made another";
  });
  assert.equal(said, "InvalidStateError");
});
