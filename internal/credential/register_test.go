package credential_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

func TestRegistration(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice@example.com")
	begun := w.begin("Alice@Example.com") // names are compared without regard to case

	o := begun.Options
	if o.RP.ID != site || o.RP.Name != "Example Login" || !bytes.Equal(o.User.ID, alice.Handle) || len(alice.Handle) != 64 ||
		o.User.Name != "alice@example.com" || len(o.Challenge) != 32 || o.TimeoutMillis != 240_000 || o.Attestation != "direct" ||
		o.AuthenticatorSelection.ResidentKey != "required" || !o.AuthenticatorSelection.RequireResidentKey ||
		o.AuthenticatorSelection.UserVerification != "required" || o.ExcludeCredentials == nil || len(o.ExcludeCredentials) != 0 {
		t.Errorf("options: %s", begun.JSON)
	}
	if want := []cose.Algorithm{-7, -8, -35, -36, -257, -258, -259}; !reflect.DeepEqual(o.Algorithms(), want) {
		t.Errorf("algorithms: got %v, want %v", o.Algorithms(), want)
	}
	if want := w.clock().Add(300 * time.Second); !begun.Expires.Equal(want) {
		t.Errorf("expires: got %v, want %v", begun.Expires, want)
	}

	w.later(35 * time.Second)
	f := newForger(t)
	resp := f.create(t, o)
	c, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site, User: credential.ByName("alice@example.com"), Response: resp, Name: "Office key", UserAgent: "Firefox\x00 1",
	})
	check(t, err)

	want := &credential.Credential{
		ID: c.ID, Tenant: "acme", RelyingParty: site, User: alice.ID, UserName: "alice@example.com",
		CredentialID: f.id, PublicKey: f.coseKey(t), Algorithm: -7, SignCount: 1, Transports: []string{"usb"},
		Attachment: "cross-platform", UVInitialized: true, Discoverable: credential.Yes,
		Format: "packed", AttestationType: "self", Warnings: c.Warnings,
		Name: "Office key", UserAgent: "Firefox 1", State: credential.Active, Version: 1,
		Created: w.clock(), Updated: w.clock(), ProvisionedBy: "client:idm", Via: "api", Ref: "req-1",
		Asked: credential.Asked{Attestation: "direct", ResidentKey: "required", UserVerification: "required"},
	}
	want.Extensions, want.UserHandle = &credential.ExtensionOutputs{}, alice.Handle
	if !reflect.DeepEqual(c, want) {
		t.Errorf("credential:\ngot  %+v\nwant %+v", c, want)
	}
	want.Extensions, want.UserHandle = nil, nil // told once, and not stored
	stored, err := w.svc.Get(t.Context(), w.idm, credential.Ref{RelyingParty: site, CredentialID: f.id})
	check(t, err)
	if !reflect.DeepEqual(stored, want) {
		t.Errorf("stored credential:\ngot  %+v\nwant %+v", stored, want)
	}

	// What an auditor needs to judge again.
	e, err := w.svc.Evidence(t.Context(), w.idm, credential.Ref{ID: c.ID})
	check(t, err)
	if !bytes.Equal(e.AttestationObject, resp.AttestationObject) || !bytes.Equal(e.ClientData, resp.ClientDataJSON) ||
		!bytes.Equal(e.Options, begun.JSON) || !e.Judged.Equal(w.clock()) || len(e.Policy) != 64 || e.Format != "packed" {
		t.Errorf("evidence: %+v", e)
	}
	var options webauthn.CreationOptions
	check(t, json.Unmarshal(e.Options, &options))
	again, err := webauthn.ParseRegistrationResponse(document(t, f.id, map[string]any{
		"clientDataJSON": b64(e.ClientData), "attestationObject": b64(e.AttestationObject),
	}))
	check(t, err)
	_, err = webauthn.JudgeRegistration(options.Expectation(webauthn.RelyingParty{ID: site, Origins: []string{"https://" + site}},
		webauthn.TrustPolicy{Attestation: webauthn.TrustIgnore, Time: e.Judged}), again)
	check(t, err)

	events := w.events()
	last := events[len(events)-1]
	if last.Action != "credential.registered" || last.User != string(alice.ID) || last.OnBehalfOf != string(alice.ID) ||
		last.Credential != string(c.ID) || last.RelyingParty != site || last.Outcome != audit.OK ||
		last.Actor.String() != "client:idm" || last.Ref != "req-1" {
		t.Errorf("event: %+v", last)
	}
	if before := events[len(events)-2]; before.Action != "registration.begun" || before.Detail["ceremony"] != string(begun.Ceremony) {
		t.Errorf("event: %+v", before)
	}

	n := <-w.told
	if n.Credential.ID != c.ID || n.User.ID != alice.ID || n.Self {
		t.Errorf("notice: %+v", n)
	}

	// The next options exclude it.
	if ex := w.begin("alice@example.com").Options.ExcludeCredentials; len(ex) != 1 || !bytes.Equal(ex[0].ID, f.id) || ex[0].Transports[0] != "usb" {
		t.Errorf("excluded: %+v", ex)
	}
	repeat, err := w.svc.BeginRegistration(t.Context(), w.idm, credential.BeginRegistration{
		RelyingParty: site, User: credential.ByID(alice.ID), AllowRepeat: true, DisplayName: "Al", RequestID: "registration:1",
		Extensions: map[string]json.RawMessage{"credProps": json.RawMessage("true")},
	})
	check(t, err)
	if len(repeat.Options.ExcludeCredentials) != 0 || repeat.Options.User.DisplayName != "Al" || string(repeat.Options.Extensions["credProps"]) != "true" {
		t.Errorf("options: %s", repeat.JSON)
	}
}

