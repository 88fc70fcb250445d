-- The runs of one user, the newest first, without a look at those of all others.

-- +goose Up
DROP INDEX process_run_by_subject;
CREATE INDEX process_run_by_subject ON process_run (subject, tenant, created_ms, id) WHERE subject IS NOT NULL;

-- +goose Down
DROP INDEX process_run_by_subject;
CREATE INDEX process_run_by_subject ON process_run (subject) WHERE subject IS NOT NULL;
