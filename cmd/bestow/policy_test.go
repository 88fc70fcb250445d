package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/test/forge"
	"bestow.dev/webauthn"
)

const (
	site    = "login.example.com" // a relying party of the database
	noModel = "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"
)

// inside does something to the shell's database by the domain, as the command line
// would.
func (s *shell) inside(do func(l *local) error) {
	s.t.Helper()
	in := &invocation{program: &program{Data: s.data}, ctx: s.t.Context(), stdin: strings.NewReader(""), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	if err := in.on(scope{}, do); err != nil {
		s.t.Fatal(err)
	}
}

// policyShell is a shell with a relying party in the database, and a policy for it that
// no key of the tests meets, in a file.
func policyShell(t *testing.T) (s *shell, certain string) {
	t.Helper()
	s = newShell(t)
	s.inside(func(l *local) error {
		_, err := l.Directory.PutRelyingParty(t.Context(), l.by, tenant.RelyingParty{ID: site})
		return err
	})
	return s, s.policy("certain", "enforce", `{"models":{"allow":["`+noModel+`"]}}`)
}

// policy writes a policy into a file and returns its name.
func (s *shell) policy(name, mode, rules string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), name+".json")
	document := `{"name":"` + name + `","description":"turned \u202e around","mode":"` + mode + `","rules":` + rules + `}`
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// enrolled registers a new key for a new user, and returns our id of the credential.
func (s *shell) enrolled(user string) (id string) {
	s.t.Helper()
	s.inside(func(l *local) error {
		ctx := s.t.Context()
		if _, err := l.Credentials.CreateUser(ctx, l.by, credential.NewUser{Name: user}); err != nil {
			return err
		}
		begun, err := l.Credentials.BeginRegistration(ctx, l.by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(user)})
		if err != nil {
			return err
		}
		key, err := forge.New()
		if err != nil {
			return err
		}
		answer, err := key.Register(begun.JSON, "https://"+site)
		if err != nil {
			return err
		}
		resp, err := webauthn.ParseRegistrationResponse(answer)
		if err != nil {
			return err
		}
		c, err := l.Credentials.FinishRegistration(ctx, l.by, credential.FinishRegistration{RelyingParty: site, Response: resp, Name: "Key of " + user})
		if err == nil {
			id = string(c.ID)
		}
		return err
	})
	return id
}

