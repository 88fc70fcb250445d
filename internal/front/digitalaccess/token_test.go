package digitalaccess_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/tenant"
)

func basic(id, secret string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	grant := url.Values{"grant_type": {"client_credentials"}}
	with := func(more url.Values) url.Values {
		form := url.Values{}
		for _, all := range []url.Values{grant, more} {
			for name, values := range all {
				form[name] = values
			}
		}
		return form
	}
	post := url.Values{"client_id": {"idm"}, "client_secret": {secret}}

	for _, tt := range []struct {
		name   string
		form   url.Values
		header map[string]string
		status int
		want   string // the error, or the scope granted
	}{
		{"in the body", with(post), nil, 200, "fido.provision fido.read fido.manage"},
		{"by Basic", grant, basic("idm", secret), 200, "fido.provision fido.read fido.manage"},
		{"by Basic, naming itself", with(url.Values{"client_id": {"idm"}}), basic("idm", secret), 200, "fido.provision fido.read fido.manage"},
		{"one scope", with(url.Values{"scope": {"fido.provision"}}), basic("idm", secret), 200, "fido.provision"},
		{"unknown parameter", with(url.Values{"audience": {"x"}}), basic("idm", secret), 200, "fido.provision fido.read fido.manage"},

		{"no grant type", url.Values{}, basic("idm", secret), 400, "invalid_request"},
		{"another grant", url.Values{"grant_type": {"password"}}, basic("idm", secret), 400, "unsupported_grant_type"},
		{"parameter twice", url.Values{"grant_type": {"client_credentials", "client_credentials"}}, basic("idm", secret), 400, "invalid_request"},
		{"both ways", with(post), basic("idm", secret), 400, "invalid_request"},
		{"two names", with(url.Values{"client_id": {"hr"}}), basic("idm", secret), 400, "invalid_request"},
		{"scope it lacks", with(url.Values{"scope": {"admin"}}), basic("idm", secret), 400, "invalid_scope"},
		{"scope there is not", with(url.Values{"scope": {"everything"}}), basic("idm", secret), 400, "invalid_scope"},
		{"scope twice", with(url.Values{"scope": {"fido.read fido.read"}}), basic("idm", secret), 400, "invalid_scope"},
		{"another relying party's client", grant, basic("elsewhere", secret), 400, "invalid_scope"},
		{"no client", grant, nil, 401, "invalid_client"},
		{"no secret", with(url.Values{"client_id": {"idm"}}), nil, 401, "invalid_client"},
		{"wrong secret", grant, basic("idm", secret+"x"), 401, "invalid_client"},
		{"unknown client", grant, basic("nobody", secret), 401, "invalid_client"},
		{"another tenant's client", grant, basic("globex-idm", secret), 401, "invalid_client"},
		{"a token instead", grant, map[string]string{"Authorization": "Bearer x"}, 401, "invalid_client"},
		{"JSON", grant, map[string]string{"Content-Type": "application/json"}, 400, "invalid_request"},
		{"too long", with(url.Values{"x": {strings.Repeat("x", 9<<10)}}), basic("idm", secret), 413, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.askToken(tt.form, tt.header)
			if r.status != tt.status {
				t.Fatalf("got %d %s, want %d", r.status, r.body, tt.status)
			}
			if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Pragma") != "no-cache" {
				t.Errorf("caching: %v", r.header)
			}
			challenge := r.header.Get("WWW-Authenticate")
			if tt.status == 401 != strings.HasPrefix(challenge, "Basic realm=") {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if tt.status != 200 {
				if r.member("error") != tt.want || strings.Contains(string(r.body), secret) {
					t.Errorf("got %s, want %s", r.body, tt.want)
				}
				return
			}
			token, _ := r.member("access_token").(string)
			if len(token) < 43 || r.member("token_type") != "Bearer" || r.member("expires_in") != 600.0 || r.member("scope") != tt.want {
				t.Errorf("got %s, want scope %q", r.body, tt.want)
			}
		})
	}

	query := request{
		method: "POST", path: "/oauth2/token?client_id=idm&client_secret=" + secret, body: grant.Encode(),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}
	if r := w.do(query); r.status != 400 || r.member("error") != "invalid_request" {
		t.Errorf("secret in the URL: %d %s", r.status, r.body)
	}
}

