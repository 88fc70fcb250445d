// A Bestow of its own for each test file: the built program, on a free port, with
// data in a fresh directory that is removed afterwards.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const run = promisify(execFile);
const program = resolve(import.meta.dirname, "../../bin/bestow");
const browserProgram = process.env.CHROMIUM || "/usr/bin/chromium";

export class Server {
  // start begins a server. configure may return more of its environment: it is given
  // the server, and a port that was free just now.
  static async start(configure) {
    const dir = await mkdtemp(join(tmpdir(), "bestow-browser-"));
    const server = new Server(dir);
    if (configure) Object.assign(server.env, await configure(server, await freePort()));
    await server.#begin();
    return server;
  }

  constructor(dir) {
    this.dir = dir;
    this.data = join(dir, "data");
    this.authority = join(this.data, "tls/ca.pem");
    this.browserArgs = [];
    this.flags = []; // of the command
    this.env = {
      PATH: process.env.PATH, HOME: dir,
      BESTOW_LISTEN: "127.0.0.1:0", BESTOW_METRICS_LISTEN: "", BESTOW_DATA: this.data, BESTOW_LOG__FORMAT: "json",
    };
  }

  // staged begins a server that has processes, and somebody at the desk: see do.
  static async staged() {
    const dir = await mkdtemp(join(tmpdir(), "bestow-browser-"));
    const server = new Server(dir);
    server.stage = join(dir, "stage");
    await run("go", ["build", "-o", server.stage, "./test/browser/stage"], { cwd: resolve(import.meta.dirname, "../..") });
    await server.#begin();
    return server;
  }

  // do has the stage do something and returns what it answers.
  async do(order) {
    this.child.stdin.write(JSON.stringify(order) + "\n");
    const { value } = await this.answers.next();
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(order.do + ": " + answer.error);
    return answer;
  }

  async #begin() {
    if (this.stage) {
      this.child = spawn(this.stage, { env: this.env, stdio: "pipe" });
      this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    } else {
      this.child = spawn(program, ["serve", ...this.flags], { env: this.env, stdio: ["ignore", "ignore", "pipe"] });
    }
    this.ended = once(this.child, "exit");
    this.log = [];
    const lines = createInterface({ input: this.child.stderr });
    this.url = await new Promise((found, failed) => {
      lines.on("line", (line) => {
        this.log.push(line);
        let entry = {};
        try { entry = JSON.parse(line); } catch { /* not a line of the log */ }
        if (entry.msg === "bestow serves") found(entry.url);
      });
      this.ended.then(() => failed(new Error("the server ended:\n" + this.log.join("\n"))));
    });
  }

  // bestow runs a verb of the command line and returns what it printed as JSON.
  async bestow(...args) {
    const { stdout } = await run(program, ["--json", ...args], { env: { ...this.env, BESTOW_PUBLIC_URL: this.url } });
    return JSON.parse(stdout);
  }

  // browser starts Chromium. It trusts the server's local authority as a person would
  // make it: through the user's certificate store.
  async browser(options = {}) {
    const store = join(this.dir, ".pki/nssdb");
    await mkdir(store, { recursive: true });
    await run("certutil", ["-d", "sql:" + store, "-N", "--empty-password"]).catch(() => {});
    await run("certutil", ["-d", "sql:" + store, "-A", "-n", "bestow", "-t", "C,,", "-i", this.authority]);
    const profile = await mkdtemp(join(this.dir, "profile-"));
    if (this.stage) await allowApp(profile, this.url);
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: browserProgram,
      env: this.env,
      args: [
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", ...this.browserArgs,
      ],
      ...options,
    });
    this.contexts = [...(this.contexts || []), context];
    return context;
  }

  async stop() {
    for (const context of this.contexts || []) await context.close();
    this.child.kill("SIGTERM");
    await this.ended;
    await rm(this.dir, { recursive: true, force: true });
  }
}

// allowApp has a profile open links to desks from a site without asking: a question that
// nobody answers would keep all clicks from the page.
async function allowApp(profile, origin) {
  await mkdir(join(profile, "Default"));
  const preferences = { protocol_handler: { allowed_origin_protocol_pairs: { [origin]: { "com.nexusgroup.plugout": true } } } };
  await writeFile(join(profile, "Default/Preferences"), JSON.stringify(preferences));
}

// freePort returns a port of this machine that nobody listens on.
async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

// certificate makes an authority and a certificate of it for the names, and returns
// their files.
export async function certificate(dir, names) {
  const at = (name) => join(dir, name);
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  await run("openssl", [...request, "-subj", "/CN=authority of a test", "-keyout", at("ca.key"), "-out", at("ca.pem")]);
  await run("openssl", [...request, "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-subj", "/CN=" + names[0],
    "-addext", "subjectAltName=" + names.map((name) => "DNS:" + name).join(","), "-addext", "basicConstraints=critical,CA:FALSE",
    "-keyout", at("server.key"), "-out", at("server.pem")]);
  return { authority: at("ca.pem"), chain: at("server.pem"), key: at("server.key") };
}

// authenticator gives a page a virtual authenticator that always agrees.
export async function authenticator(page, options = {}) {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options,
    },
  });
  return { session, authenticatorId };
}
