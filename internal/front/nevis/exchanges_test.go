package nevis_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
)

var update = flag.Bool("update", false, "write testdata/exchanges anew from what the door answers")

// exchange is a request and what the door answers to it, as a file shows it.
type exchange struct {
	name string
	ask  func(w *world, before map[string]reply) request
}

// The worked example: what one key answered to the challenges below.
const (
	challengeCreate = "A4nq0NXxcZ4bfL3gv77N4TBL81sN1XZu3DiDhM7ZmJY"
	challengeGet    = "xwbdUQIlLOXeV-RUAXvBiJ2-eDkg786gtSleIgMcntQ"
	created         = `{
  "type": "public-key", "id": "VdkaNWFoSzLfXlig2RlouQ",
  "response": {
    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQTRucTBOWHhjWjRiZkwzZ3Y3N040VEJMODFzTjFYWnUzRGlEaE03Wm1KWSIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uaWQuZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
    "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViUNZf9OjcG3L-MlTEYwdsGFcC1bcr0zDghcqymXFjyRCJFAAAAAAAAAAAAAAAAAAAAAAAAAAAAEFXZGjVhaEsy315YoNkZaLmlAQIDJiABIVggOPpUEFU-mwk2CpDWVz_vWpE3C_veEW7iJasWdsE0abMiWCA4mhv3eBP3eS7JIZEDMtvFQ8EOk21TaismuzsKr6QC5A"
  },
  "userFriendlyName": "Office key", "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
  "clientExtensionResults": { "credProps": { "rk": true } }
}`
	signedIn = `{
  "type": "public-key", "id": "VdkaNWFoSzLfXlig2RlouQ",
  "response": {
    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoieHdiZFVRSWxMT1hlVi1SVUFYdkJpSjItZURrZzc4Nmd0U2xlSWdNY250USIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uaWQuZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
    "authenticatorData": "NZf9OjcG3L-MlTEYwdsGFcC1bcr0zDghcqymXFjyRCIFAAAAAQ",
    "signature": "MEYCIQDVskdsnnrUjAcsSMvEN7Dc27Oe2CCdsFiHnZDm3O0wbwIhAJVkhaAhMOuQUEhCALhcnQaEOsUCc5UrAyNh0wtxkkU9",
    "userHandle": "BPiZbadjt6lpsQKO4wB1aQ"
  },
  "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
}`
	handle = "BPiZbadjt6lpsQKO4wB1aQ"
)

func toStatus(of string) func(*world, map[string]reply) request {
	return func(_ *world, before map[string]reply) request {
		return request{path: fido + "/status", body: map[string]any{"fido2SessionId": before[of].text("fido2SessionId")}}
	}
}

// plainly is a request that hangs on nothing before it.
func plainly(q request) func(*world, map[string]reply) request {
	return func(*world, map[string]reply) request { return q }
}

// begins has the next options carry a challenge, which the worked example answers.
func begins(challenge string, q request) func(*world, map[string]reply) request {
	return func(w *world, _ map[string]reply) request {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.given = append(w.given, nil, unb64(w.t, challenge)) // the id of the ceremony comes first
		return q
	}
}

