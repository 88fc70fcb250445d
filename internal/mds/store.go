package mds

import (
	"context"
	"crypto/sha256"
	"time"

	"bestow.dev/internal/audit"
)

// Store keeps what was verified, and when each source is checked next. Each method is
// one transaction. What they return belongs to the caller.
type Store interface {
	// Records returns what is kept of every source, without the BLOBs, by name. It is
	// cheap: every node asks each second.
	Records(ctx context.Context) ([]Record, error)

	// Add makes a record, due at once, of each source that has none.
	Add(ctx context.Context, sources []string) error

	// Material returns the BLOB that was accepted last, and all it takes to verify it
	// again. Errors: metadata.none.
	Material(ctx context.Context, source string) (*Material, error)

	// Claim makes the caller the one who checks a source, until the lease ends: it
	// numbers the claim, and puts off the next check. A claim that is followed by
	// another is void. ok is false if the source is not due at q.At, unless q.Now; or
	// if there is no such source.
	Claim(ctx context.Context, q ClaimQuery) (c Claim, ok bool, err error)

	// Accept puts a BLOB in the place of the one before, raises the version, forgets
	// failures and writes the events, if the claim is not void; else it does nothing,
	// and ok is false.
	Accept(ctx context.Context, c Claim, a Acceptance) (ok bool, err error)

	// Keep notes that the BLOB was found to be the current one, and forgets failures,
	// if the claim is not void.
	Keep(ctx context.Context, c Claim, k Kept) error

	// Fail notes that the check failed, if the claim is not void.
	Fail(ctx context.Context, c Claim, f Failure) error
}

// Record is what is kept of a source, beside its BLOB.
type Record struct {
	Source     string
	Version    int64             // rises with each BLOB that is accepted; zero: none was
	Number     uint64            // of the BLOB
	SHA256     [sha256.Size]byte // of its text
	NextUpdate time.Time         // as the BLOB says
	Accepted   time.Time         // when it was verified
	Checked    time.Time         // when it was last found to be the current one
	Validators Validators

	Next    time.Time // when the next check is due, or, while one is under way, when its lease ends
	Tries   int       // how often the check has failed since it last succeeded
	Failure Failure   // the last one, while Tries is not zero
}

// Validators are what the place of a BLOB said of it, to ask for a newer one only.
type Validators struct {
	Place        string // what gave them; at another place they mean nothing
	ETag         string
	LastModified string
}

// Material is a BLOB and what it was verified with.
type Material struct {
	Version  int64
	Accepted time.Time // when it was verified, and is to be judged again
	Text     []byte
	Chain    [][]byte // certificates from x5u, in DER, leaf first; nil: there was none
	CRLs     [][]byte // the revocation lists used, in DER
	Changes  Changes  // what it changed, which decides nothing
}

// ClaimQuery asks for a claim.
type ClaimQuery struct {
	Source string
	At     time.Time
	Lease  time.Duration
	Now    bool // whether or not the source is due
}

// Claim is the right to say how a check ended.
type Claim struct {
	Source string
	Number int64
}

// Acceptance is a BLOB that was verified.
type Acceptance struct {
	Text       []byte
	Chain      [][]byte
	CRLs       [][]byte
	Number     uint64
	SHA256     [sha256.Size]byte
	NextUpdate time.Time
	Changes    Changes
	Kept
	Events []audit.Event
}

// Kept is how a check that succeeded ended.
type Kept struct {
	At         time.Time
	Next       time.Time
	Validators Validators
}

// Failure is how a check ended that did not succeed.
type Failure struct {
	At     time.Time
	Next   time.Time // when to try again
	Code   string
	Public string // calm words for people
}
