package store

// skipLocked ends a subquery whose rows are about to be changed. On PostgreSQL it
// leaves those that another node is changing to that node, rather than waiting for
// them. SQLite has one writer, and no such words.
func (r relayStore) skipLocked() string {
	if _, ok := r.db.engine.(*postgresEngine); ok {
		return ` FOR UPDATE OF k SKIP LOCKED`
	}
	return ""
}
