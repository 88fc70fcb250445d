package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/store"
)

// A row that somebody spoilt by hand is refused, as a fault of ours that says which it
// is: no caller gets told that their request was not valid.
func TestSpoiltRows(t *testing.T) {
	for _, test := range []struct {
		name, spoil string
		read        func(db *store.DB) error
		says        string
	}{
		{
			"policy", `UPDATE policy_version SET document = '{"name": "bank", "rules": {}}' WHERE name = 'bank'`,
			func(db *store.DB) error { _, err := db.Policies(t.Context(), "acme"); return err }, "version 1 of policy bank of tenant acme",
		},
		{
			"policy that is put", `UPDATE policy_version SET document = '{' WHERE name = 'bank'`,
			func(db *store.DB) error {
				_, err := db.PutPolicy(t.Context(), thenPolicy(t), thenEvent("policy.changed"))
				return err
			}, "version 1 of policy bank",
		},
		{
			"relying party", `UPDATE relying_party SET settings = '{"userVerification": "sometimes"}'`,
			func(db *store.DB) error {
				_, err := db.RelyingParty(t.Context(), "acme", "login.example.com")
				return err
			}, "relying party login.example.com of tenant acme",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bestow.db")
			db, err := store.Open(t.Context(), store.Config{SQLite: path})
			check(t, err)
			defer db.Close()
			writeTenantRows(t, db)
			_, err = db.PutPolicy(t.Context(), thenPolicy(t), thenEvent("policy.changed"))
			check(t, err)
			check(t, test.read(db))

			raw, err := sql.Open("sqlite", path)
			check(t, err)
			defer raw.Close()
			_, err = raw.ExecContext(t.Context(), test.spoil)
			check(t, err)
			err = test.read(db)
			if fault.KindOf(err) == fault.Invalid || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v of kind %s, want one that says %q", err, fault.KindOf(err), test.says)
			}
		})
	}
}
