package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

const userColumns = `u.id, u.tenant, u.name, u.display_name, u.shown_name, u.handle, ` + roleOfUser + `, u.locked_ms, u.created_ms, u.updated_ms`

// roleOfUser is the role that the user u holds.
const roleOfUser = `(SELECT r.role FROM operator_role r WHERE r.user_id = u.id)`

func userDest(u *credential.User) []any {
	return []any{
		&u.ID, &u.Tenant, &u.Name, &u.DisplayName, &u.ShownName, &u.Handle, scanNull(&u.Role),
		scanMS(&u.Locked), scanMS(&u.Created), scanMS(&u.Updated),
	}
}

// searchKey is what a search for a part of a user's names looks through.
func searchKey(name, displayName string) string {
	return credential.NameKey(name) + "\n" + credential.NameKey(displayName)
}

// CreateUser implements [credential.UserStore].
func (db *DB) CreateUser(ctx context.Context, u *credential.User, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if err := addUser(ctx, q, u); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// addUser stores a user. Errors: user.exists.
func addUser(ctx context.Context, q tx, u *credential.User) error {
	stored, err := insertUser(ctx, q, u)
	if err == nil && !stored {
		err = credential.ErrUserExists
	}
	return err
}

// ImportUsers implements [credential.UserStore].
func (db *DB) ImportUsers(ctx context.Context, rows []credential.ImportRow) ([]bool, error) {
	var stored []bool
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		stored = make([]bool, len(rows))
		for i, r := range rows {
			var err error
			if stored[i], err = insertUser(ctx, q, r.User); err != nil {
				return err
			}
			if !stored[i] {
				continue
			}
			if err := appendAudit(ctx, q, r.Event); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// insertUser reports whether the name and the handle were free.
func insertUser(ctx context.Context, q tx, u *credential.User) (bool, error) {
	const text = `INSERT INTO users
		(id, tenant, name, name_key, display_name, search_key, handle, locked_ms, created_ms, updated_ms, shown_name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`
	n, err := q.Exec(ctx, text, u.ID, u.Tenant, u.Name, credential.NameKey(u.Name), u.DisplayName,
		searchKey(u.Name, u.DisplayName), u.Handle, ms(u.Locked), ms(u.Created), ms(u.Updated), u.ShownName)
	return n == 1, err
}

// ChangeUser implements [credential.UserStore].
func (db *DB) ChangeUser(ctx context.Context, change credential.UserChange, e audit.Event) (*credential.User, error) {
	u := new(credential.User)
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		// The row is locked before it is read, so that two changes do not undo each
		// other.
		const lock = `UPDATE users SET updated_ms = $3 WHERE id = $1 AND tenant = $2`
		n, err := q.Exec(ctx, lock, change.ID, change.Tenant, ms(change.At))
		if err != nil {
			return err
		}
		if n == 0 {
			return credential.ErrUserUnknown
		}
		if u, err = readUser(ctx, q, change.Tenant, credential.ByID(change.ID)); err != nil {
			return err
		}
		if change.Locked != nil && *change.Locked && !change.LastToo {
			if err := notLast(ctx, q, u.Tenant, u.ID); err != nil {
				return err
			}
		}
		apply(u, change)
		const set = `UPDATE users SET name = $2, name_key = $3, display_name = $4, search_key = $5, locked_ms = $6 WHERE id = $1`
		_, err = q.Exec(ctx, set, u.ID, u.Name, credential.NameKey(u.Name), u.DisplayName,
			searchKey(u.Name, u.DisplayName), ms(u.Locked))
		if isUnique(err, "users", "tenant", "name_key") {
			return credential.ErrUserExists
		}
		if err != nil {
			return err
		}
		if u.IsLocked() {
			if err := endSessionsOf(ctx, q, u.ID, ms(change.At)); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, e)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func apply(u *credential.User, change credential.UserChange) {
	if change.Name != nil {
		u.Name = *change.Name
	}
	if change.DisplayName != nil {
		u.DisplayName = *change.DisplayName
	}
	switch {
	case change.Locked == nil:
	case !*change.Locked:
		u.Locked = fromMS(0)
	case !u.IsLocked():
		u.Locked = change.At
	}
}

// User implements [credential.UserStore].
func (db *DB) User(ctx context.Context, tenant string, ref credential.UserRef) (*credential.User, error) {
	var u *credential.User
	err := db.read(ctx, func(ctx context.Context, q tx) (err error) {
		u, err = readUser(ctx, q, tenant, ref)
		return err
	})
	return u, err
}

func readUser(ctx context.Context, q tx, tenant string, ref credential.UserRef) (*credential.User, error) {
	column, value := userKey(ref)
	u := new(credential.User)
	err := q.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.tenant = $1 AND u.`+column+` = $2`, tenant, value).
		Scan(userDest(u)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, credential.ErrUserUnknown
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// userKey is the column, and its value, that a reference finds a user by.
func userKey(ref credential.UserRef) (column string, value any) {
	switch {
	case ref.ID != "":
		return "id", ref.ID
	case ref.Name != "":
		return "name_key", credential.NameKey(ref.Name)
	}
	return "handle", orEmpty(ref.Handle) // the empty one is nobody's
}

// Users implements [credential.UserStore].
func (db *DB) Users(ctx context.Context, query credential.UserQuery) ([]credential.User, error) {
	text := `SELECT ` + userColumns + ` FROM users u WHERE u.tenant = $1 AND u.name_key > $2`
	if query.Locked != nil && *query.Locked {
		text += ` AND u.locked_ms > 0`
	}
	if query.Locked != nil && !*query.Locked {
		text += ` AND u.locked_ms = 0`
	}
	args := []any{query.Tenant, query.After, query.Limit}
	if query.Search != "" {
		text += ` AND u.search_key LIKE $4 ESCAPE '!'`
		args = append(args, "%"+likePart(query.Search)+"%")
	}
	text += ` ORDER BY u.name_key LIMIT $3`

	var users []credential.User
	err := db.search(ctx, func(ctx context.Context, q tx) (err error) {
		rows, err := q.Query(ctx, text, args...)
		users, err = collect(rows, err, func(rows *sql.Rows) (u credential.User, err error) {
			return u, rows.Scan(userDest(&u)...)
		})
		return err
	})
	return users, err
}

// likePart is text as a part of a LIKE pattern that escapes with an exclamation mark.
func likePart(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// EraseUser implements [credential.UserStore].
func (db *DB) EraseUser(ctx context.Context, erasure credential.UserErasure, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if !erasure.LastToo {
			if err := notLast(ctx, q, erasure.Tenant, erasure.ID); err != nil {
				return err
			}
		}
		// All that is about the person refers to this row and goes with it.
		n, err := q.Exec(ctx, `DELETE FROM users WHERE id = $1 AND tenant = $2`, erasure.ID, erasure.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return credential.ErrUserUnknown
		}
		return appendAudit(ctx, q, e)
	})
}

// PersonRecord implements [credential.UserStore].
func (db *DB) PersonRecord(ctx context.Context, tenant string, id credential.UserID) (*credential.PersonRecord, error) {
	var p *credential.PersonRecord
	err := db.snapshot(ctx, func(ctx context.Context, q tx) error {
		u, err := readUser(ctx, q, tenant, credential.ByID(id))
		if err != nil {
			return err
		}
		p = &credential.PersonRecord{User: *u}
		if p.Credentials, err = readCredentials(ctx, q, `c.user_id = $1`, id); err != nil {
			return err
		}
		for _, c := range p.Credentials {
			e, err := readEvidence(ctx, q, tenant, c.ID)
			if err != nil {
				return err
			}
			p.Evidence = append(p.Evidence, *e)
		}
		rows, err := q.Query(ctx, `SELECT `+ceremonyColumns+` FROM ceremony y WHERE y.user_id = $1 ORDER BY y.id`, id)
		p.Ceremonies, err = collect(rows, err, func(rows *sql.Rows) (c credential.Ceremony, err error) {
			return c, rows.Scan(ceremonyDest(&c)...)
		})
		if err != nil {
			return err
		}
		rows, err = q.Query(ctx, `SELECT `+invitationColumns+` FROM invitation WHERE user_id = $1 ORDER BY id`, id)
		p.Invitations, err = collect(rows, err, func(rows *sql.Rows) (i credential.Invitation, err error) {
			return i, rows.Scan(invitationDest(&i)...)
		})
		if err != nil {
			return err
		}
		rows, err = q.Query(ctx, `SELECT `+sessionColumns+` FROM browser_session s
			LEFT JOIN users u ON u.id = s.user_id WHERE s.user_id = $1 ORDER BY s.created_ms, s.id`, id)
		p.Sessions, err = collect(rows, err, func(rows *sql.Rows) (s credential.Session, err error) {
			return s, rows.Scan(sessionDest(&s)...)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}
