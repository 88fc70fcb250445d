package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// Version is one version of a definition. It never changes: runs that began with it end
// with it.
type Version struct {
	Tenant  string
	Key     string // the process's id, by which it is started
	Version int    // from 1
	Name    string // for people
	XML     []byte // as it was deployed; empty in lists
	Digest  [sha256.Size]byte

	// SelfService says that people may start it for themselves.
	SelfService bool
	// Forced says that a refusal was overridden.
	Forced bool

	Deployed   time.Time
	DeployedBy audit.Actor
}

// Deploy is a definition to be deployed.
type Deploy struct {
	XML         []byte
	SelfService bool // people may start it for themselves
	Force       bool // deploy it although a task that has to be async is not
}

// Deployed is what came of deploying.
type Deployed struct {
	Version  Version
	Added    bool                    // false: the newest version is the same
	Warnings []*bpmn.DefinitionError // what is probably not meant, by line
}

// mustBeAsync are the tasks that wait for somebody who needs what comes after them.
var mustBeAsync = map[string]string{
	"hermodFidoCreateCredentialTask": "the form with the link is only shown once this task has returned, and this task ends only after somebody has followed the link",
	"hermodFidoGetInfoTask":          "the form with the link is only shown once this task has returned, and this task ends only after somebody has followed the link",
	"bestowAwaitEnrolmentTask":       "the form with the invitation is only shown once this task has returned, and this task ends only after somebody has followed the invitation",
}

// Deploy checks a definition and makes it the newest version of its process. Runs that
// are under way stay with theirs. The same text again is the version that is there.
//
// It needs process.deploy. Errors: process.definition, with every problem by line;
// process.task_unknown and process.parameters for a service task, process.call_unknown
// for a process that is called and does not exist; process.not_async, which Force
// overrides: that is audited. The cause of a refusal is a [bpmn.DefinitionErrors], or one
// [bpmn.DefinitionError], which says where in the file it is.
func (s *Service) Deploy(ctx context.Context, by tenant.Authority, in Deploy) (*Deployed, error) {
	if err := by.Require(tenant.ScopeProcessDeploy, ""); err != nil {
		return nil, err
	}
	d, err := s.parse(in.XML)
	if err != nil {
		return nil, ErrDefinition.Saying("%s", err.Error()).Because(err)
	}
	forced, err := s.check(ctx, by.Tenant, d)
	if err != nil && !(in.Force && errors.Is(err, ErrNotAsync)) {
		return nil, err
	}
	advice, err := s.advise(ctx, by.Tenant, d)
	if err != nil {
		return nil, err
	}
	v := &Version{
		Tenant: by.Tenant, Key: d.ID, Name: d.Name, XML: in.XML, Digest: sha256.Sum256(in.XML),
		SelfService: in.SelfService, Forced: forced, Deployed: s.clock(), DeployedBy: by.Actor,
	}
	stored, added, err := s.store.AddDefinition(ctx, v, func(v *Version) audit.Event { return deployedEvent(by, v) })
	if err != nil {
		return nil, err
	}
	return &Deployed{Version: *stored, Added: added, Warnings: byLine(d.Warnings, advice)}, nil
}

func deployedEvent(by tenant.Authority, v *Version) audit.Event {
	e := by.Event(v.Deployed, "process.deployed")
	e.Detail = map[string]string{
		"process": v.Key, "version": strconv.Itoa(v.Version), "sha256": hex.EncodeToString(v.Digest[:]),
		"selfService": strconv.FormatBool(v.SelfService),
	}
	if v.Forced {
		e.Detail["forced"] = "true"
	}
	return e
}

// check judges what a definition asks of this installation. forced reports that the one
// refusal there is may be overridden.
func (s *Service) check(ctx context.Context, tenantName string, d *bpmn.Definition) (forced bool, err error) {
	var notAsync error
	for _, id := range d.Order {
		e := d.Elements[id]
		switch e.Kind {
		case bpmn.ServiceTask:
			if err := s.checkWork(e); err != nil {
				return false, err
			}
			if why := mustBeAsync[e.Work.Task]; why != "" && !e.Work.Async && notAsync == nil {
				notAsync = refusedAt(ErrNotAsync, e, "set Async: %s", why)
			}
		case bpmn.CallActivity:
			if e.Call.Process == d.ID {
				continue
			}
			_, err := s.store.Newest(ctx, tenantName, e.Call.Process)
			if errors.Is(err, ErrDefinitionUnknown) {
				return false, refusedAt(ErrCallUnknown, e, "there is no process %q; deploy it first", e.Call.Process)
			}
			if err != nil {
				return false, err
			}
		}
	}
	return notAsync != nil, notAsync
}

