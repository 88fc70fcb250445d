package store

import (
	"context"
	"strings"

	"bestow.dev/internal/process"
)

// skipLocked ends a SELECT of jobs j that are about to be claimed. On PostgreSQL it
// leaves those that another node is claiming to that node, rather than waiting for them.
// SQLite has one writer, and no such words.
func (p processStore) skipLocked() string {
	return relayStore(p).onPostgres(` FOR UPDATE OF j SKIP LOCKED`)
}

// HasRoom implements [process.Store]. On SQLite every other writer waits meanwhile.
func (p processStore) HasRoom(ctx context.Context) bool {
	_, ok := p.db.engine.(*postgresEngine)
	return ok && p.Begun(ctx)
}

// addEntries is that of all engines in one statement.
func (p *pipe) addEntries(entries []process.Entry, c count) error {
	n := len(c.args)
	text := `WITH counted AS (` + c.text + ` RETURNING id, entries),
		added AS (INSERT INTO process_timeline (run_id, seq, ` + entryColumns + `)
			SELECT c.id, c.entries, ` + placeholders(n+1, n+9) + ` FROM counted c)
		SELECT `
	return p.later(statement{
		text: text + "1 FROM counted", failing: text + "1 / count(*) FROM counted", args: entryArgs(c.args, entries), must: c.refusal,
	})
}

// placeholders are $first to $last.
func placeholders(first, last int) string {
	text := strings.TrimPrefix(rowsOf(1, last-first+1, first-1), "(")
	return strings.TrimSuffix(text, ")")
}
