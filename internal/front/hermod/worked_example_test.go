package hermod_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/webauthn"
)

// exampleCredential is what the security key of the example makes: packed
// self-attestation, ES256.
const exampleCredential = `{
	"id": "AAKNLD-w71fSc8BUB0t7Hw", "rawId": "AAKNLD-w71fSc8BUB0t7Hw", "type": "public-key",
	"authenticatorAttachment": "cross-platform", "clientExtensionResults": { "credProps": { "rk": true } },
	"response": {
		"clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiM1dsbEZDeDJnZnFsMDhySHJPZTU2dk5mV1J0c2o2SV9ISldLLWpZVHpObyIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uZXhhbXBsZS5jb20iLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
		"attestationObject": "o2NmbXRmcGFja2VkZ2F0dFN0bXSiY2FsZyZjc2lnWEcwRQIhAPI0Zrgc3_mfhf5Galc_eXqQk9C5uxMETWUvmYDaRszPAiBWogR4Pj9nfmCNcFJnSU3LqCNzquKUjCcU9FO0L7N8B2hhdXRoRGF0YViUDGygg5w6VoNVeDP2GKJVZmXfKgiJZHh9U4ULStTTvtxFAAAAAZ08Xwp7HkwtimDx4tPEtaYAEAACjSw_sO9X0nPAVAdLex-lAQIDJiABIVggaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrsiWCB68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g",
		"transports": ["usb"], "publicKeyAlgorithm": -7,
		"publicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrt68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g"
	} }`

// example is the flow with the names that the relay chose filled into its documents.
type example struct {
	*world
	names *strings.Replacer
}

// reads fails unless got says what the document does, no more and no less.
func (e *example) reads(what string, got []byte, document string) {
	e.t.Helper()
	if document = e.names.Replace(document); !sameJSON(e.t, got, []byte(document)) {
		e.t.Errorf("%s\ngot  %s\nwant %s", what, got, document)
	}
}

