package onewelcome_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

const otherModel = "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"

var thisModel = webauthn.AAGUID(softkey.AAGUID).String()

func (w *world) policy(body object) reply {
	w.t.Helper()
	return w.good(201, w.post("boss", "/authenticator-policies", body))
}

// TestPolicies: a list of models refuses another one, and a policy that warns lets it pass
// and says so.
func TestPolicies(t *testing.T) {
	w := newWorld(t)
	w.policy(object{"name": "models", "allowedAaguids": []string{otherModel}})
	w.policy(object{"name": "ours", "allowedAaguids": []string{thisModel}})
	w.policy(object{"name": "advice", "allowedAaguids": []string{otherModel}, "deniedAaguids": []string{thisModel}, "onViolation": "warn"})
	w.policy(object{"name": "verified", "userVerification": "required", "usernameless": "required", "allowedAlgorithms": []int{-7, -8}})
	begin := func(names ...string) (json.RawMessage, creationOptions) {
		return w.options("shop", object{"username": "a", "policies": names, "authenticatorSelection": object{"userVerification": "discouraged"}})
	}

	options, o := begin("models")
	if o.Attestation != "direct" {
		t.Errorf("a list of models, and no attestation is asked for: %s", options)
	}
	r := w.post("shop", "/attestation/verify", w.model.create(t, options))
	want(t, r, 422, "policy_violation")
	var e struct {
		Details []struct{ Policy, Rule string }
	}
	r.into(t, &e)
	if len(e.Details) != 1 || e.Details[0].Policy != "models" || e.Details[0].Rule != "rules.models.allow" {
		t.Errorf("details: %s", r.body)
	}
	// A statement that proves nothing does not help.
	options, _ = begin("ours")
	want(t, w.post("shop", "/attestation/verify", newDesk(t, softkey.AttestSelf).create(t, options)), 422, "policy_violation")

	// Several hold together; what they ask for is in the options.
	options, o = begin("verified", "ours", "advice")
	if o.AuthenticatorSelection.UserVerification != "required" || o.AuthenticatorSelection.ResidentKey != "required" || len(o.PubKeyCredParams) != 2 {
		t.Errorf("options: %s", options)
	}
	r = w.good(200, w.post("shop", "/attestation/verify", w.model.create(t, options)))
	var a struct {
		Status   string
		UserID   string
		Warnings []struct{ Code, Policy, Rule, Message string }
	}
	r.into(t, &a)
	if a.Status != "OK" || len(a.Warnings) != 2 || a.Warnings[0].Code != "policy_violation" || a.Warnings[0].Policy != "advice" ||
		a.Warnings[0].Rule != "rules.models.allow" || a.Warnings[1].Rule != "rules.models.deny" || a.Warnings[0].Message == "" {
		t.Errorf("verify: %s", r.body)
	}

	// At the sign-in as well.
	r = w.good(200, w.post("shop", "/assertion/verify", w.model.Get(t, w.asked("shop", object{"policies": []string{"advice"}}))))
	r.into(t, &a)
	if len(a.Warnings) != 2 || a.Warnings[0].Policy != "advice" {
		t.Errorf("sign-in: %s", r.body)
	}
	want(t, w.post("shop", "/assertion/verify", w.model.Get(t, w.asked("shop", object{"policies": []string{"models"}}))), 422, "policy_violation")
	w.good(200, w.post("shop", "/assertion/verify", w.model.Get(t, w.asked("shop", object{"policies": []string{"ours"}}))))

	// What leaves nothing is said at once.
	want(t, w.post("shop", "/attestation/options", object{"username": "a", "policies": []string{"models", "ours"}}), 400, "invalid_request")
	want(t, w.post("shop", "/attestation/options", object{"username": "a", "policies": []string{"nothing"}}), 404, "policy_not_found")
	want(t, w.post("shop", "/assertion/options", object{"policies": []string{"nothing"}}), 404, "policy_not_found")

	// A policy that is gone when the answer comes.
	options, _ = begin("verified")
	if r := w.do(request{method: "DELETE", path: "/authenticator-policies/verified", key: key("boss")}); r.status != 204 {
		t.Fatalf("delete: %d %s", r.status, r.body)
	}
	want(t, w.post("shop", "/attestation/verify", newDesk(t, softkey.AttestSelf).create(t, options)), 410, "ceremony_expired")
}

