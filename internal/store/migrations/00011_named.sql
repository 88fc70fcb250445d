-- Clients that say who they are by a secret alone, and the names by which callers' own
-- people are shown.

-- +goose Up
CREATE INDEX client_key_by_hash ON client_key (hash);

-- The user name that the caller gave with the newest credential: for people to read, and
-- no key. Empty: the login name.
ALTER TABLE users ADD COLUMN shown_name TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE users DROP COLUMN shown_name;
DROP INDEX client_key_by_hash;