func TestFinishRegistrationRefusals(t *testing.T) {
	type attempt struct {
		w   *world
		by  tenant.Authority
		f   *forger
		in  credential.FinishRegistration
		beg *credential.BegunRegistration
	}
	tests := []struct {
		name  string
		spoil func(a *attempt)
		want  string // empty: accepted
		spent bool   // whether the refusal closes the ceremony
	}{
		{"untouched", func(*attempt) {}, "", true},
		{"no answer", func(a *attempt) { a.in.Response = nil }, "response.missing", false},
		{"a name too long", func(a *attempt) { a.in.Name = string(bytes.Repeat([]byte("n"), 65)) }, "credential.name", false},
		{"no such relying party", func(a *attempt) { a.in.RelyingParty = "other.example" }, "rp.unknown", false},
		{"another client", func(a *attempt) { a.by.Actor.ID = "other" }, "ceremony.unknown", false},
		{"an operator of the same id", func(a *attempt) { a.by.Actor.Kind = audit.Operator }, "ceremony.unknown", false},
		{"a browser", func(a *attempt) { a.by.Session = "session" }, "ceremony.unknown", false},
		{"another tenant", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "beta", ID: site})
			a.by.Tenant = "beta"
		}, "ceremony.unknown", false},
		{"without the scope", func(a *attempt) { a.by.Scopes = []tenant.Scope{tenant.ScopeRead} }, "authority.denied", false},
		{"scope for another relying party", func(a *attempt) { a.by.RelyingParties = []string{"x.example"} }, "authority.denied", false},
		{"a challenge of nobody's", func(a *attempt) {
			a.beg.Options.Challenge = bytes.Repeat([]byte{7}, 32)
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "ceremony.unknown", false},
		{"another user, by name", func(a *attempt) { a.in.User = credential.ByName("bob") }, "ceremony.user", false},
		{"nobody, by id", func(a *attempt) { a.in.User = credential.ByID("x") }, "user.unknown", false},
		{"the user, by handle", func(a *attempt) { a.in.User = credential.ByHandle(a.beg.User.Handle) }, "", true},
		{"another request", func(a *attempt) { a.in.RequestID = "r2" }, "ceremony.request", false},
		{"just in time", func(a *attempt) { a.w.later(300*time.Second - time.Millisecond) }, "", true},
		{"too late", func(a *attempt) { a.w.later(300 * time.Second) }, "ceremony.expired", false},
		{"user locked meanwhile", func(a *attempt) {
			_, err := a.w.svc.LockUser(a.w.t.Context(), a.w.idm, credential.ByName("alice"))
			check(a.w.t, err)
		}, "user.locked", false},
		{"user erased meanwhile", func(a *attempt) {
			check(a.w.t, a.w.svc.EraseUser(a.w.t.Context(), a.w.idm, credential.ByName("alice")))
		}, "ceremony.unknown", false},
		{"claimed by the user", func(a *attempt) { a.by.Claimed = " ALICE" }, "registration.self", false},
		{"from another origin", func(a *attempt) {
			a.f.origin = "https://evil.example"
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "webauthn.origin", true},
		{"nobody verified", func(a *attempt) {
			a.f.flags = up
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "webauthn.user_verification", true},
		{"made for another site", func(a *attempt) {
			a.f.origin = "https://" + site
			a.beg.Options.RP.ID = "evil.example"
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "webauthn.rp_id_hash", true},
		{"a bad signature", func(a *attempt) {
			signer := newForger(a.w.t)
			a.f.private, signer.private = signer.private, a.f.private
			resp := a.f.create(a.w.t, a.beg.Options)
			other := signer.create(a.w.t, a.beg.Options)
			resp.ClientDataJSON = append([]byte(nil), other.ClientDataJSON...)
			resp.ClientDataJSON = append(resp.ClientDataJSON, ' ')
			a.in.Response = resp
		}, "webauthn.attestation_signature", true},
		{"credential known, of the same user", func(a *attempt) {
			_, f := a.w.enrolled("alice")
			a.f.id = f.id
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "credential.exists", true},
		{"credential known, of another user", func(a *attempt) {
			_, f := a.w.enrolled("bob")
			a.f.id = f.id
			a.in.Response = a.f.create(a.w.t, a.beg.Options)
		}, "credential.exists", true},
		{"credential limit reached meanwhile", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, MaxCredentialsPerUser: 1})
			a.w.enrolled("alice")
		}, "credential.limit", true},
		{"trust required meanwhile", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, AttestationTrust: tenant.TrustRequire})
		}, "webauthn.attestation_untrusted", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			w.user("bob")
			a := &attempt{w: w, by: w.idm, f: newForger(t), beg: w.begin("alice")}
			a.in = credential.FinishRegistration{RelyingParty: site, Response: a.f.create(t, a.beg.Options)}
			good := a.in
			tt.spoil(a)
			before := len(w.events())
			c, err := w.svc.FinishRegistration(t.Context(), a.by, a.in)
			after := w.events()
			if tt.want == "" {
				check(t, err)
			} else {
				wantCode(t, err, tt.want)
				if c != nil {
					t.Error("it returned a credential with an error")
				}
			}

			// A refusal is one event, anything else none.
			switch got := len(after) - before; {
			case !tt.spent:
				wantTrail(t, err, after[before:])
			case got != 1:
				t.Errorf("%d events", got)
			case tt.want != "" && tt.spent:
				if e := after[len(after)-1]; e.Action != "registration.refused" || e.Outcome != tt.want {
					t.Errorf("event: %+v", e)
				}
			}

			// And then the good answer: refused as used if the ceremony was spent.
			if tt.want == "ceremony.expired" || tt.name == "user erased meanwhile" || tt.name == "user locked meanwhile" {
				return
			}
			_, err = w.svc.FinishRegistration(t.Context(), w.idm, good)
			if tt.spent {
				wantFault(t, err, credential.ErrCeremonyUsed)
			} else {
				check(t, err)
			}
		})
	}
}

