package onespan_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/front/onespan"
	"bestow.dev/internal/policy"
)

const (
	bioKey  = "d8522d9f-575b-4866-88a9-ba99fa02f35b"
	pinKey  = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	u2fCert = "bf361a20dac9d8f55b1cf3ca3e12ef3f2a25d8b1"
)

// put puts a policy and returns the answer.
func (w *world) put(name, document string) reply {
	w.t.Helper()
	return w.do(request{method: "PUT", path: "/fido/policies/" + name, as: "admin", body: document})
}

// translated returns the policy that a document became, without its source.
func (w *world) translated(name string) *policy.Document {
	w.t.Helper()
	p, err := w.dir.Policy(w.t.Context(), w.root, name, 0)
	check(w.t, err)
	d := *p.Document
	d.Source = nil
	return &d
}

func TestPolicies(t *testing.T) {
	none := `{"attestation":{"types":{"allow":["none"]}}}`
	for _, tt := range []struct {
		name, fido, want string
	}{
		{
			"everything", `{"fido2":{"allowSelfAttestation":true,"accepted":[{}],"disallowed":[]}}`,
			`"alternatives":[` + none + `,{"metadata":{"required":false}}]`,
		},
		{
			"nothing", `{"fido2":{"allowSelfAttestation":true,"accepted":[],"disallowed":[]}}`,
			`"rules":{"attestation":{"types":{"allow":["none"]},"trusted":true}}`,
		},
		{
			"models", `{"fido2":{"allowSelfAttestation":false,"accepted":[{"aaguid":["` + bioKey + `"]}],"disallowed":[]}}`,
			`"rules":{"models":{"allow":["` + bioKey + `"]},"attestation":{"types":{"deny":["self"]}}}`,
		},
		{
			"certified-fingers", `{"fido2":{"allowSelfAttestation":true,"accepted":[{"authCertLevel":["FIDO_CERTIFIED_L2","FIDO_CERTIFIED_L3"],"userVerification":["FINGERPRINT_INTERNAL"]}],"disallowed":[{"keyProtection":["SOFTWARE"]}]}}`,
			`"rules":{"metadata":{"required":true,"minimumLevel":"L2","properties":{"keyProtection":{"noneOf":["software"]},"userVerificationMethods":{"anyOf":["fingerprint_internal"]}}}}`,
		},
		{
			"not-both", `{"fido2":{"allowSelfAttestation":true,"accepted":[{"aaguid":["` + bioKey + `"]}],"disallowed":[{"aaguid":["` + pinKey + `"],"keyProtection":["SOFTWARE"]}]}}`,
			`"alternatives":[{"models":{"allow":["` + bioKey + `"],"deny":["` + pinKey + `"]}},{"models":{"allow":["` + bioKey + `"]},"metadata":{"required":false,"properties":{"keyProtection":{"noneOf":["software"]}}}}]`,
		},
		{
			"old-and-new", `{"fido2":{"allowSelfAttestation":true,"accepted":[{"aaguid":["` + bioKey + `"]}],"disallowed":[]},"u2f":{"accepted":[{"attestationCertificateKeyIdentifier":["` + u2fCert + `"]}],"disallowed":[]}}`,
			`"alternatives":[{"models":{"allow":["` + bioKey + `"]},"attestation":{"formats":{"deny":["fido-u2f"]}}},{"keyIdentifiers":{"allow":["` + u2fCert + `"]},"attestation":{"formats":{"allow":["fido-u2f"]}}}]`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			document := `{"name":"` + tt.name + `","fido":` + tt.fido + `}`
			r := w.put(tt.name, document)
			if r.status != http.StatusOK {
				t.Fatalf("put: %d %s", r.status, r.body)
			}
			// It is answered as it was put, whatever it became.
			got := w.do(request{method: "GET", path: "/fido/policies/" + tt.name})
			if got.status != http.StatusOK || strings.TrimSpace(string(got.body)) != document {
				t.Errorf("got %d %s\nput    %s", got.status, got.body, document)
			}
			want, err := policy.Parse([]byte(`{"name":"` + tt.name + `",` + tt.want + `}`))
			check(t, err)
			if have := w.translated(tt.name); have.Digest() != want.Digest() {
				a, _ := json.Marshal(have)
				b, _ := json.Marshal(want)
				t.Errorf("became\n%s\nwant\n%s", a, b)
			}
		})
	}
}

