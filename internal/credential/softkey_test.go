package credential_test

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// workplace is a client with a security key, as it stands on a person's desk.
type workplace struct {
	t   testing.TB
	key *softkey.Key
}

func newWorkplace(t testing.TB, clock func() time.Time) *workplace {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: clock})
	check(t, err)
	t.Cleanup(func() { key.Close() })
	return &workplace{t, key}
}

var pinPad = ctap.Prompt{
	NewPIN: func(context.Context, int) ([]byte, error) { return []byte("2580"), nil },
	PIN:    func(context.Context, ctap.PINQuestion) ([]byte, error) { return []byte("2580"), nil },
	Touch:  func() {},
}

func clientData(kind string, challenge []byte) []byte {
	return []byte(`{"type":"` + kind + `","challenge":"` + b64(challenge) + `","origin":"https://` + site + `","crossOrigin":false}`)
}

func listed(list []webauthn.CredentialDescriptor) []ctap.CredentialDescriptor {
	var out []ctap.CredentialDescriptor
	for _, d := range list {
		out = append(out, ctap.CredentialDescriptor{ID: d.ID})
	}
	return out
}

// create has the key answer creation options.
func (d *workplace) create(o *webauthn.CreationOptions) ([]byte, error) {
	client, err := ctap.NewClient(d.t.Context(), d.key)
	check(d.t, err)
	data := clientData("webauthn.create", o.Challenge)
	hash := sha256.Sum256(data)
	var algorithms []int64
	for _, a := range o.Algorithms() {
		algorithms = append(algorithms, int64(a))
	}
	made, err := client.MakeCredential(d.t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:], RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name}, User: ctap.User{ID: o.User.ID, Name: o.User.Name},
		Algorithms: algorithms, Exclude: listed(o.ExcludeCredentials),
		ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, pinPad)
	if err != nil {
		return nil, err
	}
	return document(d.t, made.ID, map[string]any{
		"clientDataJSON": b64(data), "attestationObject": b64(made.AttestationObject), "transports": []string{"usb"},
	}), nil
}

// get has the key answer request options.
func (d *workplace) get(o *webauthn.RequestOptions) []byte {
	d.t.Helper()
	client, err := ctap.NewClient(d.t.Context(), d.key)
	check(d.t, err)
	data := clientData("webauthn.get", o.Challenge)
	hash := sha256.Sum256(data)
	signed, err := client.GetAssertion(d.t.Context(), ctap.AssertionParams{
		RPID: o.RPID, ClientDataHash: hash[:], Allow: listed(o.AllowCredentials), UserVerification: ctap.Required,
	}, pinPad)
	check(d.t, err)
	response := map[string]any{"clientDataJSON": b64(data), "authenticatorData": b64(signed[0].AuthData), "signature": b64(signed[0].Signature)}
	if u := signed[0].User; u != nil {
		response["userHandle"] = b64(u.ID)
	}
	return document(d.t, signed[0].CredentialID, response)
}

// trusting is a world whose site accepts what the desk's key attests, and nothing else.
func trusting(t testing.TB) (*world, *workplace) {
	t.Helper()
	w := newWorldOn(t, storetest.SQLite, credential.Config{})
	d := newWorkplace(t, w.clock)
	w.has(tenant.RelyingParty{
		Tenant: "acme", ID: site, AttestationTrust: tenant.TrustRequire,
		TrustAnchors: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.key.AttestationRoot().Raw})),
	})
	w.later(time.Hour) // the key's certificates are of the time it was made
	return w, d
}

// With a real authenticator's protocol in between: register with a trusted
// attestation, sign in by name and without, and not twice with the same key.
func TestSoftwareKey(t *testing.T) {
	w, d := trusting(t)
	w.user("alice")
	answer, err := d.create(w.begin("alice").Options)
	check(t, err)
	resp, err := webauthn.ParseRegistrationResponse(answer)
	check(t, err)
	c, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
	check(t, err)
	root := sha256.Sum256(d.key.AttestationRoot().Raw)
	e, err := w.svc.Evidence(t.Context(), w.idm, credential.Ref{ID: c.ID})
	check(t, err)
	if !c.Trusted || !e.Trusted || c.AAGUID.IsZero() || string(e.Anchor) != string(root[:]) || len(e.Chain) < 2 || e.Chain[len(e.Chain)-1] != root {
		t.Errorf("credential: %+v\nevidence: %+v", c, e)
	}

	for _, name := range []string{"alice", ""} {
		begun := w.beginSignIn(name)
		resp, err := webauthn.ParseAuthenticationResponse(d.get(begun.Options))
		check(t, err)
		in, err := w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
		check(t, err)
		if in.Credential.ID != c.ID || !in.UserVerified {
			t.Errorf("%q: %+v", name, in)
		}
	}
	if _, err := d.create(w.begin("alice").Options); !errors.Is(err, ctap.StatusCredentialExcluded) {
		t.Errorf("the same key again: %v", err)
	}

	// Another key has another root.
	stranger := newWorkplace(t, w.clock)
	answer, err = stranger.create(w.begin("alice").Options)
	check(t, err)
	resp, err = webauthn.ParseRegistrationResponse(answer)
	check(t, err)
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
	wantCode(t, err, "webauthn.attestation_untrusted")
}

// Whatever a forging key spoils, nothing is stored.
func TestForgedRegistrations(t *testing.T) {
	for _, f := range softkey.Forgeries(softkey.AttestPacked) {
		if !f.Registration {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			w, d := trusting(t)
			w.user("alice")
			d.key.Forge(f.Forge)
			begun := w.begin("alice")
			answer, err := d.create(begun.Options)
			if err != nil {
				t.Logf("the client saw it already: %v", err)
				return
			}
			resp, err := webauthn.ParseRegistrationResponse(answer)
			if err == nil {
				_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
				if e := w.lastEvent(); err != nil && (e.Action != "registration.refused" || e.Outcome == audit.OK) {
					t.Errorf("event: %+v", e)
				}
			} else {
				err = credential.Unreadable(err)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "webauthn.") {
				t.Errorf("got %v", err)
			}
			page, err := w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{})
			check(t, err)
			if len(page.Credentials) != 0 {
				t.Error("a forged credential was stored")
			}
		})
	}
}
