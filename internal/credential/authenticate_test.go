package credential_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	c, f := w.enrolled("alice")
	for _, name := range []string{"alice", ""} { // named, and as a discoverable credential
		w.later(time.Minute)
		begun := w.beginSignIn(name)
		o := begun.Options
		if o.RPID != site || o.UserVerification != "required" || len(o.Challenge) != 32 || o.AllowCredentials == nil {
			t.Errorf("options: %s", begun.JSON)
		}
		if named := len(o.AllowCredentials) == 1 && bytes.Equal(o.AllowCredentials[0].ID, f.id); named != (name != "") {
			t.Errorf("%q: allowed %s", name, begun.JSON)
		}
		in, err := w.finishSignIn(f, begun)
		check(t, err)
		if in.User.ID != alice.ID || in.Credential.ID != c.ID || !in.UserVerified || in.Session != nil ||
			in.Credential.SignCount != f.count || !in.Credential.LastUsed.Equal(w.clock()) {
			t.Errorf("%q: %+v", name, in)
		}
		stored, err := w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID})
		check(t, err)
		if stored.SignCount != f.count || !stored.LastUsed.Equal(w.clock()) || stored.Version != 1 {
			t.Errorf("%q: stored %+v", name, stored)
		}
		e := w.lastEvent()
		if e.Action != "authentication.succeeded" || e.User != string(alice.ID) || e.Credential != string(c.ID) || e.Outcome != audit.OK {
			t.Errorf("event: %+v", e)
		}
		_, err = w.finishSignIn(f, begun)
		wantFault(t, err, credential.ErrCeremonyUsed)
	}
}