func TestPoliciesRefused(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, document string
		members        []string
	}{
		{"another name", `{"name":"b","fido":{"fido2":{"accepted":[{}]}}}`, []string{"name"}},
		{"no section", `{"name":"a","fido":{}}`, []string{"fido.fido2"}},
		{"nothing accepted or not", `{"name":"a","fido":{"fido2":{"disallowed":[]}}}`, []string{"fido.fido2.accepted"}},
		{"unknown member", `{"name":"a","fido":{"fido2":{"accepted":[{"vendor":["x"]}]}}}`, []string{"fido.fido2.accepted[0].vendor"}},
		{"no models", `{"name":"a","fido":{"fido2":{"accepted":[{"aaguid":[]}]}}}`, []string{"fido.fido2.accepted[0].aaguid"}},
		{"no model", `{"name":"a","fido":{"fido2":{"accepted":[{"aaguid":["x"]}],"disallowed":[{"aaguid":["y"]}]}}}`, []string{"fido.fido2.disallowed[0].aaguid[0]", "fido.fido2.accepted[0].aaguid[0]"}},
		{"no level", `{"name":"a","fido":{"fido2":{"accepted":[{"authCertLevel":["NOT_FIDO_CERTIFIED"]}]}}}`, []string{"fido.fido2.accepted[0].authCertLevel[0]"}},
		{"no status", `{"name":"a","fido":{"fido2":{"accepted":[{}],"disallowed":[{"authCertLevel":["FIDO_CERTIFIED_L1"]}]}}}`, []string{"fido.fido2.disallowed[0].authCertLevel[0]"}},
		{"no word", `{"name":"a","fido":{"fido2":{"accepted":[{"keyProtection":["MAGIC"]}]}}}`, []string{"fido"}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantInput(t, w.put("a", tt.document), tt.members...) })
	}
	many := strings.Repeat(`{"aaguid":["`+bioKey+`"],"keyProtection":["SOFTWARE"],"authCertLevel":["REVOKED"]},`, 40)
	wantInput(t, w.put("a", `{"name":"a","fido":{"fido2":{"accepted":[{}],"disallowed":[`+many[:len(many)-1]+`]}}}`), "fido")
	wantInput(t, w.put("Not.A-Name-", `{"name":"Not.A-Name-","fido":{"fido2":{"accepted":[{}]}}}`), "name")
	want(t, w.do(request{method: "GET", path: "/fido/policies/a"}), http.StatusNotFound, "no such policy")

	_, _, err := w.dir.PutPolicy(t.Context(), w.root, []byte(`{"name":"ours","rules":{"userVerification":"required"}}`))
	check(t, err)
	want(t, w.do(request{method: "GET", path: "/fido/policies/ours"}), http.StatusConflict, "not written here")
	for _, as := range []string{"portal", "reader"} {
		r := w.do(request{method: "PUT", path: "/fido/policies/a", as: as, body: `{"name":"a","fido":{"fido2":{"accepted":[{}]}}}`})
		want(t, r, http.StatusForbidden, "scope admin")
	}
}

