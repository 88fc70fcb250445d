-- One text for SQLite and PostgreSQL. Types: BIGINT, TEXT, BOOLEAN and BYTEA
-- only; SQLite takes BYTEA as a name without meaning and keeps a blob a blob.
-- Times are milliseconds since 1970 in columns that end in _ms, zero for none;
-- JSON is TEXT. No deferred constraints: one item's would fail the COMMIT of all
-- that share it.

-- +goose Up
CREATE TABLE audit_head (
	tenant TEXT   NOT NULL PRIMARY KEY,
	seq    BIGINT NOT NULL,
	hash   BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE audit_head;
