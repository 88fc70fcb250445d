package storetest

import (
	"strings"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

// testNameEndings holds lists and counts of the credentials of users whose names end
// like this against each other.
func testNameEndings(t *testing.T, db *store.DB) {
	ctx := t.Context()
	for id, name := range map[string]string{"k1": "alice", "k2": "Jo@Branch", "k3": "@branch", "k4": "ß@b_anch", "k5": "h"} {
		c := newCredential(id, hasUser(t, db, name))
		check(t, db.AdoptCredential(ctx, c, newEvidence(), 0, event("acme", "credential.adopted")))
	}
	for name, tt := range map[string]struct {
		ending credential.NameEnding
		want   string
	}{
		"any":                    {credential.NameEnding{}, "k1 k2 k3 k4 k5"},
		"regardless of case":     {credential.NameEnding{Is: "@bRANCH"}, "k2"},
		"a wildcard is none":     {credential.NameEnding{Is: "@b_anch"}, "k4"},
		"longer than some names": {credential.NameEnding{Is: "anch"}, "k2 k3 k4"},
		"nobody's":               {credential.NameEnding{Is: "@nowhere"}, ""},
		"none of it":             {credential.NameEnding{Not: []string{"@branch"}}, "k1 k3 k4 k5"},
		"none of two":            {credential.NameEnding{Not: []string{"@BRANCH", "@b_anch"}}, "k1 k3 k5"},
		"this and not that":      {credential.NameEnding{Is: "anch", Not: []string{"o@branch"}}, "k3 k4"},
	} {
		q := credential.CredentialQuery{Tenant: "acme", Limit: 10, UserNames: tt.ending}
		list, err := db.Credentials(ctx, q)
		check(t, err)
		var ids []string
		for _, c := range list {
			ids = append(ids, string(c.ID))
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		n, err := db.CountCredentials(ctx, q)
		check(t, err)
		if n != len(list) {
			t.Errorf("%s: counted %d of %d", name, n, len(list))
		}
	}
}
