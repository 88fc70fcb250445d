// What the pages have in common on which one signs in: buttons that tell how it goes, and
// what the one for a passkey does.

import { call, get, needPasskeys, wordsFor } from "/assets/passkey.js";

const $ = (id) => document.getElementById(id);

export function explain(text) {
  $("problem-text").textContent = text;
  $("problem").hidden = !text;
}

// Runs what a button does: once at a time, with its outcome told. working names the words
// for meanwhile.
export function onClick(id, working, act) {
  $(id)?.addEventListener("click", async () => {
    $(id).disabled = true;
    explain("");
    $("working").textContent = document.querySelector(`[data-word="${working}"]`).textContent;
    try {
      await act();
    } catch (error) {
      explain(wordsFor(error));
      $(id).disabled = false;
    }
    $("working").textContent = "";
  });
}

// Signs in at the door whose pages are at root and below, and goes on to a page of it.
export async function signIn(root, to) {
  needPasskeys();
  const { publicKey } = await call("POST", root + "/signin/begin");
  await call("POST", root + "/signin/finish", { response: await get(publicKey) });
  location.replace(to);
}
