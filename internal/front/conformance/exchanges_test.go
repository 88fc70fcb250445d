package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "write the recorded exchanges anew")

// recorder writes the exchanges of a test down as people read them.
type recorder struct {
	*world
	text bytes.Buffer
}

func (r *recorder) do(t *testing.T, heading, path string, body map[string]any) reply {
	t.Helper()
	got := r.post(t, path, body)
	fmt.Fprintf(&r.text, "### %s\n\nPOST %s%s HTTP/1.1\nHost: %s\nContent-Type: application/json\n\n%s\n", heading, prefix, path, site,
		must(json.MarshalIndent(body, "", "  ")))
	var answer bytes.Buffer
	check(t, json.Indent(&answer, bytes.TrimSpace(got.body), "", "  "))
	fmt.Fprintf(&r.text, "\nHTTP/1.1 %d\nContent-Type: application/json\n\n%s\n\n", got.status, answer.Bytes())
	return got
}

// What authenticator and server draw at random.
var drawn = regexp.MustCompile(`("(?:id|rawId|challenge|clientDataJSON|attestationObject|authenticatorData|signature)": )"[\w-]{20,}"`)

func (r *recorder) compare(t *testing.T, name string) {
	t.Helper()
	text := drawn.ReplaceAll(r.text.Bytes(), []byte(`$1"…"`))
	path := filepath.Join("testdata", "exchanges", name+".http")
	if *update {
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, text, 0o644))
		return
	}
	kept, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(text, kept) {
		t.Errorf("%s is not what is exchanged now; -update writes it anew. Got:\n%s", path, text)
	}
}

func TestExchanges(t *testing.T) {
	r := &recorder{world: newWorld(t)}
	request := map[string]any{
		"username": "k3v9", "displayName": "Kim Vogel", "attestation": "direct", "extensions": probe,
		"authenticatorSelection": map[string]any{"requireResidentKey": false, "userVerification": "required"},
	}
	var o options
	check(t, json.Unmarshal(r.do(t, "Options for a user who is new", "/attestation/options", request).body, &o))
	body, key := r.create(t, o, full)
	r.do(t, "The authenticator's answer", "/attestation/result", body)
	r.do(t, "The same again", "/attestation/result", body)
	r.do(t, "The same user again: the credential is excluded", "/attestation/options", request)
	r.do(t, "No display name", "/attestation/options", map[string]any{"username": "k3v9"})
	r.compare(t, "attestation")

	r.text.Reset()
	request = map[string]any{"username": "k3v9", "userVerification": "required", "extensions": probe}
	o = options{}
	check(t, json.Unmarshal(r.do(t, "Options for a user", "/assertion/options", request).body, &o))
	r.do(t, "The authenticator's answer", "/assertion/result", r.assert(t, o, key, honest))
	o = options{}
	check(t, json.Unmarshal(r.do(t, "Once more", "/assertion/options", request).body, &o))
	r.do(t, "An answer given to another site", "/assertion/result", r.assert(t, o, key, said("origin", "https://evil.example")))
	r.compare(t, "assertion")
}
