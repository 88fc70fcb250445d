package store

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/provision"
)

// provisionStore is a database as the tasks of identity processes see it. It has a type
// of its own because its words mean other things elsewhere.
type provisionStore struct{ db *DB }

var _ provision.Store = provisionStore{}

// Provision returns the database as the store of connections and messaging servers.
func (db *DB) Provision() provision.Store { return provisionStore{db} }

const connectionColumns = "tenant, name, description, kind, url, client_id, version, changed_ms, changed_by, sealed"

// sealedConnection is a row.
type sealedConnection struct {
	*provision.Connection
	sealed []byte
}

func scanConnection(rows *sql.Rows) (sealedConnection, error) {
	c := sealedConnection{Connection: new(provision.Connection)}
	err := rows.Scan(&c.Tenant, &c.Name, &c.Description, &c.Kind, &c.URL, &c.ClientID, &c.Version,
		scanMS(&c.Changed), &c.ChangedBy, &c.sealed)
	c.HasSecret = c.sealed != nil
	return c, err
}

// Connections implements [provision.Store].
func (p provisionStore) Connections(ctx context.Context, tenant string) (all []*provision.Connection, err error) {
	err = p.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, "SELECT "+connectionColumns+" FROM connection WHERE tenant = $1 ORDER BY name", tenant)
		found, err := collect(rows, err, scanConnection)
		all = nil
		for _, c := range found {
			all = append(all, c.Connection)
		}
		return err
	})
	return all, err
}

// byName is how a setting is read that has a name.
type byName[T any] struct {
	kind    settingKind
	text    string // of the statement: of a tenant, by name
	scan    func(rows *sql.Rows) (T, error)
	unknown error // there is none
}

var connectionByName = byName[sealedConnection]{
	aConnection, "SELECT " + connectionColumns + " FROM connection WHERE tenant = $1 AND name = $2", scanConnection, provision.ErrConnectionUnknown,
}

var serverByName = byName[sealedServer]{
	aMessagingServer, "SELECT " + serverColumns + " FROM messaging_server WHERE tenant = $1 AND name = $2", scanServer, provision.ErrServerUnknown,
}

func (b *byName[T]) read(ctx context.Context, db *DB, tenant, name string) (T, error) {
	return recall(ctx, db, setting{b.kind, tenant, name}, func(ctx context.Context) (one T, err error) {
		err = db.read(ctx, func(ctx context.Context, q tx) error {
			rows, err := q.Query(ctx, b.text, tenant, name)
			found, err := collect(rows, err, b.scan)
			if err == nil && len(found) == 0 {
				err = b.unknown
			}
			if err != nil {
				return err
			}
			one = found[0]
			return nil
		})
		return one, err
	})
}

// Connection implements [provision.Store].
func (p provisionStore) Connection(ctx context.Context, tenant, name string) (*provision.Connection, []byte, error) {
	found, err := connectionByName.read(ctx, p.db, tenant, name)
	if err != nil {
		return nil, nil, err
	}
	c := *found.Connection
	return &c, bytes.Clone(found.sealed), nil
}

