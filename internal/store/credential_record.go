package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

const credentialColumns = `c.tenant, c.id, c.relying_party, c.user_id, c.credential_id, c.public_key, c.algorithm, c.aaguid,
	c.sign_count, c.transports, c.attachment, c.backup_eligible, c.backup_state, c.uv_initialized, c.discoverable,
	c.format, c.attestation_type, c.trusted, c.warnings, c.name, c.user_agent, c.state, c.reason, c.version,
	c.created_ms, c.updated_ms, c.last_used_ms, c.provisioned_by, c.via, c.ref,
	c.standing, c.until_ms, c.external_id, c.asked, c.uses, c.failures, c.last_failed_ms`

func credentialDest(c *credential.Credential) []any {
	return []any{
		&c.Tenant, &c.ID, &c.RelyingParty, &c.User, &c.CredentialID, &c.PublicKey, &c.Algorithm, scanAAGUID(c),
		&c.SignCount, scanJSON(&c.Transports), &c.Attachment, &c.BackupEligible, &c.BackupState, &c.UVInitialized, &c.Discoverable,
		&c.Format, &c.AttestationType, &c.Trusted, scanJSON(&c.Warnings), &c.Name, &c.UserAgent, &c.State, &c.Reason, &c.Version,
		scanMS(&c.Created), scanMS(&c.Updated), scanMS(&c.LastUsed), &c.ProvisionedBy, &c.Via, &c.Ref,
		&c.Standing, scanMS(&c.Until), &c.ExternalID, scanJSON(&c.Asked), &c.Uses, &c.Failures, scanMS(&c.LastFailed),
	}
}

func scanAAGUID(c *credential.Credential) sql.Scanner { return &aaguidColumn{c} }

type aaguidColumn struct{ c *credential.Credential }

// Scan implements [sql.Scanner].
func (a *aaguidColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(a.c.AAGUID) {
		return fmt.Errorf("column of an AAGUID holds %T", src)
	}
	copy(a.c.AAGUID[:], b)
	return nil
}

// insertCredential stores c unless its user has as many as most says. Errors:
// credential.exists, credential.limit.
func insertCredential(ctx context.Context, q tx, c *credential.Credential, most int) error {
	const text = `INSERT INTO credential (tenant, id, relying_party, user_id, credential_id, public_key, algorithm, aaguid,
			sign_count, transports, attachment, backup_eligible, backup_state, uv_initialized, discoverable,
			format, attestation_type, trusted, warnings, name, user_agent, state, reason, version,
			created_ms, updated_ms, last_used_ms, provisioned_by, via, ref,
			standing, until_ms, external_id, asked, uses, failures, last_failed_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
			$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30,
			$31, $32, $33, $34, $35, $36, $37)
		ON CONFLICT DO NOTHING`
	if most > 0 {
		var has int
		err := q.QueryRow(ctx, `SELECT count(*) FROM credential WHERE user_id = $1 AND relying_party = $2 AND standing <> 'archived'`, c.User, c.RelyingParty).Scan(&has)
		if err != nil {
			return err
		}
		if has >= most {
			return credential.ErrCredentialLimit
		}
	}
	n, err := q.Expect(ctx, text, c.Tenant, c.ID, c.RelyingParty, c.User, c.CredentialID, c.PublicKey, c.Algorithm, c.AAGUID[:],
		int64(c.SignCount), asJSON(c.Transports), c.Attachment, c.BackupEligible, c.BackupState, c.UVInitialized, c.Discoverable,
		c.Format, c.AttestationType, c.Trusted, asJSON(c.Warnings), c.Name, c.UserAgent, c.State, c.Reason, c.Version,
		ms(c.Created), ms(c.Updated), ms(c.LastUsed), c.ProvisionedBy, c.Via, c.Ref,
		c.Standing, ms(c.Until), c.ExternalID, asJSON(c.Asked), c.Uses, c.Failures, ms(c.LastFailed))
	if err == nil && n == 0 {
		return credential.ErrCredentialExists
	}
	return err
}

func insertEvidence(ctx context.Context, q tx, c *credential.Credential, e *credential.Evidence) error {
	const text = `INSERT INTO credential_evidence (tenant, credential, attestation_object, client_data, options, judged_ms,
			format, attestation_type, trusted, anchor, chain, policy, warnings, told, terms, decision, basis)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`
	chain := make([]byte, 0, len(e.Chain)*sha256.Size)
	for _, sum := range e.Chain {
		chain = append(chain, sum[:]...)
	}
	return q.Later(ctx, text, c.Tenant, c.ID, e.AttestationObject, e.ClientData, string(e.Options), ms(e.Judged),
		e.Format, e.AttestationType, e.Trusted, orEmpty(e.Anchor), chain, e.Policy, asJSON(e.Warnings),
		asJSON(e.Told), asJSON(e.Terms), asJSON(e.Decision), asJSON(e.Basis))
}

// Evidence implements [credential.CredentialStore].
func (db *DB) Evidence(ctx context.Context, tenant string, id credential.ID) (*credential.Evidence, error) {
	var e *credential.Evidence
	err := db.read(ctx, func(ctx context.Context, q tx) (err error) {
		e, err = readEvidence(ctx, q, tenant, id)
		return err
	})
	return e, err
}

