package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOperators(t *testing.T) {
	s := newShell(t)
	got := s.want(exitDone, "link", "--json", "operator", "invite", "alice@example.com", "--role", "administrator")
	var link struct{ Link, Console, Role string }
	if err := json.Unmarshal([]byte(got.stdout), &link); err != nil || !strings.Contains(link.Link, "/enrol#") || link.Console != "https://localhost:8443/console" || link.Role != "administrator" {
		t.Errorf("%s: %v", got.stdout, err)
	}
	s.want(exitDone, "bob@example.com is now auditor", "operator", "grant", s.user("bob@example.com"), "--role", "auditor")
	s.want(exitDone, "alice@example.com", "operator", "list")
	got = s.want(exitDone, "", "--json", "operator", "list")
	var list []operatorDocument
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != 2 || list[1].Role != "auditor" || list[0].User == "" || list[0].Granted == nil {
		t.Errorf("%s: %v", got.stdout, err)
	}
	s.want(exitUsage, "A role is administrator", "operator", "grant", "bob@example.com", "--role", "king")
	s.want(exitRefused, "(user.unknown)", "operator", "grant", "carol", "--role", "auditor")
	s.want(exitRefused, "(operator.unknown)", "operator", "revoke", s.user("dave"))
	s.want(exitUsage, "missing flags", "operator", "invite", "dave")

	for _, args := range [][]string{
		{"operator", "revoke", "alice@example.com"},
		{"operator", "grant", "alice@example.com", "--role", "auditor"},
		{"operator", "invite", "alice@example.com", "--role", "enroller"},
	} {
		s.want(exitRefused, "(operator.last)", args...)
	}
	s.want(exitDone, "no operator any more", "operator", "revoke", "alice@example.com", "--yes")
	s.want(exitDone, "revoked", "--json", "operator", "revoke", "bob@example.com")
	got = s.want(exitDone, "", "--json", "audit", "list", "--action", "operator.")
	for _, action := range []string{"operator.invited", "operator.granted", "operator.revoked"} {
		if !strings.Contains(got.stdout, action) {
			t.Errorf("the trail does not have %s", action)
		}
	}
	if _, secret, _ := strings.Cut(link.Link, "#"); strings.Contains(got.stdout, secret) {
		t.Error("the trail holds the link")
	}
}

// Whom the command line takes for itself gets neither role nor user by an invitation
// that is refused.
func TestOperatorInvitesOneself(t *testing.T) {
	t.Setenv("SUDO_USER", "mallory")
	s := newShell(t)
	s.want(exitRefused, "(registration.self)", "operator", "invite", "Mallory", "--role", "auditor")
	if got := s.want(exitDone, "", "--json", "operator", "list"); strings.TrimSpace(got.stdout) != "[]" {
		t.Errorf("operators: %s", got.stdout)
	}
	s.want(exitRefused, "(user.unknown)", "user", "show", "mallory")
}

// user creates a user and returns the name.
func (s *shell) user(name string) string {
	s.t.Helper()
	s.want(exitDone, name, "user", "create", name)
	return name
}
