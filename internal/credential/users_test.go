package credential_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

func TestCreateUser(t *testing.T) {
	tests := []struct {
		name string
		in   credential.NewUser
		want error // nil: made
	}{
		{"plain", credential.NewUser{Name: "bob"}, nil},
		{"an address", credential.NewUser{Name: "Bob.Öztürk+x@example.com", DisplayName: "Bob Öztürk"}, nil},
		{"with a handle", credential.NewUser{Name: "bob", Handle: []byte{1}}, nil},
		{"no name", credential.NewUser{}, credential.ErrUserName},
		{"a space before", credential.NewUser{Name: " bob"}, credential.ErrUserName},
		{"a line end", credential.NewUser{Name: "bob\n"}, credential.ErrUserName},
		{"a zero byte", credential.NewUser{Name: "b\x00b"}, credential.ErrUserName},
		{"not UTF-8", credential.NewUser{Name: "b\xffb"}, credential.ErrUserName},
		{"turned around", credential.NewUser{Name: "b\u202eb"}, credential.ErrUserName},
		{"too long", credential.NewUser{Name: strings.Repeat("n", 256)}, credential.ErrUserName},
		{"display name too long", credential.NewUser{Name: "bob", DisplayName: strings.Repeat("n", 256)}, credential.ErrUserDisplayName},
		{"empty handle", credential.NewUser{Name: "bob", Handle: []byte{}}, credential.ErrUserHandle},
		{"long handle", credential.NewUser{Name: "bob", Handle: make([]byte, 65)}, credential.ErrUserHandle},
		{"name taken", credential.NewUser{Name: "Alice"}, credential.ErrUserExists},
		{"name taken, in another form", credential.NewUser{Name: "JOSE\u0301"}, credential.ErrUserExists},
		{"handle taken", credential.NewUser{Name: "bob", Handle: []byte("alice's")}, credential.ErrUserExists},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.svc.CreateUser(t.Context(), w.idm, credential.NewUser{Name: "alice", Handle: []byte("alice's")})
			check(t, err)
			w.user("jos\u00e9")
			before := len(w.events())
			u, err := w.svc.CreateUser(t.Context(), w.idm, tt.in)
			if tt.want != nil {
				wantFault(t, err, tt.want)
				if len(w.events()) != before {
					t.Error("it left an event")
				}
				return
			}
			check(t, err)
			if len(u.Handle) == 0 || bytes.Contains(u.Handle, []byte(u.Name)) || u.DisplayName == "" {
				t.Errorf("user: %+v", u)
			}
			if e := w.lastEvent(); e.Action != "user.created" || e.User != string(u.ID) || e.OnBehalfOf != string(u.ID) {
				t.Errorf("event: %+v", e)
			}
			for _, ref := range []credential.UserRef{
				credential.ByID(u.ID), credential.ByName(strings.ToUpper(u.Name)), credential.ByHandle(u.Handle),
			} {
				got, err := w.svc.User(t.Context(), w.idm, ref)
				check(t, err)
				if got.ID != u.ID || !ref.Matches(got) {
					t.Errorf("%+v finds %+v", ref, got)
				}
			}
			// Another tenant has its own names.
			beta := w.idm
			beta.Tenant = "beta"
			_, err = w.svc.User(t.Context(), beta, credential.ByID(u.ID))
			wantFault(t, err, credential.ErrUserUnknown)
			_, err = w.svc.CreateUser(t.Context(), beta, tt.in)
			check(t, err)
		})
	}
}

