package store

// forUpdate ends a SELECT of boxes b that are about to be changed, or added to. On
// PostgreSQL others wait for them until the end of the transaction. SQLite has one
// writer, and no such words.
func (r relayStore) forUpdate() string { return r.onPostgres(` FOR UPDATE OF b`) }

// skipLocked ends a SELECT of callbacks k that are about to be claimed. On
// PostgreSQL it leaves those that another node is claiming to that node, rather
// than waiting for them.
func (r relayStore) skipLocked() string { return r.onPostgres(` FOR UPDATE OF k SKIP LOCKED`) }

func (r relayStore) onPostgres(words string) string {
	if _, ok := r.db.engine.(*postgresEngine); ok {
		return words
	}
	return ""
}
