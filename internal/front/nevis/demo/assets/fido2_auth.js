// The page of a state: an empty form post to our own address gives options, and the
// authenticator's answer goes back as the fields of the form.

import { create, get } from "/assets/passkey.js";

const form = document.getElementById("fido2");
const button = document.getElementById("go");

function field(name, value) {
  if (value === undefined || value === null) return;
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = name;
  input.value = value;
  form.append(input);
}

async function options() {
  const answer = await fetch(form.action, {
    method: "POST", body: "", headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" },
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.errorMessage);
  return said;
}

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const publicKey = await options();
    const answer = document.body.dataset.state === "register" ? await create(publicKey) : await get(publicKey);
    field("id", answer.id);
    field("type", answer.type);
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) field(name, answer.response[name]);
    field("clientExtensionResults", JSON.stringify(answer.clientExtensionResults || {}));
    field("userAgent", navigator.userAgent);
  } catch (error) {
    field("error", error.name === "Error" ? error.message : error.name);
    field("errorMessage", error.message);
  }
  form.submit();
});