// document runs a verb and reads the JSON it prints.
func document[T any](s *shell, code int, args ...string) (doc T) {
	s.t.Helper()
	got := s.run(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || got.code != code {
		s.t.Errorf("bestow %s: %+v, %v, want %d", strings.Join(args, " "), got, err, code)
	}
	return doc
}

func TestPolicyLife(t *testing.T) {
	s, certain := policyShell(t)
	s.want(exitDone, "bestow policy attach certain --rp ID", "policy", "put", certain)
	if doc := document[policyDocument](s, exitDone, "policy", "put", certain); !doc.Unchanged || doc.Version != 1 {
		t.Errorf("the same again: %+v", doc)
	}
	s.want(exitDone, "certain", "policy", "attach", "certain", "--rp", site)
	if doc := document[attachedDocument](s, exitDone, "policy", "attach", "certain", "--rp", site); !doc.Unchanged || len(doc.Policies) != 1 {
		t.Errorf("attached again: %+v", doc)
	}
	if doc := document[policyDocument](s, exitDone, "policy", "put", s.policy("certain", "monitor", `{"userVerification":"required"}`)); doc.Version != 2 || len(doc.RelyingParties) != 1 {
		t.Errorf("another version: %+v", doc)
	}
	list := document[[]policyDocument](s, exitDone, "policy", "list")
	if len(list) != 1 || list[0].Version != 2 || list[0].Mode != "monitor" || list[0].RelyingParties[0] != site {
		t.Errorf("list: %+v", list)
	}
	if doc := document[policyDocument](s, exitDone, "policy", "show", "certain", "1"); doc.Version != 1 || doc.Document.Rules.Models.Allow[0] != noModel {
		t.Errorf("version 1: %+v", doc)
	}
	s.want(exitDone, `"userVerification": "required"`, "policy", "show", "certain")
	for _, args := range [][]string{{"list"}, {"show", "certain"}, {"history", "certain"}, {"show", "certain", "--json"}} {
		if got := s.want(exitDone, "turned", append([]string{"policy"}, args...)...); strings.Contains(got.stdout, "\u202e") {
			t.Errorf("%s: a description turns the terminal's text around: %q", args, got.stdout)
		}
	}
	s.want(exitRefused, "(policy.unknown)", "policy", "show", "certain", "3")
	s.want(exitRefused, "(policy.in_use)", "policy", "delete", "certain", "--yes")
	s.want(exitDone, "relying party", "policy", "detach", "certain", "--rp", site)
	s.want(exitUsage, "Say --yes", "policy", "delete", "certain")
	s.want(exitDone, "deleted", "policy", "delete", "certain", "--yes")
	s.want(exitRefused, "(policy.unknown)", "policy", "delete", "certain", "--yes")
	history := document[[]policyDocument](s, exitDone, "policy", "history", "certain")
	if len(history) != 3 || !history[0].Deleted || history[2].Version != 1 || !strings.HasPrefix(history[2].MadeBy, "operator:local:") {
		t.Errorf("history: %+v", history)
	}
	s.want(exitRefused, "(policy.unknown)", "policy", "history", "nothing")
	s.want(exitRefused, "(policy.unknown)", "policy", "attach", "certain", "--rp", site)
	s.want(exitDone, "policy.deleted", "audit", "list")
}

func TestPolicyRefusedByCommand(t *testing.T) {
	s, certain := policyShell(t)
	none := s.policy("none", "enforce", `{"attestation":{"types":{"allow":["none"]}}}`)
	s.want(exitDone, "", "policy", "put", certain)
	s.want(exitDone, "", "policy", "put", none)
	s.want(exitDone, "", "policy", "attach", "none", "--rp", site)
	got := s.want(exitRefused, "(policy.conflict)", "policy", "attach", "certain", "--rp", site)
	for _, says := range []string{"certain rules.models.allow", "none rules.attestation.types.allow"} {
		if !strings.Contains(got.stderr, says) {
			t.Errorf("the conflict does not name %q: %s", says, got.stderr)
		}
	}
	s.want(exitRefused, "write policies: [ certain ] beside its id", "policy", "attach", "certain", "--rp", "localhost")
	s.want(exitUsage, "Say which relying party", "policy", "attach", "certain")
	bad := s.policy("bad", "enforce", `{"models":{"allow":["x"]}}`)
	for _, verb := range []string{"put", "check", "preview"} {
		s.want(exitUsage, "bad.json: rules.models.allow[0]: An AAGUID", "policy", verb, bad)
	}
	s.want(exitRefused, "no such file", "policy", "put", bad+"x")
	s.want(exitUsage, "bestow. are taken", "policy", "put", s.policy("bestow.x", "off", `{"userVerification":"required"}`))
	s.want(exitUsage, "This is not a policy", "policy", "put", "-")
}

func TestPolicyCheck(t *testing.T) {
	s, certain := policyShell(t)
	none := s.policy("none", "enforce", `{"attestation":{"types":{"allow":["none"]}}}`)
	nothing := freshShell(t) // without --rp there is no need of a database
	nothing.want(exitDone, "Nothing in them is at odds", "policy", "check", certain)
	if entries, err := os.ReadDir(nothing.data); err != nil || len(entries) != 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
	doc := document[checkedPoliciesDocument](nothing, exitRefused, "policy", "check", certain, none)
	if len(doc.Policies) != 2 || len(doc.Conflicts) == 0 || doc.Conflicts[0].Severity != "conflict" {
		t.Errorf("a conflict: %+v", doc)
	}
	monitor := s.policy("none", "monitor", `{"attestation":{"types":{"allow":["none"]}}}`)
	s.want(exitDone, "warning: ", "policy", "check", certain, monitor)
	s.want(exitUsage, "Two policies have the name", "policy", "check", none, monitor)

	s.want(exitDone, "", "policy", "put", certain)
	s.want(exitDone, "", "policy", "attach", "certain", "--rp", site)
	if got := s.run("policy", "check", none, "--rp", site); got.code != exitRefused || !strings.Contains(got.stdout, "certain rules.models.allow") {
		t.Errorf("beside what holds: %+v", got)
	}
	if got := s.run("policy", "check", none, s.policy("certain", "off", `{"userVerification":"required"}`), "--rp", site); got.code != exitDone {
		t.Errorf("in place of what holds: %+v", got)
	}
	notDiscoverable := s.policy("not-discoverable", "enforce", `{"residentKey":"forbidden"}`)
	s.want(exitDone, "", "policy", "check", notDiscoverable)
	if got := s.run("policy", "check", notDiscoverable, "--rp", site); got.code != exitRefused || !strings.Contains(got.stdout, "the relying party's residentKey") {
		t.Errorf("beside its settings: %+v", got)
	}
	s.want(exitRefused, "(rp.unknown)", "policy", "check", certain, "--rp", "none.example.com")
}

func TestPolicyPreviewAndExplain(t *testing.T) {
	s, certain := policyShell(t)
	id := s.enrolled("alice")
	s.enrolled("bob")
	preview := document[previewDocument](s, exitDone, "policy", "preview", certain, "--rp", site)
	if preview.Credentials != 2 || preview.Affected != 2 || preview.Already != 0 || preview.Items[0].User != "alice" ||
		preview.Items[0].RefusedBy.Rule != "rules.models.allow" || preview.Items[0].Credential != id {
		t.Errorf("preview: %+v", preview)
	}
	s.want(exitDone, "2 of 2 credentials at "+site+" would be refused.", "policy", "preview", certain, "--rp", site)
	s.want(exitDone, "0 of 2 credentials", "policy", "preview", s.policy("easy", "enforce", `{"userVerification":"required"}`), "--rp", site)
	s.want(exitDone, "accepted", "policy", "preview", certain, "--rp", site)

	s.want(exitDone, "", "policy", "put", certain)
	s.want(exitDone, "", "policy", "attach", "certain", "--rp", site)
	s.want(exitDone, "2 of them without this policy too", "policy", "preview", s.policy("easy", "enforce", `{"userVerification":"required"}`), "--rp", site)
	got := s.want(exitDone, "refused by certain: rules.models.allow", "policy", "explain", id)
	for _, says := range []string{"by everything as it is now", "POLICY", "WANTED", noModel, "the credential names no model"} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("the explanation lacks %q: %s", says, got.stdout)
		}
	}
	if now := document[reverifiedDocument](s, exitDone, "policy", "explain", id); now.Result != "refused" || now.Refusal != "policy.refused" || now.Decision.RefusedBy.Policy != "certain" {
		t.Errorf("now: %+v", now)
	}
	then := document[reverifiedDocument](s, exitDone, "policy", "explain", id, "--then")
	if then.As != "then" || then.Result != "same" || !then.BasisKept || then.Decision == nil || !then.Decision.Allowed || then.Model.AAGUID == "" {
		t.Errorf("then: %+v", then)
	}
	s.want(exitDone, "allowed", "policy", "explain", id, "--then")
	s.want(exitRefused, "(credential.unknown)", "policy", "explain", "nothing")

	// Refused before a policy is asked.
	s.inside(func(l *local) error {
		_, err := l.Directory.PutRelyingParty(t.Context(), l.by, tenant.RelyingParty{ID: site, AttestationTrust: tenant.TrustRequire})
		return err
	})
	s.want(exitDone, "refused before a policy was asked", "policy", "explain", id)
}