func readEvidence(ctx context.Context, q tx, tenant string, id credential.ID) (*credential.Evidence, error) {
	const text = `SELECT attestation_object, client_data, options, judged_ms, format, attestation_type, trusted,
		anchor, chain, policy, warnings, told, terms, decision, basis FROM credential_evidence WHERE tenant = $1 AND credential = $2`
	e := new(credential.Evidence)
	var chain []byte
	err := q.QueryRow(ctx, text, tenant, id).Scan(&e.AttestationObject, &e.ClientData, scanText((*[]byte)(&e.Options)),
		scanMS(&e.Judged), &e.Format, &e.AttestationType, &e.Trusted, &e.Anchor, &chain, &e.Policy, scanJSON(&e.Warnings),
		scanJSON(&e.Told), scanJSON(&e.Terms), scanJSON(&e.Decision), scanJSON(&e.Basis))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, credential.ErrCredentialUnknown
	}
	if err != nil {
		return nil, err
	}
	if len(e.Anchor) == 0 {
		e.Anchor = nil
	}
	for ; len(chain) >= sha256.Size; chain = chain[sha256.Size:] {
		e.Chain = append(e.Chain, [sha256.Size]byte(chain))
	}
	return e, nil
}

// Credential implements [credential.CredentialStore].
func (db *DB) Credential(ctx context.Context, tenant string, ref credential.Ref) (*credential.Credential, error) {
	where, args := `c.tenant = $1 AND c.id = $2`, []any{tenant, ref.ID}
	switch {
	case ref.ID != "":
	case ref.ExternalID != "":
		where, args = `c.tenant = $1 AND c.external_id = $2 AND c.external_id <> ''`, []any{tenant, ref.ExternalID}
	default:
		where = `c.tenant = $1 AND c.relying_party = $2 AND c.credential_id = $3`
		args = []any{tenant, ref.RelyingParty, orEmpty(ref.CredentialID)}
	}
	var list []credential.Credential
	err := db.read(ctx, func(ctx context.Context, q tx) (err error) {
		list, err = readCredentials(ctx, q, where, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, credential.ErrCredentialUnknown
	}
	return &list[0], nil
}

// orEmpty is b as an argument for a column that is never NULL.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// readCredentials returns the credentials that a condition selects, with their
// owners' names, in the order they were made.
func readCredentials(ctx context.Context, q tx, where string, args ...any) ([]credential.Credential, error) {
	rows, err := q.Query(ctx, `SELECT `+credentialColumns+`, u.name FROM credential c JOIN users u ON u.id = c.user_id
		WHERE `+where+` ORDER BY c.id`, args...)
	return collect(rows, err, scanCredential)
}

func scanCredential(rows *sql.Rows) (credential.Credential, error) {
	var c credential.Credential
	err := rows.Scan(append(credentialDest(&c), &c.UserName)...)
	return c, err
}

// ChangeCredential implements [credential.CredentialStore].
func (db *DB) ChangeCredential(ctx context.Context, change credential.CredentialChange, events []audit.Event) (*credential.Credential, error) {
	var c credential.Credential
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		text := `UPDATE credential SET version = version + 1, updated_ms = $4`
		args := []any{change.Tenant, change.ID, change.Version, ms(change.At)}
		set := func(column string, value any) {
			args = append(args, value)
			text += fmt.Sprintf(", %s = $%d", column, len(args))
		}
		if change.Name != nil {
			set("name", *change.Name)
		}
		if change.State != nil {
			set("state", *change.State)
			set("reason", change.Reason)
			set("standing", change.Standing)
			set("until_ms", ms(change.Until))
		}
		if change.SignCount != nil {
			args = append(args, int64(*change.SignCount))
			text += fmt.Sprintf(", sign_count = CASE WHEN sign_count < $%[1]d THEN $%[1]d ELSE sign_count END", len(args))
		}
		text += ` WHERE tenant = $1 AND id = $2 AND ($3 = 0 OR version = $3) AND standing <> 'archived'`
		n, err := q.Exec(ctx, text, args...)
		if err != nil {
			return err
		}
		list, err := readCredentials(ctx, q, `c.tenant = $1 AND c.id = $2`, change.Tenant, change.ID)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return credential.ErrCredentialUnknown
		case n == 0 && list[0].Standing == credential.Archived:
			return credential.ErrCredentialArchived
		case n == 0:
			return credential.ErrCredentialVersion
		}
		c = list[0]
		if c.State == credential.Suspended {
			if err := endSessionsWith(ctx, q, change.Tenant, change.ID, ms(change.At)); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, events...)
	})
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// DeleteCredential implements [credential.CredentialStore].
func (db *DB) DeleteCredential(ctx context.Context, tenant string, id credential.ID, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, `DELETE FROM credential WHERE tenant = $1 AND id = $2`, tenant, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return credential.ErrCredentialUnknown
		}
		if err := endSessionsWith(ctx, q, tenant, id, ms(e.Time)); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}
