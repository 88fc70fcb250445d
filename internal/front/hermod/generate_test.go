package hermod_test

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/relay"
)

func generate(w *world, id string) reply {
	w.t.Helper()
	return w.do(call{path: "/util/generateclient/" + id})
}

// The snippet: a key in a comment, and an entry of the configuration.
func TestGenerateClient(t *testing.T) {
	w := newWorld(t, settings{})
	r := generate(w, "idm-2.test_1")
	form := regexp.MustCompile(`^ *# X-Api-Key: (\S+)
 *- client-id: "idm-2.test_1"
 *key: "([0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15})"
 *callback-basic-auth: username:password
 *callback-url: http://localhost:20400/hermod/rest
$`)
	parts := form.FindStringSubmatch(string(r.body))
	if r.status != http.StatusOK || parts == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if text, err := base64.StdEncoding.DecodeString(parts[1]); err != nil || string(text) != "idm-2.test_1:"+parts[2] {
		t.Errorf("the comment is not the key: %s", r.body)
	}
	if string(generate(w, "idm-2.test_1").body) == string(r.body) {
		t.Error("the same key twice")
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Error("a key may be cached")
	}
	// Nothing is stored.
	if got := w.do(call{path: "/command/1042", header: map[string]string{"X-Api-Key": parts[1]}}); got.status != http.StatusUnauthorized {
		t.Errorf("the new client is let in: %d", got.status)
	}
	for _, id := range []string{"a:b", "a%20b", "%22", "a%0Ab", "ä", strings.Repeat("x", 65)} {
		want(t, generate(w, id), http.StatusBadRequest, "INVALID_REQUEST")
	}
}

// Pasted into the configuration, in either spelling, the client it names can come in
// with the key from the comment.
func TestGeneratedClientWorks(t *testing.T) {
	w := newWorld(t, settings{})
	camel := strings.NewReplacer("client-id", "clientId", "callback-basic-auth", "callbackBasicAuth", "callback-url", "callbackUrl")
	for _, id := range []string{"idm", "true", "1e5", "007", "null"} {
		for spelling, head := range map[string]string{
			"kebab": "fronts:\n  hermod:\n    allowed-clients:\n",
			"camel": "fronts:\n  hermod:\n    publicUrl: https://msg.example.com/hermod/rest/ms\n    allowedClients:\n",
		} {
			t.Run(id+" "+spelling, func(t *testing.T) {
				w.Later(time.Second) // one may be generated each second
				pasted := string(generate(w, id).body)
				key := strings.Fields(pasted)[2]
				if spelling == "camel" {
					pasted = camel.Replace(pasted)
				}
				path := filepath.Join(t.TempDir(), "bestow.yaml")
				check(t, os.WriteFile(path, []byte(head+pasted), 0o600))
				cfg, err := config.Load(config.Sources{File: path})
				if err != nil {
					t.Fatalf("%v in\n%s", err, head+pasted)
				}
				c := cfg.Fronts.Hermod.AllowedClients[0]
				if c.ClientID != id || c.CallbackBasicAuth != "username:password" || c.CallbackURL != "http://localhost:20400/hermod/rest" {
					t.Errorf("client: %+v", c)
				}
				client := &relay.Client{Tenant: "acme", ID: c.ClientID, CallbackURL: c.CallbackURL}
				for _, k := range c.Keys {
					client.KeyHashes = append(client.KeyHashes, relay.HashKey(k))
				}
				check(t, w.clients.Replace(client))
				if r := w.do(call{path: "/command/1042", header: map[string]string{"X-Api-Key": key}}); r.status != http.StatusNotFound {
					t.Errorf("let in: %d", r.status)
				}
			})
		}
	}
}

func TestGenerateClientIsLocal(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, tt := range map[string]struct {
		proxies []netip.Prefix
		header  map[string]string
		status  int
	}{
		"same machine":                     {nil, nil, http.StatusOK},
		"through a proxy":                  {loopback, map[string]string{"X-Forwarded-For": "192.0.2.7"}, http.StatusForbidden},
		"through a proxy, same machine":    {loopback, map[string]string{"X-Forwarded-For": "127.0.0.1"}, http.StatusForbidden},
		"through a proxy nobody told of":   {nil, map[string]string{"X-Forwarded-For": "192.0.2.7"}, http.StatusForbidden},
		"through a proxy with RFC 7239":    {nil, map[string]string{"Forwarded": "for=192.0.2.7"}, http.StatusForbidden},
		"with an API key, through a proxy": {loopback, map[string]string{"X-Forwarded-For": "192.0.2.7", "X-Api-Key": asIDM["X-Api-Key"]}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{proxies: tt.proxies})
			r := w.do(call{path: "/util/generateclient/idm", header: tt.header})
			if r.status != tt.status {
				t.Errorf("%d %s", r.status, r.body)
			}
			if tt.status == http.StatusForbidden {
				want(t, r, tt.status, "FORBIDDEN")
			}
		})
	}
}

// Ten at once, then one a second.
func TestGenerateClientRate(t *testing.T) {
	w := newWorld(t, settings{})
	for range 10 {
		if r := generate(w, "idm"); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	want(t, generate(w, "idm"), http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
	w.Later(time.Second)
	if r := generate(w, "idm"); r.status != http.StatusOK {
		t.Errorf("a second later: %d %s", r.status, r.body)
	}
	want(t, generate(w, "idm"), http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
}
