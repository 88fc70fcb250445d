package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// PersonRecord is all that is kept about a person. Its JSON form is to be handed to
// them: see [PersonRecord.MarshalJSON].
type PersonRecord struct {
	User        User
	Credentials []Credential
	Evidence    []Evidence // of each of Credentials, in order
	Ceremonies  []Ceremony
	Invitations []Invitation
	Sessions    []Session
	Runs        []PersonRun
	Events      []audit.Event // of the audit trail
}

// PersonRun is a run of an identity process that is for the person.
type PersonRun struct {
	ID             string
	Process        string
	Version        int    // of its definition
	Status         string // running, completed, failed or cancelled
	Starter        audit.Actor
	Via, Ref       string // as of other requests
	Error, Message string // why it failed; empty if it did not
	Variables      map[string]json.RawMessage
	Created        time.Time
	Ended          time.Time // zero while it runs
}

// ExportUser returns all that is kept about a user. That it was asked for is itself
// an event. It needs users.write and fido.read on the whole tenant. Errors:
// user.unknown.
func (s *Service) ExportUser(ctx context.Context, by tenant.Authority, who UserRef) (*PersonRecord, error) {
	if err := errors.Join(by.Require(tenant.ScopeUsersWrite, ""), by.Require(tenant.ScopeRead, "")); err != nil {
		return nil, err
	}
	u, err := s.user(ctx, by.Tenant, who)
	if err != nil {
		return nil, err
	}
	record, err := s.store.PersonRecord(ctx, by.Tenant, u.ID)
	if err != nil {
		return nil, err
	}
	for i := range record.Evidence {
		record.Evidence[i].readDevice()
	}
	if record.Events, err = s.events(ctx, by.Tenant, u.ID); err != nil {
		return nil, err
	}
	if s.runs != nil {
		if record.Runs, err = s.runs(ctx, by.Tenant, u.ID); err != nil {
			return nil, fmt.Errorf("read the runs of processes: %w", err)
		}
	}
	if err := s.store.Record(ctx, userEvent(by, s.clock(), "user.exported", u.ID)); err != nil {
		return nil, err
	}
	return record, nil
}

// events reads the audit trail of one user to its end.
func (s *Service) events(ctx context.Context, tenantName string, id UserID) ([]audit.Event, error) {
	if s.trail == nil {
		return nil, nil
	}
	var all []audit.Event
	q := audit.Query{Tenant: tenantName, User: string(id), Limit: maxPage}
	for {
		page, err := s.trail.AuditEvents(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			return all, nil
		}
		q.After = page[len(page)-1].Seq
	}
}

// EraseUser deletes a user and all that is kept about them: credentials and their
// evidence, ceremonies, invitations, sessions. The audit trail keeps opaque
// identifiers that then lead nowhere. It needs users.write on the whole tenant.
// Errors: user.unknown; operator.above; operator.last for the last administrator, whom
// only the local operator may erase.
func (s *Service) EraseUser(ctx context.Context, by tenant.Authority, who UserRef) error {
	if err := by.Require(tenant.ScopeUsersWrite, ""); err != nil {
		return err
	}
	u, err := s.user(ctx, by.Tenant, who)
	if err != nil {
		return err
	}
	if err := refuseAbove(by, u); err != nil {
		return err
	}
	erasure := UserErasure{Tenant: by.Tenant, ID: u.ID, LastToo: by.IsLocal()}
	return s.store.EraseUser(ctx, erasure, userEvent(by, s.clock(), "user.erased", u.ID))
}
