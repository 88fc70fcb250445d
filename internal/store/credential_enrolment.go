package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

const invitationColumns = `id, tenant, relying_party, user_id, secret, additional, state,
	actor_kind, actor_id, via, ref, created_ms, expires_ms, ended_ms`

func invitationDest(i *credential.Invitation) []any {
	return []any{
		&i.ID, &i.Tenant, &i.RelyingParty, &i.User, scanHash(&i.Secret), &i.Additional, &i.State,
		&i.Actor.Kind, &i.Actor.ID, &i.Via, &i.Ref, scanMS(&i.Created), scanMS(&i.Expires), scanMS(&i.Ended),
	}
}

const sessionColumns = `s.id, s.tenant, s.relying_party, s.purpose, s.user_id, u.name, u.display_name, ` + roleOfUser + `,
	s.invitation, s.address, s.created_ms, s.expires_ms, s.idle_ms, s.ended_ms, s.registered_ms, s.credential,
	EXISTS (SELECT 1 FROM invitation i WHERE i.id = s.invitation AND i.additional)`

func sessionDest(s *credential.Session) []any {
	return []any{
		&s.ID, &s.Tenant, &s.RelyingParty, &s.Purpose, scanNull(&s.User), scanNull(&s.UserName), scanNull(&s.DisplayName), scanNull(&s.Role),
		&s.Invitation, &s.Address, scanMS(&s.Created), scanMS(&s.Expires), scanMS(&s.Idle), scanMS(&s.Ended), scanMS(&s.Registered), &s.Credential,
		&s.Additional,
	}
}