// §2.3.1 of RFC 6749 has clients encode what they send by Basic. Many do not.
func TestBasicSecretEncodedOrNot(t *testing.T) {
	odd := "p+q/r=" + strings.Repeat("%41", 12)
	w := newWorld(t)
	grant := url.Values{"grant_type": {"client_credentials"}}
	c, made, err := w.dir.CreateClient(t.Context(), w.root, tenant.NewClient{ID: "generated", Scopes: []tenant.Scope{tenant.ScopeRead}})
	check(t, err)
	if r := w.askToken(grant, basic(c.ID, url.QueryEscape(made))); r.status != 200 {
		t.Errorf("encoded: %d %s", r.status, r.body)
	}
	if r := w.askToken(grant, basic(c.ID, made)); r.status != 200 {
		t.Errorf("as it is: %d %s", r.status, r.body)
	}
	// One wrong secret is one failure, however many things it may mean.
	for range 10 {
		if r := w.askToken(grant, basic(c.ID, odd)); r.status != 401 {
			t.Fatalf("wrong: %d %s", r.status, r.body)
		}
	}
	if r := w.askToken(grant, basic(c.ID, odd)); r.status != 429 {
		t.Errorf("eleventh: %d %s", r.status, r.body)
	}
}

func TestTokenIsRecheckedOnUse(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, made, err := w.dir.CreateClient(t.Context(), w.root, tenant.NewClient{ID: "portal", Scopes: []tenant.Scope{tenant.ScopeRead}})
	check(t, err)
	token := w.askToken(url.Values{"grant_type": {"client_credentials"}}, basic(c.ID, made)).member("access_token").(string)
	list := request{method: "GET", path: "/fido/credentials?userId=alice", token: token}

	if r := w.do(list); r.status != http.StatusOK {
		t.Fatalf("good: %d %s", r.status, r.body)
	}
	check(t, w.dir.DisableClient(t.Context(), w.root, c.ID))
	r := w.do(list)
	want(t, r, http.StatusUnauthorized, "UNAUTHORIZED", "")
	if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="bestow", error="invalid_token"` {
		t.Errorf("WWW-Authenticate: %q", got)
	}
	check(t, w.dir.EnableClient(t.Context(), w.root, c.ID))
	if r := w.do(list); r.status != http.StatusOK {
		t.Errorf("enabled again: %d %s", r.status, r.body)
	}
	w.Later(10 * time.Minute)
	want(t, w.do(list), http.StatusUnauthorized, "UNAUTHORIZED", "")

	for name, header := range map[string]string{"none": "", "Basic": basic("idm", secret)["Authorization"], "no token": "Bearer ", "no scheme": token} {
		r := w.do(request{method: "GET", path: list.path, header: map[string]string{"Authorization": header}})
		want(t, r, http.StatusUnauthorized, "UNAUTHORIZED", "")
		if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="bestow"` {
			t.Errorf("%s: WWW-Authenticate: %q", name, got)
		}
	}
	want(t, w.do(request{method: "GET", path: list.path + "&access_token=" + w.token("idm")}), http.StatusUnauthorized, "UNAUTHORIZED", "")
}

func TestFailedAttemptsAreLimited(t *testing.T) {
	w := newWorld(t)
	grant := url.Values{"grant_type": {"client_credentials"}}
	for i := range 10 {
		if r := w.askToken(grant, basic("idm", "wrong")); r.status != 401 {
			t.Fatalf("%d: %d %s", i, r.status, r.body)
		}
	}
	r := w.askToken(grant, basic("idm", secret))
	if r.status != 429 || r.header.Get("Retry-After") != "60" {
		t.Errorf("after ten failures: %d %v %s", r.status, r.header, r.body)
	}
	if r := w.askToken(grant, basic("hr", secret)); r.status != 200 {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
	w.Later(time.Minute)
	if r := w.askToken(grant, basic("idm", secret)); r.status != 200 {
		t.Errorf("a minute later: %d %s", r.status, r.body)
	}
}

// A client of another tenant is nobody here, also with a token of its own.
func TestOtherTenant(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, err := w.dir.AuthenticateClient(t.Context(), "globex-idm", secret)
	check(t, err)
	token, _, err := w.dir.IssueAccessToken(t.Context(), c.Authority("api", "", ""), c, nil, "")
	check(t, err)
	r := w.do(request{method: "GET", path: "/fido/options?userId=alice", token: token})
	want(t, r, http.StatusUnauthorized, "UNAUTHORIZED", "")
}
