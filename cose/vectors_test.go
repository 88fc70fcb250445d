package cose_test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bestow.dev/cose"
)

// ceremony is an authentication of the WebAuthn examples: a stored key, and a
// signature it has to verify.
type ceremony struct {
	id                      string
	key, message, signature []byte
}

// vectors returns the authentications of the WebAuthn examples. In CI they have to be
// there.
func vectors(t testing.TB) []ceremony {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = "../../shared/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "webauthn-l3", "*.json"))
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors in %s", dir)
		}
		t.Logf("no vectors in %s: going without", dir)
		return nil
	}
	var found []ceremony
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Cases []struct {
				ID         string
				Kind       string
				Credential struct{ PublicKey b64 }
				Response   struct {
					Response struct{ ClientDataJSON, AuthenticatorData, Signature b64 }
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range doc.Cases {
			if c.Kind != "authentication" {
				continue
			}
			r := c.Response.Response
			hash := sha256.Sum256(r.ClientDataJSON)
			found = append(found, ceremony{c.ID, c.Credential.PublicKey, slices.Concat(r.AuthenticatorData, hash[:]), r.Signature})
		}
	}
	return found
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if all == nil {
		t.Skip("the vectors are not on this machine")
	}
	for _, c := range all {
		t.Run(c.id, func(t *testing.T) {
			key, err := cose.ParseKey(c.key)
			if err != nil {
				t.Fatal(err)
			}
			verifies(t, key, c.message, c.signature)
		})
	}
}
