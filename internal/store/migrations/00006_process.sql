-- Identity processes: definitions, their runs, and what runs have under way.

-- +goose Up

-- A version never changes.
CREATE TABLE process_definition (
	tenant       TEXT    NOT NULL,
	process      TEXT    NOT NULL,
	version      BIGINT  NOT NULL,
	name         TEXT    NOT NULL,
	xml          BYTEA   NOT NULL, -- as it was deployed
	digest       BYTEA   NOT NULL, -- SHA-256 of it
	self_service BOOLEAN NOT NULL,
	forced       BOOLEAN NOT NULL,
	deployed_ms  BIGINT  NOT NULL,
	actor_kind   TEXT    NOT NULL,
	actor_id     TEXT    NOT NULL,
	PRIMARY KEY (tenant, process, version)
);

CREATE TABLE process_run (
	id           TEXT   NOT NULL PRIMARY KEY,
	tenant       TEXT   NOT NULL,
	process      TEXT   NOT NULL,
	version      BIGINT NOT NULL,
	status       TEXT   NOT NULL, -- running, completed, failed, cancelled
	subject      TEXT   REFERENCES users (id) ON DELETE CASCADE, -- NULL: for nobody
	starter_kind TEXT   NOT NULL,
	starter_id   TEXT   NOT NULL,
	via          TEXT   NOT NULL,
	ref          TEXT   NOT NULL,
	start_key    TEXT,            -- what its starter calls it; NULL: nothing
	request      BYTEA  NOT NULL, -- SHA-256 of what was asked for with it
	parent       TEXT   NOT NULL, -- run that called it; empty: none
	parent_job   TEXT   NOT NULL,
	root         TEXT   NOT NULL, -- run at the top of all calls
	depth        BIGINT NOT NULL,
	state        TEXT   NOT NULL, -- JSON
	revision     BIGINT NOT NULL,
	entries      BIGINT NOT NULL, -- of its timeline
	created_ms   BIGINT NOT NULL,
	updated_ms   BIGINT NOT NULL,
	ended_ms     BIGINT NOT NULL  -- zero while it runs
);
CREATE UNIQUE INDEX process_run_by_key ON process_run (tenant, starter_kind, starter_id, start_key) WHERE start_key IS NOT NULL;
CREATE UNIQUE INDEX process_run_by_call ON process_run (parent_job) WHERE parent_job <> '';
CREATE INDEX process_run_by_time ON process_run (tenant, created_ms, id);
CREATE INDEX process_run_by_subject ON process_run (subject) WHERE subject IS NOT NULL;
CREATE INDEX process_run_by_end ON process_run (ended_ms) WHERE ended_ms > 0;

-- Rows are only added.
CREATE TABLE process_timeline (
	run_id  TEXT   NOT NULL REFERENCES process_run (id) ON DELETE CASCADE,
	seq     BIGINT NOT NULL,
	at_ms   BIGINT NOT NULL,
	kind    TEXT   NOT NULL,
	element TEXT   NOT NULL,
	token   BIGINT NOT NULL,
	flow    TEXT   NOT NULL,
	text    TEXT   NOT NULL,
	attempt BIGINT NOT NULL,
	actor   TEXT   NOT NULL,
	PRIMARY KEY (run_id, seq)
);

-- Variables that are links or codes, apart from the state, which has references to them.
CREATE TABLE process_secret (
	ref    TEXT NOT NULL PRIMARY KEY,
	run_id TEXT NOT NULL REFERENCES process_run (id) ON DELETE CASCADE, -- at the top of all calls
	value  TEXT NOT NULL  -- JSON
);
CREATE INDEX process_secret_by_run ON process_secret (run_id);