// Invite implements [credential.EnrolmentStore].
func (db *DB) Invite(ctx context.Context, i *credential.Invitation, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		// This holds the user's row, so that of two invitations one cancels the other.
		if err := mayEnrol(ctx, q, i); err != nil {
			return err
		}
		const cancel = `UPDATE invitation SET state = 'cancelled', ended_ms = $3
			WHERE user_id = $1 AND relying_party = $2 AND state = 'open'`
		if _, err := q.Exec(ctx, cancel, i.User, i.RelyingParty, ms(i.Created)); err != nil {
			return err
		}
		// Whoever spent the earlier one may be why there is a newer one.
		const end = `UPDATE browser_session SET ended_ms = $3
			WHERE user_id = $1 AND relying_party = $2 AND purpose = 'enrol' AND registered_ms = 0 AND ended_ms = 0`
		if _, err := q.Exec(ctx, end, i.User, i.RelyingParty, ms(i.Created)); err != nil {
			return err
		}
		const text = `INSERT INTO invitation (` + invitationColumns + `)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0)`
		_, err := q.Exec(ctx, text, i.ID, i.Tenant, i.RelyingParty, i.User, i.Secret[:], i.Additional, i.State,
			i.Actor.Kind, i.Actor.ID, i.Via, i.Ref, ms(i.Created), ms(i.Expires))
		if err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// mayEnrol judges whether the invitation's user may be given a session to enrol in.
func mayEnrol(ctx context.Context, q tx, i *credential.Invitation) error {
	if err := holdUser(ctx, q, i.Tenant, i.User); err != nil {
		return err
	}
	if i.Additional {
		return nil
	}
	var has int
	err := q.QueryRow(ctx, `SELECT count(*) FROM credential WHERE user_id = $1 AND relying_party = $2`, i.User, i.RelyingParty).Scan(&has)
	if err == nil && has > 0 {
		return credential.ErrAdditionalNeeded
	}
	return err
}

// InvitationBySecret implements [credential.EnrolmentStore].
func (db *DB) InvitationBySecret(ctx context.Context, secret [sha256.Size]byte) (*credential.Invitation, error) {
	var i *credential.Invitation
	err := db.read(ctx, func(ctx context.Context, q tx) (err error) {
		i, err = readInvitation(ctx, q, `secret = $1`, secret[:])
		return err
	})
	return i, err
}

func readInvitation(ctx context.Context, q tx, where string, arg any) (*credential.Invitation, error) {
	i := new(credential.Invitation)
	err := q.QueryRow(ctx, `SELECT `+invitationColumns+` FROM invitation WHERE `+where, arg).Scan(invitationDest(i)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, credential.ErrInvitationUnknown
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// StartEnrolment implements [credential.EnrolmentStore].
func (db *DB) StartEnrolment(ctx context.Context, s *credential.Session, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		i, err := readInvitation(ctx, q, `id = $1`, s.Invitation)
		if err != nil {
			return err
		}
		if err := mayEnrol(ctx, q, i); err != nil {
			return err
		}
		if err := spendInvitation(ctx, q, i.ID, s.Created); err != nil {
			return err
		}
		if err := insertSession(ctx, q, s); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// spendInvitation takes an invitation that is open at the time out of that state.
// Whoever gets nil is the only one who ever does.
func spendInvitation(ctx context.Context, q tx, id string, at time.Time) error {
	const text = `UPDATE invitation SET state = 'spent', ended_ms = $2 WHERE id = $1 AND state = 'open' AND expires_ms > $2`
	n, err := q.Exec(ctx, text, id, ms(at))
	if err != nil || n == 1 {
		return err
	}
	i, err := readInvitation(ctx, q, `id = $1`, id)
	switch {
	case err != nil:
		return err
	case i.State == credential.InvitationSpent:
		return credential.ErrInvitationSpent
	case i.State == credential.InvitationCancelled:
		return credential.ErrInvitationCancelled
	}
	return credential.ErrInvitationExpired
}

// OpenSession implements [credential.EnrolmentStore].
func (db *DB) OpenSession(ctx context.Context, s *credential.Session, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := insertSession(ctx, q, s); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

func insertSession(ctx context.Context, q tx, s *credential.Session) error {
	const text = `INSERT INTO browser_session (id, tenant, relying_party, purpose, user_id, invitation, address,
			created_ms, expires_ms, idle_ms, ended_ms, registered_ms, credential)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, $11)`
	_, err := q.Exec(ctx, text, s.ID, s.Tenant, s.RelyingParty, s.Purpose, null(s.User), s.Invitation, s.Address,
		ms(s.Created), ms(s.Expires), ms(s.Idle), s.Credential)
	return err
}

// Session implements [credential.EnrolmentStore].
func (db *DB) Session(ctx context.Context, id string) (*credential.Session, error) {
	const text = `SELECT ` + sessionColumns + ` FROM browser_session s LEFT JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND (s.user_id IS NULL OR u.locked_ms = 0)`
	s := new(credential.Session)
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		err := q.QueryRow(ctx, text, id).Scan(sessionDest(s)...)
		if errors.Is(err, sql.ErrNoRows) {
			return credential.ErrSessionUnknown
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// EndSession implements [credential.EnrolmentStore].
func (db *DB) EndSession(ctx context.Context, tenant, id string, at time.Time, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `UPDATE browser_session SET ended_ms = $3 WHERE id = $1 AND tenant = $2 AND ended_ms = 0`
		n, err := q.Exec(ctx, text, id, tenant, ms(at))
		if err != nil || n == 0 {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// markRegistered notes that an enrolment session has made its one credential.
func markRegistered(ctx context.Context, q tx, done credential.Registered) error {
	const text = `UPDATE browser_session SET registered_ms = $3, credential = $4
		WHERE id = $1 AND tenant = $2 AND purpose = 'enrol' AND registered_ms = 0 AND ended_ms = 0 AND expires_ms > $3`
	n, err := q.Exec(ctx, text, done.Session, done.Credential.Tenant, ms(done.At), done.Credential.ID)
	if err != nil {
		return err
	}
	if n == 1 {
		return mayAdd(ctx, q, done)
	}
	var registered int64
	err = q.QueryRow(ctx, `SELECT registered_ms FROM browser_session WHERE id = $1 AND tenant = $2 AND purpose = 'enrol'`,
		done.Session, done.Credential.Tenant).Scan(&registered)
	switch {
	case err == nil && registered != 0:
		return credential.ErrSessionRegistered
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return credential.ErrSessionUnknown
	}
	return err
}

// mayAdd judges whether the session's user may have the credential that is about to be
// stored beside those they have. Their row is held.
func mayAdd(ctx context.Context, q tx, done credential.Registered) error {
	const text = `SELECT count(*) FROM credential c WHERE c.user_id = $1 AND c.relying_party = $2 AND NOT EXISTS (
		SELECT 1 FROM browser_session s JOIN invitation i ON i.id = s.invitation WHERE s.id = $3 AND i.additional)`
	var has int
	err := q.QueryRow(ctx, text, done.Credential.User, done.Credential.RelyingParty, done.Session).Scan(&has)
	if err == nil && has > 0 {
		return credential.ErrAdditionalNeeded
	}
	return err
}

// endLiveSession ends the session that a sign-in replaces.
func endLiveSession(ctx context.Context, q tx, done credential.Authenticated) error {
	const text = `UPDATE browser_session SET ended_ms = $3 WHERE id = $1 AND tenant = $2 AND ended_ms = 0 AND expires_ms > $3`
	n, err := q.Exec(ctx, text, done.Session, done.Tenant, ms(done.At))
	if err == nil && n == 0 {
		return credential.ErrSessionUnknown
	}
	return err
}

// endSessionsOf ends all sessions of a user.
func endSessionsOf(ctx context.Context, q tx, user credential.UserID, at int64) error {
	_, err := q.Exec(ctx, `UPDATE browser_session SET ended_ms = $2 WHERE user_id = $1 AND ended_ms = 0`, user, at)
	return err
}

// endSessionsWith ends the sessions that were signed in with a credential.
func endSessionsWith(ctx context.Context, q tx, tenant string, id credential.ID, at int64) error {
	const text = `UPDATE browser_session SET ended_ms = $3
		WHERE credential = $2 AND credential <> '' AND tenant = $1 AND purpose IN ('signed_in', 'console', 'tasks') AND ended_ms = 0`
	_, err := q.Exec(ctx, text, tenant, id, at)
	return err
}

// Purge implements [credential.Store].
func (db *DB) Purge(ctx context.Context, p credential.Retention, event func(tenant string, n credential.Purged) audit.Event) (credential.Purged, error) {
	var total credential.Purged
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		total = credential.Purged{}
		byTenant := make(map[string]credential.Purged)
		for _, kind := range []struct {
			table  string
			before time.Time
			count  func(*credential.Purged) *int
		}{
			{"ceremony", p.Ceremonies, func(n *credential.Purged) *int { return &n.Ceremonies }},
			{"browser_session", p.Sessions, func(n *credential.Purged) *int { return &n.Sessions }},
			{"invitation", p.Invitations, func(n *credential.Purged) *int { return &n.Invitations }},
		} {
			rows, err := q.Query(ctx, `DELETE FROM `+kind.table+` WHERE id IN (SELECT id FROM `+kind.table+`
				WHERE expires_ms < $1 ORDER BY expires_ms LIMIT $2) RETURNING tenant`, ms(kind.before), p.Limit)
			tenants, err := collect(rows, err, func(rows *sql.Rows) (t string, err error) { return t, rows.Scan(&t) })
			if err != nil {
				return err
			}
			for _, t := range tenants {
				n := byTenant[t]
				*kind.count(&n)++
				*kind.count(&total)++
				byTenant[t] = n
			}
		}
		for _, t := range slices.Sorted(maps.Keys(byTenant)) {
			if err := appendAudit(ctx, q, event(t, byTenant[t])); err != nil {
				return err
			}
		}
		return nil
	})
	return total, err
}

// Record implements [credential.Store].
func (db *DB) Record(ctx context.Context, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error { return appendAudit(ctx, q, e) })
}

// AfterCommit implements [credential.Store].
func (db *DB) AfterCommit(ctx context.Context, f func()) { db.onCommit(ctx, f) }

// DecoyKey implements [credential.Store].
func (db *DB) DecoyKey(ctx context.Context, fresh []byte) ([]byte, error) {
	var key []byte
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `INSERT INTO installation_secret (name, value) VALUES ('decoys', $1) ON CONFLICT (name) DO NOTHING`
		if _, err := q.Exec(ctx, text, fresh); err != nil {
			return err
		}
		return q.QueryRow(ctx, `SELECT value FROM installation_secret WHERE name = 'decoys'`).Scan(&key)
	})
	return key, err
}