func TestFinishAuthenticationRefusals(t *testing.T) {
	type attempt struct {
		w   *world
		by  tenant.Authority
		f   *forger
		c   *credential.Credential
		in  credential.FinishAuthentication
		beg *credential.BegunAuthentication
	}
	again := func(a *attempt) { a.in.Response = a.f.get(a.w.t, a.beg.Options) }
	tests := []struct {
		name  string
		user  string // who is named at the beginning
		spoil func(a *attempt)
		want  string // empty: accepted
		spent bool
	}{
		{"untouched", "alice", func(*attempt) {}, "", true},
		{"untouched, discoverable", "", func(*attempt) {}, "", true},
		{"no answer", "alice", func(a *attempt) { a.in.Response = nil }, "response.missing", false},
		{"another client", "alice", func(a *attempt) { a.by.Actor.ID = "other" }, "ceremony.unknown", false},
		{"without the scope", "alice", func(a *attempt) { a.by.Scopes = []tenant.Scope{tenant.ScopeProvision} }, "authority.denied", false},
		{"too late", "alice", func(a *attempt) { a.w.later(300 * time.Second) }, "ceremony.expired", false},
		{"another request", "alice", func(a *attempt) { a.in.RequestID = "r9" }, "ceremony.request", false},
		{"answer of a registration", "alice", func(a *attempt) {
			a.beg.Options.Challenge = a.w.begin("alice").Options.Challenge
			again(a)
		}, "ceremony.unknown", false},
		{"not who the caller thinks", "", func(a *attempt) { a.in.User = credential.ByName("bob") }, "ceremony.user", true},
		{"who the caller thinks", "", func(a *attempt) { a.in.User = credential.ByID(a.c.User) }, "", true},
		{"from another origin", "alice", func(a *attempt) { a.f.origin = "https://evil.example"; again(a) }, "webauthn.origin", true},
		{"nobody verified", "alice", func(a *attempt) { a.f.flags = up; again(a) }, "webauthn.user_verification", true},
		{"suddenly fit for backup", "alice", func(a *attempt) { a.f.flags |= be; again(a) }, "webauthn.backup_flags", true},
		{"another key", "alice", func(a *attempt) {
			a.f.private = newForger(a.w.t).private
			again(a)
		}, "webauthn.assertion_signature", true},
		{"counter as it was", "alice", func(a *attempt) { a.f.count = 0; again(a) }, "webauthn.sign_count", true},
		{"counter gone", "alice", func(a *attempt) { a.f.count = ^uint32(0); again(a) }, "webauthn.sign_count", true},
		{"somebody else's credential", "alice", func(a *attempt) {
			_, a.f = a.w.enrolled("bob")
			again(a)
		}, "webauthn.credential_not_allowed", true},
		{"nobody's credential", "alice", func(a *attempt) { a.f.id = []byte("nobody's"); again(a) }, "webauthn.credential_not_allowed", true},
		{"nobody's credential, discoverable", "", func(a *attempt) { a.f.id = []byte("nobody's"); again(a) }, "credential.unknown", true},
		{"another's handle, discoverable", "", func(a *attempt) { a.f.handle = []byte("bob"); again(a) }, "webauthn.user_handle", true},
		{"no handle, discoverable", "", func(a *attempt) { a.f.handle = nil; again(a) }, "webauthn.user_handle", true},
		{"suspended", "alice", func(a *attempt) {
			_, err := a.w.svc.Suspend(a.w.t.Context(), a.w.idm, credential.Ref{ID: a.c.ID}, "lost")
			check(a.w.t, err)
		}, "credential.suspended", true},
		{"suspended, and the key is another", "alice", func(a *attempt) {
			_, err := a.w.svc.Suspend(a.w.t.Context(), a.w.idm, credential.Ref{ID: a.c.ID}, "lost")
			check(a.w.t, err)
			a.f.private = newForger(a.w.t).private
			again(a)
		}, "webauthn.assertion_signature", true},
		{"deleted meanwhile", "alice", func(a *attempt) {
			check(a.w.t, a.w.svc.Delete(a.w.t.Context(), a.w.idm, credential.Ref{ID: a.c.ID}))
		}, "credential.unknown", true},
		{"user locked meanwhile", "alice", func(a *attempt) {
			_, err := a.w.svc.LockUser(a.w.t.Context(), a.w.idm, credential.ByName("alice"))
			check(a.w.t, err)
		}, "user.locked", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			w.user("bob")
			a := &attempt{w: w, by: w.idm}
			a.c, a.f = w.enrolled("alice")
			a.beg = w.beginSignIn(tt.user)
			a.in = credential.FinishAuthentication{RelyingParty: site, Response: a.f.get(t, a.beg.Options)}
			good := a.in
			tt.spoil(a)
			before := len(w.events())
			_, err := w.svc.FinishAuthentication(t.Context(), a.by, a.in)
			after := w.events()
			if tt.want == "" {
				check(t, err)
			} else {
				wantCode(t, err, tt.want)
			}
			switch got := len(after) - before; {
			case !tt.spent:
				wantTrail(t, err, after[before:])
			case got != 1:
				t.Errorf("%d events", got)
			case tt.want != "" && tt.spent:
				if e := after[len(after)-1]; e.Action != "authentication.refused" || e.Outcome != tt.want {
					t.Errorf("event: %+v", e)
				}
			}
			if tt.want == "ceremony.expired" {
				return
			}
			_, err = w.svc.FinishAuthentication(t.Context(), w.idm, good)
			if tt.spent {
				wantFault(t, err, credential.ErrCeremonyUsed)
			} else {
				check(t, err)
			}
		})
	}
}

// Where the operator has chosen so, a counter that did not grow is let pass, and
// noted.
func TestCounterWarning(t *testing.T) {
	w := newWorldOn(t, storetest.SQLite, credential.Config{SignCount: webauthn.SignCountWarn})
	w.user("alice")
	_, f := w.enrolled("alice")
	f.count = 9
	_, err := w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
	f.count = 4
	in, err := w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
	if !reflect.DeepEqual(in.Warnings, []string{"sign_count"}) || in.Credential.SignCount != 10 {
		t.Errorf("sign-in: %+v", in)
	}
	if e := w.lastEvent(); e.Detail["warnings"] != "sign_count" {
		t.Errorf("event: %+v", e)
	}
}

