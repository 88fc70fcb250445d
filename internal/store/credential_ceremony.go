package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

var _ credential.Store = (*DB)(nil)

const ceremonyColumns = `y.id, y.tenant, y.relying_party, y.kind, y.state, y.user_id, y.challenge, y.options, y.terms,
	y.request_id, y.actor_kind, y.actor_id, y.session_id, y.address, y.via, y.ref,
	y.created_ms, y.expires_ms, y.ended_ms, y.outcome, y.credential`

func ceremonyDest(c *credential.Ceremony) []any {
	return []any{
		&c.ID, &c.Tenant, &c.RelyingParty, &c.Kind, &c.State, scanNull(&c.User), scanHash(&c.Challenge),
		scanText((*[]byte)(&c.Options)), scanJSON(&c.Terms), scanNull(&c.RequestID),
		&c.Actor.Kind, &c.Actor.ID, &c.Session, &c.Address, &c.Via, &c.Ref,
		scanMS(&c.Created), scanMS(&c.Expires), scanMS(&c.Ended), &c.Outcome, &c.Credential,
	}
}

// Account implements [credential.CeremonyStore].
func (db *DB) Account(ctx context.Context, tenant, rp string, ref credential.UserRef) (*credential.Account, error) {
	column, value := userKey(ref)
	text := `SELECT ` + userColumns + `, c.id, c.credential_id, c.transports, c.format, c.state, c.standing, c.until_ms, c.last_used_ms
		FROM users u LEFT JOIN credential c ON c.user_id = u.id AND c.relying_party = $3
		WHERE u.tenant = $1 AND u.` + column + ` = $2 ORDER BY c.id`
	var a *credential.Account
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		a = new(credential.Account)
		rows, err := q.Query(ctx, text, tenant, value, rp)
		a.Credentials, err = collect(rows, err, func(rows *sql.Rows) (c credential.Credential, err error) {
			return c, rows.Scan(append(userDest(&a.User), scanNull(&c.ID), &c.CredentialID, scanJSON(&c.Transports),
				scanNull(&c.Format), scanNull(&c.State), scanNull(&c.Standing), scanMS(&c.Until), scanMS(&c.LastUsed))...)
		})
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(a.Credentials) == 0:
		return nil, credential.ErrUserUnknown
	case a.Credentials[0].ID == "": // the user's row without any
		a.Credentials = nil
	}
	return a, nil
}

// AcceptedIDs implements [credential.CeremonyStore].
func (db *DB) AcceptedIDs(ctx context.Context, rp string, user credential.UserID) (ids [][]byte, err error) {
	const text = `SELECT c.credential_id FROM credential c
		WHERE c.user_id = $1 AND c.relying_party = $2 AND c.standing <> 'archived' ORDER BY c.id`
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, user, rp)
		ids, err = collect(rows, err, func(rows *sql.Rows) (id []byte, err error) { return id, rows.Scan(&id) })
		return err
	})
	return ids, err
}

// answeredBy is the condition that a key sets for a ceremony y, and the value of its $4.
func answeredBy(key credential.CeremonyKey) (condition string, value any) {
	const of = `y.tenant = $1 AND y.relying_party = $2 AND y.kind = $3 AND `
	if key.RequestID != "" {
		return of + `y.request_id = $4 AND y.request_id IS NOT NULL`, key.RequestID
	}
	return of + `y.challenge = $4`, key.Challenge[:]
}

