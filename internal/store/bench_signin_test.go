package store

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

// benchUsers are people with a credential each; enough that their rows are on many pages.
const benchUsers = 3200

// BenchmarkSignIn is what signing in asks of the database: who it is and what they have,
// a ceremony begun, and a whole sign-in, begun, found and finished.
func BenchmarkSignIn(b *testing.B) {
	eachEngine(b, func(b *testing.B, db *DB) {
		ids := signers(b, db)
		var n atomic.Int64
		begin := func() (*credential.Ceremony, int, error) {
			i := int(n.Add(1))
			c := signInCeremony(i, ids[i%benchUsers])
			return c, i % benchUsers, db.OpenCeremony(b.Context(), c, credential.Caps{PerUser: 1 << 30}, signInEvent(c, "authentication.begun"))
		}
		b.Run("account", func(b *testing.B) {
			measure(b, 32, func() error {
				_, err := db.Account(b.Context(), "acme", "rp", credential.ByID(ids[int(n.Add(1))%benchUsers]))
				return err
			})
		})
		b.Run("begin", func(b *testing.B) {
			measure(b, 32, func() error {
				_, _, err := begin()
				return err
			})
		})
		b.Run("whole", func(b *testing.B) {
			measure(b, 32, func() error {
				c, user, err := begin()
				if err != nil {
					return err
				}
				return finishSignIn(b, db, c, user)
			})
		})
	})
}

func finishSignIn(b *testing.B, db *DB, c *credential.Ceremony, user int) error {
	key := credential.CeremonyKey{Tenant: "acme", RelyingParty: "rp", Kind: credential.Authentication, Challenge: c.Challenge}
	p, err := db.AuthenticationAt(b.Context(), key, fmt.Appendf(nil, "credential %d", user))
	if err != nil {
		return err
	}
	done := credential.Authenticated{Ceremony: c.ID, Tenant: "acme", Credential: p.Credential.ID, At: c.Created, AnyCounter: true}
	return db.CompleteAuthentication(b.Context(), done, signInEvent(c, "authentication.succeeded"))
}

var benchNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func signers(b *testing.B, db *DB) []credential.UserID {
	ids := make([]credential.UserID, benchUsers)
	for i := range ids {
		ids[i] = credential.UserID(fmt.Sprintf("user%d", i))
		u := &credential.User{ID: ids[i], Tenant: "acme", Name: string(ids[i]), Handle: []byte(ids[i]), Created: benchNow}
		c := &credential.Credential{
			ID: credential.ID(fmt.Sprintf("key%d", i)), Tenant: "acme", RelyingParty: "rp", User: u.ID,
			CredentialID: fmt.Appendf(nil, "credential %d", i), PublicKey: make([]byte, 77), Algorithm: -7,
			Transports: []string{"usb"}, State: credential.Active, Created: benchNow,
		}
		err := db.CreateUser(b.Context(), u, audit.Event{Tenant: "acme"})
		if err == nil {
			err = db.AdoptCredential(b.Context(), c, &credential.Evidence{AttestationObject: []byte{0xa0}, ClientData: []byte("{}"), Options: []byte("{}")}, 9, audit.Event{Tenant: "acme"})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

func signInCeremony(i int, user credential.UserID) *credential.Ceremony {
	c := &credential.Ceremony{
		ID: credential.CeremonyID(fmt.Sprintf("01a21cb1-97ee-7cb7-%08d", i)), Tenant: "acme", RelyingParty: "rp", Kind: credential.Authentication,
		State: credential.CeremonyOpen, User: user, Options: json.RawMessage(`{"challenge":"AAAA","allowCredentials":[{"id":"x","type":"public-key"}]}`),
		Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Via: "api", Created: benchNow, Expires: benchNow.Add(time.Hour),
	}
	copy(c.Challenge[:], fmt.Sprintf("%x", uint64(i)*0x9e3779b97f4a7c15))
	return c
}

func signInEvent(c *credential.Ceremony, action string) audit.Event {
	return audit.Event{
		Tenant: c.Tenant, Time: c.Created, Action: action, Actor: c.Actor, Via: c.Via, RelyingParty: c.RelyingParty,
		User: string(c.User), Outcome: "ok", Detail: map[string]string{"ceremony": string(c.ID)},
	}
}
