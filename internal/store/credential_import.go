package store

import (
	"context"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

// ImportCeremony implements [credential.CeremonyStore].
func (db *DB) ImportCeremony(ctx context.Context, i credential.CeremonyImport, events []audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		is, err := isTestData(ctx, q)
		if err != nil {
			return err
		}
		if !is {
			return credential.ErrNotTestData
		}
		if i.User != nil {
			stored, err := insertUser(ctx, q, i.User)
			if err != nil {
				return err
			}
			if !stored {
				return credential.ErrUserExists
			}
		}
		if i.Credential != nil {
			if err := replaceCredential(ctx, q, i.Credential, i.Evidence); err != nil {
				return err
			}
		}
		if err := mayOpen(ctx, q, i.Ceremony, credential.Caps{}); err != nil {
			return err
		}
		if err := insertCeremony(ctx, q, i.Ceremony); err != nil {
			return err
		}
		return appendAudit(ctx, q, events...)
	})
}

// replaceCredential stores c in place of the one with its credential id.
func replaceCredential(ctx context.Context, q tx, c *credential.Credential, e *credential.Evidence) error {
	const gone = `DELETE FROM credential WHERE tenant = $1 AND relying_party = $2 AND credential_id = $3`
	if _, err := q.Exec(ctx, gone, c.Tenant, c.RelyingParty, c.CredentialID); err != nil {
		return err
	}
	if err := insertCredential(ctx, q, c, 0); err != nil {
		return err
	}
	return insertEvidence(ctx, q, c, e)
}
