// A page of another site runs ceremonies for an RP ID that names it as related, and a
// page that is not named does not. Names end in .test, which is nobody's; the browser
// finds them all at the server of the test, as it would find them by DNS.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator, certificate } from "./server.mjs";

let server;

before(async () => {
  server = await Server.start(async (server, port) => {
    const files = await certificate(server.dir, ["login.test", "shop.test", "other.test"]);
    server.authority = files.authority;
    // The document is asked for on port 443.
    server.browserArgs = [`--host-resolver-rules=MAP *.test:443 127.0.0.1:${port}, MAP *.test 127.0.0.1`];
    const config = join(server.dir, "bestow.json");
    await writeFile(config, JSON.stringify({
      "public-url": `https://shop.test:${port}`,
      tls: { "cert-file": files.chain, "key-file": files.key },
      tenants: [{ name: "acme", "relying-parties": [{ id: "login.test", "related-origins": [`https://shop.test:${port}`] }] }],
    }));
    return { BESTOW_CONFIG: config, BESTOW_LISTEN: `127.0.0.1:${port}` };
  });
});
after(() => server?.stop());

const title = (page) => page.locator("section:not([hidden]) h1");

async function visit(t, url) {
  const context = await server.browser();
  t.after(() => context.close());
  const page = await context.newPage();
  const { session, authenticatorId } = await authenticator(page);
  await page.goto(url);
  return { page, credentials: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials };
}

test("register and sign in on a related site", async (t) => {
  const { link } = await server.bestow("user", "invite", "alice@example.com", "--create");
  assert.ok(link.startsWith("https://shop.test:"));
  const { page, credentials } = await visit(t, link);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await title(page).getByText("Your passkey is registered").waitFor();
  assert.deepEqual((await credentials()).map((c) => c.rpId), ["login.test"]);
  await page.getByRole("button", { name: "Sign in with it" }).click();
  await title(page).getByText("You are signed in").waitFor();
});

test("a site that is not named may not", async (t) => {
  const { link } = await server.bestow("user", "invite", "bob@example.com", "--create");
  const { page, credentials } = await visit(t, link.replace("shop.test", "other.test"));
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await page.getByText("The browser does not allow passkeys on this address").waitFor();
  assert.deepEqual(await credentials(), []);
});
