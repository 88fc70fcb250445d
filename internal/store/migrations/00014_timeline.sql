-- A step's entries of a timeline are one row. seq is the number of the row's last entry.

-- +goose Up
ALTER TABLE process_timeline ADD COLUMN more TEXT NOT NULL DEFAULT ''; -- JSON: the entries after the row's first; empty: none

-- +goose Down
ALTER TABLE process_timeline DROP COLUMN more;