var exchanges = []exchange{
	{"01-registration-options", begins(challengeCreate, request{path: fido + "/attestation/options", body: `{
  "username": "u-7f3a", "displayName": "Ada Brunner",
  "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "preferred" },
  "attestation": "none", "extensions": { "credProps": true }
}`})},
	{"02-status-initialized", toStatus("01-registration-options")},
	{"03-registration-result", plainly(request{path: fido + "/attestation/result", body: created})},
	{"04-status-succeeded", toStatus("01-registration-options")},
	{"05-registration-replayed", plainly(request{path: fido + "/attestation/result", body: created})},
	{"06-authentication-options", begins(challengeGet, request{path: fido + "/assertion/options", body: `{ "username": "u-7f3a", "userVerification": "preferred" }`})},
	{"07-authentication-result", plainly(request{path: fido + "/assertion/result", body: signedIn})},
	{"08-status-signed-in", toStatus("06-authentication-options")},
	{"09-usernameless-options", plainly(request{path: fido + "/attestation/options", body: `{ "username": "" }`})},
	{"10-unknown-user", plainly(request{path: fido + "/assertion/options", body: `{ "username": "nobody" }`})},
	{"11-status-unknown", plainly(request{path: fido + "/status", body: `{ "sessionId": "5b0f6d0e-6a55-4a4b-9d36-4d1f5f0f7b11" }`})},
	{"12-status-malformed", plainly(request{path: fido + "/status", body: `{}`})},
	{"13-not-acceptable", plainly(request{path: fido + "/assertion/options", body: `{}`, header: map[string]string{"Accept": "text/html"}})},
	{"14-no-credentials", plainly(request{path: fido + "/attestation/options", client: "-", body: `{ "username": "u-7f3a", "displayName": "Ada" }`})},
	{"20-idm-list", plainly(request{method: "GET", path: ofUser("u-7f3a")})},
	{"21-idm-disable", func(w *world, before map[string]reply) request {
		var page struct{ Items []struct{ ExtID string } }
		check(w.t, json.Unmarshal(before["20-idm-list"].body, &page))
		return request{method: "PATCH", path: ofUser("u-7f3a") + "/" + page.Items[0].ExtID, body: `{ "stateName": "disabled", "modificationComment": "lost", "version": 1 }`}
	}},
	{"22-idm-stale", func(w *world, before map[string]reply) request {
		return request{method: "PATCH", path: ofUser("u-7f3a") + "/" + before["21-idm-disable"].text("extId"), body: `{ "stateName": "active", "version": 1 }`}
	}},
	{"23-idm-all", plainly(request{method: "GET", path: idm + "/clients/100/fido2?sortBy=created_DESC&returnTotalResultCount=true"})},
	{"24-idm-unknown", plainly(request{method: "GET", path: ofUser("nobody")})},
}

// ourID finds ids of credentials, which are another each time.
var ourID = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b`)

// TestExchanges holds each exchange against its file. The worked example is answered as
// somebody else's server has answered it, so that the answers were not made here.
func TestExchanges(t *testing.T) {
	w := newWorld(t)
	_, err := w.svc.CreateUser(t.Context(), w.root, credential.NewUser{Name: "u-7f3a", DisplayName: "Ada", Handle: unb64(t, handle)})
	check(t, err)
	before := map[string]reply{}
	for _, e := range exchanges {
		q := e.ask(w, before)
		r := w.do(q)
		before[e.name] = r
		w.Later(time.Second)
		text := render(q, r)
		name := filepath.Join("testdata", "exchanges", e.name+".http")
		if *update {
			check(t, os.MkdirAll(filepath.Dir(name), 0o755))
			check(t, os.WriteFile(name, text, 0o644))
		}
		want, err := os.ReadFile(name)
		check(t, err)
		if !bytes.Equal(text, want) {
			t.Errorf("%s (-update writes it anew)\ngot\n%s\nwant\n%s", name, text, want)
		}
	}
	files, err := filepath.Glob("testdata/exchanges/*")
	check(t, err)
	if len(files) != len(exchanges) {
		t.Errorf("%d files for %d exchanges", len(files), len(exchanges))
	}
}

// render shows an exchange as it goes over the wire, but for what differs each time.
func render(q request, r reply) []byte {
	var b bytes.Buffer
	method := q.method
	if method == "" {
		method = http.MethodPost
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\n", method, q.path)
	accept := "application/json"
	if a, ok := q.header["Accept"]; ok {
		accept = a
	}
	fmt.Fprintf(&b, "Accept: %s\n", accept)
	if q.client != "-" {
		b.WriteString("Authorization: Basic (client)\n")
	}
	if q.body != nil {
		b.WriteString("Content-Type: application/json;charset=UTF-8\n\n")
		text, ok := q.body.(string)
		if !ok {
			raw, _ := json.Marshal(q.body)
			text = string(raw)
		}
		b.WriteString(text)
	}
	fmt.Fprintf(&b, "\n\nHTTP/1.1 %d %s\n", r.status, http.StatusText(r.status))
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		switch name {
		case "Content-Type", "Allow", "Location", "Www-Authenticate":
			for _, value := range r.header[name] {
				fmt.Fprintf(&b, "%s: %s\n", name, value)
			}
		}
	}
	b.WriteString("\n")
	var pretty bytes.Buffer
	if json.Indent(&pretty, r.body, "", "  ") != nil {
		pretty.Write(r.body)
	}
	b.Write(pretty.Bytes())
	return []byte(strings.TrimRight(ourID.ReplaceAllString(b.String(), "01a21c59-0000-7000-8000-000000000000"), "\n") + "\n")
}