CREATE TABLE process_job (
	id         TEXT    NOT NULL PRIMARY KEY,
	tenant     TEXT    NOT NULL,
	run_id     TEXT    NOT NULL REFERENCES process_run (id) ON DELETE CASCADE,
	token      BIGINT  NOT NULL,
	element    TEXT    NOT NULL,
	kind       TEXT    NOT NULL, -- work, timer, call, return, stop
	state      TEXT    NOT NULL, -- ready, delayed, waiting, incident
	sync       BOOLEAN NOT NULL, -- whoever caused it waits for it
	due_ms     BIGINT  NOT NULL, -- when it is due, or while it is claimed, when the claim is void
	claim      BIGINT  NOT NULL, -- how often it was claimed
	claimed_by TEXT    NOT NULL, -- node; empty: none
	attempt    BIGINT  NOT NULL,
	params     TEXT    NOT NULL, -- JSON; empty: none
	wait       TEXT    NOT NULL, -- JSON; empty: it does not wait
	wait_key   TEXT    NOT NULL, -- by which news find it; empty: none do
	news       BIGINT  NOT NULL, -- how often there were any
	fault      TEXT    NOT NULL,
	created_ms BIGINT  NOT NULL
);
CREATE INDEX process_job_due ON process_job (due_ms);
CREATE INDEX process_job_by_run ON process_job (run_id, token);
CREATE INDEX process_job_by_news ON process_job (tenant, wait_key) WHERE wait_key <> '';
CREATE INDEX process_job_incident ON process_job (run_id) WHERE state = 'incident';

CREATE TABLE process_task (
	id            TEXT   NOT NULL PRIMARY KEY,
	tenant        TEXT   NOT NULL,
	run_id        TEXT   NOT NULL REFERENCES process_run (id) ON DELETE CASCADE,
	root          TEXT   NOT NULL,
	process       TEXT   NOT NULL,
	version       BIGINT NOT NULL,
	token         BIGINT NOT NULL,
	element       TEXT   NOT NULL,
	name          TEXT   NOT NULL,
	state         TEXT   NOT NULL, -- open, completed, withdrawn
	assignee      TEXT   REFERENCES users (id) ON DELETE SET NULL, -- NULL: nobody in particular
	assignee_name TEXT   NOT NULL,
	role          TEXT   NOT NULL,
	taken_by      TEXT   NOT NULL,
	form_values   TEXT   NOT NULL, -- JSON
	created_ms    BIGINT NOT NULL,
	ended_ms      BIGINT NOT NULL,
	done_by       TEXT   NOT NULL
);
CREATE INDEX process_task_open ON process_task (tenant, created_ms, id) WHERE state = 'open';
CREATE INDEX process_task_by_assignee ON process_task (assignee) WHERE assignee IS NOT NULL;
CREATE INDEX process_task_by_run ON process_task (run_id, token);

CREATE TABLE process_task_link (
	id                 TEXT   NOT NULL PRIMARY KEY,
	tenant             TEXT   NOT NULL,
	task_id            TEXT   NOT NULL REFERENCES process_task (id) ON DELETE CASCADE,
	run_id             TEXT   NOT NULL,
	user_id            TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	secret             BYTEA  NOT NULL, -- SHA-256
	created_ms         BIGINT NOT NULL,
	expires_ms         BIGINT NOT NULL,
	spent_ms           BIGINT NOT NULL, -- zero until it was opened, or replaced
	session            TEXT   NOT NULL, -- SHA-256, hexadecimal; empty: none
	session_expires_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX process_task_link_by_secret ON process_task_link (secret);
CREATE UNIQUE INDEX process_task_link_by_session ON process_task_link (session) WHERE session <> '';
CREATE INDEX process_task_link_by_task ON process_task_link (task_id);
CREATE INDEX process_task_link_by_user ON process_task_link (user_id);

-- +goose Down
DROP TABLE process_task_link;
DROP TABLE process_task;
DROP TABLE process_job;
DROP TABLE process_secret;
DROP TABLE process_timeline;
DROP TABLE process_run;
DROP TABLE process_definition;
