package credential_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/webauthn"
)

// BenchmarkFinishRegistration is 32 callers who hand in packed self attestation, to
// SQLite with its full durability. Ceremonies and answers are made before the clock
// starts.
func BenchmarkFinishRegistration(b *testing.B) {
	w := newWorldOn(b, storetest.SQLite, credential.Config{
		Limits: credential.Limits{CeremoniesPerUser: -1, CeremoniesPerTenant: -1},
		Notify: func(context.Context, credential.Notice) error { return nil },
	})
	const users = 1000
	names := make([]credential.NewUser, users)
	for i := range names {
		names[i].Name = fmt.Sprintf("user-%d", i)
	}
	_, err := w.svc.ImportUsers(b.Context(), w.idm, names)
	check(b, err)
	most := 0
	for n := b.N; n > 0; n -= users {
		most++
	}
	rp := *w.rps["acme/"+site]
	rp.MaxCredentialsPerUser = min(1000, most+1)
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
			answers[i] = newForger(b).create(b, begun.Options)
		}
	})
	next.Store(0)
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