func TestBeginAuthenticationRefusals(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, _ := w.enrolled("alice")
	w.user("bob")
	_, err := w.svc.LockUser(t.Context(), w.idm, credential.ByID(w.user("carol").ID))
	check(t, err)
	tests := []struct {
		name string
		by   func(*tenant.Authority)
		in   credential.BeginAuthentication
		want string
	}{
		{"unknown user", nil, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("dave")}, "user.unknown"},
		{"no credential", nil, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("bob")}, "credential.none"},
		{"locked", nil, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("carol")}, "user.locked"},
		{"unknown relying party", nil, credential.BeginAuthentication{RelyingParty: "x.example"}, "rp.unknown"},
		{"without the scope", func(by *tenant.Authority) { by.Scopes = by.Scopes[:1] }, credential.BeginAuthentication{RelyingParty: site}, "authority.denied"},
		{"no user verification", nil, credential.BeginAuthentication{
			RelyingParty: site, Narrow: credential.Narrowing{UserVerification: "discouraged"},
		}, "policy.wider"},
		{"an AppID", nil, credential.BeginAuthentication{
			RelyingParty: site, Extensions: map[string]json.RawMessage{"appid": json.RawMessage(`"https://x.example"`)},
		}, "policy.wider"},
		{"a request id with a line end", nil, credential.BeginAuthentication{RelyingParty: site, RequestID: "a\nb"}, "ceremony.request_id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			by := w.idm
			if tt.by != nil {
				tt.by(&by)
			}
			w.quiet(func() {
				_, err := w.svc.BeginAuthentication(t.Context(), by, tt.in)
				wantCode(t, err, tt.want)
			})
		})
	}
	// The only one suspended is none that can be used.
	_, err = w.svc.Suspend(t.Context(), w.idm, credential.Ref{ID: c.ID}, "")
	check(t, err)
	_, err = w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("alice")})
	wantFault(t, err, credential.ErrNoCredential)
}

// A name that is nobody's looks like one that is somebody's, from the options to the
// refusal.
func TestUnknownNamesAreHidden(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	_, f := w.enrolled("alice")
	w.user("bob")
	begin := func(name string) *credential.BegunAuthentication {
		t.Helper()
		begun, err := w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{
			RelyingParty: site, User: credential.ByName(name), HideUnknown: true,
		})
		check(t, err)
		return begun
	}
	ids := make(map[string]string)
	for _, name := range []string{"dave", "Dave", "bob", "no\x00body"} {
		first, second := begin(name).Options, begin(name).Options
		if !reflect.DeepEqual(first.AllowCredentials, second.AllowCredentials) || len(first.AllowCredentials) != 1 {
			t.Fatalf("%q: %+v, then %+v", name, first.AllowCredentials, second.AllowCredentials)
		}
		d := first.AllowCredentials[0]
		if len(d.ID) < 16 || len(d.Transports) == 0 || bytes.Equal(first.Challenge, second.Challenge) {
			t.Errorf("%q: %+v", name, d)
		}
		ids[name] = b64(d.ID)
	}
	if ids["dave"] != ids["Dave"] || ids["dave"] == ids["bob"] || ids["bob"] == ids["no\x00body"] {
		t.Errorf("ids: %v", ids)
	}

	// Another service on the same database gives the same ones.
	svc, err := credential.New(credential.Config{Store: w.db, Directory: w, Now: w.clock})
	check(t, err)
	other, err := svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{
		RelyingParty: site, User: credential.ByName("dave"), HideUnknown: true,
	})
	check(t, err)
	if got := b64(other.Options.AllowCredentials[0].ID); got != ids["dave"] {
		t.Errorf("another node: %s, want %s", got, ids["dave"])
	}

	// The same mistakes are refused for the same reasons.
	for _, spoil := range []func(*forger){
		func(*forger) {},
		func(f *forger) { f.origin = "https://evil.example" },
		func(f *forger) { f.flags = up },
		func(f *forger) { f.flags = up | uv | be },
		func(f *forger) { f.id = []byte("something else") },
	} {
		var codes []string
		for _, name := range []string{"alice", "dave"} {
			begun := begin(name)
			wrong := newForger(t)
			wrong.handle, wrong.id = f.handle, begun.Options.AllowCredentials[0].ID
			spoil(wrong)
			_, err := w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{RelyingParty: site, Response: wrong.get(t, begun.Options)})
			if err == nil {
				t.Fatal("a forgery was accepted")
			}
			codes = append(codes, err.Error())
			if got := w.lastEvent().Action; got != "authentication.refused" {
				t.Errorf("event: %s", got)
			}
			_, err = w.finishSignIn(wrong, begun)
			wantFault(t, err, credential.ErrCeremonyUsed)
		}
		if codes[0] != codes[1] && !bytes.Contains([]byte(codes[0]), []byte("backup_flags")) {
			t.Errorf("known: %s\nunknown: %s", codes[0], codes[1])
		}
	}

	// A locked user shows what they showed before, and their own key does not open.
	before := begin("alice").Options.AllowCredentials
	_, err = w.svc.LockUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	begun := begin("alice")
	if !reflect.DeepEqual(before, begun.Options.AllowCredentials) {
		t.Errorf("locked: %+v, before %+v", begun.Options.AllowCredentials, before)
	}
	_, err = w.finishSignIn(f, begun)
	wantCode(t, err, "webauthn.assertion_signature")
}

