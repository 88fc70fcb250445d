package mds

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
)

const (
	// leaseTime bounds a check. After it another node may begin one.
	leaseTime = 10 * time.Minute

	// A check that failed is repeated after firstRetry, then after twice that, and so on
	// up to lastRetry.
	firstRetry = 5 * time.Minute
	lastRetry  = 6 * time.Hour

	// fileEvery is how often a file is looked at.
	fileEvery = time.Minute
)

// Outcome is how a check ended.
type Outcome struct {
	Updated bool   // another list is in force
	Number  uint64 // of the list in force
	Changes Changes
}

// Check checks a source now, due or not, which needs an operator: the list counts for
// the whole installation. Errors: authority.denied, metadata.source_unknown,
// metadata.own; metadata.check_taken if another check began meanwhile; those of
// [Fetcher]; metadata.file; metadata.x5u_origin; and metadata.* with the
// [metadata.Reason] of a list that was refused.
func (s *Service) Check(ctx context.Context, by tenant.Authority, name string) (*Outcome, error) {
	if by.Actor.Kind != audit.Operator {
		return nil, tenant.ErrDenied
	}
	src, err := s.source(name)
	if err != nil {
		return nil, err
	}
	if err := s.Load(ctx); err != nil { // the source has a record from now on
		return nil, err
	}
	return s.claimAndCheck(ctx, src, check{by: by, now: true})
}

// check is who asked for a check, and how.
type check struct {
	by  tenant.Authority
	now bool // whether or not it is due
}

// checkIfDue checks a source if it is due and no other node is at it.
func (s *Service) checkIfDue(ctx context.Context, src *Source) error {
	s.mu.Lock()
	h := s.held[src.Name]
	hasten := h.hasten
	due := hasten || !s.clock().Before(h.record.Next)
	h.hasten = false
	known := h.record.Source != ""
	s.mu.Unlock()
	if !due || !known {
		return nil
	}
	bySystem := tenant.Authority{Actor: audit.Actor{Kind: audit.System, ID: "metadata"}}
	_, err := s.claimAndCheck(ctx, src, check{by: bySystem, now: hasten})
	if _, noted := errors.AsType[*failedCheck](err); noted {
		return nil
	}
	return err
}

// failedCheck is a check that failed and was noted to have.
type failedCheck struct{ err error }

func (e *failedCheck) Error() string { return e.err.Error() }
func (e *failedCheck) Unwrap() error { return e.err }

func (s *Service) claimAndCheck(ctx context.Context, src *Source, ck check) (*Outcome, error) {
	claim, ok, err := s.store.Claim(ctx, ClaimQuery{Source: src.Name, At: s.clock(), Lease: leaseTime, Now: ck.now})
	if err != nil {
		return nil, err
	}
	if !ok {
		return new(Outcome), s.Load(ctx) // another node is at it
	}
	// With the claim in hand nobody else accepts a list: what is loaded now is the last.
	if err := s.Load(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	s.mu.Lock()
	h := *s.held[src.Name]
	s.mu.Unlock()
	t := &trial{service: s, source: src, held: h, at: s.clock()}
	if err := t.run(limited); err != nil {
		if ctx.Err() != nil { // we were stopped, which says nothing of the source
			return nil, ctx.Err()
		}
		return nil, s.noteFailure(ctx, t, claim, err)
	}
	return s.noteSuccess(ctx, t, claim, ck.by)
}

func (s *Service) noteFailure(ctx context.Context, t *trial, claim Claim, failure error) error {
	f := fault.From(failure)
	tries := t.held.record.Tries
	next := t.at.Add(retryDelay(t.source, tries))
	s.log.WarnContext(ctx, "metadata check failed", "source", t.source.Name, "code", f.Code,
		"tries", tries+1, "next", next.Format(time.RFC3339), "error", failure)
	if err := s.store.Fail(ctx, claim, Failure{At: t.at, Next: next, Code: f.Code, Public: f.Public}); err != nil {
		return errors.Join(failure, err)
	}
	if err := s.Load(ctx); err != nil {
		return errors.Join(failure, err)
	}
	return &failedCheck{failure}
}

// retryDelay is how long to wait after a check that failed, with so many failures
// before it.
func retryDelay(src *Source, before int) time.Duration {
	if src.File != "" { // to look at a file is cheap, and somebody is about to replace it
		return firstRetry
	}
	delay := firstRetry
	for range before {
		if delay *= 2; delay >= lastRetry {
			return lastRetry
		}
	}
	return delay
}

func (s *Service) noteSuccess(ctx context.Context, t *trial, claim Claim, by tenant.Authority) (*Outcome, error) {
	before := t.held.list
	if t.accepted == nil { // not modified, or the same text again
		kept := Kept{At: t.at, Next: t.nextCheck(before.blob), Validators: t.validators}
		if err := s.store.Keep(ctx, claim, kept); err != nil {
			return nil, err
		}
		s.log.DebugContext(ctx, "metadata is current", "source", t.source.Name, "number", before.Number, "next", kept.Next)
		return &Outcome{Number: before.Number}, s.Load(ctx)
	}
	a := t.accepted
	a.Kept = Kept{At: t.at, Next: t.nextCheck(t.blob), Validators: t.validators}
	if before != nil {
		a.Changes = compare(before.blob, t.blob, t.at)
	} else {
		a.Changes = compare(nil, t.blob, t.at)
	}
	var err error
	if a.Events, err = s.events(ctx, t, by); err != nil {
		return nil, err
	}
	ok, err := s.store.Accept(ctx, claim, *a)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrTaken
	}
	s.tellChanges(ctx, t)
	return &Outcome{Updated: true, Number: a.Number, Changes: a.Changes}, s.Load(ctx)
}

// events tell every tenant's trail of a new list, since it counts for all of them.
func (s *Service) events(ctx context.Context, t *trial, by tenant.Authority) ([]audit.Event, error) {
	if s.tenants == nil {
		return nil, nil
	}
	names, err := s.tenants(ctx)
	if err != nil {
		return nil, err
	}
	var all []audit.Event
	for _, name := range names {
		by.Tenant = name
		e := by.Event(t.at, "metadata.updated")
		e.Ref = t.source.Name
		e.Detail = map[string]string{"number": strconv.FormatUint(t.blob.Number, 10), "sha256": hexDigest(t.blob.SHA256)}
		for _, kind := range []ChangeKind{ChangeRevoked, ChangeCompromised} {
			if models := t.accepted.Changes.of(kind); models != "" {
				e.Detail[string(kind)] = models
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// tellChanges logs once, on the node that accepted the list, what it changed.
func (s *Service) tellChanges(ctx context.Context, t *trial) {
	c := &t.accepted.Changes
	log := s.log.InfoContext
	revoked, compromised := c.of(ChangeRevoked), c.of(ChangeCompromised)
	if revoked != "" || compromised != "" {
		log = s.log.WarnContext
	}
	log(ctx, "metadata was updated", "source", t.source.Name, "number", t.blob.Number,
		"added", c.Added, "removed", c.Removed, "changed", c.Changed,
		"revoked", revoked, "compromised", compromised, "update", c.of(ChangeUpdate))
}

// nextCheck is when to look for b's successor.
func (t *trial) nextCheck(b *metadata.BLOB) time.Time {
	if t.source.File != "" {
		return t.at.Add(fileEvery)
	}
	return b.NextFetch(t.at)
}

// fileFault says that a file of the source cannot be read. Which one is for the log.
func fileFault(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return ErrFile.Saying("A file of this source is not there.").Because(err)
	}
	return ErrFile.Because(err)
}
