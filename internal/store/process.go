package store

import (
	"context"
	"database/sql"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
)

// processStore is a database as identity processes see it. It has a type of its own
// because their words, such as task and run, mean other things elsewhere.
type processStore struct{ db *DB }

var _ process.Store = processStore{}

// Process returns the database as the store of identity processes.
func (db *DB) Process() process.Store {
	if db.stop != nil {
		return db.stop
	}
	return processStore{db}
}

// Begun implements [process.Store].
func (p processStore) Begun(ctx context.Context) bool { return p.db.unit(ctx).hasBegun() }

// Together implements [process.Store].
func (p processStore) Together(ctx context.Context, fn func(ctx context.Context) error) error {
	return p.db.Together(ctx, fn)
}

// wakeJobs tells the nodes that there may be a job to do, after COMMIT.
func (p processStore) wakeJobs(ctx context.Context) {
	p.db.onCommit(ctx, func() { p.db.hub.Wake(process.WakeJobs) })
}

// wakeForJobs is wakeJobs once it is known that a statement has changed jobs.
func (p processStore) wakeForJobs(ctx context.Context) func(changed int64) {
	return func(changed int64) {
		if changed > 0 {
			p.wakeJobs(ctx)
		}
	}
}

// wakeRun wakes those who wait for a run to change, after COMMIT.
func (p processStore) wakeRun(ctx context.Context, run string) {
	p.db.onCommit(ctx, func() { p.db.hub.Wake(process.WakeRun + run) })
}

const definitionColumns = `d.tenant, d.process, d.version, d.name, d.digest, d.self_service, d.forced, d.deployed_ms, d.actor_kind, d.actor_id`

func definitionDest(v *process.Version) []any {
	return []any{
		&v.Tenant, &v.Key, &v.Version, &v.Name, scanHash(&v.Digest), &v.SelfService, &v.Forced,
		scanMS(&v.Deployed), &v.DeployedBy.Kind, &v.DeployedBy.ID,
	}
}

// definitionAttempts is how often a version's number is tried: another node may take it.
const definitionAttempts = 8

var errNoVersion = errors.New("store: no free version of a definition was found")

// AddDefinition implements [process.DefinitionStore].
func (p processStore) AddDefinition(ctx context.Context, v *process.Version, e func(*process.Version) audit.Event) (*process.Version, bool, error) {
	var (
		stored *process.Version
		added  bool
	)
	err := p.db.write(ctx, func(ctx context.Context, q tx) error {
		for range definitionAttempts {
			newest, err := readDefinition(ctx, q, v.Tenant, v.Key, 0)
			next := 1
			switch {
			case err == nil:
				if newest.Digest == v.Digest && newest.SelfService == v.SelfService {
					stored, added = newest, false
					return nil
				}
				next = newest.Version + 1
			case !errors.Is(err, process.ErrDefinitionUnknown):
				return err
			}
			made := *v
			made.Version = next
			inserted, err := insertDefinition(ctx, q, &made)
			if err != nil {
				return err
			}
			if inserted {
				p.db.changesSettings(ctx)
				stored, added = &made, true
				return appendAudit(ctx, q, e(&made))
			}
		}
		return errNoVersion
	})
	return stored, added, err
}

// insertDefinition reports false if the version is taken.
func insertDefinition(ctx context.Context, q tx, v *process.Version) (bool, error) {
	const text = `INSERT INTO process_definition (tenant, process, version, name, xml, digest, self_service, forced, deployed_ms, actor_kind, actor_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`
	n, err := q.Exec(ctx, text, v.Tenant, v.Key, v.Version, v.Name, v.XML, v.Digest[:], v.SelfService, v.Forced,
		ms(v.Deployed), v.DeployedBy.Kind, v.DeployedBy.ID)
	return n == 1, err
}

// Definition implements [process.DefinitionStore].
func (p processStore) Definition(ctx context.Context, tenant, key string, version int) (*process.Version, error) {
	var v *process.Version
	err := p.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		v, err = readDefinition(ctx, q, tenant, key, version)
		return err
	})
	return v, err
}

func readDefinition(ctx context.Context, q tx, tenant, key string, version int) (*process.Version, error) {
	const text = `SELECT ` + definitionColumns + `, d.xml FROM process_definition d
		WHERE d.tenant = $1 AND d.process = $2 AND ($3 = 0 OR d.version = $3) ORDER BY d.version DESC LIMIT 1`
	v := new(process.Version)
	err := q.QueryRow(ctx, text, tenant, key, version).Scan(append(definitionDest(v), &v.XML)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, process.ErrDefinitionUnknown
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Newest implements [process.DefinitionStore].
func (p processStore) Newest(ctx context.Context, tenant, key string) (*process.Version, error) {
	v, err := recall(ctx, p.db, setting{aNewestDefinition, tenant, key}, func(ctx context.Context) (v process.Version, err error) {
		found, err := p.definitions(ctx, `WHERE d.tenant = $1 AND d.process = $2 ORDER BY d.version DESC LIMIT 1`, tenant, key)
		if err != nil {
			return v, err
		}
		if len(found) == 0 {
			return v, process.ErrDefinitionUnknown
		}
		return found[0], nil
	})
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// Definitions implements [process.DefinitionStore].
func (p processStore) Definitions(ctx context.Context, tenant string) ([]process.Version, error) {
	return p.definitions(ctx, `WHERE d.tenant = $1 AND d.version = (SELECT MAX(n.version) FROM process_definition n
		WHERE n.tenant = d.tenant AND n.process = d.process) ORDER BY d.process`, tenant)
}

// Versions implements [process.DefinitionStore].
func (p processStore) Versions(ctx context.Context, tenant, key string) ([]process.Version, error) {
	return p.definitions(ctx, `WHERE d.tenant = $1 AND d.process = $2 ORDER BY d.version DESC`, tenant, key)
}

func (p processStore) definitions(ctx context.Context, where string, args ...any) ([]process.Version, error) {
	var all []process.Version
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, `SELECT `+definitionColumns+` FROM process_definition d `+where, args...)
		all, err = collect(rows, err, func(rows *sql.Rows) (v process.Version, err error) {
			return v, rows.Scan(definitionDest(&v)...)
		})
		return err
	})
	return all, err
}

// people is a database as the users that processes know.
type people struct{ db *DB }

// People returns the users as processes know them.
func (db *DB) People() process.People { return people{db} }

// PersonByID implements [process.People].
func (p people) PersonByID(ctx context.Context, tenant, id string) (process.Person, bool, error) {
	return p.person(ctx, tenant, credential.UserRef{ID: credential.UserID(id)})
}

// PersonByName implements [process.People].
func (p people) PersonByName(ctx context.Context, tenant, name string) (process.Person, bool, error) {
	return p.person(ctx, tenant, credential.UserRef{Name: cleanText(name)})
}

func (p people) person(ctx context.Context, tenant string, ref credential.UserRef) (process.Person, bool, error) {
	u, err := p.db.User(ctx, tenant, ref)
	if errors.Is(err, credential.ErrUserUnknown) {
		return process.Person{}, false, nil
	}
	if err != nil {
		return process.Person{}, false, err
	}
	return process.Person{ID: string(u.ID), Name: u.Name}, true, nil
}