// Two assertions with the same counter, or in the wrong order, at the same time: the
// stored one only grows, and of two alike one is a clone's.
func TestCounterRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.user("alice")
		c, f := w.enrolled("alice")
		const callers = 16
		responses := make([]*webauthn.AuthenticationResponse, callers)
		for i := range responses {
			begun := w.beginSignIn("alice")
			f.count = 41 // get adds one
			responses[i] = f.get(t, begun.Options)
		}
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for i := range responses {
			wg.Go(func() {
				_, errs[i] = w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{RelyingParty: site, Response: responses[i]})
			})
		}
		wg.Wait()
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
				continue
			}
			wantCode(t, err, "webauthn.sign_count")
		}
		if accepted != 1 {
			t.Errorf("%d accepted, want 1", accepted)
		}
		stored, err := w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID})
		check(t, err)
		if stored.SignCount != 42 {
			t.Errorf("counter: %d, want 42", stored.SignCount)
		}
	})
}

// Of any number of callers with good answers to one ceremony one wins.
func TestFinishRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.user("alice")
		begun := w.begin("alice")
		const callers = 16
		responses := make([]*webauthn.RegistrationResponse, callers)
		for i := range responses {
			responses[i] = newForger(t).create(t, begun.Options) // each another key
		}
		before := len(w.events())
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for i := range responses {
			wg.Go(func() {
				_, errs[i] = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: responses[i]})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantFault(t, err, credential.ErrCeremonyUsed)
		}
		page, err := w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{RelyingParty: site})
		check(t, err)
		if won != 1 || len(page.Credentials) != 1 || len(w.events())-before != 1 {
			t.Errorf("%d won, %d credentials, %d events; want one each", won, len(page.Credentials), len(w.events())-before)
		}
	})
}

// The user's limit holds for registrations that finish at the same time.
func TestCredentialLimitRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.has(tenant.RelyingParty{Tenant: "acme", ID: site, MaxCredentialsPerUser: 3})
		w.user("alice")
		const callers = 12
		responses := make([]*webauthn.RegistrationResponse, callers)
		for i := range responses {
			responses[i] = newForger(t).create(t, w.begin("alice").Options)
		}
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for i := range responses {
			wg.Go(func() {
				_, errs[i] = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: responses[i]})
			})
		}
		wg.Wait()
		stored := 0
		for _, err := range errs {
			if err == nil {
				stored++
				continue
			}
			wantFault(t, err, credential.ErrCredentialLimit)
		}
		if stored != 3 {
			t.Errorf("%d stored, want 3", stored)
		}
	})
}
