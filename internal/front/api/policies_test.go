package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// ours is a relying party of the database: policies can be attached to it by a call.
const ours = "ours.example.com"

// noModel is an AAGUID that no key here has.
const noModel = "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"

// rules are a policy's document.
func rules(name, mode, rules string) string {
	return fmt.Sprintf(`{"name":%q,"mode":%q,"rules":%s}`, name, mode, rules)
}

// allowing allows one model.
func allowing(name, mode, model string) string {
	return rules(name, mode, fmt.Sprintf(`{"models":{"allow":[%q]}}`, model))
}

func (w *world) putPolicy(name, document string) reply {
	w.t.Helper()
	return w.must(http.StatusOK, "admin", "PUT", "/policies/"+name, document)
}

// attach makes ours, with these policies.
func (w *world) attach(policies ...string) reply {
	w.t.Helper()
	return w.do("admin", "PUT", "/relying-parties/"+ours, map[string]any{"policies": policies})
}

// enrolledAtOurs registers a new key for a user there.
func (w *world) enrolledAtOurs(user string) reply {
	w.t.Helper()
	id, options := w.begin("idm", "registrations", map[string]any{"relyingParty": ours, "user": named(user)})
	return w.do("idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": newDesk(w.t).Create(w.t, options), "name": "Key"})
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	good := rules("branch", "", `{"models":{"deny":["9D3C5F0A-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}`)
	r := w.putPolicy("branch", good).object(t)
	if r["version"] != 1.0 || r["source"] != "database" || r["madeBy"] != "client:admin" || r["made"] != "2026-03-02T10:15:00Z" ||
		len(r["digest"].(string)) != 64 || len(r["warnings"].([]any)) != 0 {
		t.Errorf("put: %v", r)
	}
	if d := r["document"].(map[string]any); d["mode"] != "enforce" || !strings.Contains(fmt.Sprint(d["rules"]), noModel) {
		t.Errorf("its document is not in canonical form: %v", d)
	}
	if again := w.putPolicy("branch", good).object(t); again["version"] != 1.0 {
		t.Errorf("the same again: %v", again)
	}
	if second := w.putPolicy("branch", rules("branch", "monitor", `{"userVerification":"required"}`)).object(t); second["version"] != 2.0 {
		t.Errorf("another: %v", second)
	}

	if got := w.must(http.StatusOK, "read", "GET", "/policies/branch", nil).object(t); got["version"] != 2.0 {
		t.Errorf("current: %v", got)
	}
	if got := w.must(http.StatusOK, "read", "GET", "/policies/branch?version=1", nil).object(t); got["version"] != 1.0 || got["digest"] != r["digest"] {
		t.Errorf("version 1: %v", got)
	}
	if got := w.must(http.StatusOK, "read", "GET", "/policies", nil).items(t); len(got) != 2 {
		t.Errorf("list: %v", got)
	}
	first := w.must(http.StatusOK, "read", "GET", "/policies/branch/versions?limit=1", nil)
	rest := w.must(http.StatusOK, "read", "GET", "/policies/branch/versions?cursor="+first.text(t, "next"), nil)
	if a, b := first.items(t), rest.items(t); len(a) != 1 || len(b) != 1 || a[0].(map[string]any)["version"] != 2.0 || b[0].(map[string]any)["version"] != 1.0 {
		t.Errorf("versions: %v, then %v", a, b)
	}
	if got := w.must(http.StatusOK, "read", "GET", "/policies/of-the-file", nil).object(t); got["source"] != "file" || got["version"] != nil || got["made"] != nil {
		t.Errorf("of the file: %v", got)
	}
	if e := w.must(http.StatusOK, "auditor", "GET", "/audit-events?action=policy.", nil).items(t); len(e) != 2 {
		t.Errorf("events: %v", e)
	}

	w.must(http.StatusNoContent, "admin", "DELETE", "/policies/branch", nil)
	refused(t, w.do("read", "GET", "/policies/branch", nil), http.StatusNotFound, "policy.unknown")
	gone := w.must(http.StatusOK, "read", "GET", "/policies/branch/versions", nil).items(t)
	if len(gone) != 3 || gone[0].(map[string]any)["deleted"] != true || gone[0].(map[string]any)["document"] != nil {
		t.Errorf("versions of what was deleted: %v", gone)
	}
}

