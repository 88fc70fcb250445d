package onewelcome_test

import (
	"net/http"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/onewelcome"
)

func TestLifeOfACredential(t *testing.T) {
	w := newWorld(t)
	d := newDesk(t, softkey.AttestSelf)
	made := w.enrolled("shop", "", "lena", d)
	user, id := made.text("userId"), made.text("credential.credentialId")
	path := "/users/" + user + "/credentials/" + id
	change := func(body object) reply {
		return w.do(request{method: "PATCH", path: path, key: key("shop"), body: body})
	}

	var list struct{ Credentials []object }
	w.good(200, w.get("shop", "/users/"+user+"/credentials")).into(t, &list)
	if len(list.Credentials) != 1 || list.Credentials[0]["credentialId"] != id {
		t.Errorf("list: %+v", list)
	}
	if r := w.good(200, w.get("shop", path)); r.text("fmt") != "packed" || r.text("attestationType") != "self" || r.text("state") != "active" {
		t.Errorf("get: %s", r.body)
	}
	if r := w.good(200, change(object{"name": "Blue key"})); r.text("name") != "Blue key" {
		t.Errorf("rename: %s", r.body)
	}
	if r := w.good(200, change(object{})); r.text("name") != "Blue key" {
		t.Errorf("no change: %s", r.body)
	}
	for _, body := range []object{{"name": " "}, {"name": strings.Repeat("a", 65)}, {"state": "pending"}, {"reason": "x"}, {"id": "x"}} {
		want(t, change(body), 400, "invalid_request")
	}

	// Suspended, it signs nobody in, named or not.
	open := w.asked("shop", object{})
	if r := w.good(200, change(object{"state": "suspended", "reason": "lost"})); r.text("state") != "suspended" {
		t.Errorf("suspend: %s", r.body)
	}
	want(t, w.post("shop", "/assertion/verify", d.Get(t, open)), 422, "credential_suspended")
	want(t, w.post("shop", "/assertion/options", object{"userId": user}), 404, "credential_not_found")
	w.good(200, change(object{"state": "active"}))
	w.good(200, w.post("shop", "/assertion/verify", d.Get(t, w.asked("shop", object{"userId": user}))))
	if r := w.good(200, w.get("shop", path)); r.text("lastUsedAt") != "2026-03-02T10:11:12Z" {
		t.Errorf("used: %s", r.body)
	}

	// Nobody else's, under another's name.
	other := w.enrolled("shop", "", "other", newDesk(t, softkey.AttestNone)).text("userId")
	for _, wrong := range []string{"/users/" + other + "/credentials/" + id, "/users/" + user + "/credentials/AAAA", "/users/" + user + "/credentials/+", "/users/AAAA/credentials/" + id} {
		want(t, w.get("shop", wrong), 404, "credential_not_found")
	}
	for _, wrong := range []string{"/users/AAAA/credentials", "/users/++/credentials"} {
		want(t, w.get("shop", wrong), 404, "user_not_found")
	}

	// Deleted, it is refused.
	open = w.asked("shop", object{})
	answer := d.Get(t, open)
	if r := w.do(request{method: "DELETE", path: path, key: key("shop")}); r.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	want(t, w.post("shop", "/assertion/verify", answer), 404, "credential_not_found")
	want(t, w.get("shop", path), 404, "credential_not_found")

	// A user goes with what they have, at all relying parties: a key for one is not enough.
	want(t, w.do(request{method: "DELETE", path: "/users/" + other, key: key("shop")}), 403, "forbidden")
	if r := w.do(request{method: "DELETE", path: "/users/" + other, key: key("every")}); r.status != http.StatusNoContent {
		t.Errorf("delete user: %d %s", r.status, r.body)
	}
	want(t, w.do(request{method: "DELETE", path: "/users/" + other, key: key("every")}), 404, "user_not_found")
	want(t, w.get("every", "/users/"+other+"/credentials?rpId="+site), 404, "user_not_found")
}

func TestRights(t *testing.T) {
	w := newWorld(t)
	user := w.enrolled("shop", "", "lena", newDesk(t, softkey.AttestNone)).text("userId")
	body := object{"username": "a"}
	for name, key := range map[string]string{
		"none": "", "wrong": "x", "of another tenant": key("globex"), "of two clients": key("twin"), "prefix": key("shop")[:40],
	} {
		r := w.do(request{method: "POST", path: "/attestation/options", key: key, body: body})
		want(t, r, 401, "unauthorized")
		if r.header.Get("WWW-Authenticate") != `Bearer realm="bestow"` {
			t.Errorf("%s: %v", name, r.header)
		}
	}
	// May register, and not bring users into being.
	want(t, w.post("provisioner", "/attestation/options", body), 403, "forbidden")
	w.good(200, w.post("provisioner", "/attestation/options", object{"username": "a", "userId": user}))
	want(t, w.post("provisioner", "/attestation/options", object{"username": "a", "userId": "AAAA"}), 403, "forbidden")
	want(t, w.post("provisioner", "/assertion/options", object{}), 403, "forbidden")
	want(t, w.get("provisioner", "/users/"+user+"/credentials"), 403, "forbidden")
	want(t, w.post("reader", "/attestation/options", object{"username": "a", "userId": user}), 403, "forbidden")
	want(t, w.do(request{method: "DELETE", path: "/users/" + user + "/credentials/AAAA", key: key("reader")}), 403, "forbidden")

	// Which relying party: the only one, the one named, or none.
	want(t, w.post("shop", "/attestation/options", object{"username": "a", "rpId": strict}), 403, "forbidden")
	want(t, w.post("every", "/attestation/options", body), 400, "invalid_request")
	want(t, w.post("every", "/attestation/options", object{"username": "a", "rpId": "nobody.example"}), 404, "relying_party_not_found")
	_, o := w.options("every", object{"username": "a", "rpId": strict})
	if o.RP.ID != strict {
		t.Errorf("options of %s", o.RP.ID)
	}
	// The answer needs none: the challenge, or the transaction, finds it.
	for _, id := range []any{nil, o.TransactionID} {
		options, o := w.options("every", object{"username": "a", "rpId": strict})
		answer := newDesk(t, softkey.AttestSelf).create(t, options)
		if id != nil {
			answer["transactionId"] = o.TransactionID
		}
		w.good(200, w.post("every", "/attestation/verify", answer))
	}
	own := newWorldWith(t, func(c *onewelcome.Config) { c.RelyingParty = site })
	if _, o := own.options("every", body); o.RP.ID != site {
		t.Errorf("the door's own: %+v", o.RP)
	}
	want(t, own.post("globex", "/attestation/options", body), 401, "unauthorized")

	// An access token and the id with the secret are as good as the key.
	c, err := w.dir.AuthenticateClient(t.Context(), "shop", key("shop"))
	check(t, err)
	token, _, err := w.dir.IssueAccessToken(t.Context(), c.Authority("api", "", ""), c, nil, "")
	check(t, err)
	w.good(200, w.do(request{method: "POST", path: "/attestation/options", key: token, body: body}))

	want(t, w.get("shop", "/nothing"), 404, "not_found")
	want(t, w.get("shop", "/attestation/options"), 405, "invalid_request")
}
