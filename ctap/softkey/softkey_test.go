package softkey_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

// cheap is a cost for tests.
var cheap = softkey.Cost{Passes: 1, MemoryKiB: 64, Lanes: 1}

const rpID = "login.example.com"

var hash = sha256.Sum256([]byte("client data"))

// A bench is a key with a clock, a finger and a place for its state.
type bench struct {
	*softkey.Key
	t       *testing.T
	now     time.Time
	touches int
	finger  func(context.Context, softkey.Request) error
	saved   [][]byte
	saveErr error
}

func newBench(t *testing.T, change ...func(*softkey.Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), finger: softkey.AlwaysPresent}
	c := b.config()
	for _, f := range change {
		f(&c)
	}
	key, err := softkey.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Key = key
	return b
}

func (b *bench) config() softkey.Config {
	return softkey.Config{
		Passphrase: []byte("correct horse"),
		Cost:       cheap,
		Save: func(sealed []byte) error {
			if b.saveErr != nil {
				return b.saveErr
			}
			b.saved = append(b.saved, bytes.Clone(sealed))
			return nil
		},
		UserPresence: func(ctx context.Context, r softkey.Request) error {
			b.touches++
			return b.finger(ctx, r)
		},
		Now: func() time.Time { return b.now },
	}
}

func (b *bench) client() *ctap.Client {
	b.t.Helper()
	c, err := ctap.NewClient(b.t.Context(), b.Key)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func params(change ...func(*ctap.CredentialParams)) ctap.CredentialParams {
	p := ctap.CredentialParams{
		ClientDataHash:   hash[:],
		RP:               ctap.RP{ID: rpID, Name: "Example"},
		User:             ctap.User{ID: []byte("user-1"), Name: "alice", DisplayName: "Alice"},
		Algorithms:       []int64{-7, -8, -257},
		ResidentKey:      ctap.Required,
		UserVerification: ctap.Required,
		Attestation:      ctap.Direct,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func TestCeremoniesOfAClient(t *testing.T) {
	for _, attestation := range []softkey.Attestation{softkey.AttestPacked, softkey.AttestSelf, softkey.AttestU2F, softkey.AttestNone} {
		for _, alg := range []int64{softkey.ES256, softkey.EdDSA, softkey.ES384, softkey.RS256} {
			if attestation == softkey.AttestU2F && alg != softkey.ES256 {
				continue
			}
			for _, rk := range []ctap.Requirement{ctap.Required, ctap.Discouraged} {
				b := newBench(t, func(c *softkey.Config) { c.Attestation = attestation })
				client := b.client()
				if err := client.SetPIN(t.Context(), []byte("1234")); err != nil {
					t.Fatal(err)
				}
				ask := ctap.Prompt{PIN: ctap.PINOnce([]byte("1234"))}
				cred, err := client.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) {
					p.Algorithms = []int64{alg}
					p.ResidentKey = rk
				}), ask)
				if err != nil {
					t.Fatalf("%s %d %s: %v", attestation, alg, rk, err)
				}
				if cred.Algorithm != alg || !cred.UserVerified {
					t.Errorf("%s %d %s: %+v", attestation, alg, rk, cred)
				}
				ask.PIN = ctap.PINOnce([]byte("1234"))
				got, err := client.GetAssertion(t.Context(), ctap.AssertionParams{
					RPID: rpID, ClientDataHash: hash[:], UserVerification: ctap.Required,
					Allow: []ctap.CredentialDescriptor{{ID: cred.ID}},
				}, ask)
				if err != nil {
					t.Fatalf("%s %d %s: %v", attestation, alg, rk, err)
				}
				if len(got) != 1 || !bytes.Equal(got[0].CredentialID, cred.ID) {
					t.Errorf("%s %d %s: %+v", attestation, alg, rk, got)
				}
				sealed, err := b.Seal()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := softkey.Open(sealed, []byte("other"), b.config()); !errors.Is(err, softkey.ErrPassphrase) {
					t.Errorf("wrong passphrase: %v", err)
				}
				if _, err := softkey.Open(sealed, []byte("correct horse"), b.config()); err != nil {
					t.Errorf("open: %v", err)
				}
			}
		}
	}
}
