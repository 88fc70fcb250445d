package store

// skipLocked ends a SELECT of jobs j that are about to be claimed. On PostgreSQL it
// leaves those that another node is claiming to that node, rather than waiting for them.
// SQLite has one writer, and no such words.
func (p processStore) skipLocked() string {
	return relayStore(p).onPostgres(` FOR UPDATE OF j SKIP LOCKED`)
}
