-- The lists of processes, each in its order, without a look at what is not on them: the
-- runs of one user, the open tasks of one person, of one role, of one run.

-- +goose Up
DROP INDEX process_run_by_subject;
CREATE INDEX process_run_by_subject ON process_run (subject, tenant, created_ms, id) WHERE subject IS NOT NULL;
DROP INDEX process_task_by_assignee;
CREATE INDEX process_task_by_assignee ON process_task (assignee, tenant, state, created_ms, id) WHERE assignee IS NOT NULL;
DROP INDEX process_task_by_run;
CREATE INDEX process_task_by_run ON process_task (run_id, tenant, state, created_ms, id);
CREATE INDEX process_task_by_role ON process_task (tenant, role, created_ms, id) WHERE state = 'open';

-- +goose Down
DROP INDEX process_task_by_role;
DROP INDEX process_task_by_run;
CREATE INDEX process_task_by_run ON process_task (run_id, token);
DROP INDEX process_task_by_assignee;
CREATE INDEX process_task_by_assignee ON process_task (assignee) WHERE assignee IS NOT NULL;
DROP INDEX process_run_by_subject;
CREATE INDEX process_run_by_subject ON process_run (subject) WHERE subject IS NOT NULL;