func TestImportUsers(t *testing.T) {
	w := newWorld(t)
	w.user("user-7")
	in := make([]credential.NewUser, 450)
	for i := range in {
		in[i].Name = fmt.Sprintf("user-%d", i)
	}
	in[3].Name = "bad\n"
	in[440].Name = "User-439"
	results, err := w.svc.ImportUsers(t.Context(), w.idm, in)
	check(t, err)
	if len(results) != len(in) {
		t.Fatalf("%d results", len(results))
	}
	for i, r := range results {
		var want error
		switch i {
		case 3:
			want = credential.ErrUserName
		case 7, 440:
			want = credential.ErrUserExists
		}
		if want != nil {
			wantFault(t, r.Err, want)
		} else if r.Err != nil || r.User.Name != in[i].Name {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Action: "user.created", Limit: 1000})
	check(t, err)
	if len(events) != 448 {
		t.Errorf("%d events, want 448", len(events))
	}

	// Page by page, each user once and in order.
	var names []string
	q := credential.UserQuery{Limit: 100}
	for {
		page, err := w.svc.Users(t.Context(), w.idm, q)
		check(t, err)
		for _, u := range page.Users {
			names = append(names, u.Name)
		}
		if q.After = page.Next; page.Next == "" {
			break
		}
	}
	if len(names) != 448 || !slices.IsSorted(names) || len(slices.Compact(names)) != 448 {
		t.Errorf("%d names", len(names))
	}
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"alice", "bob", "Bobby", "100%", "a_b"} {
		w.user(name)
	}
	_, err := w.svc.LockUser(t.Context(), w.idm, credential.ByName("bob"))
	check(t, err)
	tests := []struct {
		q    credential.UserQuery
		want string
	}{
		{credential.UserQuery{}, "100% a_b alice bob Bobby"},
		{credential.UserQuery{Search: " BOB "}, "bob Bobby"},
		{credential.UserQuery{Search: "b display"}, "a_b bob"},
		{credential.UserQuery{Search: "%"}, "100%"},
		{credential.UserQuery{Search: "_"}, "a_b"},
		{credential.UserQuery{Search: "!"}, ""},
		{credential.UserQuery{Search: "\x00"}, ""},
		{credential.UserQuery{Locked: new(true)}, "bob"},
		{credential.UserQuery{Locked: new(false), Search: "bob"}, "Bobby"},
	}
	for _, tt := range tests {
		page, err := w.svc.Users(t.Context(), w.idm, tt.q)
		check(t, err)
		var names []string
		for _, u := range page.Users {
			names = append(names, u.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.q, got, tt.want)
		}
	}
	// The longest key a name can have goes through a cursor.
	for _, last := range []string{"ß", "z"} {
		_, err := w.svc.CreateUser(t.Context(), w.idm, credential.NewUser{Name: strings.Repeat("ß", 254) + last})
		check(t, err)
	}
	page, err := w.svc.Users(t.Context(), w.idm, credential.UserQuery{Search: "ss", Limit: 1})
	check(t, err)
	page, err = w.svc.Users(t.Context(), w.idm, credential.UserQuery{Search: "ss", After: page.Next})
	check(t, err)
	if len(page.Users) != 1 || page.Next != "" {
		t.Errorf("second page: %d users", len(page.Users))
	}
	_, err = w.svc.Users(t.Context(), w.idm, credential.UserQuery{After: "?"})
	wantFault(t, err, credential.ErrCursor)
	_, err = w.svc.Users(t.Context(), w.idm, credential.UserQuery{Limit: 1001})
	wantFault(t, err, credential.ErrLimit)
}

func TestUpdateUser(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	_, f := w.enrolled("alice")
	u, err := w.svc.UpdateUser(t.Context(), w.idm, credential.ByName("alice"), credential.UserUpdate{Name: new("alice.new")})
	check(t, err)
	if u.ID != alice.ID || u.Name != "alice.new" || u.DisplayName != "alice display" || !bytes.Equal(u.Handle, alice.Handle) {
		t.Errorf("user: %+v", u)
	}
	if _, err := w.finishSignIn(f, w.beginSignIn("alice.new")); err != nil {
		t.Errorf("after a change of name: %v", err)
	}
	_, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByName("alice.new"), credential.UserUpdate{Name: new("Bob")})
	wantFault(t, err, credential.ErrUserExists)
	_, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByName("alice.new"), credential.UserUpdate{Name: new("")})
	wantFault(t, err, credential.ErrUserName)
	_, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByName("alice.new"), credential.UserUpdate{DisplayName: new("\n")})
	wantFault(t, err, credential.ErrUserDisplayName)
	_, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByName("carol"), credential.UserUpdate{})
	wantFault(t, err, credential.ErrUserUnknown)
	u, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByID(alice.ID), credential.UserUpdate{DisplayName: new("")})
	check(t, err)
	if u.DisplayName != "" || u.Name != "alice.new" {
		t.Errorf("user: %+v", u)
	}
}

