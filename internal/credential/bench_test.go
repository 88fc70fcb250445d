package credential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// BenchmarkFinishRegistration is 32 callers who hand in packed attestation, to SQLite
// with its full durability: self attestation, attestation with a certificate, and the
// same with policies and an entry of the metadata with an icon. Ceremonies and answers
// are made before the clock starts.
func BenchmarkFinishRegistration(b *testing.B) {
	b.Run("self", func(b *testing.B) { finishRegistrations(b, false, false) })
	b.Run("certified", func(b *testing.B) { finishRegistrations(b, true, false) })
	b.Run("certified-policies-metadata", func(b *testing.B) { finishRegistrations(b, true, true) })
}

// oneModel is metadata that has the same on whatever model.
type oneModel []credential.Model

// ForAttestation implements [credential.Models].
func (m oneModel) ForAttestation(*webauthn.Attestation) []credential.Model { return m }

func modelWithIcon(t testing.TB) oneModel {
	text := mdstest.Entry("452f9e98-51aa-4c3b-8871-3a5b194146a9", "Software key", "FIDO_CERTIFIED_L1")
	text["metadataStatement"].(map[string]any)["icon"] = "data:image/png;base64," + strings.Repeat("AAAA", 8<<10)
	raw, err := json.Marshal(text)
	check(t, err)
	entry, _, err := metadata.ParseEntry(raw)
	check(t, err)
	return oneModel{{Entry: entry, Source: "fido", Number: 7}}
}

func finishRegistrations(b *testing.B, certified, judged bool) {
	c := credential.Config{
		Limits: credential.Limits{CeremoniesPerUser: -1, CeremoniesPerTenant: -1},
		Notify: func(context.Context, credential.Notice) error { return nil },
	}
	if judged {
		c.Models = modelWithIcon(b)
	}
	w := newWorldOn(b, storetest.SQLite, c)
	var err error
	w.directory, err = tenant.New(b.Context(), w.db, nil, w.clock)
	check(b, err)
	const users = 1000
	names := make([]credential.NewUser, users)
	for i := range names {
		names[i].Name = fmt.Sprintf("user-%d", i)
	}
	_, err = w.svc.ImportUsers(b.Context(), w.idm, names)
	check(b, err)
	most := 0
	for n := b.N; n > 0; n -= users {
		most++
	}
	m := newMaker(b, w.clock())
	rp := tenant.RelyingParty{Tenant: "acme", ID: site, MaxCredentialsPerUser: min(1000, most+1), TrustAnchors: asPEM(m.root)}
	if judged {
		for _, document := range []string{vouched, `{"name": "known", "rules": {"metadata": {"required": false}}}`, mode("monitor", unsynced)} {
			p, _, err := w.directory.PutPolicy(b.Context(), w.admin(), []byte(document))
			check(b, err)
			rp.Policies = append(rp.Policies, p.Name)
		}
	}
	w.has(rp)

	answers := make([]*webauthn.RegistrationResponse, b.N)
	var next atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			begun, err := w.svc.BeginRegistration(b.Context(), w.idm, credential.BeginRegistration{
				RelyingParty: site, User: credential.ByName(names[i%users].Name), AllowRepeat: true,
			})
			if err != nil {
				b.Error(err)
				return
			}
			f := newForger(b)
			if certified {
				f.by = m
			}
			answers[i] = f.create(b, begun.Options)
		}
	})
	next.Store(0)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			_, err := w.svc.FinishRegistration(b.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: answers[i], Name: "k"})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "registrations/s")
}

// BenchmarkReverify is one registration that is judged again by then, with its policies
// and metadata: what a policy that holds at sign-ins adds to each of them, too.
func BenchmarkReverify(b *testing.B) {
	d := newLab(b, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
	d.knows("fido", nil, "FIDO_CERTIFIED")
	d.holds(vouched, known, mode("monitor", banned))
	c := d.registered("alice")
	b.ReportAllocs()
	for b.Loop() {
		if r := d.reverify(c, credential.ByThen); !r.Same() {
			b.Fatal("it is not the same")
		}
	}
}
