package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

// OpenCeremony implements [credential.CeremonyStore].
func (db *DB) OpenCeremony(ctx context.Context, c *credential.Ceremony, caps credential.Caps, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := openCeremony(ctx, q, c, caps); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// openCeremony stores a ceremony that may be opened. Errors: those of mayOpen and
// insertCeremony.
func openCeremony(ctx context.Context, q tx, c *credential.Ceremony, caps credential.Caps) error {
	if c.User == "" || c.Address != "" && caps.PerAddress > 0 {
		if err := mayOpen(ctx, q, c, caps); err != nil {
			return err
		}
		return insertCeremony(ctx, q, c)
	}
	// The common case is one statement, which judges as mayOpen does. Who is refused is
	// told by mayOpen why.
	const text = `INSERT INTO ceremony (` + openColumns + `) SELECT ` + openValues + ` FROM users u
		WHERE u.id = $6 AND u.tenant = $2 AND u.locked_ms = 0 AND ($19 = 0 OR $19 > (SELECT count(*) FROM ceremony y
			WHERE y.user_id = u.id AND y.state = 'open' AND y.expires_ms > $17 AND y.actor_kind = $11 AND y.actor_id = $12))`
	n, err := q.Exec(ctx, text, append(openArgs(c), max(0, caps.PerUser))...)
	if err != nil {
		return notOpened(err)
	}
	if n == 0 {
		if err := mayOpen(ctx, q, c, caps); err != nil {
			return err
		}
		return insertCeremony(ctx, q, c) // what was in its way is gone
	}
	return nil
}

// OpenFirstCeremony implements [credential.CeremonyStore].
func (db *DB) OpenFirstCeremony(ctx context.Context, u *credential.User, c *credential.Ceremony, events []audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := addUser(ctx, q, u); err != nil {
			return err
		}
		if err := insertCeremony(ctx, q, c); err != nil {
			return err
		}
		for _, e := range events {
			if err := appendAudit(ctx, q, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertCeremony stores an open ceremony. Errors: ceremony.request_exists,
// ceremony.challenge_exists.
func insertCeremony(ctx context.Context, q tx, c *credential.Ceremony) error {
	_, err := q.Exec(ctx, `INSERT INTO ceremony (`+openColumns+`) VALUES (`+openValues+`)`, openArgs(c)...)
	return notOpened(err)
}

// What a ceremony has that is open.
const (
	openColumns = `id, tenant, relying_party, kind, state, user_id, challenge, options, terms,
		request_id, actor_kind, actor_id, session_id, address, via, ref, created_ms, expires_ms, ended_ms, outcome, credential`
	openValues = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, '', ''`
)

func openArgs(c *credential.Ceremony) []any {
	return []any{
		c.ID, c.Tenant, c.RelyingParty, c.Kind, c.State, null(c.User), c.Challenge[:],
		string(c.Options), asJSON(c.Terms), null(c.RequestID), c.Actor.Kind, c.Actor.ID, c.Session, c.Address,
		c.Via, c.Ref, ms(c.Created), ms(c.Expires),
	}
}

// notOpened says which key stood in the way of a ceremony.
func notOpened(err error) error {
	switch {
	case isUnique(err, "ceremony", "tenant", "relying_party", "request_id"):
		return credential.ErrRequestExists
	case isUnique(err, "ceremony", "tenant", "relying_party", "kind", "challenge"):
		return credential.ErrChallengeExists
	}
	return err
}

// mayOpen judges the user and the caps of a ceremony to be opened.
func mayOpen(ctx context.Context, q tx, c *credential.Ceremony, caps credential.Caps) error {
	if c.User != "" {
		const text = `SELECT u.locked_ms, (SELECT count(*) FROM ceremony y WHERE y.user_id = u.id AND y.state = 'open'
			AND y.expires_ms > $3 AND y.actor_kind = $4 AND y.actor_id = $5) FROM users u WHERE u.id = $1 AND u.tenant = $2`
		var locked int64
		var open int
		err := q.QueryRow(ctx, text, c.User, c.Tenant, ms(c.Created), c.Actor.Kind, c.Actor.ID).Scan(&locked, &open)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return credential.ErrUserUnknown
		case err != nil:
			return err
		case locked != 0:
			return credential.ErrUserLocked
		case caps.PerUser > 0 && open >= caps.PerUser:
			return credential.ErrCeremonyLimit
		}
	}
	if c.Address != "" && caps.PerAddress > 0 {
		const text = `SELECT count(*) FROM ceremony
			WHERE address = $1 AND address <> '' AND expires_ms > $2 AND tenant = $3 AND state = 'open'`
		var open int
		if err := q.QueryRow(ctx, text, c.Address, ms(c.Created), c.Tenant).Scan(&open); err != nil {
			return err
		}
		if open >= caps.PerAddress {
			return credential.ErrCeremonyLimit
		}
	}
	return nil
}

// CountOpenCeremonies implements [credential.CeremonyStore].
func (db *DB) CountOpenCeremonies(ctx context.Context, tenant string, now time.Time) (int, error) {
	var n int
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, `SELECT count(*) FROM ceremony WHERE tenant = $1 AND expires_ms > $2 AND state = 'open'`,
			tenant, ms(now)).Scan(&n)
	})
	return n, err
}
