-- The metadata of authenticator models: what was verified of each source, and when it
-- is checked next. The text of a list, which has megabytes, stands in a table of its
-- own, so that those who ask each second what is new never touch it.

-- +goose Up
CREATE TABLE metadata_source (
	source         TEXT   NOT NULL PRIMARY KEY,
	version        BIGINT NOT NULL, -- rises with each list that is accepted; zero: none yet
	number         BIGINT NOT NULL, -- of the list: 64 bits, those above 2^63 as negative ones
	sha256         BYTEA,           -- of its text; NULL: none yet
	next_update_ms BIGINT NOT NULL, -- as the list says; zero: unsaid
	accepted_ms    BIGINT NOT NULL, -- when it was verified, and is to be judged again
	checked_ms     BIGINT NOT NULL, -- when it was last found to be the current one
	place          TEXT   NOT NULL, -- digest of where the validators come from
	etag           TEXT   NOT NULL,
	last_modified  TEXT   NOT NULL,
	next_ms        BIGINT NOT NULL, -- when a check is due, or while it is claimed, when the claim ends
	claim          BIGINT NOT NULL, -- how often it was claimed
	tries          BIGINT NOT NULL, -- how often the check has failed in a row
	failed_ms      BIGINT NOT NULL, -- these three: of the last failure
	failure_code   TEXT   NOT NULL,
	failure        TEXT   NOT NULL
);

CREATE TABLE metadata_blob (
	source  TEXT  NOT NULL PRIMARY KEY REFERENCES metadata_source (source) ON DELETE CASCADE,
	text    BYTEA NOT NULL,
	chain   TEXT  NOT NULL, -- JSON: certificates from x5u
	crls    TEXT  NOT NULL, -- JSON: the revocation lists it was verified with
	changes TEXT  NOT NULL  -- JSON: what it changed
);

-- +goose Down
DROP TABLE metadata_blob;
DROP TABLE metadata_source;
