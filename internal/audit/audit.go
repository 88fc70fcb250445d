// Package audit says who did what to which credential.
//
// An [Event] is written in the same transaction as the change it tells of: no
// event, no change. The events of a tenant form a hash chain, so that a row that
// was altered, removed or slipped in afterwards is found by [Chain.Add].
//
// Events name users by our own opaque identifiers only. Erasing a person removes
// what those identifiers point to and leaves the chain whole. What else may tell of a
// person stays: the network address of a desk, and whom an API client claims to act
// for.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ActorKind says what sort of party acted.
type ActorKind string

// The kinds of actor.
const (
	Client   ActorKind = "client"   // an API client of a front
	Operator ActorKind = "operator" // a person who administers, or the local user of the command line
	User     ActorKind = "user"     // the person a credential belongs to, in a browser
	Device   ActorKind = "device"   // a desktop agent
	System   ActorKind = "system"   // Bestow itself: deadlines, purges
	Process  ActorKind = "process"  // a run of an identity process
)

// Actor is the party that acted.
type Actor struct {
	Kind ActorKind
	ID   string
}

// String returns the actor as kind:id.
func (a Actor) String() string { return string(a.Kind) + ":" + a.ID }

// Event is one line of the audit trail. Seq, Prev and Hash are set when it is
// stored; a domain package fills in the rest.
type Event struct {
	Tenant       string
	Seq          int64     // 1 for a tenant's first event; no gaps
	Time         time.Time // millisecond precision, UTC
	Action       string    // what happened, such as "credential.registered"
	Actor        Actor
	OnBehalfOf   string // user id, when the actor is not that user
	Claimed      string // what an API client says about its own operator; not verified
	Via          string // the front it came through, such as "digitalaccess" or "cli"
	Ref          string // process, command or request id
	RelyingParty string
	User         string // user id
	Credential   string // our id of the credential
	Outcome      string // "ok", or the code of the refusal
	Detail       map[string]string
	Prev, Hash   [sha256.Size]byte
}

// OK is the Outcome of an event that tells of a success.
const OK = "ok"

// Seal sets the event's place in its tenant's chain. prev is the hash of the
// event before it, all zero for the first.
func (e *Event) Seal(seq int64, prev [sha256.Size]byte) {
	e.Seq = seq
	e.Prev = prev
	e.Hash = e.sum()
}

// sum hashes every member but Hash, each preceded by its length, so that no two
// different events have the same bytes.
func (e *Event) sum() [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	text := func(s string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	h.Write(e.Prev[:])
	number(e.Seq)
	number(e.Time.UnixMilli())
	for _, s := range []string{
		"bestow-audit/1", e.Tenant, e.Action, string(e.Actor.Kind), e.Actor.ID, e.OnBehalfOf,
		e.Claimed, e.Via, e.Ref, e.RelyingParty, e.User, e.Credential, e.Outcome,
	} {
		text(s)
	}
	number(int64(len(e.Detail)))
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		text(k)
		text(e.Detail[k])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Chain checks a tenant's events as they are read in order. Its zero value
// expects the first event. It is for one goroutine.
type Chain struct {
	seq  int64
	head [sha256.Size]byte
}

// Add checks that e follows the events added before it. The error says which
// event is wrong and how.
func (c *Chain) Add(e *Event) error {
	switch {
	case e.Seq != c.seq+1:
		return fmt.Errorf("event %d follows %d: rows are missing or out of order", e.Seq, c.seq)
	case e.Prev != c.head:
		return fmt.Errorf("event %d does not continue event %d", e.Seq, c.seq)
	case e.sum() != e.Hash:
		return fmt.Errorf("event %d was altered", e.Seq)
	}
	c.seq, c.head = e.Seq, e.Hash
	return nil
}

// Head returns the number of the last event added and its hash; zero for none.
// Who writes the head down elsewhere can tell later that the end was not cut off.
func (c *Chain) Head() (seq int64, hash [sha256.Size]byte) { return c.seq, c.head }

// Query selects events of one tenant, oldest first.
type Query struct {
	Tenant       string
	After        int64  // only events with a higher number; zero starts at the first
	Action       string // exact, or a prefix that ends in "."; empty for all
	User         string // empty for all
	Credential   string // empty for all
	RelyingParty string // empty for all
	Refused      bool   // only those whose outcome is not OK
	Since, Until time.Time
	Limit        int  // zero means 100; at most 1000
	Newest       bool // newest first; After then means before
}

// Store reads the trail. Writing is part of every other store's use cases.
type Store interface {
	// AuditEvents returns the events that q selects.
	AuditEvents(ctx context.Context, q Query) ([]Event, error)
	// AuditHead returns the stored head of a tenant's chain; zero for none.
	AuditHead(ctx context.Context, tenant string) (seq int64, hash [sha256.Size]byte, err error)
}
