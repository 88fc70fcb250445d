package strictcbor

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vectors returns the CBOR in the WebAuthn examples: attestation objects, and keys
// of stored credentials. In CI they have to be there.
func vectors(t testing.TB) [][]byte {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = "../../../shared/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "webauthn-l3", "*.json"))
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors in %s", dir)
		}
		t.Logf("no vectors in %s: going without", dir)
		return nil
	}
	var found [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Cases []struct {
				Credential struct {
					PublicKey string
				}
				Response struct {
					Response struct {
						AttestationObject string
					}
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range doc.Cases {
			for _, text := range []string{c.Credential.PublicKey, c.Response.Response.AttestationObject} {
				b, err := base64.RawURLEncoding.DecodeString(text)
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				if len(b) > 0 {
					found = append(found, b)
				}
			}
		}
	}
	return found
}

func TestVectorsAreCanonical(t *testing.T) {
	all := vectors(t)
	if all == nil {
		t.Skip("the vectors are not on this machine")
	}
	for _, data := range all {
		if err := CheckAll(data); err != nil {
			t.Errorf("CheckAll(%x) = %v", data, err)
		}
	}
}