func TestPolicyDocuments(t *testing.T) {
	w := newWorld(t)
	whole := object{
		"name": "whole", "description": "All of it", "deviceType": "cross-platform", "userVerification": "required", "syncedPasskeys": "denied",
		"usernameless": "off", "minCertificationLevel": "L1plus", "allowedAaguids": []any{otherModel}, "deniedAaguids": []any{thisModel},
		"allowedKeyIdentifiers": []any{"0123456789abcdef0123456789abcdef01234567"}, "deniedKeyIdentifiers": []any{"f123456789abcdef0123456789abcdef01234567"},
		"allowedAlgorithms": []any{-7.0, -8.0}, "onViolation": "warn",
	}
	r := w.policy(whole)
	if r.header.Get("Location") != prefix+"/authenticator-policies/whole" {
		t.Errorf("location: %v", r.header)
	}
	var got object
	w.good(200, w.get("reader", "/authenticator-policies/whole")).into(t, &got)
	if !reflect.DeepEqual(got, whole) {
		t.Errorf("got  %v\nwant %v", got, whole)
	}
	want(t, w.post("boss", "/authenticator-policies", whole), 409, "policy_exists")
	// Put back as it was told, it is the same.
	put := func(name string, body object) reply {
		return w.do(request{method: "PUT", path: "/authenticator-policies/" + name, key: key("boss"), body: body})
	}
	w.good(200, put("whole", got))
	short := w.good(200, put("whole", object{"syncedPasskeys": "denied"}))
	for member, value := range map[string]string{
		"name": "whole", "deviceType": "any", "userVerification": "preferred", "syncedPasskeys": "denied",
		"usernameless": "preferred", "minCertificationLevel": "none", "onViolation": "fail",
	} {
		if short.text(member) != value {
			t.Errorf("%s: %s", member, short.body)
		}
	}
	want(t, put("nobody", object{"syncedPasskeys": "denied"}), 404, "policy_not_found")
	want(t, put("whole", object{"name": "other", "syncedPasskeys": "denied"}), 400, "invalid_request")
	if r := w.policy(object{"name": "certified", "minCertificationLevel": "FIDO_CERTIFIED"}); r.text("minCertificationLevel") != "L1" {
		t.Errorf("certified: %s", r.body)
	}

	for field, body := range map[string]object{
		"name":                     {"syncedPasskeys": "denied"},
		"":                         {"name": "a"},
		"deviceType":               {"name": "a", "deviceType": "usb"},
		"userVerification":         {"name": "a", "userVerification": "discouraged"},
		"minCertificationLevel":    {"name": "a", "minCertificationLevel": "L4"},
		"onViolation":              {"name": "a", "syncedPasskeys": "denied", "onViolation": "log"},
		"allowedAaguids[0]":        {"name": "a", "allowedAaguids": []string{"x"}},
		"deniedKeyIdentifiers[0]":  {"name": "a", "deniedKeyIdentifiers": []string{"x"}},
		"allowedKeyIdentifiers[0]": {"name": "a", "allowedAaguids": []string{thisModel}, "allowedKeyIdentifiers": []string{"x"}},
		"allowedAlgorithms[0]":     {"name": "a", "allowedAlgorithms": []int{1}},
	} {
		r := w.post("boss", "/authenticator-policies", body)
		want(t, r, 400, "invalid_request")
		var e struct {
			Details []struct{ Field, Reason string }
		}
		r.into(t, &e)
		if len(e.Details) != 1 || e.Details[0].Field != field {
			t.Errorf("%s: %s", field, r.body)
		}
	}
	want(t, w.post("shop", "/authenticator-policies", object{"name": "a", "syncedPasskeys": "denied"}), 403, "forbidden")
	want(t, w.do(request{method: "PUT", path: "/authenticator-policies/whole", key: key("every"), body: object{"syncedPasskeys": "denied"}}), 403, "forbidden")

	// One that was made elsewhere, with rules that have no word here.
	_, _, err := w.dir.PutPolicy(t.Context(), w.root, []byte(`{"name": "elsewhere", "rules": {"transports": {"anyOf": ["usb"]}, "syncedPasskeys": "forbidden"}}`))
	check(t, err)
	var list struct{ Policies []object }
	w.good(200, w.get("shop", "/authenticator-policies")).into(t, &list)
	if len(list.Policies) != 3 || list.Policies[1]["name"] != "elsewhere" || list.Policies[1]["partial"] != true || list.Policies[1]["syncedPasskeys"] != "denied" || list.Policies[2]["partial"] != nil {
		t.Errorf("list: %v", list)
	}
}

