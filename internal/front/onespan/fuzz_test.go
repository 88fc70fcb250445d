package onespan_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bestow.dev/internal/audit"
)

// nearly are requests that are good or could be: %R stands for the id of an open
// registration request, %A for a good answer to it, %L for a registration.
var nearly = []struct{ method, path, body string }{
	{"POST", "/users/mira.koch@northbank/generate-fido-registration-request", `{"fidoProtocol":"FIDO2","displayName":"Mira","authenticatorSelection":{"userVerification":"required","requireResidentKey":true},"attestation":"direct"}`},
	{"POST", "/users/mira.koch%40northbank/register-fido-device", `{"fidoProtocol":"FIDO2","requestID":"%R","registrationResponse":%A}`},
	{"POST", "/users/mira.koch/register-fido-device", `{"fidoProtocol":"FIDO2","requestID":"%R","registrationResponse":"{\"id\":\"AA==\",\"type\":\"public-key\",\"response\":{\"clientDataJSON\":\"e30\",\"attestationObject\":\"oA\"}}"}`},
	{"POST", "/users/ann@corp.example@northbank/generate-fido-authentication-request", `{"fidoProtocol":"FIDO2","userVerification":"preferred"}`},
	{"POST", "/users/mira.koch/login", `{"objectType":"LoginInput","requestID":"%R","fidoAuthentication":{"fidoProtocol":"FIDO2"},"credentials":{"fidoAuthenticator":{"authenticationResponse":"{}"}}}`},
	{"GET", "/fido-registrations?userID=mira.koch&domain=northbank&registrationType=FIDO2&offset=0&limit=20", ``},
	{"PATCH", "/fido-registrations/%L", `{"registrationName":"Blue key"}`},
	{"DELETE", "/fido-registrations/x", ``},
	{"PUT", "/fido/policies/p", `{"name":"p","fido":{"fido2":{"allowSelfAttestation":true,"accepted":[{},{"aaguid":["` + bioKey + `"]}],"disallowed":[{"authCertLevel":["NOT_FIDO_CERTIFIED"],"keyProtection":["SOFTWARE"]}]},"u2f":{"accepted":[{}],"disallowed":[]}}}`},
	{"GET", "/fido/policies/p", ``},
	{"PUT", "/fido/relying-parties/rp.example", `{"rpName":"x","origins":["https://rp.example"],"timeoutMs":1000,"requestTTLSeconds":30,"policyName":"p"}`},
	{"POST", "/users/mira.koch/deregister-fido-device", `{"fidoProtocol":"UAF11","authenticators":[]}`},
}

// FuzzHTTP sends what a fuzzer makes of nearly good requests. Whatever it is, it is
// answered with a document and never as a fault of ours; and what is refused leaves
// nothing behind.
func FuzzHTTP(f *testing.F) {
	w := newWorld(f)
	w.user("mira.koch")
	w.user("ann@corp.example")
	options, id := w.begin("mira.koch", fido2())
	answer, err := json.Marshal(newDesk(f).create(f, options))
	check(f, err)
	fill := strings.NewReplacer("%R", id, "%A", string(answer), "%L", w.registered("ann@corp.example@northbank", newDesk(f)))
	for i, n := range nearly {
		f.Add(uint8(i), n.path, n.body)
	}
	f.Fuzz(func(t *testing.T, which uint8, path, body string) {
		method := nearly[int(which)%len(nearly)].method
		r := httptest.NewRequest(method, prefix+"/x", strings.NewReader(fill.Replace(body)))
		rawPath, query, _ := strings.Cut(fill.Replace(path), "?")
		r.URL.Path, r.URL.RawQuery = prefix+rawPath, query
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth([]string{"portal", "admin"}[int(which>>7)], secret)
		before := w.events(t)
		out := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(out, r)
		if out.Code >= 500 && out.Code != http.StatusNotImplemented {
			t.Fatalf("%d %s", out.Code, out.Body)
		}
		if body := out.Body.Bytes(); len(body) > 0 && !json.Valid(body) && out.Code/100 != 3 {
			t.Fatalf("%d with a body that is no JSON: %q", out.Code, body)
		}
		if out.Header().Get("log-correlation-id") == "" && out.Code/100 != 3 {
			t.Fatalf("%d without a correlation id", out.Code)
		}
		// A refused answer is told of, and spends its request; what is no answer changes
		// nothing.
		if out.Code >= 400 && out.Code != http.StatusConflict && out.Code != http.StatusForbidden && w.events(t) != before {
			t.Fatalf("%d %s, and something has changed", out.Code, out.Body)
		}
	})
}

// events is the number of the last event.
func (w *world) events(t testing.TB) int64 {
	t.Helper()
	last, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "northbank", Newest: true, Limit: 1})
	check(t, err)
	if len(last) == 0 {
		return 0
	}
	return last[0].Seq
}
