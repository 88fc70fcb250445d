package differential

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// vectorCeremonies reads the standard's own examples, from beside the project or from
// where BESTOW_VECTORS says.
func vectorCeremonies(t testing.TB) []*ceremony {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	dir = filepath.Join(dir, "webauthn-l3")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors at %s; set BESTOW_VECTORS", dir)
		}
		t.Skipf("no vectors at %s; set BESTOW_VECTORS", dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*ceremony
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Fmt   string
			Cases []vectorCase
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range file.Cases {
			all = append(all, v.ceremony(t, file.Fmt))
		}
	}
	if len(all) == 0 {
		t.Fatalf("no cases in %s", dir)
	}
	return all
}

// vectorCase is one example in its file.
type vectorCase struct {
	ID, Kind string
	RP       struct {
		ID               string
		Origins          []string
		AllowCrossOrigin bool
		TopOrigins       []string
	}
	Options struct {
		Challenge        webauthn.Bytes
		UserVerification string
		PubKeyCredParams []cose.Algorithm
		AllowCredentials []webauthn.Bytes
	}
	Policy     struct{ ExtraTPMVendors []string }
	Credential struct {
		ID, PublicKey, UserHandle webauthn.Bytes
		SignCount                 uint32
		BackupEligible            bool
	}
	Response json.RawMessage
}

func (v *vectorCase) ceremony(t testing.TB, format string) *ceremony {
	t.Helper()
	c := &ceremony{
		name: v.ID, registration: v.Kind == "registration",
		rpID: v.RP.ID, origins: v.RP.Origins, allowCrossOrigin: v.RP.AllowCrossOrigin, topOrigins: v.RP.TopOrigins,
		challenge: v.Options.Challenge, verifyUser: v.Options.UserVerification == "required",
		algorithms: v.Options.PubKeyCredParams, tpmVendors: v.Policy.ExtraTPMVendors,
		credentialID: v.Credential.ID, publicKey: v.Credential.PublicKey, signCount: v.Credential.SignCount,
		backupEligible: v.Credential.BackupEligible, userHandle: v.Credential.UserHandle, format: format,
	}
	if len(c.userHandle) == 0 {
		c.userHandle = []byte("account")
	}
	for _, id := range v.Options.AllowCredentials {
		c.allowed = append(c.allowed, id)
	}
	c.setBody(t, v.Response)
	return c
}