// Two lists, of models and of certificate keys, name two sorts of authenticator.
func TestPolicyOfTwoSorts(t *testing.T) {
	w := newWorld(t)
	w.policy(object{"name": "two", "allowedAaguids": []string{thisModel}, "allowedKeyIdentifiers": []string{"0123456789abcdef0123456789abcdef01234567"}})
	options, _ := w.options("shop", object{"username": "a", "policies": []string{"two"}})
	w.good(200, w.post("shop", "/attestation/verify", w.model.create(t, options)))
}

func TestRelyingParties(t *testing.T) {
	w := newWorld(t)
	put := func(client, id string, body object) reply {
		return w.do(request{method: "PUT", path: "/relying-parties/" + id, key: key(client), body: body})
	}
	w.policy(object{"name": "local", "syncedPasskeys": "denied"})
	app := "android:apk-key-hash:" + b64(make([]byte, 32))
	body := object{
		"rpId": "new.example", "rpName": "New", "origins": []any{"https://new.example", "https://www.new.example:8443", app},
		"topOrigins": []any{"https://portal.example"}, "ceremonyTTLSeconds": 120.0, "defaultPolicies": []any{"local"},
		"metadata": object{"mds": false}, "allowSubdomains": false,
	}
	var got object
	w.good(200, put("boss", "new.example", body)).into(t, &got)
	if !reflect.DeepEqual(got, body) {
		t.Errorf("got  %v\nwant %v", got, body)
	}
	got = nil
	w.good(200, w.get("boss", "/relying-parties/new.example")).into(t, &got)
	if !reflect.DeepEqual(got, body) {
		t.Errorf("got  %v\nwant %v", got, body)
	}
	_, o := w.options("every", object{"username": "a", "rpId": "new.example"})
	if o.AuthenticatorSelection.ResidentKey != "preferred" || o.Attestation != "none" {
		t.Errorf("options: %+v", o)
	}
	want(t, w.do(request{method: "DELETE", path: "/authenticator-policies/local", key: key("boss")}), 409, "policy_in_use")

	// From the native app.
	options, _ := w.options("every", object{"username": "a", "rpId": "new.example"})
	d := newDesk(t, softkey.AttestNone)
	d.Origin = app
	w.good(200, w.post("every", "/attestation/verify", d.create(t, options)))

	r := w.good(200, put("boss", "new.example", object{}))
	if r.text("rpName") != "new.example" || r.member("ceremonyTTLSeconds") != 300.0 || r.member("metadata.mds") != true {
		t.Errorf("defaults: %s", r.body)
	}
	for _, bad := range []object{
		{"rpId": "other.example"},
		{"allowSubdomains": true},
		{"origins": []string{"https://evil.example"}},
		{"origins": []string{"http://new.example"}},
		{"ceremonyTTLSeconds": 0},
		{"ceremonyTTLSeconds": 9},
		{"ceremonyTTLSeconds": 1 << 50},
		{"origins": []string{app + "A"}},
		{"metadata": object{"extra": 1}},
	} {
		want(t, put("boss", "new.example", bad), 400, "invalid_request")
	}
	want(t, put("boss", "new.example", object{"defaultPolicies": []string{"nobody"}}), 404, "policy_not_found")
	want(t, put("boss", "NEW.example", object{}), 400, "invalid_request")
	want(t, put("boss", site, object{}), 409, "read_only")
	want(t, put("every", "new.example", object{}), 403, "forbidden")
	want(t, w.get("shop", "/relying-parties/"+strict), 404, "relying_party_not_found")
	w.good(200, w.get("shop", "/relying-parties/"+site))
}