// PutConnection implements [provision.Store].
func (p provisionStore) PutConnection(ctx context.Context, c *provision.Connection, sealed []byte, e audit.Event) error {
	const add = `INSERT INTO connection (` + connectionColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (tenant, name) DO NOTHING`
	const change = `UPDATE connection SET description = $3, kind = $4, url = $5, client_id = $6, version = $7,
		changed_ms = $8, changed_by = $9, sealed = $10 WHERE tenant = $1 AND name = $2 AND version = $7 - 1`
	text := change
	if c.Version == 1 {
		text = add
	}
	return p.put(ctx, text, e, c.Tenant, c.Name, c.Description, c.Kind, c.URL, c.ClientID, c.Version, ms(c.Changed), c.ChangedBy, sealed)
}

// put stores a version of a setting. Of two at once the second gets connection.version.
func (p provisionStore) put(ctx context.Context, text string, e audit.Event, args ...any) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, text, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			p.db.settings.forget() // the version it went by may have been from there
			return provision.ErrChanged
		}
		p.db.changesSettings(ctx)
		return appendAudit(ctx, q, e)
	})
}

// DeleteConnection implements [provision.Store].
func (p provisionStore) DeleteConnection(ctx context.Context, tenant, name string, e audit.Event) error {
	return p.remove(ctx, "DELETE FROM connection WHERE tenant = $1 AND name = $2", tenant, name, provision.ErrConnectionUnknown, e)
}

func (p provisionStore) remove(ctx context.Context, text, tenant, name string, unknown error, e audit.Event) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, text, tenant, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return unknown
		}
		p.db.changesSettings(ctx)
		return appendAudit(ctx, q, e)
	})
}

// AnySealed implements [provision.Store].
func (p provisionStore) AnySealed(ctx context.Context) (yes bool, err error) {
	err = p.db.read(ctx, func(ctx context.Context, q tx) error {
		const count = `SELECT (SELECT count(*) FROM connection WHERE sealed IS NOT NULL)
			+ (SELECT count(*) FROM messaging_server WHERE sealed IS NOT NULL) + (SELECT count(*) FROM webhook_endpoint)`
		var n int64
		err := q.QueryRow(ctx, count).Scan(&n)
		yes = n > 0
		return err
	})
	return yes, err
}

const serverColumns = "tenant, name, description, url, client_id, lifespan, timeout, session_start, key_sets, version, changed_ms, changed_by, sealed"

// sealedServer is a row.
type sealedServer struct {
	*provision.MessagingServer
	sealed []byte
}

func scanServer(rows *sql.Rows) (sealedServer, error) {
	m := sealedServer{MessagingServer: new(provision.MessagingServer)}
	var lifespan, timeout, start int64
	err := rows.Scan(&m.Tenant, &m.Name, &m.Description, &m.URL, &m.ClientID, &lifespan, &timeout, &start,
		scanJSON(&m.KeySets), &m.Version, scanMS(&m.Changed), &m.ChangedBy, &m.sealed)
	m.Lifespan, m.Timeout, m.SessionStart = fromSeconds(lifespan), fromSeconds(timeout), fromSeconds(start)
	m.HasToken = m.sealed != nil
	return m, err
}

func fromSeconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func inSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// MessagingServers implements [provision.Store].
func (p provisionStore) MessagingServers(ctx context.Context, tenant string) (all []*provision.MessagingServer, err error) {
	err = p.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, "SELECT "+serverColumns+" FROM messaging_server WHERE tenant = $1 ORDER BY name", tenant)
		found, err := collect(rows, err, scanServer)
		all = nil
		for _, m := range found {
			all = append(all, m.MessagingServer)
		}
		return err
	})
	return all, err
}

// MessagingServer implements [provision.Store].
func (p provisionStore) MessagingServer(ctx context.Context, tenant, name string) (*provision.MessagingServer, []byte, error) {
	found, err := serverByName.read(ctx, p.db, tenant, name)
	if err != nil {
		return nil, nil, err
	}
	m := *found.MessagingServer
	m.KeySets = maps.Clone(m.KeySets)
	return &m, bytes.Clone(found.sealed), nil
}

// PutMessagingServer implements [provision.Store].
func (p provisionStore) PutMessagingServer(ctx context.Context, m *provision.MessagingServer, sealed []byte, e audit.Event) error {
	const add = `INSERT INTO messaging_server (` + serverColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (tenant, name) DO NOTHING`
	const change = `UPDATE messaging_server SET description = $3, url = $4, client_id = $5, lifespan = $6, timeout = $7,
		session_start = $8, key_sets = $9, version = $10, changed_ms = $11, changed_by = $12, sealed = $13
		WHERE tenant = $1 AND name = $2 AND version = $10 - 1`
	text := change
	if m.Version == 1 {
		text = add
	}
	return p.put(ctx, text, e, m.Tenant, m.Name, m.Description, m.URL, m.ClientID, inSeconds(m.Lifespan), inSeconds(m.Timeout),
		inSeconds(m.SessionStart), asJSON(m.KeySets), m.Version, ms(m.Changed), m.ChangedBy, sealed)
}

// DeleteMessagingServer implements [provision.Store].
func (p provisionStore) DeleteMessagingServer(ctx context.Context, tenant, name string, e audit.Event) error {
	return p.remove(ctx, "DELETE FROM messaging_server WHERE tenant = $1 AND name = $2", tenant, name, provision.ErrServerUnknown, e)
}
