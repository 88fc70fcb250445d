package credential_test

import (
	"context"
	"errors"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

var root = tenant.LocalOperator("acme", "root")

// operator makes a user with a role and returns them with their authority in the
// console.
func (w *world) operator(name string, role tenant.Role) (*credential.User, tenant.Authority) {
	w.t.Helper()
	u := w.user(name)
	u, err := w.svc.GrantRole(w.t.Context(), root, credential.GrantRole{User: credential.ByID(u.ID), Role: role})
	check(w.t, err)
	return u, tenant.OperatorAuthority("acme", string(u.ID), role, tenant.Authority{Via: "console", Ref: "r"})
}

func TestGrantRole(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice := w.user("alice")
	grant := func(by tenant.Authority, name string, role tenant.Role) error {
		return second(w.svc.GrantRole(ctx, by, credential.GrantRole{User: credential.ByName(name), Role: role}))
	}
	check(t, grant(root, "Alice", tenant.Auditor))
	if e := w.lastEvent(); e.Action != "operator.granted" || e.User != string(alice.ID) || e.Detail["role"] != "auditor" || e.Detail["before"] != "" {
		t.Errorf("event: %+v", e)
	}
	w.quiet(func() { check(t, grant(root, "alice", tenant.Auditor)) }) // as it was
	check(t, grant(root, "alice", tenant.Administrator))
	if e := w.lastEvent(); e.Detail["before"] != "auditor" || e.Detail["role"] != "administrator" || e.OnBehalfOf != string(alice.ID) {
		t.Errorf("event: %+v", e)
	}
	admin := tenant.OperatorAuthority("acme", string(alice.ID), tenant.Administrator, tenant.Authority{})
	_, enroller := w.operator("bob", tenant.Enroller)
	w.quiet(func() {
		wantFault(t, grant(root, "alice", "root"), credential.ErrRole)
		wantFault(t, grant(root, "x", tenant.Auditor), credential.ErrUserUnknown)
		wantFault(t, grant(enroller, "bob", tenant.Administrator), tenant.ErrDenied)
		wantFault(t, grant(w.idm, "bob", tenant.Auditor), tenant.ErrDenied)
		wantFault(t, grant(tenant.LocalOperator("beta", "root"), "alice", tenant.Auditor), credential.ErrUserUnknown)
		for _, by := range []tenant.Authority{enroller, w.idm, {Tenant: "acme"}} {
			wantFault(t, second(w.svc.Operators(ctx, by)), tenant.ErrDenied)
			wantFault(t, second(w.svc.RevokeRole(ctx, by, credential.RevokeRole{User: credential.ByName("bob")})), tenant.ErrDenied)
		}
	})
	all, err := w.svc.Operators(ctx, admin)
	check(t, err)
	if len(all) != 2 || all[0].User.Name != "alice" || all[1].User.Role != tenant.Enroller || all[0].GrantedBy != "operator:local:root" {
		t.Errorf("operators: %+v", all)
	}

	// The last administrator goes by the command line alone, and when it says so.
	revoke := func(by tenant.Authority, lastToo bool) error {
		return second(w.svc.RevokeRole(ctx, by, credential.RevokeRole{User: credential.ByName("alice"), LastToo: lastToo}))
	}
	wantFault(t, revoke(admin, false), credential.ErrLastAdministrator)
	wantFault(t, revoke(admin, true), tenant.ErrDenied)
	wantFault(t, revoke(root, false), credential.ErrLastAdministrator)
	wantFault(t, grant(admin, "alice", tenant.Auditor), credential.ErrLastAdministrator)
	wantFault(t, second(w.svc.LockUser(ctx, admin, credential.ByName("alice"))), credential.ErrLastAdministrator)
	wantFault(t, w.svc.EraseUser(ctx, admin, credential.ByName("alice")), credential.ErrLastAdministrator)
	check(t, revoke(root, true))
	if e := w.lastEvent(); e.Action != "operator.revoked" || e.Detail["role"] != "administrator" {
		t.Errorf("event: %+v", e)
	}
	wantFault(t, revoke(root, true), credential.ErrOperatorUnknown)
}

// TestOperatorsOwnKey: by no path does an operator, of whatever role, make a key for
// themselves, also after they were renamed.
func TestOperatorsOwnKey(t *testing.T) {
	for _, role := range []tenant.Role{tenant.Administrator, tenant.Enroller} {
		t.Run(string(role), func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			mallory, by := w.operator("mallory", role)
			bob := w.user("bob")
			begin := func(by tenant.Authority, who credential.UserRef) (*credential.BegunRegistration, error) {
				return w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: who})
			}
			own := []credential.UserRef{credential.ByID(mallory.ID), credential.ByName("Mallory"), credential.ByHandle(mallory.Handle)}
			refused := func(own []credential.UserRef) {
				t.Helper()
				w.quiet(func() {
					for _, ref := range own {
						wantFault(t, second(begin(by, ref)), credential.ErrOwnRegistration)
						for _, additional := range []bool{false, true} {
							wantFault(t, second(w.svc.Invite(ctx, by, credential.Invite{RelyingParty: site, User: ref, Additional: additional})), credential.ErrOwnRegistration)
						}
					}
				})
			}
			refused(own)
			check(t, second(w.svc.UpdateUser(ctx, by, credential.ByName("mallory"), credential.UserUpdate{Name: new("eve")})))
			refused([]credential.UserRef{credential.ByID(mallory.ID), credential.ByName("eve")})

			// For another they may; neither they nor a client finish it for somebody else.
			begun, err := begin(by, credential.ByID(bob.ID))
			check(t, err)
			_, err = w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{
				RelyingParty: site, User: credential.ByID(mallory.ID), Response: newForger(t).create(t, begun.Options),
			})
			wantFault(t, err, credential.ErrCeremonyUser)
			theirs, err := w.svc.BeginRegistration(ctx, w.idm, credential.BeginRegistration{RelyingParty: site, User: credential.ByID(bob.ID)})
			check(t, err)
			_, err = w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, theirs.Options)})
			wantFault(t, err, credential.ErrCeremonyUnknown)
			c, err := w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)})
			check(t, err)
			if e := w.lastEvent(); c.User != bob.ID || c.Via != "console" || e.Actor.String() != "operator:user:"+string(mallory.ID) || e.OnBehalfOf != string(bob.ID) {
				t.Errorf("%+v by event %+v", c, e)
			}

			// What a client makes in their name is refused as well.
			claiming := w.idm
			claiming.Claimed = "eve"
			if role == tenant.Enroller {
				wantFault(t, second(begin(claiming, credential.ByID(mallory.ID))), credential.ErrOwnRegistration)
			}
		})
	}
}

