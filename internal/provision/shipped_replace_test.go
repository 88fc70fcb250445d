package provision_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
)

// has gives alice credentials from before, and returns their ids.
func (w *world) has(n int) []string {
	w.t.Helper()
	ids := make([]string, 0, n)
	for range n {
		r, _ := w.made("ours")
		r.must(keep, keepParams("ours"))
		ids = append(ids, r.text("fidoCredentialId"))
		w.later(time.Second)
	}
	return ids
}

// dropAll deletes alice's credentials.
func (w *world) dropAll() {
	w.t.Helper()
	page, err := w.credentials.Credentials(w.t.Context(), w.root, credential.CredentialQuery{User: credential.ByName(alice)})
	check(w.t, err)
	for _, c := range page.Credentials {
		check(w.t, w.credentials.Delete(w.t.Context(), w.root, credential.Ref{RelyingParty: site, CredentialID: c.CredentialID}))
	}
}

// lost is what the start's form gives: the credential on the lost key.
func lost(id string) map[string]json.RawMessage {
	return map[string]json.RawMessage{"credentialId": json.RawMessage(`"` + id + `"`)}
}

func testReplace(t *testing.T, seen *footprints) {
	for _, c := range []struct {
		name   string
		had    int
		one    bool   // only the first is lost
		during string // states while the new one is not there yet
		do     func(f *flow)
		end    [3]string // where, with which error, and the states
	}{
		{"one", 2, true, "suspended active", (*flow).stored, [3]string{"done", "", "active active"}},
		{"all", 2, false, "suspended suspended", (*flow).stored, [3]string{"done", "", "active"}},
		{"none", 0, false, "", (*flow).stored, [3]string{"done", "", "active"}},
		{
			"kept suspended", 2, false, "suspended suspended", func(f *flow) { f.refuses(); f.choose("tell", "keep") },
			[3]string{"kept", "NOT_REPLACED", "suspended suspended"},
		},
		{
			"found", 2, true, "suspended active", func(f *flow) { f.refuses(); f.choose("tell", "resume") },
			[3]string{"kept", "NOT_REPLACED", "active active"},
		},
		{
			"again", 1, false, "suspended", func(f *flow) { f.refuses(); f.choose("tell", "again"); f.stored() },
			[3]string{"done", "", "active"},
		},
	} {
		inWorlds(t, c.name, both, func(w *world, way string) {
			ids := w.has(c.had)
			var vars map[string]json.RawMessage
			if c.one {
				vars = lost(ids[0])
			}
			f := w.shipped(way, "replace-security-key", seen, vars)
			f.wantOpen("openLink")
			if got := f.states(); got != c.during {
				w.t.Errorf("while it is replaced: %q, want %q", got, c.during)
			}
			c.do(f)
			f.wantEnd(c.end[0], c.end[1], c.end[2])
		})
	}
	inWorlds(t, "trail", ours, func(w *world, way string) { w.replaceTrail(way, seen) })
	// What is suspended still counts among the three that alice may have.
	inWorlds(t, "at the limit", both, func(w *world, way string) {
		ids := w.has(3)
		f := w.shipped(way, "replace-security-key", seen, lost(ids[0]))
		if says := f.value("mend", "errorMessage"); !strings.HasPrefix(says, "CREDENTIAL_LIMIT") {
			w.t.Errorf("the operator is told %q", says)
		}
		check(w.t, w.credentials.Delete(w.t.Context(), w.root, credential.Ref{RelyingParty: site, CredentialID: unb64(w.t, ids[0])}))
		f.choose("mend", "again")
		f.stored()
		f.wantEnd("done", "", "active active active")
	})
	inWorlds(t, "another user's", ours, func(w *world, way string) {
		ids := w.has(1)
		w.user("bob")
		f := w.shippedFor("bob", way, "replace-security-key", seen, lost(ids[0]))
		f.wantEnd("suspend", "BESTOW_ERROR_CREDENTIAL", "active")
	})
}

// The old is suspended before anything else, and deleted after the new is there.
func (w *world) replaceTrail(way string, seen *footprints) {
	w.has(1)
	f := w.shipped(way, "replace-security-key", seen, nil)
	f.stored()
	f.wantEnd("done", "", "active")
	f.wantTrail("process.started", "credential.suspended", "process.started", "process.started", "registration.begun",
		"relay.command_accepted", "relay.command_accepted", "relay.session_opened", "relay.command_ended", "relay.command_ended",
		"process.task_completed", "credential.registered", "relay.command_accepted", "relay.session_closed",
		"process.ended", "process.ended", "credential.deleted", "process.ended")
}
