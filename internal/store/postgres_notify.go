package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	channelText   = `'bestow_wake_' || current_schema()::regnamespace::oid::text`
	notifyEvery   = 20 * time.Millisecond
	notifyBytes   = 7900            // PostgreSQL's limit is 8000
	notifyTimeout = 5 * time.Second // for one NOTIFY
	relisten      = time.Second     // between attempts to connect
)

// carrier brings wake-ups to the other nodes and theirs to this one, through LISTEN
// and NOTIFY.
//
// The keys of some twenty milliseconds go out as one NOTIFY, outside any other
// transaction: PostgreSQL serialises the commits of transactions that notify, so
// one NOTIFY per command would slow all commands down. The channel is the schema's
// (channelText, in SQL), since those of another one in the same database have nothing
// to tell.
type carrier struct {
	node   string // so that a node does not wake itself a second time
	config *pgx.ConnConfig
	pool   *sql.DB
	hub    *Hub
	log    *slog.Logger

	mu      sync.Mutex
	pending map[string]struct{}
	kick    chan struct{}

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newCarrier(config *pgx.ConnConfig, pool *sql.DB, h *Hub, log *slog.Logger) *carrier {
	ctx, cancel := context.WithCancel(context.Background())
	c := &carrier{
		node: rand.Text(), config: config, pool: pool, hub: h, log: log,
		pending: make(map[string]struct{}), kick: make(chan struct{}, 1), cancel: cancel,
	}
	c.done.Go(func() { c.listen(ctx) })
	c.done.Go(func() { c.notify(ctx) })
	return c
}

func (c *carrier) close() {
	c.cancel()
	c.done.Wait()
}

// send has key told to the other nodes soon. It does not block.
func (c *carrier) send(key string) {
	c.mu.Lock()
	c.pending[key] = struct{}{}
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// notify sends what is pending, at most once every notifyEvery.
func (c *carrier) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.kick:
		}
		for _, payload := range c.payloads() {
			c.notifyOne(ctx, payload)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(notifyEvery):
		}
	}
}

func (c *carrier) notifyOne(ctx context.Context, payload string) {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	if err := hint(ctx, c.pool, "SELECT pg_notify("+channelText+", $1)", payload); err != nil && ctx.Err() == nil {
		c.log.Warn("wake-up of the other nodes was lost", "error", err)
	}
}

// payloads takes what is pending: the node and its keys, one a line, in as few
// texts as fit. A key that cannot be sent as it is becomes "*", which wakes all.
func (c *carrier) payloads() []string {
	c.mu.Lock()
	keys := c.pending
	c.pending = make(map[string]struct{}, len(keys))
	c.mu.Unlock()

	var all []string
	text := c.node
	for key := range keys {
		if key == "" || len(key) > notifyBytes/2 || strings.ContainsAny(key, "\n\x00") {
			key = "*"
		}
		if len(text)+1+len(key) > notifyBytes {
			all = append(all, text)
			text = c.node
		}
		text += "\n" + key
	}
	if len(keys) > 0 {
		all = append(all, text)
	}
	return all
}

// listen hears the other nodes until ctx ends. After a lost connection everyone is
// woken once, since what was said meanwhile is gone.
func (c *carrier) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("notification connection was lost; wake-ups from other nodes are late until it is back", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(relisten):
		}
	}
}

func (c *carrier) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, c.config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var channel string
	if err := conn.QueryRow(ctx, "SELECT "+channelText).Scan(&channel); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	c.hub.wakeAll()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		c.hear(n.Payload)
	}
}

func (c *carrier) hear(payload string) {
	node, keys, _ := strings.Cut(payload, "\n")
	if node == c.node {
		return
	}
	for key := range strings.SplitSeq(keys, "\n") {
		if key == "*" {
			c.hub.wakeAll()
			return
		}
		c.hub.wakeHere(key)
	}
}