// RegistrationAt implements [credential.CeremonyStore].
func (db *DB) RegistrationAt(ctx context.Context, key credential.CeremonyKey) (*credential.Pending, error) {
	condition, value := answeredBy(key)
	text := `SELECT ` + ceremonyColumns + `, ` + userColumns + ` FROM ceremony y JOIN users u ON u.id = y.user_id WHERE ` + condition
	p := &credential.Pending{User: new(credential.User)}
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		err := q.QueryRow(ctx, text, key.Tenant, key.RelyingParty, key.Kind, value).
			Scan(append(ceremonyDest(&p.Ceremony), userDest(p.User)...)...)
		if errors.Is(err, sql.ErrNoRows) {
			return credential.ErrCeremonyUnknown
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// AuthenticationAt implements [credential.CeremonyStore].
func (db *DB) AuthenticationAt(ctx context.Context, key credential.CeremonyKey, credentialID []byte) (*credential.Pending, error) {
	condition, value := answeredBy(key)
	found := `SELECT ` + ceremonyColumns + `, ` + credentialColumns + `, ` + userColumns + ` FROM ceremony y
		JOIN credential c ON c.tenant = y.tenant AND c.relying_party = y.relying_party AND c.credential_id = $5
		JOIN users u ON u.id = c.user_id WHERE ` + condition
	alone := `SELECT ` + ceremonyColumns + ` FROM ceremony y WHERE ` + condition
	p := &credential.Pending{User: new(credential.User), Credential: new(credential.Credential)}
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		dest := append(ceremonyDest(&p.Ceremony), credentialDest(p.Credential)...)
		err := q.QueryRow(ctx, found, key.Tenant, key.RelyingParty, key.Kind, value, credentialID).
			Scan(append(dest, userDest(p.User)...)...)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		// The rare case: nobody has the credential, or there is no such ceremony.
		p.User, p.Credential = nil, nil
		err = q.QueryRow(ctx, alone, key.Tenant, key.RelyingParty, key.Kind, value).Scan(ceremonyDest(&p.Ceremony)...)
		if errors.Is(err, sql.ErrNoRows) {
			return credential.ErrCeremonyUnknown
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Ceremony implements [credential.CeremonyStore].
func (db *DB) Ceremony(ctx context.Context, ref credential.CeremonyRef) (*credential.Ceremony, error) {
	text := `SELECT ` + ceremonyColumns + ` FROM ceremony y WHERE y.tenant = $1 AND y.id = $2`
	args := []any{ref.Tenant, ref.ID}
	if ref.ID == "" {
		text = `SELECT ` + ceremonyColumns + ` FROM ceremony y
			WHERE y.tenant = $1 AND y.relying_party = $2 AND y.request_id = $3 AND y.request_id IS NOT NULL`
		args = []any{ref.Tenant, ref.RelyingParty, ref.RequestID}
	}
	c := new(credential.Ceremony)
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		err := q.QueryRow(ctx, text, args...).Scan(ceremonyDest(c)...)
		if errors.Is(err, sql.ErrNoRows) {
			return credential.ErrCeremonyUnknown
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// CompleteRegistration implements [credential.CeremonyStore].
func (db *DB) CompleteRegistration(ctx context.Context, done credential.Registered, e audit.Event) error {
	c := done.Credential
	return db.write(ctx, func(ctx context.Context, q tx) error {
		// This holds the user's row, so that of two registrations the second counts
		// what the first has stored.
		if err := holdUser(ctx, q, c.Tenant, c.User); err != nil {
			return err
		}
		end := ceremonyEnd{tenant: c.Tenant, id: done.Ceremony, at: done.At, state: credential.CeremonySucceeded, credential: c.ID}
		if err := endCeremony(ctx, q, end); err != nil {
			return err
		}
		if done.Session != "" {
			if err := markRegistered(ctx, q, done); err != nil {
				return err
			}
		}
		if err := insertCredential(ctx, q, c, done.Most); err != nil {
			return err
		}
		if err := insertEvidence(ctx, q, c, done.Evidence); err != nil {
			return err
		}
		if done.ShownName != "" {
			const show = `UPDATE users SET shown_name = $3 WHERE id = $1 AND tenant = $2`
			if _, err := q.Exec(ctx, show, c.User, c.Tenant, done.ShownName); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, e)
	})
}

// holdUser keeps others from changing the user until the end of the transaction.
// Errors: user.unknown, user.locked.
func holdUser(ctx context.Context, q tx, tenant string, id credential.UserID) error {
	const text = `UPDATE users SET updated_ms = updated_ms WHERE id = $1 AND tenant = $2 AND locked_ms = 0`
	n, err := q.Expect(ctx, text, id, tenant)
	if err != nil || n == 1 {
		return err
	}
	if _, err := readUser(ctx, q, tenant, credential.ByID(id)); err != nil {
		return err
	}
	return credential.ErrUserLocked
}

// ceremonyEnd is how a ceremony ended.
type ceremonyEnd struct {
	tenant     string
	id         credential.CeremonyID
	at         time.Time
	state      credential.CeremonyState
	outcome    string        // of one that failed
	credential credential.ID // of one that succeeded
}

// endCeremony takes a ceremony that is open at the time out of that state. Whoever
// gets nil is the only one who ever does.
func endCeremony(ctx context.Context, q tx, end ceremonyEnd) error {
	const text = `UPDATE ceremony SET state = $3, ended_ms = $4, outcome = $5, credential = $6
		WHERE id = $1 AND tenant = $2 AND state = 'open' AND expires_ms > $4`
	n, err := q.Expect(ctx, text, end.id, end.tenant, end.state, ms(end.at), end.outcome, end.credential)
	if err != nil || n == 1 {
		return err
	}
	var now credential.CeremonyState
	err = q.QueryRow(ctx, `SELECT state FROM ceremony WHERE id = $1 AND tenant = $2`, end.id, end.tenant).Scan(&now)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return credential.ErrCeremonyUnknown
	case err != nil:
		return err
	case now == credential.CeremonyOpen:
		return credential.ErrCeremonyExpired
	}
	return credential.ErrCeremonyUsed
}

// CompleteAuthentication implements [credential.CeremonyStore].
func (db *DB) CompleteAuthentication(ctx context.Context, done credential.Authenticated, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := useCredential(ctx, q, done); err != nil {
			return err
		}
		end := ceremonyEnd{tenant: done.Tenant, id: done.Ceremony, at: done.At, state: credential.CeremonySucceeded, credential: done.Credential}
		if err := endCeremony(ctx, q, end); err != nil {
			return err
		}
		if done.Session != "" {
			if err := endLiveSession(ctx, q, done); err != nil {
				return err
			}
		}
		if done.Open != nil {
			if err := insertSession(ctx, q, done.Open); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, e)
	})
}

// useCredential notes a use, if the credential, its owner and its counter allow it.
func useCredential(ctx context.Context, q tx, done credential.Authenticated) error {
	const text = `UPDATE credential SET
			sign_count = CASE WHEN sign_count < $3 THEN $3 ELSE sign_count END,
			backup_state = $4, uv_initialized = uv_initialized OR $5, last_used_ms = $6, uses = uses + 1,
			state = 'active', standing = '', reason = '', until_ms = 0
		WHERE tenant = $1 AND id = $2 AND (state = 'active' OR (until_ms > 0 AND until_ms <= $6))
			AND ($7 OR sign_count < $3 OR ($3 = 0 AND sign_count = 0))
			AND EXISTS (SELECT 1 FROM users u WHERE u.id = credential.user_id AND u.locked_ms = 0)`
	n, err := q.Expect(ctx, text, done.Tenant, done.Credential, int64(done.SignCount),
		done.BackupState, done.UVInitialized, ms(done.At), done.AnyCounter)
	if err != nil || n == 1 {
		return err
	}
	var state credential.State
	var count, locked int64
	err = q.QueryRow(ctx, `SELECT c.state, c.sign_count, u.locked_ms FROM credential c JOIN users u ON u.id = c.user_id
		WHERE c.tenant = $1 AND c.id = $2`, done.Tenant, done.Credential).Scan(&state, &count, &locked)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return credential.ErrCredentialUnknown
	case err != nil:
		return err
	case locked != 0:
		return credential.ErrUserLocked
	case state != credential.Active:
		return credential.ErrCredentialSuspended
	}
	return &credential.CounterError{Stored: uint32(count), Got: done.SignCount}
}

// FailCeremony implements [credential.CeremonyStore].
func (db *DB) FailCeremony(ctx context.Context, f credential.Failed, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		end := ceremonyEnd{tenant: f.Tenant, id: f.Ceremony, at: f.At, state: credential.CeremonyFailed, outcome: f.Outcome}
		if err := endCeremony(ctx, q, end); err != nil {
			return err
		}
		if err := countFailure(ctx, q, f); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// countFailure notes a refused use of a credential, and locks it where f says so.
func countFailure(ctx context.Context, q tx, f credential.Failed) error {
	if f.Used == "" {
		return nil
	}
	if _, err := q.Exec(ctx, `UPDATE credential SET failures = failures + 1, last_failed_ms = $3 WHERE tenant = $1 AND id = $2`,
		f.Tenant, f.Used, ms(f.At)); err != nil || !f.Lock {
		return err
	}
	const lock = `UPDATE credential SET state = 'suspended', standing = $3, reason = $4, until_ms = 0, version = version + 1, updated_ms = $5
		WHERE tenant = $1 AND id = $2 AND (state = 'active' OR (until_ms > 0 AND until_ms <= $5))`
	if _, err := q.Exec(ctx, lock, f.Tenant, f.Used, credential.FailureLocked, f.Outcome, ms(f.At)); err != nil {
		return err
	}
	return endSessionsWith(ctx, q, f.Tenant, f.Used, ms(f.At))
}

// AdoptCredential implements [credential.CredentialStore].
func (db *DB) AdoptCredential(ctx context.Context, c *credential.Credential, evidence *credential.Evidence, most int, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := holdUser(ctx, q, c.Tenant, c.User); err != nil {
			return err
		}
		if err := insertCredential(ctx, q, c, most); err != nil {
			return err
		}
		if err := insertEvidence(ctx, q, c, evidence); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// scanText scans a TEXT column into bytes.
func scanText(b *[]byte) sql.Scanner { return &textColumn{b} }

type textColumn struct{ b *[]byte }

// Scan implements [sql.Scanner].
func (c *textColumn) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*c.b = []byte(v)
	case []byte:
		*c.b = append([]byte(nil), v...)
	default:
		return fmt.Errorf("column of text holds %T", src)
	}
	return nil
}

// scanHash scans a column of 32 bytes.
func scanHash(h *[32]byte) sql.Scanner { return &hashColumn{h} }

type hashColumn struct{ h *[32]byte }

// Scan implements [sql.Scanner].
func (c *hashColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(c.h) {
		return fmt.Errorf("column of a hash holds %T", src)
	}
	copy(c.h[:], b)
	return nil
}
