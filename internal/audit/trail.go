package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MarshalJSON writes e with RFC 3339 times in milliseconds and hexadecimal hashes,
// which is the form of [Export].
func (e Event) MarshalJSON() ([]byte, error) {
	type actor struct {
		Kind ActorKind `json:"kind"`
		ID   string    `json:"id"`
	}
	return json.Marshal(struct {
		Tenant       string            `json:"tenant"`
		Seq          int64             `json:"seq"`
		Time         string            `json:"time"`
		Action       string            `json:"action"`
		Actor        actor             `json:"actor"`
		OnBehalfOf   string            `json:"onBehalfOf,omitempty"`
		Claimed      string            `json:"claimed,omitempty"`
		Via          string            `json:"via,omitempty"`
		Ref          string            `json:"ref,omitempty"`
		RelyingParty string            `json:"relyingParty,omitempty"`
		User         string            `json:"user,omitempty"`
		Credential   string            `json:"credential,omitempty"`
		Outcome      string            `json:"outcome"`
		Detail       map[string]string `json:"detail,omitempty"`
		Prev         string            `json:"prev"`
		Hash         string            `json:"hash"`
	}{
		Tenant: e.Tenant, Seq: e.Seq, Time: e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Action: e.Action,
		Actor: actor(e.Actor), OnBehalfOf: e.OnBehalfOf, Claimed: e.Claimed, Via: e.Via, Ref: e.Ref,
		RelyingParty: e.RelyingParty, User: e.User, Credential: e.Credential, Outcome: e.Outcome, Detail: e.Detail,
		Prev: hex.EncodeToString(e.Prev[:]), Hash: hex.EncodeToString(e.Hash[:]),
	})
}

// page is how many events are read at once.
const page = 1000

// All walks a tenant's trail from its first event to its last.
func All(ctx context.Context, store Store, tenant string) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		q := Query{Tenant: tenant, Limit: page}
		for {
			events, err := store.AuditEvents(ctx, q)
			if err != nil {
				yield(nil, fmt.Errorf("read events after %d: %w", q.After, err))
				return
			}
			for i := range events {
				if !yield(&events[i], nil) {
					return
				}
			}
			if len(events) < page {
				return
			}
			q.After = events[len(events)-1].Seq
		}
	}
}

// Export writes a tenant's trail, one JSON object a line, oldest first.
func Export(ctx context.Context, store Store, tenant string, w io.Writer) error {
	enc := json.NewEncoder(w)
	for e, err := range All(ctx, store, tenant) {
		if err != nil {
			return err
		}
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("write event %d: %w", e.Seq, err)
		}
	}
	return nil
}

// ErrBroken says that a trail is not as it was written.
var ErrBroken = errors.New("the audit trail is broken")

// Verify walks a tenant's trail and returns the number and hash of its last event.
// The error is [ErrBroken], with where and how, if an event was altered, removed or
// slipped in, or if the trail does not end where its stored head says.
func Verify(ctx context.Context, store Store, tenant string) (seq int64, hash [sha256.Size]byte, err error) {
	// The head is read first: events that arrive meanwhile only lie behind it.
	seq, hash, err = store.AuditHead(ctx, tenant)
	if err != nil {
		return 0, hash, err
	}
	var chain Chain
	met := seq == 0
	for e, err := range All(ctx, store, tenant) {
		if err != nil {
			return 0, hash, err
		}
		if err := chain.Add(e); err != nil {
			return 0, hash, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if e.Seq == seq {
			met = e.Hash == hash
		}
	}
	if !met {
		return 0, hash, fmt.Errorf("%w: it does not hold event %d, which its head names", ErrBroken, seq)
	}
	seq, hash = chain.Head()
	return seq, hash, nil
}

var _ json.Marshaler = Event{}