func TestPolicyRefusals(t *testing.T) {
	w := newWorld(t)
	good := `{"userVerification":"required"}`
	put := func(name, document string) reply { return w.do("admin", "PUT", "/policies/"+name, document) }
	field := func(r reply, want string) {
		t.Helper()
		refused(t, r, http.StatusBadRequest, "policy.invalid")
		if got := r.text(t, "field"); got != want {
			t.Errorf("field %q, want %q: %s", got, want, r.body)
		}
	}
	field(put("other", rules("branch", "enforce", good)), "name")
	field(put("branch", `{"name":"branch","rulez":{}}`), "rulez")
	field(put("branch", allowing("branch", "enforce", "x")), "rules.models.allow[0]")
	field(put("branch", `{"name":"branch"}`), "rules")
	field(put("bestow.metadata", rules("bestow.metadata", "off", good)), "name")
	field(put("branch", `{}`), "name")
	refused(t, put("branch", `[]`), http.StatusBadRequest, "request.invalid")
	refused(t, put("branch", ``), http.StatusBadRequest, "request.invalid")
	refused(t, put("of-the-file", rules("of-the-file", "off", good)), http.StatusConflict, "policy.read_only")
	refused(t, w.do("admin", "DELETE", "/policies/of-the-file", nil), http.StatusConflict, "policy.read_only")
	for _, client := range []string{"idm", "narrow"} {
		refused(t, w.do(client, "PUT", "/policies/branch", rules("branch", "off", good)), http.StatusForbidden, "authority.denied")
		refused(t, w.do(client, "DELETE", "/policies/branch", nil), http.StatusForbidden, "authority.denied")
	}
	w.must(http.StatusOK, "narrow", "GET", "/policies", nil) // it may read credentials somewhere

	w.putPolicy("branch", rules("branch", "enforce", good))
	for _, path := range []string{"/policies/nothing", "/policies/nothing/versions", "/policies/branch?version=9"} {
		refused(t, w.do("read", "GET", path, nil), http.StatusNotFound, "policy.unknown")
	}
	refused(t, w.do("read", "GET", "/policies/branch?version=0", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("globex", "GET", "/policies/branch", nil), http.StatusNotFound, "policy.unknown")
	refused(t, w.do("admin", "DELETE", "/policies/nothing", nil), http.StatusNotFound, "policy.unknown")

	refused(t, w.attach("nothing"), http.StatusNotFound, "policy.unknown")
	if r := w.attach("branch"); r.status != http.StatusOK {
		t.Fatalf("attach: %d %s", r.status, r.body)
	}
	refused(t, w.do("admin", "DELETE", "/policies/branch", nil), http.StatusConflict, "policy.in_use")
	w.putPolicy("certain", allowing("certain", "enforce", noModel))
	w.putPolicy("none", rules("none", "enforce", `{"attestation":{"types":{"allow":["none"]}}}`))
	r := w.attach("certain", "none")
	refused(t, r, http.StatusConflict, "policy.conflict")
	for _, says := range []string{"certain rules.models.allow", "none rules.attestation.types.allow", ours} {
		if !strings.Contains(r.text(t, "detail"), says) {
			t.Errorf("the conflict does not name %q: %s", says, r.body)
		}
	}
	// One that only monitors is warned of.
	w.attach("certain")
	w.putPolicy("watch", rules("watch", "monitor", good))
	w.attach("certain", "watch")
	warned := w.putPolicy("watch", rules("watch", "monitor", `{"attestation":{"types":{"allow":["none"]}}}`)).object(t)["warnings"].([]any)
	if len(warned) == 0 || warned[0].(map[string]any)["severity"] != "warning" || len(warned[0].(map[string]any)["rules"].([]any)) != 2 {
		t.Errorf("warnings: %v", warned)
	}
	refused(t, put("watch", rules("watch", "enforce", `{"attestation":{"types":{"allow":["none"]}}}`)), http.StatusConflict, "policy.conflict")
}

// What a policy decides is told to whoever registers, and can be asked for later.
func TestPolicyDecides(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	w.putPolicy("certain", allowing("certain", "enforce", noModel))
	w.attach("certain")
	no := w.enrolledAtOurs("alice")
	refused(t, no, http.StatusUnprocessableEntity, "policy.refused")
	d, _ := no.object(t)["decision"].(map[string]any)
	if by, _ := d["refusedBy"].(map[string]any); d["allowed"] != false || by["policy"] != "certain" || by["rule"] != "rules.models.allow" ||
		by["words"] != "wanted "+noModel+"; found "+webauthn.AAGUID(softkey.AAGUID).String() {
		t.Errorf("the refusal does not say why: %s", no.body)
	}
	if other := w.do("idm", "GET", "/users/nobody", nil).object(t); other["decision"] != nil {
		t.Errorf("another refusal has a decision: %v", other)
	}

	w.putPolicy("certain", allowing("certain", "monitor", noModel))
	c := w.enrolledAtOurs("alice")
	if c.status != http.StatusCreated {
		t.Fatalf("monitored: %d %s", c.status, c.body)
	}
	path := "/credentials/" + c.text(t, "id")
	e := w.must(http.StatusOK, "read", "GET", path+"/evidence", nil).object(t)
	if got := outcome(t, e["decision"], "certain"); got != "would-refuse" {
		t.Errorf("evidence: %s: %v", got, e["decision"])
	}
	kinds := map[string]bool{}
	for _, part := range e["basis"].([]any) {
		kinds[part.(map[string]any)["kind"].(string)] = true
	}
	if !kinds["settings"] || !kinds["policy"] {
		t.Errorf("basis: %v", e["basis"])
	}

	w.putPolicy("certain", allowing("certain", "enforce", noModel))
	then := w.must(http.StatusOK, "read", "GET", path+"/decision?as=then", nil).object(t)
	now := w.must(http.StatusOK, "read", "GET", path+"/decision", nil).object(t)
	if then["accepted"] != true || outcome(t, then["decision"], "certain") != "would-refuse" {
		t.Errorf("as then: %v", then)
	}
	if now["as"] != "now" || now["accepted"] != false || now["refusal"] != "policy.refused" || outcome(t, now["decision"], "certain") != "refused" {
		t.Errorf("as now: %v", now)
	}
	again := w.must(http.StatusOK, "read", "POST", path+"/reverify", nil).object(t)
	if again["as"] != "then" || again["same"] != true || again["basisKept"] != true || len(again["differences"].([]any)) != 0 {
		t.Errorf("reverified: %v", again)
	}
	again = w.must(http.StatusOK, "read", "POST", path+"/reverify?as=now", nil).object(t)
	if again["same"] != false || again["accepted"] != false || len(again["differences"].([]any)) != 1 || again["attestation"] != nil {
		t.Errorf("reverified by now: %v", again)
	}
	refused(t, w.do("read", "GET", path+"/decision?as=once", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("read", "POST", path+"/reverify?as=once", nil), http.StatusBadRequest, "request.invalid")
	for _, client := range []string{"globex", "narrow"} {
		refused(t, w.do(client, "GET", path+"/decision", nil), http.StatusNotFound, "credential.unknown")
		refused(t, w.do(client, "POST", path+"/reverify", nil), http.StatusNotFound, "credential.unknown")
	}
}

// outcome returns what a policy made of it.
func outcome(t *testing.T, decision any, policy string) string {
	t.Helper()
	d, _ := decision.(map[string]any)
	list, _ := d["policies"].([]any)
	for _, p := range list {
		if p := p.(map[string]any); p["policy"] == policy {
			return p["outcome"].(string)
		}
	}
	return ""
}

// A sign-in that a policy refuses says why, as a registration does.
func TestPolicyRefusesSignIn(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.attach()
	d := newDesk(t)
	id, options := w.begin("idm", "registrations", map[string]any{"relyingParty": ours, "user": named("alice")})
	w.must(http.StatusCreated, "idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": d.Create(t, options)})
	w.putPolicy("no-softkeys", fmt.Sprintf(`{"name":"no-softkeys","at":["sign-in"],"rules":{"models":{"deny":[%q]}}}`, webauthn.AAGUID(softkey.AAGUID)))
	w.attach("no-softkeys")
	id, options = w.begin("idm", "authentications", map[string]any{"relyingParty": ours, "user": named("alice")})
	r := w.do("idm", "POST", "/authentications/"+id+"/finish", map[string]any{"response": d.Get(t, options)})
	refused(t, r, http.StatusUnprocessableEntity, "policy.refused")
	if got := outcome(t, r.object(t)["decision"], "no-softkeys"); got != "refused" {
		t.Errorf("got %s: %s", got, r.body)
	}
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	w.attach()
	for _, name := range []string{"alice", "bob", "carol"} {
		w.user(name)
		if r := w.enrolledAtOurs(name); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	ask := func(document string, more map[string]any) reply {
		body := map[string]any{"relyingParty": ours, "document": jsonText(document)}
		for name, value := range more {
			body[name] = value
		}
		return w.do("read", "POST", "/policies/preview", body)
	}
	all := ask(allowing("certain", "monitor", noModel), nil).object(t)
	if all["credentials"] != 3.0 || all["affected"] != 3.0 || all["already"] != 0.0 || len(all["items"].([]any)) != 3 {
		t.Errorf("got %v", all)
	}
	first := all["items"].([]any)[0].(map[string]any)
	if first["userName"] != "alice" || first["name"] != "Key" || first["already"] != false || first["refusedBy"].(map[string]any)["rule"] != "rules.models.allow" {
		t.Errorf("the first: %v", first)
	}
	if cut := ask(allowing("certain", "enforce", noModel), map[string]any{"limit": 2}).object(t); cut["affected"] != 3.0 || len(cut["items"].([]any)) != 2 {
		t.Errorf("the first two: %v", cut)
	}
	if none := ask(rules("easy", "enforce", `{"userVerification":"required"}`), nil).object(t); none["affected"] != 0.0 || none["credentials"] != 3.0 {
		t.Errorf("nobody: %v", none)
	}
	w.putPolicy("certain", allowing("certain", "enforce", noModel))
	w.attach("certain")
	if already := ask(rules("easy", "enforce", `{"userVerification":"required"}`), nil).object(t); already["already"] != 3.0 {
		t.Errorf("already: %v", already)
	}

	refused(t, ask(`{"name":"x","rules":{}}`, nil), http.StatusBadRequest, "policy.invalid")
	refused(t, ask(`{}`, map[string]any{"limit": 1001}), http.StatusBadRequest, "request.invalid")
	good := jsonText(allowing("certain", "enforce", noModel))
	refused(t, w.do("read", "POST", "/policies/preview", map[string]any{"relyingParty": "none.example.com", "document": good}), http.StatusNotFound, "rp.unknown")
	refused(t, w.do("narrow", "POST", "/policies/preview", map[string]any{"relyingParty": ours, "document": good}), http.StatusForbidden, "authority.denied")
	refused(t, w.do("read", "POST", "/policies/preview", map[string]any{"document": good}), http.StatusBadRequest, "request.invalid")
}

// A preview judges everything there is, so few are under way at a time.
func TestPreviewsAreLimited(t *testing.T) {
	w := newWorld(t)
	w.attach()
	w.user("alice")
	w.enrolledAtOurs("alice")
	body := map[string]any{"relyingParty": ours, "document": jsonText(allowing("certain", "enforce", noModel))}
	h := &hold{entered: make(chan struct{}), release: make(chan struct{})}
	w.held.Store(h)
	ended := make(chan reply)
	for range 2 {
		go func() { ended <- w.do("read", "POST", "/policies/preview", body) }()
		<-h.entered
	}
	w.held.Store(nil)
	r := w.do("read", "POST", "/policies/preview", body)
	refused(t, r, http.StatusTooManyRequests, "policy.previews")
	if r.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	close(h.release)
	for range 2 {
		if r := <-ended; r.status != http.StatusOK {
			t.Errorf("one of the first: %d %s", r.status, r.body)
		}
	}
	w.must(http.StatusOK, "read", "POST", "/policies/preview", body)
}

// jsonText is JSON within JSON.
func jsonText(text string) json.RawMessage { return json.RawMessage(text) }