func TestRelyingParties(t *testing.T) {
	w := newWorld(t, func(n *onespan.Tenant) { n.RelyingParty = "new.example.com" })
	w.user("mira.koch")
	generate := request{method: "POST", path: "/users/mira.koch/generate-fido-registration-request", body: fido2()}
	want(t, w.do(generate), http.StatusConflict, "FIDO2 is not configured for tenant northbank")
	want(t, w.do(request{method: "GET", path: "/fido/relying-parties/new.example.com", as: "admin"}), http.StatusNotFound, "no such relying party")

	put := func(id string, body any) reply {
		return w.do(request{method: "PUT", path: "/fido/relying-parties/" + id, as: "admin", body: body})
	}
	r := put("new.example.com", map[string]any{"rpName": "New", "origins": []string{"https://www.new.example.com"}})
	const made = `{"rpId":"new.example.com","rpName":"New","origins":["https://www.new.example.com"],"appID":null,"facets":[],"policyName":"default","timeoutMs":60000,"requestTTLSeconds":300}`
	if r.status != http.StatusOK || strings.TrimSpace(string(r.body)) != made {
		t.Fatalf("put: %d %s", r.status, r.body)
	}
	if r := w.do(request{method: "GET", path: "/fido/policies/default"}); r.status != http.StatusOK || !strings.Contains(string(r.body), "NOT_FIDO_CERTIFIED") {
		t.Errorf("default policy: %d %s", r.status, r.body)
	}

	// Under the default policy: none passes, what is not trusted does not where it was
	// asked for.
	d := newDesk(t)
	d.Origin = "https://www.new.example.com"
	options, id := w.begin("mira.koch", map[string]any{"fidoProtocol": "FIDO2", "attestation": "direct"})
	want(t, w.register("mira.koch", id, d.create(t, options)), http.StatusConflict, "not trusted")
	options, id = w.begin("mira.koch", map[string]any{"fidoProtocol": "FIDO2", "attestation": "none"})
	o := creationOf(t, options)
	if o.Attestation != "none" || o.Timeout != 60000 || len(o.Params) != 10 || o.Params[0].Alg != -7 {
		t.Errorf("options: %s", options)
	}
	if r := w.register("mira.koch", id, unattested(t, d.Origin).create(t, options)); r.status != http.StatusOK {
		t.Errorf("none: %d %s", r.status, r.body)
	}

	// Another policy allows self attestation.
	if r := w.put("self", `{"name":"self","fido":{"fido2":{"allowSelfAttestation":true,"accepted":[{}]}}}`); r.status != http.StatusOK {
		t.Fatalf("put policy: %d %s", r.status, r.body)
	}
	r = put("new.example.com", map[string]any{"policyName": "self", "timeoutMs": 30000, "requestTTLSeconds": 30, "appID": nil, "facets": []string{}})
	if r.status != http.StatusOK || r.member("rpName") != "New" || r.member("policyName") != "self" || r.member("timeoutMs") != 30000.0 {
		t.Fatalf("change: %d %s", r.status, r.body)
	}
	d = newDesk(t)
	d.Origin = "https://www.new.example.com"
	options, id = w.begin("mira.koch", map[string]any{"fidoProtocol": "FIDO2", "attestation": "direct"})
	if r := w.register("mira.koch", id, d.create(t, options)); r.status != http.StatusOK {
		t.Errorf("self: %d %s", r.status, r.body)
	}

	want(t, put("new.example.com", map[string]any{"policyName": "gone"}), http.StatusNotFound, "does not exist")
	want(t, put("new.example.com", map[string]any{"appID": "https://x.example/facets"}), http.StatusNotImplemented, "UAF")
	want(t, put("new.example.com", map[string]any{"facets": []string{"https://x.example"}}), http.StatusNotImplemented, "UAF")
	want(t, put(site, map[string]any{"rpName": "x"}), http.StatusConflict, "configuration file")
	wantInput(t, put("new.example.com", map[string]any{"rpId": "x", "timeoutMs": -1, "requestTTLSeconds": 29}), "rpId", "timeoutMs", "requestTTLSeconds")
	wantInput(t, put("new.example.com", map[string]any{"origins": []string{"http://x"}}), "origins")
	wantInput(t, put("new.example.com", map[string]any{"timeoutMs": 31000}), "timeoutMs")
	wantInput(t, put("new.example.com", map[string]any{"rpName": "\u0000"}), "rpName")
	// A policy with which nothing could be registered is not taken on.
	if r := w.put("nothing", `{"name":"nothing","fido":{"fido2":{"accepted":[]}}}`); r.status != http.StatusOK {
		t.Fatalf("put policy: %d %s", r.status, r.body)
	}
	want(t, put("new.example.com", map[string]any{"policyName": "nothing"}), http.StatusConflict, "nothing could be registered")
}