func TestCredentialReverify(t *testing.T) {
	s, certain := policyShell(t)
	s.want(exitDone, "", "policy", "put", s.policy("certain", "monitor", `{"models":{"allow":["`+noModel+`"]}}`))
	s.want(exitDone, "", "policy", "attach", "certain", "--rp", site)
	alice, bob := s.enrolled("alice"), s.enrolled("bob")
	got := s.want(exitDone, "policy: 1", "credential", "show", alice)
	if !strings.Contains(got.stdout, "certain: would-refuse") || strings.Contains(got.stdout, "bestow.metadata") {
		t.Errorf("shown: %s", got.stdout)
	}
	if doc := document[credentialDocument](s, exitDone, "credential", "show", alice); doc.Evidence.Decision == nil || len(doc.Evidence.Basis) < 3 {
		t.Errorf("shown: %+v", doc.Evidence)
	}

	s.want(exitDone, "2 judged: 2 same", "credential", "reverify", "--all")
	s.want(exitDone, "1 judged: 1 same", "credential", "reverify", bob)
	s.want(exitDone, "2 judged: 2 same", "credential", "reverify", "--all", "--now", "--rp", site)
	s.want(exitDone, "0 judged", "credential", "reverify", "--all", "--rp", "localhost")
	s.want(exitDone, "", "policy", "put", certain)
	now := document[reverifyDocument](s, exitRefused, "credential", "reverify", "--all", "--now")
	if now.Judged != 2 || now.Refused != 2 || now.Items[0].Decision.RefusedBy.Policy != "certain" {
		t.Errorf("now: %+v", now)
	}
	s.want(exitDone, "2 judged: 2 same", "credential", "reverify", "--all") // as it was then, it is as it was

	s.want(exitRefused, "(credential.unknown)", "credential", "reverify", "nothing")
	for _, args := range [][]string{{}, {alice, "--all"}, {alice, "--rp", site}} {
		s.want(exitUsage, "say --all", append([]string{"credential", "reverify"}, args...)...)
	}

	// Somebody lays hands on the database.
	db, err := sql.Open("sqlite", filepath.Join(s.data, "bestow.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE credential SET public_key = x'a0' WHERE id = $1", alice); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "DELETE FROM judgement_basis WHERE kind = 'policy'"); err != nil {
		t.Fatal(err)
	}
	doc := document[reverifyDocument](s, exitRefused, "credential", "reverify", "--all")
	if doc.Judged != 2 || doc.Damaged != 2 || !strings.Contains(doc.Items[1].Words, "not kept") {
		t.Errorf("damaged: %+v", doc)
	}
	doc = document[reverifyDocument](s, exitRefused, "credential", "reverify", alice, "--now")
	if doc.Items[0].Result != "refused" {
		t.Errorf("now: %+v", doc)
	}
	s.want(exitDone, "", "policy", "detach", "certain", "--rp", site)
	doc = document[reverifyDocument](s, exitRefused, "credential", "reverify", alice, "--now")
	if doc.Differ != 1 || len(doc.Items[0].Differences) != 2 || doc.Items[0].Differences[0].What != "public key" {
		t.Errorf("another key: %+v", doc)
	}
}
