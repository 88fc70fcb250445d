package webauthn_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

const softPIN = "1234"

// softRegistration is a registration that the software key is yet to make, spoilt as
// forge says. Untouched, it is good, trusted, and by a verified user.
type softRegistration struct {
	*madeRegistration
	key   *softkey.Key
	alg   int64
	forge softkey.Forge

	handmade []byte // replaces the statement, if set by the time it was made
}

// newSoft returns a registration attested in one of the software key's formats, by a
// key for ES256.
func newSoft(t testing.TB, attestation softkey.Attestation) *softRegistration {
	t.Helper()
	return newSoftFor(t, attestation, softkey.ES256)
}

// newSoftFor is [newSoft] with another algorithm.
func newSoftFor(t testing.TB, attestation softkey.Attestation, alg int64) *softRegistration {
	t.Helper()
	key, err := softkey.New(softkey.Config{
		UserPresence: softkey.AlwaysPresent,
		Now:          func() time.Time { return validAt },
		Attestation:  attestation,
		Algorithms:   []int64{alg},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ctap.SetPIN(t.Context(), key, ctap.PINProtocolTwo, []byte(softPIN), 4); err != nil {
		t.Fatal(err)
	}
	s := &softRegistration{madeRegistration: newRegistration(t), key: key, alg: alg}
	s.exp.Algorithms = []cose.Algorithm{cose.Algorithm(alg)}
	s.exp.Trust = webauthn.TrustPolicy{
		Anchors:                         []*x509.Certificate{key.AttestationRoot()},
		Time:                            validAt,
		AllowDeprecatedAndroidSafetyNet: true,
		TPMVendors:                      []string{softkey.TPMManufacturer},
	}
	return s
}

// make has the key make the credential.
func (s *softRegistration) make(t testing.TB) {
	t.Helper()
	hash := sha256.Sum256(s.clientJSON())
	token, err := ctap.GetTokenUsingPIN(t.Context(), s.key, ctap.TokenRequest{
		Protocol: ctap.PINProtocolTwo, Permissions: ctap.PermissionMakeCredential, RPID: testRPID,
	}, []byte(softPIN))
	if err != nil {
		t.Fatal(err)
	}
	s.key.Forge(s.forge)
	made, err := ctap.MakeCredential(t.Context(), s.key, ctap.MakeCredentialRequest{
		ClientDataHash: hash[:],
		RP:             ctap.RP{ID: testRPID},
		User:           ctap.User{ID: testHandle, Name: "alice"},
		Algorithms:     []int64{s.alg},
		PINUVAuth:      &ctap.PINUVAuth{Param: ctap.PINProtocolTwo.Authenticate(token, hash[:]), Protocol: ctap.PINProtocolTwo},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.format, s.authBytes = made.Format, made.AuthData
	s.statement = func(testing.TB, *madeRegistration) []byte { return made.Statement }
	if s.handmade != nil {
		s.statement = func(testing.TB, *madeRegistration) []byte { return s.handmade }
	}
	s.auth.credentialID = credentialIDIn(made.AuthData)
}

// credentialIDIn returns the credential ID in authenticator data that has one.
func credentialIDIn(raw []byte) []byte {
	const fixed = 37 + 16
	if len(raw) < fixed+2 {
		return []byte("none")
	}
	n := int(binary.BigEndian.Uint16(raw[fixed:]))
	return raw[fixed+2:][:min(n, len(raw)-fixed-2)]
}

// judge makes, parses and judges.
func (s *softRegistration) judge(t testing.TB) (*webauthn.Registration, error) {
	t.Helper()
	s.make(t)
	return s.madeRegistration.judge(t)
}

// spoil has a forgery change the statement's members.
func (s *softRegistration) spoil(change func(members map[string]any)) {
	s.forge.Statement = func(made *softkey.Statement) { change(made.Members) }
}

// softStep is one step of a format's procedure, and what is spoilt for it.
type softStep struct {
	name   string
	spoil  func(s *softRegistration)
	reason webauthn.Reason
	step   string
}

// testSoftSteps starts each time from a good registration.
func testSoftSteps(t *testing.T, attestation softkey.Attestation, steps []softStep) {
	for _, test := range steps {
		t.Run(test.name, func(t *testing.T) {
			s := newSoft(t, attestation)
			test.spoil(s)
			reg, err := s.judge(t)
			wantRefusal(t, err, test.reason, test.step)
			if err == nil && !reg.Trusted {
				t.Error("accepted, but not trusted")
			}
		})
	}
}

// wrongMembers are the ways to spoil the form of a statement with these members.
func wrongMembers(step string, required ...string) []softStep {
	malformed := func(name string, change func(map[string]any)) softStep {
		return softStep{name, func(s *softRegistration) { s.spoil(change) }, webauthn.ReasonAttestationStatementMalformed, step}
	}
	steps := []softStep{
		{"step 1: a list", func(s *softRegistration) {
			s.forge.Statement = func(made *softkey.Statement) { made.Parts = []softkey.Statement{} }
		}, webauthn.ReasonAttestationStatementMalformed, step},
		malformed("step 1: empty", func(m map[string]any) { clear(m) }),
		malformed("step 1: unknown member", func(m map[string]any) { m["extra"] = true }),
	}
	for _, member := range required {
		steps = append(steps,
			malformed("step 1: no "+member, func(m map[string]any) { delete(m, member) }),
			malformed("step 1: "+member+" of another type", func(m map[string]any) { m[member] = true }))
	}
	return steps
}

// TestSoftForgeries checks that whatever the software key forges is noticed, by a
// policy that looks at everything.
func TestSoftForgeries(t *testing.T) {
	for _, attestation := range []softkey.Attestation{
		softkey.AttestAndroidKey, softkey.AttestApple, softkey.AttestSafetyNet, softkey.AttestCompound,
		softkey.AttestTPM, softkey.AttestTPMRSA,
	} {
		honest := softkey.Forgery{Name: "untouched"}
		for _, f := range append(softkey.Forgeries(attestation), honest) {
			if !f.Registration && f.Name != honest.Name {
				continue
			}
			t.Run(string(attestation)+"/"+f.Name, func(t *testing.T) {
				s := newSoft(t, attestation)
				s.exp.Trust.RequireAndroidKeyTrustedEnvironment = true
				s.forge = f.Forge
				reg, err := s.judge(t)
				if f.Registration != isRefusal(err) {
					t.Fatalf("got %v", err)
				}
				if err == nil && !reg.Trusted {
					t.Error("not trusted")
				}
			})
		}
	}
}
