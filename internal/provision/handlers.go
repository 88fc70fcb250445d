package provision

import (
	"context"
	"errors"
	"fmt"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// Handlers returns the tasks by the names that expressions call them.
func (s *Service) Handlers() map[string]process.Handler {
	all := make(map[string]process.Handler)
	for name, t := range s.tasks() {
		if t.wake == nil {
			all[name] = t
		} else {
			all[name] = waker{t}
		}
	}
	return all
}

func (s *Service) tasks() map[string]*task {
	return map[string]*task{
		"daFidoGetCreationOptionsTask": s.getCreationOptions(),
		startTask:                      s.startConnection(),
		"hermodFidoGetInfoTask":        s.getInfo(),
		createTask:                     s.createOnDesk(),
		"hermodSessionEndTask":         s.endSession(),
		"daFidoCreateCredentialTask":   s.storeCredential(),

		"bestowInviteTask":            s.invite(),
		"bestowAwaitEnrolmentTask":    s.awaitEnrolment(),
		"bestowListCredentialsTask":   s.listCredentials(),
		"bestowSuspendCredentialTask": s.suspendCredential(),
		"bestowResumeCredentialTask":  s.resumeCredential(),
		"bestowDeleteCredentialTask":  s.deleteCredential(),

		"httpRequestTask": s.httpRequest(),
		"sendMailTask":    s.sendMail(),
	}
}

// task is one kind of service task.
type task struct {
	shape
	literals func(params map[string]string) error // judges those that are the same in every run; may be nil
	do       func(ctx context.Context, g given) (process.Result, error)
	wake     func(ctx context.Context, g given, wait process.Wait) (process.Result, error) // nil: it does not wait
	ours     func(ctx context.Context, g given) bool                                       // whether do reaches nobody but ourselves; nil: it may reach others
}

// Check implements [process.Handler].
func (t *task) Check(params map[string]string) error {
	if err := t.check(params); err != nil || t.literals == nil {
		return err
	}
	return t.literals(params)
}

// IsBrief implements [process.Brief].
func (t *task) IsBrief(ctx context.Context, w process.Work) bool {
	return t.ours != nil && t.ours(ctx, given{w, t.shape})
}

// Do implements [process.Handler].
func (t *task) Do(ctx context.Context, w process.Work) (process.Result, error) {
	return t.do(ctx, given{w, t.shape})
}

// waker is a task that waits.
type waker struct{ *task }

// Wake implements [process.Waker].
func (t waker) Wake(ctx context.Context, w process.Work, wait process.Wait) (process.Result, error) {
	return t.wake(ctx, given{w, t.shape}, wait)
}

// acting is the authority that a run's tasks have. The process decides what is done; its
// starter is noted as who the process says it acts for.
func acting(w process.Work) tenant.Authority {
	return tenant.Authority{
		Tenant: w.Tenant, Actor: audit.Actor{Kind: audit.Process, ID: w.Instance}, OnBehalfOf: w.Subject,
		Claimed: w.Actor, Via: "process", Ref: w.Instance,
		Scopes: []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeUsersWrite},
	}
}

// Advice returns what of a task's literal parameters leads nowhere yet, in words for
// people: a connection, messaging server or set of attestation keys that does not exist.
// That is no refusal: it may be made later. An error is a fault of the store.
func (s *Service) Advice(ctx context.Context, tenantName string, params map[string]string) ([]string, error) {
	var advice []string
	if name := params["connection"]; name != "" && isLiteral(name) {
		_, _, err := s.store.Connection(ctx, tenantName, name)
		if err != nil && !errors.Is(err, ErrConnectionUnknown) {
			return nil, err
		}
		if err != nil {
			advice = append(advice, fmt.Sprintf("there is no connection %s yet", name))
		}
	}
	name := params["messagingServer"]
	if name == "" || !isLiteral(name) {
		return advice, nil
	}
	m, _, err := s.store.MessagingServer(ctx, tenantName, name)
	if errors.Is(err, ErrServerUnknown) {
		return append(advice, fmt.Sprintf("there is no messaging server %s yet", name)), nil
	}
	if err != nil {
		return nil, err
	}
	if set := params["attestationKeySet"]; set != "" && isLiteral(set) {
		if _, err := m.keySet(set); err != nil {
			advice = append(advice, fmt.Sprintf("the messaging server %s has no set of attestation keys %s yet", name, set))
		}
	}
	return advice, nil
}