func TestLockUser(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	_, f := w.enrolled("alice")
	u, err := w.svc.LockUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	first := u.Locked
	w.later(1e9)
	u, err = w.svc.LockUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	if !u.IsLocked() || !u.Locked.Equal(first) {
		t.Errorf("locked at %v, first at %v", u.Locked, first)
	}
	_, err = w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("alice")})
	wantFault(t, err, credential.ErrUserLocked)
	_, err = w.finishSignIn(f, w.beginSignIn(""))
	wantFault(t, err, credential.ErrUserLocked)
	u, err = w.svc.UnlockUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	if u.IsLocked() {
		t.Error("still locked")
	}
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
}

// Runs of processes are part of the record, and an export without them is none.
func TestExportHasRuns(t *testing.T) {
	run := credential.PersonRun{
		ID: "run-1", Process: "enrolKey", Version: 2, Status: "failed", Starter: audit.Actor{Kind: audit.Client, ID: "idm"},
		Error: "REFUSED", Variables: map[string]json.RawMessage{"title": json.RawMessage(`"Your key"`)},
	}
	var asked string
	var fails error
	w := newWorldOn(t, storetest.SQLite, credential.Config{
		Runs: func(_ context.Context, tenantName string, user credential.UserID) ([]credential.PersonRun, error) {
			asked = tenantName + " " + string(user)
			return []credential.PersonRun{run}, fails
		},
	})
	alice := w.user("alice")
	record, err := w.svc.ExportUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	text, err := json.Marshal(record)
	check(t, err)
	if asked != "acme "+string(alice.ID) || !bytes.Contains(text, []byte(`"runs":[{"id":"run-1","process":"enrolKey","version":2,"status":"failed","starter":"client:idm","error":"REFUSED","variables":{"title":"Your key"}`)) {
		t.Errorf("asked for %q, got %s", asked, text)
	}
	fails = errors.New("no")
	if record, err := w.svc.ExportUser(t.Context(), w.idm, credential.ByName("alice")); !errors.Is(err, fails) || record != nil {
		t.Errorf("got %v, %v", record, err)
	}
}

func TestExportAndErase(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	c, f := w.enrolled("alice")
	invited, err := w.svc.Invite(t.Context(), w.idm, credential.Invite{RelyingParty: site, User: credential.ByName("alice"), Additional: true})
	check(t, err)
	opened, err := w.svc.StartEnrolment(t.Context(), invited.Secret, "192.0.2.1")
	check(t, err)
	open := w.beginSignIn("alice")

	record, err := w.svc.ExportUser(t.Context(), w.idm, credential.ByName("alice"))
	check(t, err)
	if record.User.ID != alice.ID || len(record.Credentials) != 1 || len(record.Evidence) != 1 || len(record.Ceremonies) != 2 ||
		len(record.Invitations) != 1 || len(record.Sessions) != 1 || len(record.Events) != 6 {
		t.Errorf("record: %d credentials, %d evidence, %d ceremonies, %d invitations, %d sessions, %d events",
			len(record.Credentials), len(record.Evidence), len(record.Ceremonies), len(record.Invitations), len(record.Sessions), len(record.Events))
	}
	text, err := json.Marshal(record)
	check(t, err)
	for _, secret := range []string{invited.Secret, opened.Cookie, opened.Session.ID} {
		if bytes.Contains(text, []byte(secret)) {
			t.Error("the record holds a secret, or what stands for one")
		}
	}
	for _, kept := range []string{string(c.ID), b64(c.CredentialID), b64(alice.Handle), b64(record.Evidence[0].AttestationObject), "192.0.2.1", "user.created"} {
		if !bytes.Contains(text, []byte(kept)) {
			t.Errorf("the record lacks %s", kept)
		}
	}
	if e := w.lastEvent(); e.Action != "user.exported" || e.User != string(alice.ID) {
		t.Errorf("event: %+v", e)
	}

	check(t, w.svc.EraseUser(t.Context(), w.idm, credential.ByName("alice")))
	if e := w.lastEvent(); e.Action != "user.erased" || e.User != string(alice.ID) {
		t.Errorf("event: %+v", e)
	}
	ended := []error{
		credential.ErrUserUnknown, credential.ErrCredentialUnknown, credential.ErrCeremonyUnknown, credential.ErrInvitationUnknown, credential.ErrSessionUnknown,
	}
	for what, err := range map[string]error{
		"user":        second(w.svc.User(t.Context(), w.idm, credential.ByID(alice.ID))),
		"credential":  second(w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID})),
		"evidence":    second(w.db.Evidence(t.Context(), "acme", c.ID)),
		"ceremony":    second(w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: open.Ceremony})),
		"sign-in":     second(w.finishSignIn(f, open)),
		"invitation":  second(w.db.InvitationBySecret(t.Context(), invited.Invitation.Secret)),
		"session":     second(w.db.Session(t.Context(), opened.Session.ID)),
		"erase again": w.svc.EraseUser(t.Context(), w.idm, credential.ByID(alice.ID)),
		"export":      second(w.svc.ExportUser(t.Context(), w.idm, credential.ByID(alice.ID))),
	} {
		if !slices.ContainsFunc(ended, func(want error) bool { return errors.Is(err, want) }) {
			t.Errorf("%s after erasing: %v", what, err)
		}
	}
	// The trail stays whole, and names nobody.
	for _, e := range w.events() {
		line, err := json.Marshal(e)
		check(t, err)
		if bytes.Contains(line, []byte("alice")) || bytes.Contains(line, []byte("192.0.2.1")) {
			t.Errorf("event of a person who was erased: %s", line)
		}
	}
	// The name is free again, and the handle another.
	u := w.user("alice")
	if bytes.Equal(u.Handle, alice.Handle) || u.ID == alice.ID {
		t.Error("a new user has the old one's identifiers")
	}
}