func (s *Service) checkWork(e *bpmn.Element) error {
	h := s.handlers[e.Work.Task]
	if h == nil {
		return refusedAt(ErrHandlerUnknown, e, "there is no task ${%s}", e.Work.Task)
	}
	if err := h.Check(asWritten(e.Work)); err != nil {
		return refusedAt(ErrParameters, e, "%s", publicWords(err))
	}
	return nil
}

// asWritten returns a task's parameters, literals and expressions as they are written.
func asWritten(w *bpmn.Work) map[string]string {
	params := make(map[string]string, len(w.Params))
	for _, p := range w.Params {
		params[p.Name] = p.Value.String()
	}
	return params
}

// advise returns what of the service tasks' parameters is probably not meant.
func (s *Service) advise(ctx context.Context, tenantName string, d *bpmn.Definition) ([]*bpmn.DefinitionError, error) {
	if s.advice == nil {
		return nil, nil
	}
	var all []*bpmn.DefinitionError
	for _, id := range d.Order {
		e := d.Elements[id]
		if e.Kind != bpmn.ServiceTask {
			continue
		}
		words, err := s.advice(ctx, tenantName, asWritten(e.Work))
		if err != nil {
			return nil, err
		}
		for _, problem := range words {
			all = append(all, &bpmn.DefinitionError{Element: e.ID, Line: e.Line, Problem: problem})
		}
	}
	return all, nil
}

// byLine returns the warnings of two sources as one list. A definition is shared, and
// its own stays as it is.
func byLine(a, b []*bpmn.DefinitionError) []*bpmn.DefinitionError {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b *bpmn.DefinitionError) int { return a.Line - b.Line })
	return all
}

// refusedAt says where in the file a refusal is about: for people, and in its cause for
// programs.
func refusedAt(f *fault.Error, e *bpmn.Element, format string, args ...any) error {
	problem := &bpmn.DefinitionError{Element: e.ID, Line: e.Line, Problem: fmt.Sprintf(format, args...)}
	return f.At(e.ID).Saying("%s", problem.Error()).Because(problem)
}

// publicWords returns what may be shown of an error that says what is wrong for people.
func publicWords(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Public
	}
	return err.Error()
}

// Definition returns a version with its text; the newest for version zero. It needs
// process.run or process.deploy. Errors: process.definition_unknown.
func (s *Service) Definition(ctx context.Context, by tenant.Authority, key string, version int) (*Version, error) {
	if err := requireAny(by); err != nil {
		return nil, err
	}
	return s.store.Definition(ctx, by.Tenant, key, version)
}

// Parsed returns a version as it is run, for pictures of it. It needs process.run or
// process.deploy. Nothing of it is to be changed. Errors: process.definition_unknown.
func (s *Service) Parsed(ctx context.Context, by tenant.Authority, key string, version int) (*bpmn.Definition, error) {
	v, err := s.Definition(ctx, by, key, version)
	if err != nil {
		return nil, err
	}
	return s.definition(ctx, by.Tenant, key, v.Version)
}

// Definitions returns the newest version of each definition without its text, by key. It
// needs process.run or process.deploy.
func (s *Service) Definitions(ctx context.Context, by tenant.Authority) ([]Version, error) {
	if err := requireAny(by); err != nil {
		return nil, err
	}
	return s.store.Definitions(ctx, by.Tenant)
}

// Versions returns the versions of a definition without their text, the newest first. It
// needs process.run or process.deploy. Errors: process.definition_unknown.
func (s *Service) Versions(ctx context.Context, by tenant.Authority, key string) ([]Version, error) {
	if err := requireAny(by); err != nil {
		return nil, err
	}
	versions, err := s.store.Versions(ctx, by.Tenant, key)
	if err == nil && len(versions) == 0 {
		err = ErrDefinitionUnknown
	}
	return versions, err
}
