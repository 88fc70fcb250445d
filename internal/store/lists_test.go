package store

import (
	"path/filepath"
	"strings"
	"testing"
)

// Lists of processes are read in their order from an index of what is on them: whoever
// has one task does not look at those of ten thousand others.
func TestListsHaveAnIndex(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "bestow.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for where, index := range map[string]string{
		"process_run t WHERE t.tenant = $1 AND t.subject = $2 ORDER BY t.created_ms DESC, t.id DESC":              "process_run_by_subject (subject=? AND tenant=?)",
		"process_task t WHERE t.tenant = $1 AND t.state = 'open' AND t.assignee = $2 ORDER BY t.created_ms, t.id": "process_task_by_assignee (assignee=? AND tenant=? AND state=?)",
		"process_task t WHERE t.tenant = $1 AND t.state = 'open' AND t.run_id = $2 ORDER BY t.created_ms, t.id":   "process_task_by_run (run_id=? AND tenant=? AND state=?)",
		"process_task t WHERE t.tenant = $1 AND t.state = 'open' AND t.role = $2 ORDER BY t.created_ms, t.id":     "process_task_by_role (tenant=? AND role=?)",
		"process_task t WHERE t.tenant = $1 AND t.state = 'open' AND $2 = $2 ORDER BY t.created_ms, t.id":         "process_task_open (tenant=?)",
	} {
		var id, parent, zero int
		var plan string
		row := db.engine.(*sqliteEngine).readers.QueryRow("EXPLAIN QUERY PLAN SELECT * FROM "+where+" LIMIT 100", "acme", "x")
		if err := row.Scan(&id, &parent, &zero, &plan); err != nil || !strings.HasSuffix(plan, "USING INDEX "+index) {
			t.Errorf("%s: %s (%v), want %s", where, plan, err, index)
		}
	}
}
