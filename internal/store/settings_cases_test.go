package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
)

// settingCase is a setting that is remembered, and all ways to change it.
type settingCase struct {
	name    string
	read    func(ctx context.Context, db *DB) (string, error)
	behind  string // changes it, unseen by the store
	changes []func(ctx context.Context, db *DB) error
}

func settingEvent(action string) audit.Event {
	return audit.Event{Tenant: "acme", Time: time.UnixMilli(1), Action: action, Outcome: audit.OK}
}

func putConnection(version int64) func(ctx context.Context, db *DB) error {
	return func(ctx context.Context, db *DB) error {
		c := &provision.Connection{Tenant: "acme", Name: "a", Version: version}
		return db.Provision().PutConnection(ctx, c, []byte{byte(version)}, settingEvent("put"))
	}
}

func readConnection(ctx context.Context, db *DB) (string, error) {
	c, sealed, err := db.Provision().Connection(ctx, "acme", "a")
	if errors.Is(err, provision.ErrConnectionUnknown) {
		return "none", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprint(c.Version, c.URL, sealed), nil
}

func putServer(version int64) func(ctx context.Context, db *DB) error {
	return func(ctx context.Context, db *DB) error {
		m := &provision.MessagingServer{Tenant: "acme", Name: "a", Version: version}
		return db.Provision().PutMessagingServer(ctx, m, nil, settingEvent("put"))
	}
}

func putRP(id, name string) func(ctx context.Context, db *DB) error {
	return func(ctx context.Context, db *DB) error {
		rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: id, Name: name})
		if err != nil {
			return err
		}
		return db.PutRelyingParty(ctx, rp, settingEvent("put"))
	}
}

func deploy(text string) func(ctx context.Context, db *DB) error {
	return func(ctx context.Context, db *DB) error {
		v := &process.Version{Tenant: "acme", Key: "p", XML: []byte(text), Digest: sha256.Sum256([]byte(text))}
		_, _, err := db.Process().AddDefinition(ctx, v, func(*process.Version) audit.Event { return settingEvent("deployed") })
		return err
	}
}

// tellAndCount tells webhooks of an event, and returns for how many it was made a delivery.
func tellAndCount(ctx context.Context, db *DB) (string, error) {
	var n int
	err := db.InTx(ctx, func(ctx context.Context) error {
		events := []webhook.Event{{ID: rand.Text(), Type: "run.started", Tenant: "acme", Time: time.UnixMilli(1)}}
		if err := db.Webhooks().Tell(ctx, events); err != nil {
			return err
		}
		return db.read(ctx, func(ctx context.Context, q tx) error {
			return q.QueryRow(ctx, "SELECT count(*) FROM webhook_delivery WHERE id = $1", events[0].ID).Scan(&n)
		})
	})
	return fmt.Sprint(n), err
}

var settingCases = []settingCase{
	{
		"connection", readConnection, "UPDATE connection SET url = 'behind'",
		[]func(context.Context, *DB) error{putConnection(1), putConnection(2), func(ctx context.Context, db *DB) error {
			return db.Provision().DeleteConnection(ctx, "acme", "a", settingEvent("gone"))
		}},
	},
	{
		"messaging server", func(ctx context.Context, db *DB) (string, error) {
			m, _, err := db.Provision().MessagingServer(ctx, "acme", "a")
			if errors.Is(err, provision.ErrServerUnknown) {
				return "none", nil
			}
			if err != nil {
				return "", err
			}
			return fmt.Sprint(m.Version, m.URL), nil
		}, "UPDATE messaging_server SET url = 'behind'",
		[]func(context.Context, *DB) error{putServer(1), putServer(2), func(ctx context.Context, db *DB) error {
			return db.Provision().DeleteMessagingServer(ctx, "acme", "a", settingEvent("gone"))
		}},
	},
	{
		"relying parties", func(ctx context.Context, db *DB) (text string, err error) {
			all, err := db.RelyingParties(ctx, "acme")
			for _, rp := range all {
				text += fmt.Sprint(rp.ID, rp.Name, rp.Changed)
			}
			return text, err
		}, "UPDATE relying_party SET changed_ms = 77",
		[]func(context.Context, *DB) error{
			putRP("a.example", "A"), putRP("a.example", "B"), putRP("b.example", "B"),
			func(ctx context.Context, db *DB) error {
				return db.DeleteRelyingParty(ctx, "acme", "a.example", settingEvent("gone"))
			},
		},
	},
	{
		"newest definition", func(ctx context.Context, db *DB) (string, error) {
			v, err := db.Process().Newest(ctx, "acme", "p")
			if errors.Is(err, process.ErrDefinitionUnknown) {
				return "none", nil
			}
			if err != nil {
				return "", err
			}
			return fmt.Sprint(v.Version, v.Name), nil
		}, "UPDATE process_definition SET name = 'behind'",
		[]func(context.Context, *DB) error{deploy("one"), deploy("two")},
	},
	{
		"no webhook", tellAndCount,
		`INSERT INTO webhook_endpoint (` + endpointColumns + `, sealed, sealed_before, until_ms, claim, lease_ms)
			VALUES ('acme', 'behind', 'behind', '', '', '["*"]', FALSE, 1, 1, 1, '', '', NULL, 0, 0, 0)`,
		[]func(context.Context, *DB) error{
			func(ctx context.Context, db *DB) error {
				e := &webhook.Endpoint{Tenant: "acme", Name: "a", ID: "a", Events: []string{"*"}, Version: 1}
				return db.Webhooks().AddEndpoint(ctx, e, []byte("sealed"), settingEvent("webhook.added"))
			},
			func(ctx context.Context, db *DB) error {
				return db.Webhooks().DeleteEndpoint(ctx, "acme", "a", settingEvent("webhook.deleted"))
			},
		},
	},
}

// openConfig opens a database that remembers settings, whichever it is.
func openConfig(t *testing.T, c Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	db.settings.life = settingsLife
	t.Cleanup(func() { db.Close() })
	return db
}

// alone stops the clock of what db remembers and has it hear no wake-up, those included that
// PostgreSQL's first connection makes. It returns how the clock is moved.
func alone(db *DB) (move func(time.Duration)) {
	now := time.Now()
	db.settings.now = func() time.Time { return now }
	db.settings.woken = nil
	return func(d time.Duration) { now = now.Add(d) }
}

// reading returns what c reads from db now.
func (c *settingCase) reading(t *testing.T, ctx context.Context, db *DB) string {
	t.Helper()
	got, err := c.read(ctx, db)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return got
}

// change has a setting changed in one way.
func (c *settingCase) change(t *testing.T, ctx context.Context, db *DB, i int) {
	t.Helper()
	if err := c.changes[i](ctx, db); err != nil {
		t.Fatalf("%s, change %d: %v", c.name, i, err)
	}
}

// eachSetting runs fn for each setting, in a new database of each engine.
func eachSetting(t *testing.T, fn func(t *testing.T, c *settingCase, db *DB)) {
	for i := range settingCases {
		c := &settingCases[i]
		t.Run(c.name, func(t *testing.T) {
			eachConfig(t, func(t *testing.T, config Config) { fn(t, c, openConfig(t, config)) })
		})
	}
}
