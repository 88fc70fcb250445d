// The OneSpan front with a real browser: a back end asks for the requests and hands in
// the answers, and a page of the relying party gives them to the browser in between.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, authenticator } from "./server.mjs";

const secret = "0123456789abcdef0123456789abcdef-portal";
let server;

before(async () => {
  server = await Server.start(async (server, port) => {
    const config = join(server.dir, "bestow.json");
    await writeFile(config, JSON.stringify({
      tenants: [{
        name: "northbank",
        "relying-parties": [{ id: "localhost", name: "North Bank", "resident-key": "discouraged", "user-verification": "preferred" }],
        clients: [{ id: "portal", key: secret, scopes: ["fido.provision", "fido.authenticate", "fido.read", "fido.manage"] }],
      }],
      fronts: { onespan: { tenant: "northbank", "relying-party": "localhost" } },
    }));
    return { BESTOW_CONFIG: config, BESTOW_LISTEN: `127.0.0.1:${port}`, BESTOW_PUBLIC_URL: `https://localhost:${port}` };
  });
});
after(() => server?.stop());

// call is the back end's: it sends a body and returns the answer.
async function call(method, path, body) {
  const ca = await readFile(server.authority);
  return new Promise((done, failed) => {
    const r = request(`${server.url}/v1${path}`, {
      method, ca, auth: `portal:${secret}`, headers: body ? { "Content-Type": "application/json" } : {},
    }, (answer) => {
      let text = "";
      answer.on("data", (part) => { text += part; });
      answer.on("end", () => done({ status: answer.statusCode, id: answer.headers["log-correlation-id"], ...JSON.parse(text || "{}") }));
    });
    r.on("error", failed);
    r.end(body && JSON.stringify(body));
  });
}

// The page: it parses the string, calls the browser, and stringifies the credential.
const create = (text) => navigator.credentials
  .create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(text)) }).then((c) => JSON.stringify(c));
const get = (text) => navigator.credentials
  .get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(text)) }).then((c) => JSON.stringify(c));

test("register and log in", async (t) => {
  await server.bestow("user", "create", "mira.koch", "--display-name", "Mira Koch");
  const context = await server.browser();
  t.after(() => context.close());
  const page = await context.newPage();
  await authenticator(page);
  await page.goto(server.url + "/enrol");
  const user = "/users/mira.koch@master/";

  const asked = await call("POST", user + "generate-fido-registration-request", {
    fidoProtocol: "FIDO2", attestation: "none", authenticatorSelection: { userVerification: "required", requireResidentKey: true },
  });
  assert.equal(asked.status, 200);
  assert.equal(typeof asked.registrationRequest, "string");
  const answer = { fidoProtocol: "FIDO2", requestID: asked.requestID, registrationName: "Laptop" };
  answer.registrationResponse = await page.evaluate(create, asked.registrationRequest);
  const registered = await call("POST", user + "register-fido-device", answer);
  assert.equal(registered.status, 200, registered.message);
  assert.equal(registered.registrationName, "Laptop");
  assert.equal((await call("POST", user + "register-fido-device", answer)).status, 409);

  const again = await call("POST", user + "generate-fido-registration-request", { fidoProtocol: "FIDO2" });
  await assert.rejects(page.evaluate(create, again.registrationRequest), /InvalidStateError/); // it is excluded

  const login = await call("POST", user + "generate-fido-authentication-request", { fidoProtocol: "FIDO2" });
  const accepted = await call("POST", user + "login", {
    objectType: "LoginInput", requestID: login.requestID, fidoAuthentication: { fidoProtocol: "FIDO2" },
    credentials: { fidoAuthenticator: { authenticationResponse: await page.evaluate(get, login.authenticationRequest) } },
  });
  assert.equal(accepted.status, 200, accepted.message);
  assert.equal(accepted.sessionStatus, "accepted");
  assert.ok(accepted.id);

  const list = await call("GET", "/fido-registrations?userID=mira.koch");
  assert.deepEqual(list.fidoRegistrations.map((r) => r.registrationID), [registered.registrationID]);
});
