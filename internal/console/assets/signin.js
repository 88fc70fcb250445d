// The sign-in page of the console.

import { call, get, needPasskeys, wordsFor } from "/assets/passkey.js";

const $ = (id) => document.getElementById(id);
const to = document.body.dataset.to;

function explain(text) {
  $("problem-text").textContent = text;
  $("problem").hidden = !text;
}

async function signIn() {
  needPasskeys();
  const { publicKey } = await call("POST", "/console/signin/begin");
  await call("POST", "/console/signin/finish", { response: await get(publicKey) });
  location.replace(to);
}

$("sign-in")?.addEventListener("click", async () => {
  $("sign-in").disabled = true;
  explain("");
  $("working").textContent = document.querySelector('[data-word="working"]').textContent;
  try {
    await signIn();
  } catch (error) {
    explain(wordsFor(error));
    $("sign-in").disabled = false;
  }
  $("working").textContent = "";
});

// A link from another site brings no cookie; a call of our own does.
if (await call("GET", "/console/session").catch(() => null)) location.replace(to);
