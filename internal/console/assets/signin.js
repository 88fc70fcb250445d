// The sign-in page of the console.

import { call } from "/assets/passkey.js";
import { onClick, signIn } from "/assets/signin.js";

const { to } = document.body.dataset;

onClick("sign-in", "follow", () => signIn("/console", to));

// A link from another site brings no cookie; a call of our own does.
if (await call("GET", "/console/session").catch(() => null)) location.replace(to);