func TestBeginRegistrationRefusals(t *testing.T) {
	type attempt struct {
		w  *world
		by tenant.Authority
		in credential.BeginRegistration
	}
	tests := []struct {
		name  string
		spoil func(a *attempt)
		want  string // empty: accepted
	}{
		{"untouched", func(*attempt) {}, ""},
		{"no user", func(a *attempt) { a.in.User = credential.UserRef{} }, "user.required"},
		{"unknown user", func(a *attempt) { a.in.User = credential.ByName("carol") }, "user.unknown"},
		{"a name nobody can have", func(a *attempt) { a.in.User = credential.ByName("alice\x00") }, "user.unknown"},
		{"an id nobody can have", func(a *attempt) { a.in.User = credential.ByID("\xff") }, "user.unknown"},
		{"locked user", func(a *attempt) {
			_, err := a.w.svc.LockUser(a.w.t.Context(), a.w.idm, a.in.User)
			check(a.w.t, err)
		}, "user.locked"},
		{"unknown relying party", func(a *attempt) { a.in.RelyingParty = "other.example" }, "rp.unknown"},
		{"without the scope", func(a *attempt) { a.by.Scopes = []tenant.Scope{tenant.ScopeAuthenticate} }, "authority.denied"},
		{"scope for another relying party", func(a *attempt) { a.by.RelyingParties = []string{"x.example"} }, "authority.denied"},
		{"a session that is none", func(a *attempt) { a.by.Session = "x" }, "session.unknown"},
		{"the user without a session", func(a *attempt) { a.by.Actor.Kind = audit.User }, "registration.self"},
		{"an operator for themselves", func(a *attempt) {
			a.by.Actor = audit.Actor{Kind: audit.Operator, ID: "Alice"}
		}, "registration.self"},
		{"the local user for themselves", func(a *attempt) { a.by.Actor = tenant.LocalOperator("acme", "alice").Actor }, "registration.self"},
		{"a client of the same name", func(a *attempt) { a.by.Actor.ID = "ALICE" }, "registration.self"},
		{"an operator for another", func(a *attempt) {
			a.by.Actor = audit.Actor{Kind: audit.Operator, ID: "bob"}
		}, ""},
		{"a client's operator for themselves", func(a *attempt) { a.by.Claimed = "Alice " }, "registration.self"},
		{"a client's operator for another", func(a *attempt) { a.by.Claimed = "bob" }, ""},
		{"a display name with a control character", func(a *attempt) { a.in.DisplayName = "a\nb" }, "user.display_name"},
		{"a display name turned around", func(a *attempt) { a.in.DisplayName = "a\u202eb" }, "user.display_name"},
		{"a request id too long", func(a *attempt) { a.in.RequestID = string(make([]byte, 300)) }, "ceremony.request_id"},
		{"a request id in use", func(a *attempt) {
			a.in.RequestID = "r1"
			_, err := a.w.svc.BeginRegistration(a.w.t.Context(), a.by, a.in)
			check(a.w.t, err)
		}, "ceremony.request_exists"},
		{"an extension that is no JSON", func(a *attempt) {
			a.in.Extensions = map[string]json.RawMessage{"x": json.RawMessage("{")}
		}, "options.invalid"},
		{"extensions without end", func(a *attempt) {
			long, _ := json.Marshal(string(bytes.Repeat([]byte("x"), 70_000)))
			a.in.Extensions = map[string]json.RawMessage{"x": long}
		}, "options.invalid"},
		{"wider: user verification", func(a *attempt) { a.in.Narrow.UserVerification = "preferred" }, "policy.wider"},
		{"wider: resident key", func(a *attempt) { a.in.Narrow.ResidentKey = "discouraged" }, "policy.wider"},
		{"wider: an algorithm", func(a *attempt) { a.in.Narrow.Algorithms = []cose.Algorithm{-7, -37} }, "policy.wider"},
		{"wider: the timeout", func(a *attempt) { a.in.Narrow.Timeout = 241 * time.Second }, "policy.wider"},
		{"wider: the life", func(a *attempt) { a.in.Narrow.Life = time.Hour }, "policy.wider"},
		{"wider: attachment", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, AuthenticatorAttachment: "cross-platform"})
			a.in.Narrow.Attachment = "platform"
		}, "policy.wider"},
		{"wider: a model", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, AllowedAAGUIDs: []string{"cb69481e-8ff7-4039-93ec-0a2729a154a8"}})
			a.in.Narrow.AAGUIDs = []webauthn.AAGUID{{1}}
		}, "policy.wider"},
		{"wider: no attestation", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, AttestationTrust: tenant.TrustRequire})
			a.in.Narrow.Attestation = "none"
		}, "policy.wider"},
		{"narrower", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, ResidentKey: "preferred", UserVerification: "discouraged"})
			a.in.Narrow = credential.Narrowing{
				UserVerification: "required", ResidentKey: "required", Attachment: "platform", Attestation: "none",
				Algorithms: []cose.Algorithm{-257, -7}, AAGUIDs: []webauthn.AAGUID{{1}}, Timeout: time.Second, Life: time.Minute,
				RequireTrusted: true, Hints: []string{"security-key"},
			}
		}, ""},
		{"as many credentials as allowed", func(a *attempt) {
			a.w.has(tenant.RelyingParty{Tenant: "acme", ID: site, MaxCredentialsPerUser: 1})
			a.w.enrolled("alice")
		}, "credential.limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			a := &attempt{w: w, by: w.idm, in: credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")}}
			tt.spoil(a)
			before := len(w.events())
			begun, err := w.svc.BeginRegistration(t.Context(), a.by, a.in)
			if tt.want == "" {
				check(t, err)
				if got := w.lastEvent().Action; got != "registration.begun" {
					t.Errorf("event: %s", got)
				}
				return
			}
			wantCode(t, err, tt.want)
			if begun != nil {
				t.Error("it returned a ceremony with an error")
			}
			wantTrail(t, err, w.events()[before:])
		})
	}
}