// TestOperatorAbove: whoever may do less than an operator neither gets into their
// account nor keeps them out of it.
func TestOperatorAbove(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, admin := w.operator("alice", tenant.Administrator)
	_, enroller := w.operator("bob", tenant.Enroller)
	w.operator("carol", tenant.Enroller)
	w.operator("dave", tenant.Auditor)
	key := make(map[string]credential.ID)
	for _, name := range []string{"alice", "carol", "dave"} {
		begun, err := w.svc.BeginRegistration(ctx, root, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(name)})
		check(t, err)
		c, err := w.svc.FinishRegistration(ctx, root, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)})
		check(t, err)
		key[name] = c.ID
	}
	paths := map[string]func(by tenant.Authority, name string) error{
		"register": func(by tenant.Authority, name string) error {
			return second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(name)}))
		},
		"invite": func(by tenant.Authority, name string) error {
			return second(w.svc.Invite(ctx, by, credential.Invite{RelyingParty: site, User: credential.ByName(name), Additional: true}))
		},
		"rename": func(by tenant.Authority, name string) error {
			return second(w.svc.UpdateUser(ctx, by, credential.ByName(name), credential.UserUpdate{DisplayName: new("x")}))
		},
		"suspend": func(by tenant.Authority, name string) error {
			return second(w.svc.Suspend(ctx, by, credential.Ref{ID: key[name]}, ""))
		},
		"resume": func(by tenant.Authority, name string) error {
			return second(w.svc.Resume(ctx, by, credential.Ref{ID: key[name]}))
		},
		"lock": func(by tenant.Authority, name string) error {
			return second(w.svc.LockUser(ctx, by, credential.ByName(name)))
		},
		"unlock": func(by tenant.Authority, name string) error {
			return second(w.svc.UnlockUser(ctx, by, credential.ByName(name)))
		},
	}
	for path, call := range paths {
		for who, by := range map[string]tenant.Authority{"enroller": enroller, "client": w.idm} {
			w.quiet(func() {
				for _, name := range []string{"alice", "dave"} {
					if err := call(by, name); !errors.Is(err, credential.ErrOperatorAbove) {
						t.Errorf("%s, %s %s: %v", who, path, name, err)
					}
				}
			})
		}
	}
	w.quiet(func() {
		for _, name := range []string{"alice", "dave"} {
			wantFault(t, w.svc.Delete(ctx, enroller, credential.Ref{ID: key[name]}), credential.ErrOperatorAbove)
			wantFault(t, w.svc.EraseUser(ctx, w.idm, credential.ByName(name)), credential.ErrOperatorAbove)
		}
	})
	for _, path := range []string{"register", "invite", "rename", "suspend", "resume", "lock", "unlock"} {
		for _, name := range []string{"carol", "dave"} {
			check(t, paths[path](admin, name))
		}
		check(t, paths[path](enroller, "carol")) // their like
	}
	check(t, w.svc.Delete(ctx, enroller, credential.Ref{ID: key["carol"]}))
	check(t, w.svc.EraseUser(ctx, enroller, credential.ByName("carol")))
}