// The flow that documentation shows, steps (b) to (e): a session, a create command
// posted before the device has come, the device, the callbacks. Step (a) and (f) are
// the relying party's.
func TestWorkedExample(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	signer, err := plugout.NewSigner(rsaKey, plugout.RS256, "attestation_2026-01-15T09:00:00GMT")
	check(t, err)
	set, err := plugout.NewKeySet(signer.Public())
	check(t, err)
	w := newWorld(t, settings{idm: func(c *relay.Client) { c.KeySet = set }})
	w.key = signer

	// (b) The session.
	session := w.command("sessionstart", `{ "commandHeader": { "lifespan": 600, "timeout": 10, "to": ["@tmp"], "externalId": "proc-8841/session" },
		"sessionStartCommand": { "userid": "alice@example.com", "title": "Register your security key", "require": ["fido2"] } }`)
	var start receipt
	session.into(t, &start)
	box, token := link(t, &start)
	names := []string{"$BOX", box, "$TOKEN", token, "$START", start.message(), "$SESSION", start.CommandID, "$KID", signer.Public().KeyID}
	e := &example{world: w, names: strings.NewReplacer(names...)}
	if session.status != http.StatusOK {
		t.Fatalf("%d %s", session.status, session.body)
	}
	e.reads("(b) answer", session.body, `{ "commandId": "$SESSION", "destinations": [{ "to": "@tmp", "bid": "$BOX",
		"uri": "com.nexusgroup.plugout:///?url=https%3A%2F%2Fmsg.example.com%3A20400%2Fhermod%2Frest%2Fms%2F$BOX&token=$TOKEN",
		"mid": "$START", "location": "https://msg.example.com:20400/hermod/rest/ms/$BOX/$START" }],
		"commandType": "SESSION_START", "state": "IN_PROGRESS", "fqdn": "msg.example.com", "externalId": "proc-8841/session" }`)

	// (c) The create command waits in the box.
	options, err := json.Marshal(object{"publicKey": creationOptions()})
	check(t, err)
	create := w.command("fidocreatecredential", e.names.Replace(`{ "commandHeader": { "lifespan": 600, "timeout": 120, "to": ["$BOX"], "externalId": "proc-8841/create" },
		"fidoCreateCredentialCommand": { "nonce": "kX0b2oQyq1m0m1xJ5rV0Zw", "responseformat": "jws", "responsesignaturekey": "ATTESTATION",
		"creationOptions": `+string(options)+` } }`))
	var made receipt
	create.into(t, &made)
	e.names = strings.NewReplacer(append(names, "$CREATE", made.CommandID, "$MID", made.message())...)
	e.reads("(c) answer", create.body, `{ "commandId": "$CREATE", "commandType": "FIDO_CREATE_CREDENTIAL", "state": "IN_PROGRESS", "fqdn": "msg.example.com", "externalId": "proc-8841/create",
		"destinations": [ { "to": "$BOX", "bid": "$BOX", "mid": "$MID", "location": "https://msg.example.com:20400/hermod/rest/ms/$BOX/$MID" } ] }`)

	// (d) The device redeems the link, answers the session start, takes the command.
	opened := w.do(call{path: "/ms/" + box + "/session", body: `{"token":"` + token + `","client":{"app":"desktop-app","version":"2.4.0","os":"windows"}}`})
	secret, _ := opened.member("session").(string)
	e.reads("(d) session", opened.body, `{ "session": "`+secret+`", "expires": "2026-03-02T10:25:04Z",
		"messages": [{ "mid": "$START", "type": "SESSION_START", "location": "https://msg.example.com:20400/hermod/rest/ms/$BOX/$START", "expires": "2026-03-02T10:15:14Z" }] }`)
	d := &desk{w: w, box: box, session: secret, key: signer, opened: opened}
	d.answer(start.message(), plugout.StatusOK, sessionStarted)
	e.reads("(d) list", d.do("GET", "?wait=25").body, `{ "messages": [{ "mid": "$MID", "type": "FIDO_CREATE_CREDENTIAL",
		"location": "https://msg.example.com:20400/hermod/rest/ms/$BOX/$MID", "expires": "2026-03-02T10:17:04Z" }] }`)
	e.reads("(d) command", d.do("GET", "/"+made.message()).body, `{ "v": 1, "bid": "$BOX", "mid": "$MID",
		"type": "FIDO_CREATE_CREDENTIAL", "requester": "idm", "issued": "2026-03-02T10:15:04Z", "expires": "2026-03-02T10:17:04Z",
		"nonce": "kX0b2oQyq1m0m1xJ5rV0Zw", "responseformat": "jws", "responsesignaturekey": "ATTESTATION",
		"command": { "nonce": "kX0b2oQyq1m0m1xJ5rV0Zw", "responseformat": "jws", "responsesignaturekey": "ATTESTATION", "creationOptions": `+string(options)+` } }`)
	w.Later(26 * time.Second)
	jws, err := signer.Sign([]byte(e.names.Replace(`{ "v": 1, "mid": "$MID", "nonce": "kX0b2oQyq1m0m1xJ5rV0Zw", "iat": 1772446530, "status": "OK",
		"response": { "credential": ` + exampleCredential + ` } }`)))
	check(t, err)
	if r := d.postAs(made.message(), "application/jose", jws); r.status != http.StatusAccepted || len(r.body) > 0 {
		t.Fatalf("(d) answer: %d %s", r.status, r.body)
	}

	// (e) The callbacks, the session's first.
	got := w.callbacks()
	w.wantCallbacks(got, "sessionstart COMPLETED OK", "fidocreatecredential COMPLETED OK")
	if got[1].path != "POST /idm-operator/ws/hermod/callback/fidocreatecredential" {
		t.Errorf("(e) path: %s", got[1].path)
	}
	e.reads("(e) callback", got[1].body, `{ "commandId": "$CREATE", "commandType": "FIDO_CREATE_CREDENTIAL", "externalId": "proc-8841/create", "state": "COMPLETED", "status": "OK",
		"destination": { "to": "$BOX", "bid": "$BOX", "mid": "$MID" },
		"fidoCreateCredentialResponse": { "credential": `+exampleCredential+` },
		"signature": { "state": "VALID", "kid": "$KID" }, "jws": "`+string(jws)+`" }`)

	// What arrives is a registration that its relying party can read.
	var callback struct {
		Response struct{ Credential json.RawMessage } `json:"fidoCreateCredentialResponse"`
	}
	got[1].into(t, &callback)
	if _, err := webauthn.ParseRegistrationResponse(callback.Response.Credential); err != nil {
		t.Errorf("the credential did not survive: %v", err)
	}
}