func second[T any](_ T, err error) error { return err }

func TestHandleOutlivesLastCredential(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	c, f := w.enrolled("alice")
	check(t, w.svc.Delete(t.Context(), w.idm, credential.Ref{ID: c.ID}))
	begun := w.begin("alice")
	if !bytes.Equal(begun.Options.User.ID, alice.Handle) {
		t.Error("the handle is another")
	}
	// What was deleted may be registered again.
	_, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: f.create(t, begun.Options)})
	check(t, err)
}

func TestRightsOverUsers(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	ctx := t.Context()
	calls := map[string]struct {
		call   func(by tenant.Authority) error
		scopes []tenant.Scope // any of these is enough
		whole  bool           // a grant narrowed to a relying party is not
	}{
		"create": {func(by tenant.Authority) error {
			return second(w.svc.CreateUser(ctx, by, credential.NewUser{Name: "alice"}))
		}, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"import": {func(by tenant.Authority) error { return second(w.svc.ImportUsers(ctx, by, nil)) }, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"update": {func(by tenant.Authority) error {
			return second(w.svc.UpdateUser(ctx, by, credential.ByName("alice"), credential.UserUpdate{}))
		}, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"lock":   {func(by tenant.Authority) error { return second(w.svc.LockUser(ctx, by, credential.ByName("x"))) }, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"unlock": {func(by tenant.Authority) error { return second(w.svc.UnlockUser(ctx, by, credential.ByName("x"))) }, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"erase":  {func(by tenant.Authority) error { return w.svc.EraseUser(ctx, by, credential.ByName("x")) }, []tenant.Scope{tenant.ScopeUsersWrite}, true},
		"read":   {func(by tenant.Authority) error { return second(w.svc.User(ctx, by, credential.ByName("alice"))) }, []tenant.Scope{tenant.ScopeUsersWrite, tenant.ScopeRead}, false},
		"list":   {func(by tenant.Authority) error { return second(w.svc.Users(ctx, by, credential.UserQuery{})) }, []tenant.Scope{tenant.ScopeUsersWrite, tenant.ScopeRead}, true},
	}
	for name, c := range calls {
		for _, scope := range tenant.Scopes() {
			for _, narrowed := range []bool{false, true} {
				by := w.idm
				by.Scopes, by.RelyingParties = []tenant.Scope{scope}, nil
				if narrowed {
					by.RelyingParties = []string{site}
				}
				allowed := (scope == tenant.ScopeAdmin || slices.Contains(c.scopes, scope)) && !(narrowed && c.whole)
				if denied := errors.Is(c.call(by), tenant.ErrDenied); denied == allowed {
					t.Errorf("%s with %s, narrowed %v: denied %v", name, scope, narrowed, denied)
				}
			}
		}
	}
	// An export takes both rights.
	by := w.idm
	by.Scopes = []tenant.Scope{tenant.ScopeUsersWrite}
	wantFault(t, second(w.svc.ExportUser(ctx, by, credential.ByName("alice"))), tenant.ErrDenied)
}
