package provision_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/provision"
)

// made is a run with options and what a desk made of them.
func (w *world) made(way string) (*run, *desk) {
	w.t.Helper()
	r := w.run()
	r.must(getOptions, optionsParams(way))
	d := w.desk()
	r.vars["fidoCredential"] = json.RawMessage(d.made(r.options(), origin))
	return r, d
}

func (r *run) options() json.RawMessage {
	r.w.t.Helper()
	var v struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	check(r.w.t, json.Unmarshal(r.vars["fidoCreationOptions"], &v))
	return v.PublicKey
}

func TestAccessRefusals(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world, way string) error
		kind string
		says string
	}{
		{"unknown user", func(w *world, way string) error {
			_, err := w.run().do(getOptions, params{"connection": way, "userid": "nobody"})
			return err
		}, provision.DAUser, "UNKNOWN_USER"},
		{"locked user", func(w *world, way string) error {
			_, err := w.credentials.LockUser(w.t.Context(), w.root, credential.ByName(alice))
			check(w.t, err)
			_, err = w.run().do(getOptions, optionsParams(way))
			return err
		}, provision.DAUser, "USER_LOCKED"},
		{"too late", func(w *world, way string) error {
			r, _ := w.made(way)
			w.later(10 * time.Minute)
			_, err := r.do(keep, keepParams(way))
			return err
		}, provision.DAChallenge, "CHALLENGE_EXPIRED (challenge_expired)"},
		{"another user's challenge", func(w *world, way string) error {
			w.user("bob")
			r, _ := w.made(way)
			p := keepParams(way)
			p["userid"] = "bob"
			_, err := r.do(keep, p)
			return err
		}, provision.DAChallenge, "VERIFICATION_FAILED (challenge_user)"},
		{"a challenge of nobody", func(w *world, way string) error {
			r, d := w.made(way)
			options := strings.Replace(string(r.options()), `"challenge":"`, `"challenge":"AAAA`, 1)
			r.vars["fidoCredential"] = json.RawMessage(d.made(json.RawMessage(options), origin))
			_, err := r.do(keep, keepParams(way))
			return err
		}, provision.DAChallenge, "CHALLENGE_EXPIRED (challenge_unknown)"},
		{"another site's page", func(w *world, way string) error {
			r, d := w.made(way)
			r.vars["fidoCredential"] = json.RawMessage(d.made(r.options(), "https://evil.example"))
			_, err := r.do(keep, keepParams(way))
			return err
		}, provision.DARejected, "VERIFICATION_FAILED (origin"},
		{"after a refusal", func(w *world, way string) error {
			r, d := w.made(way)
			r.vars["fidoCredential"] = json.RawMessage(d.made(r.options(), "https://evil.example"))
			_, err := r.do(keep, keepParams(way))
			wantType(w.t, err, provision.DARejected, "VERIFICATION_FAILED")
			// The challenge is used, and not by a success of ours.
			_, err = r.do(keep, keepParams(way))
			return err
		}, provision.DAChallenge, "CHALLENGE_EXPIRED (challenge_used)"},
		{"no credential", func(w *world, way string) error {
			r, _ := w.made(way)
			r.vars["fidoCredential"] = json.RawMessage(`{"id":"AAAA","type":"public-key"}`)
			_, err := r.do(keep, keepParams(way))
			return err
		}, provision.DARejected, "INVALID_CREDENTIAL"},
		{"too many credentials", func(w *world, way string) error {
			for range 3 {
				r, _ := w.made(way)
				r.must(keep, keepParams(way))
			}
			_, err := w.run().do(getOptions, optionsParams(way))
			return err
		}, provision.DARejected, "CREDENTIAL_LIMIT"},
		{"the starter's own", func(w *world, way string) error {
			w.user("olga") // the starter is operator:olga
			_, err := w.run().do(getOptions, params{"connection": way, "userid": "olga"})
			return err
		}, provision.DARejected, "FORBIDDEN (own_registration)"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, w *world, way string) {
				w.user(alice)
				wantType(t, c.do(w, way), c.kind, c.says)
			})
		})
	}
}

// The same credential on a fresh challenge is a duplicate, unless this work stored it.
func TestDuplicate(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	w.before = func(rw http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/fido/credentials":
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(http.StatusConflict)
			_, _ = rw.Write([]byte(`{"error":"CREDENTIAL_EXISTS","message":"registered already"}`))
			return true
		case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/fido/credentials/"):
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write([]byte(`{"id":"AAAA","userId":"alice@example.com","provisionedBy":"somebody"}`))
			return true
		}
		return false
	}
	r, _ := w.made("other")
	_, err := r.do(keep, keepParams("other"))
	wantType(t, err, provision.DADuplicate, "CREDENTIAL_EXISTS: registered already")
}

// What another server says is repeated in one line, cut, and never believed to be ours.
func TestStrangeAnswers(t *testing.T) {
	tests := []struct {
		name         string
		status       int
		media, body  string
		fault        bool
		kind, begins string
	}{
		{"a page", 200, "text/html", "<p>hello", true, "", ""},
		{"no JSON", 200, "application/json", "{", true, "", ""},
		{"nothing in it", 200, "application/json", "{}", true, "", ""},
		{"too much", 200, "application/json", strings.Repeat(" ", 1<<20+1), true, "", ""},
		{"elsewhere", 302, "text/plain", "", true, "", ""},
		{"busy", 429, "application/json", `{"error":"TOO_MANY_REQUESTS"}`, true, "", ""},
		{"a refusal without words", 404, "text/html", "<p>not found", false, provision.DARejected, "404: Not Found"},
		{"a refusal of several lines", 422, "application/json", `{"error":"X","message":"a\nb"}`, false, provision.DARejected, "X: a b"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.before = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/fido/options" {
					return false
				}
				rw.Header().Set("Content-Type", c.media)
				rw.Header().Set("Location", "https://elsewhere.example/")
				rw.WriteHeader(c.status)
				_, _ = rw.Write([]byte(c.body))
				return true
			}
			_, err := w.run().do(getOptions, optionsParams("other"))
			if c.fault {
				wantFault(t, err)
				return
			}
			wantType(t, err, c.kind, c.begins)
		})
	}
}

// An access token that is taken back before its time is asked for again, once.
func TestAccessTokenTakenBack(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	r := w.run()
	r.must(getOptions, optionsParams("other"))
	w.later(11 * time.Minute) // it has expired there, and not here
	tokens := 0
	w.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/oauth2/token" {
			tokens++
		}
		return false
	}
	r.must(getOptions, optionsParams("other"))
	r.must(getOptions, optionsParams("other"))
	if tokens != 1 {
		t.Errorf("%d tokens were asked for, want 1", tokens)
	}
}
