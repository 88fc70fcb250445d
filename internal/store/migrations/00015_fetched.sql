-- When a message was fetched was written and never read.

-- +goose Up
ALTER TABLE relay_message DROP COLUMN fetched_ms;

-- +goose Down
ALTER TABLE relay_message ADD COLUMN fetched_ms BIGINT NOT NULL DEFAULT 0; -- zero: not yet