// TestRoleAgainstOlderInvitation: what was begun for a user before they had a role
// gives nobody what the role gives.
func TestRoleAgainstOlderInvitation(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice")
	begun := w.begin("alice")
	invite := func() string {
		invited, err := w.svc.Invite(ctx, w.idm, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})
		check(t, err)
		return invited.Secret
	}
	opened, err := w.svc.StartEnrolment(ctx, invite(), desk)
	check(t, err)
	_, session, err := w.svc.Session(ctx, opened.Cookie, tenant.Authority{})
	check(t, err)
	inSession, err := w.svc.BeginRegistration(ctx, session, credential.BeginRegistration{RelyingParty: site})
	check(t, err)
	check(t, second(w.svc.GrantRole(ctx, root, credential.GrantRole{User: credential.ByName("alice"), Role: tenant.Administrator})))

	_, err = w.svc.FinishRegistration(ctx, w.idm, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)})
	wantFault(t, err, credential.ErrOperatorAbove)
	_, err = w.svc.FinishRegistration(ctx, session, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, inSession.Options)})
	wantFault(t, err, credential.ErrSessionUnknown)
	wantFault(t, second(w.svc.Invite(ctx, w.idm, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})), credential.ErrOperatorAbove)

	// An administrator's invitation opens as any other, under a name of its own.
	invited, err := w.svc.Invite(ctx, root, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})
	check(t, err)
	if e := w.lastEvent(); e.Action != "operator.invited" || e.Detail["role"] != "administrator" {
		t.Errorf("event: %+v", e)
	}
	check(t, second(w.svc.StartEnrolment(ctx, invited.Secret, desk)))
}

func TestCounts(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.enrolled("alice")
	_, auditor := w.operator("bob", tenant.Auditor)
	got, err := w.svc.Counts(t.Context(), auditor)
	if want := (credential.Counts{Users: 2, Credentials: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = w.svc.Counts(context.Background(), tenant.Authority{Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeUsersWrite}})
	wantFault(t, err, tenant.ErrDenied)
}
