package credential_test

import (
	"sync"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/webauthn"
)

// Two of one authenticator that answer at once: one gets in, and the credential is
// suspended all the same, whether the other was judged before or after.
func TestCloneRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.user("alice")
		c, f := w.enrolled("alice")
		responses := make([]*webauthn.AuthenticationResponse, 8)
		for i := range responses {
			begun := w.beginSignIn("alice")
			f.count = 41 // get adds one
			responses[i] = f.get(t, begun.Options)
		}
		errs := make([]error, len(responses))
		var wg sync.WaitGroup
		for i := range responses {
			wg.Go(func() {
				_, errs[i] = w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{
					RelyingParty: site, Response: responses[i], SuspendClone: true,
				})
			})
		}
		wg.Wait()
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("%d accepted, want 1: %v", accepted, errs)
		}
		stored, err := w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID})
		check(t, err)
		if stored.State != credential.Suspended || stored.Standing != credential.FailureLocked {
			t.Errorf("credential: %+v", stored)
		}
	})
}
