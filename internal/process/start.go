package process

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Start is a run to be started.
type Start struct {
	Definition string // the process's id; its newest version is taken
	Subject    string // user id of whom it is for; empty for nobody
	// SubjectName is their login name instead, for who has process.run and does not know
	// the id. It counts only where Subject is empty.
	SubjectName string

	// Variables are what the run begins with. Where it is for somebody, the variable user
	// is set beside them: an object with id and name.
	Variables map[string]json.RawMessage

	// Key is what the caller calls this start: to start twice with one key is to start
	// once. Empty: each call starts a run.
	Key string
}

// maxKeyBytes bounds an idempotency key.
const maxKeyBytes = 200

// Start begins a run. It returns once what the process does at once is done, or after ten
// seconds, and tells how the run stands then. Variables that the start's form asks for
// have to be as it says.
//
// It needs process.run, and nobody may start a process for themselves unless it is
// self-service. Errors: process.definition_unknown, process.subject_unknown,
// process.self, process.variables, process.form; process.idempotency if another start
// was made with the key.
func (s *Service) Start(ctx context.Context, by tenant.Authority, in Start) (*Run, error) {
	if by.Tenant == "" {
		return nil, tenant.ErrDenied
	}
	v, err := s.store.Newest(ctx, by.Tenant, in.Definition)
	if err != nil {
		if by.Require(tenant.ScopeProcessRun, "") != nil {
			return nil, tenant.ErrDenied
		}
		return nil, err
	}
	if in.Subject, err = s.subject(ctx, by, &in); err != nil {
		return nil, err
	}
	if err := s.mayStart(ctx, by, v, in.Subject); err != nil {
		return nil, err
	}
	if err := s.checkStart(ctx, by, v, &in); err != nil {
		return nil, err
	}
	person, err := s.person(ctx, by.Tenant, in.Subject)
	if err != nil {
		return nil, err
	}
	variables := withUser(in.Variables, person)
	run := s.newRun(by, v, in.Subject)
	run, err = s.begin(ctx, run, &move{
		event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.Begin{At: at, Variables: variables}, nil
		},
		begin:   &Beginning{Key: in.Key, Request: in.hash()},
		person:  person,
		entries: []Entry{{At: run.Created, Kind: EntryStarted, Actor: by.Actor.String()}},
		events:  []audit.Event{runEvent(by, run.Created, "process.started", run)},
	})
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, run)
}

// subject returns the id of whom a start is for; empty for nobody.
func (s *Service) subject(ctx context.Context, by tenant.Authority, in *Start) (string, error) {
	if in.Subject != "" || in.SubjectName == "" {
		return in.Subject, nil
	}
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return "", err
	}
	p, ok, err := s.people.PersonByName(ctx, by.Tenant, in.SubjectName)
	if err == nil && !ok {
		err = ErrSubject
	}
	return p.ID, err
}

func (s *Service) checkStart(ctx context.Context, by tenant.Authority, v *Version, in *Start) error {
	if len(in.Key) > maxKeyBytes {
		return ErrIdempotency.At("key").Saying("An idempotency key has at most %d characters.", maxKeyBytes)
	}
	if err := checkGiven(in.Variables); err != nil {
		return err
	}
	d, err := s.definition(ctx, by.Tenant, v.Key, v.Version)
	if err != nil {
		return err
	}
	form := d.Elements[d.Start].Form
	if form == nil {
		return nil
	}
	asked := make(map[string]json.RawMessage, len(form.Fields))
	for _, f := range form.Fields {
		if value, ok := in.Variables[f.Name]; ok {
			asked[f.Name] = value
		}
	}
	_, err = readForm(form, asked)
	return err
}

// userVariable tells whom a run is for. Nobody else may set it there: the tasks that give
// a credential go by it.
const userVariable = "user"

// checkGiven judges variables that somebody gives a run. Also where it is for nobody they
// do not say whom it is for: that would be a start for somebody which is not judged.
func checkGiven(vars map[string]json.RawMessage) error {
	if _, given := vars[userVariable]; given {
		return ErrVariables.At(userVariable).Saying("The variable %s is whom the run is for: start it for that user.", userVariable)
	}
	return checkVariables(vars)
}

// person returns the value of the variable user of a run for somebody; nil for nobody. Errors:
// process.subject_unknown.
func (s *Service) person(ctx context.Context, tenantName, subject string) (json.RawMessage, error) {
	if subject == "" {
		return nil, nil
	}
	p, ok, err := s.people.PersonByID(ctx, tenantName, subject)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrSubject
	}
	return json.Marshal(map[string]string{"id": p.ID, "name": p.Name})
}

// withUser returns variables with that of whom a run is for, if it is for somebody.
func withUser(variables map[string]json.RawMessage, person json.RawMessage) map[string]json.RawMessage {
	if person == nil {
		return variables
	}
	with := make(map[string]json.RawMessage, len(variables)+1)
	maps.Copy(with, variables)
	with[userVariable] = person
	return with
}

// hash is what tells one start from another.
func (in *Start) hash() [sha256.Size]byte {
	text, _ := json.Marshal(struct {
		Definition, Subject string
		Variables           map[string]json.RawMessage
	}{in.Definition, in.Subject, in.Variables}) // checked to be JSON
	return sha256.Sum256(text)
}

func (s *Service) newRun(by tenant.Authority, v *Version, subject string) *Run {
	now, id := s.clock(), newID()
	return &Run{
		ID: id, Root: id, Tenant: by.Tenant, Definition: v.Key, Version: v.Version, Status: Running, Subject: subject,
		Starter: by.Actor, Via: by.Via, Ref: by.Ref, Created: now, Updated: now,
	}
}

// begin stores a run that is new; or returns the one that its starter began with the same
// key.
func (s *Service) begin(ctx context.Context, run *Run, m *move) (*Run, error) {
	c, err := s.change(ctx, run, m)
	if err != nil {
		return nil, err
	}
	followUps := s.claimOwn(c, false)
	before, request, err := s.store.Apply(ctx, c)
	if err != nil || before != nil {
		followUps.drop()
	}
	switch {
	case err != nil:
		return nil, err
	case before != nil && request != m.begin.Request:
		return nil, ErrIdempotency
	case before != nil:
		return before, nil
	}
	c.stored()
	followUps.start(nil)
	return c.Run, nil
}

// runEvent begins an event of the audit trail about a run.
func runEvent(by tenant.Authority, at time.Time, action string, r *Run) audit.Event {
	if r.Subject != "" && by.Actor.ID != r.Subject {
		by = by.For(r.Subject)
	}
	e := by.Event(at, action)
	e.Ref, e.User = r.ID, r.Subject
	e.Detail = map[string]string{"process": r.Definition, "version": strconv.Itoa(r.Version)}
	return e
}

// systemActor is the service acting by itself.
var systemActor = audit.Actor{Kind: audit.System, ID: "process"}

func system(tenantName string) tenant.Authority {
	return tenant.Authority{Tenant: tenantName, Actor: systemActor}
}
