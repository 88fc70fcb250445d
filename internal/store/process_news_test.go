package store

import (
	"context"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store/pgtest"
)

// News that come while another node is claiming the job reach it, whether they claim it
// themselves if they can or not.
func TestNewsBesideClaim(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	for name, lease := range map[string]*process.JobLease{"told": nil, "claimed": {Node: "a", Until: at.Add(time.Minute)}} {
		t.Run(name, func(t *testing.T) {
			db := openNode(t, pgtest.URL(t))
			const run = `INSERT INTO process_run (id, tenant, process, version, status, starter_kind, starter_id, via, ref,
				request, parent, parent_job, root, depth, state, revision, entries, created_ms, updated_ms, ended_ms)
				VALUES ('r', 'acme', 'p', 1, 'running', 'client', 'c', '', '', $1, '', '', 'r', 0, '{}', 1, 0, 1, 1, 0)`
			const job = `INSERT INTO process_job (` + jobColumns + `, wait_key)
				VALUES ('j', 'acme', 'r', 1, 'e', 'work', 'waiting', FALSE, $1, 1, '', 0, '', '{}', 0, '', 1, 'k')`
			if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
				if _, err := q.Exec(ctx, run, make([]byte, 32)); err != nil {
					return err
				}
				_, err := q.Exec(ctx, job, ms(at))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			told := make(chan error, 1)
			var claimed []process.Job
			if err := db.InTx(t.Context(), func(ctx context.Context) (err error) {
				claimed, err = db.Process().ClaimJobs(ctx, process.JobQuery{At: at, Lease: time.Minute, Node: "b", Limit: 9})
				go func() {
					_, err := db.Process().News(context.Background(), process.News{
						Tenant: "acme", Key: "k", At: at, Lease: lease, Claimed: func([]process.Job) { t.Error("it was claimed twice") },
					})
					told <- err
				}()
				waitUntil(t, func() bool {
					const waits = `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NULL AND pid <> pg_backend_pid()`
					var n int
					err := db.engine.(*postgresEngine).pool.QueryRow(waits).Scan(&n)
					return err != nil || n > 0
				})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := <-told; err != nil {
				t.Fatal(err)
			}
			j, err := db.Process().Job(t.Context(), "acme", "j")
			if err != nil || len(claimed) != 1 || claimed[0].News != 0 || j.News != 1 || j.ClaimedBy != "b" {
				t.Errorf("claimed %+v, and then the job is %+v (%v): want one without news, and b's with one", claimed, j, err)
			}
		})
	}
}
