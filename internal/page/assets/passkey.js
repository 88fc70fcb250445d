// What all pages have in common that ask for a passkey: calls to our own server, and
// words for what the browser or the authenticator said. WebAuthn goes through the
// browser's own JSON forms.

const english = {
  unreachable: "The server cannot be reached. Check your connection and try again.",
  tooOld: "This browser is too old for this page. Use a current version of Chrome, Edge, Firefox or Safari.",
  NotAllowedError: "That was cancelled, or took too long. You can try again.",
  InvalidStateError: "There is a passkey of yours on this device or security key already.",
  NotSupportedError: "This device or security key cannot make the kind of passkey that is asked for here.",
  ConstraintError: "This device or security key cannot check who you are. It may need a PIN first.",
  SecurityError: "The browser does not allow passkeys on this address.",
  other: "Something unexpected happened. You can try again.",
};

// A page in another language brings its words along: <p data-word="other">…</p>.
function word(name) {
  const own = document.querySelector(`[data-word="${name}"]`);
  return own ? own.textContent : english[name];
}

// A refusal of our server, with words for people.
export class Refused extends Error {
  constructor(body, status) {
    super(body.message || word("other") + " (" + status + ")");
    this.code = body.code || "";
  }
}

// Calls our own server and returns what it answered; null for nothing.
export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch {
    throw new Refused({ message: word("unreachable") }, 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}

// Words for an error of a call, the browser or the authenticator.
export function wordsFor(error) {
  if (error instanceof Refused) return error.message;
  if (error.name !== "other" && error.name in english) return word(error.name);
  return word("other") + " (" + error.name + ")";
}

// Throws if this browser cannot do what the page is about.
export function needPasskeys() {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) throw new Refused({ message: word("tooOld") }, 0);
}

// Has the browser make a passkey by creation options.
export async function create(publicKey) {
  const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  return made.toJSON();
}

// Has the browser use a passkey by request options.
export async function get(publicKey) {
  const used = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  return used.toJSON();
}
