package store

import (
	"context"
	"database/sql"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// GrantRole implements [credential.OperatorStore].
func (db *DB) GrantRole(ctx context.Context, c credential.RoleChange, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := holdUser(ctx, q, c.Tenant, c.User); err != nil {
			return err
		}
		if c.Role != tenant.Administrator && !c.LastToo {
			if err := notLast(ctx, q, c.Tenant, c.User); err != nil {
				return err
			}
		}
		const grant = `INSERT INTO operator_role (user_id, tenant, role, granted_ms, granted_by) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, granted_ms = excluded.granted_ms, granted_by = excluded.granted_by`
		if _, err := q.Exec(ctx, grant, c.User, c.Tenant, c.Role, ms(c.At), c.By); err != nil {
			return err
		}
		const cancel = `UPDATE invitation SET state = 'cancelled', ended_ms = $2 WHERE user_id = $1 AND state = 'open'`
		if _, err := q.Exec(ctx, cancel, c.User, ms(c.At)); err != nil {
			return err
		}
		const end = `UPDATE browser_session SET ended_ms = $2
			WHERE user_id = $1 AND purpose = 'enrol' AND registered_ms = 0 AND ended_ms = 0`
		if _, err := q.Exec(ctx, end, c.User, ms(c.At)); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// RevokeRole implements [credential.OperatorStore].
func (db *DB) RevokeRole(ctx context.Context, c credential.RoleChange, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if !c.LastToo {
			if err := notLast(ctx, q, c.Tenant, c.User); err != nil {
				return err
			}
		}
		n, err := q.Exec(ctx, `DELETE FROM operator_role WHERE user_id = $1 AND tenant = $2`, c.User, c.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return credential.ErrOperatorUnknown
		}
		const end = `UPDATE browser_session SET ended_ms = $2 WHERE user_id = $1 AND purpose = 'console' AND ended_ms = 0`
		if _, err := q.Exec(ctx, end, c.User, ms(c.At)); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// notLast returns operator.last if the user is the last administrator of the tenant.
func notLast(ctx context.Context, q tx, tenantName string, id credential.UserID) error {
	// This holds the rows of all administrators, so that of two who take each other's
	// role one comes second and sees that the other is gone.
	const hold = `UPDATE operator_role SET granted_ms = granted_ms WHERE tenant = $1 AND role = 'administrator'`
	if _, err := q.Exec(ctx, hold, tenantName); err != nil {
		return err
	}
	const count = `SELECT count(CASE WHEN o.user_id = $2 THEN 1 END), count(CASE WHEN o.user_id <> $2 THEN 1 END)
		FROM operator_role o JOIN users u ON u.id = o.user_id
		WHERE o.tenant = $1 AND o.role = 'administrator' AND u.locked_ms = 0`
	var is, others int
	if err := q.QueryRow(ctx, count, tenantName, id).Scan(&is, &others); err != nil {
		return err
	}
	if is > 0 && others == 0 {
		return credential.ErrLastAdministrator
	}
	return nil
}

// Operators implements [credential.OperatorStore].
func (db *DB) Operators(ctx context.Context, tenantName string) ([]credential.Operator, error) {
	const text = `SELECT ` + userColumns + `, o.granted_ms, o.granted_by,
			(SELECT count(*) FROM credential c WHERE c.user_id = u.id AND c.state = 'active')
		FROM operator_role o JOIN users u ON u.id = o.user_id WHERE o.tenant = $1 ORDER BY u.name_key`
	var all []credential.Operator
	err := db.read(ctx, func(ctx context.Context, q tx) (err error) {
		rows, err := q.Query(ctx, text, tenantName)
		all, err = collect(rows, err, func(rows *sql.Rows) (o credential.Operator, err error) {
			return o, rows.Scan(append(userDest(&o.User), scanMS(&o.Granted), &o.GrantedBy, &o.Credentials)...)
		})
		return err
	})
	return all, err
}

// Counts implements [credential.OperatorStore].
func (db *DB) Counts(ctx context.Context, tenantName string) (credential.Counts, error) {
	const text = `SELECT
		(SELECT count(*) FROM users WHERE tenant = $1), (SELECT count(*) FROM users WHERE tenant = $1 AND locked_ms > 0),
		(SELECT count(*) FROM credential WHERE tenant = $1), (SELECT count(*) FROM credential WHERE tenant = $1 AND state = 'suspended')`
	var n credential.Counts
	err := db.search(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, text, tenantName).Scan(&n.Users, &n.Locked, &n.Credentials, &n.Suspended)
	})
	return n, err
}

// SessionUsed implements [credential.EnrolmentStore].
func (db *DB) SessionUsed(ctx context.Context, id string, at, until time.Time) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `UPDATE browser_session SET idle_ms = CASE WHEN idle_ms < $3 THEN $3 ELSE idle_ms END
			WHERE id = $1 AND ended_ms = 0 AND expires_ms > $2 AND idle_ms > $2`
		n, err := q.Exec(ctx, text, id, ms(at), ms(until))
		if err == nil && n == 0 {
			return credential.ErrSessionUnknown
		}
		return err
	})
}