func TestNarrowedCeremonyIsJudgedByItsTerms(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	begin := func(n credential.Narrowing) *webauthn.CreationOptions {
		begun, err := w.svc.BeginRegistration(t.Context(), w.idm, credential.BeginRegistration{
			RelyingParty: site, User: credential.ByName("alice"), Narrow: n,
		})
		check(t, err)
		return begun.Options
	}
	finish := func(o *webauthn.CreationOptions) error {
		_, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, o)})
		return err
	}
	wantCode(t, finish(begin(credential.Narrowing{Algorithms: []cose.Algorithm{-8}})), "webauthn.algorithm_not_offered")
	wantCode(t, finish(begin(credential.Narrowing{RequireTrusted: true})), "webauthn.attestation_untrusted")
	wantCode(t, finish(begin(credential.Narrowing{AAGUIDs: []webauthn.AAGUID{{1}}})), "webauthn.attestation_untrusted")
	w.later(0)
	o := begin(credential.Narrowing{Life: time.Minute})
	if o.TimeoutMillis != 60_000 {
		t.Errorf("timeout: %d, longer than the challenge lives", o.TimeoutMillis)
	}
	w.later(time.Minute)
	wantFault(t, finish(o), credential.ErrCeremonyExpired)
}

func TestUnreadable(t *testing.T) {
	_, err := webauthn.ParseRegistrationResponse([]byte("{"))
	wantCode(t, credential.Unreadable(err), "webauthn.json_malformed")
}

func TestChallengeBytes(t *testing.T) {
	w := newWorld(t)
	w.user("alice@example.com")
	for _, tt := range []struct{ asked, want int }{{0, 32}, {16, 16}, {64, 64}, {15, 0}, {65, 0}, {-1, 0}} {
		begun, err := w.svc.BeginRegistration(t.Context(), w.idm, credential.BeginRegistration{
			RelyingParty: site, User: credential.ByName("alice@example.com"), ChallengeBytes: tt.asked,
		})
		if tt.want == 0 {
			wantFault(t, err, credential.ErrChallengeBytes)
			continue
		}
		check(t, err)
		if got := len(begun.Options.Challenge); got != tt.want {
			t.Errorf("%d bytes asked for: %d", tt.asked, got)
		}
	}
}
