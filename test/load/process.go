package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
	"bestow.dev/processes"
	"bestow.dev/test/forge"
)

// The definition that is run, and the process that it calls.
const (
	securityKey = "security-key"
	atTheDesk   = "security-key-session"
)

// operator may do everything in the tenant of the load.
var operator = tenant.LocalOperator("load", "load")

// processes measures complete runs of the definition security-key as it is shipped: the
// engine runs as in production, and persons with a desk each do their part through the
// services that the doors call.
func (b *bench) processes(ctx context.Context) error {
	if err := b.deploy(ctx); err != nil {
		return err
	}
	n := *runs
	var whole, table []spent
	var written store.Written
	for round := range *rounds {
		idle := cpuTime()
		took, err := b.jobTable(ctx, n)
		if err != nil {
			return fmt.Errorf("job table: %w", err)
		}
		table = append(table, spent{took, cpuTime() - idle})
		persons, err := b.persons(ctx, round, n)
		if err != nil {
			return err
		}
		before := b.server.DB.Written()
		idle = cpuTime()
		if took, err = together(*flight, persons, func(p *person) error { return p.provision(ctx) }); err != nil {
			return err
		}
		after := b.server.DB.Written()
		written.Transactions += after.Transactions - before.Transactions
		written.Commits += after.Commits - before.Commits
		whole = append(whole, spent{took, cpuTime() - idle})
	}
	report("security key given: the shipped process, whole", n, whole)
	report(fmt.Sprintf("  floor: its %d jobs of the table alone, empty", jobsOfARun), n, table)
	each := float64(n * *rounds)
	fmt.Printf("%-52s %12.1f, in %.1f commits\n", "  transactions of one", float64(written.Transactions)/each, float64(written.Commits)/each)
	return nil
}

// deploy sets up what the shipped definitions expect, all of it ourselves.
func (b *bench) deploy(ctx context.Context) error {
	keys, err := plugout.NewKeySet(b.signer.Public())
	if err != nil {
		return err
	}
	desks, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	s := b.server
	if _, err := s.Provision.PutConnection(ctx, operator, provision.Connection{Name: "digital-access", URL: provision.Internal}, ""); err != nil {
		return err
	}
	if _, err := s.Provision.PutMessagingServer(ctx, operator, provision.MessagingServer{
		Name: "hermod", URL: provision.Internal, KeySets: map[string]json.RawMessage{"desks": desks},
		SessionStart: time.Minute, // a machine that is busy is not what is measured
	}, ""); err != nil {
		return err
	}
	for _, d := range processes.With(securityKey) {
		if _, err := s.Processes.Deploy(ctx, operator, process.Deploy{XML: d.XML}); err != nil {
			return err
		}
	}
	return nil
}

// together has a number of callers do something with each of all, and returns how long
// that took.
func together[T any](callers int, all []T, do func(T) error) (time.Duration, error) {
	next := make(chan T)
	failed := make(chan error, callers)
	began := time.Now()
	var working sync.WaitGroup
	for range callers {
		working.Go(func() {
			for one := range next {
				if err := do(one); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < len(all) && err == nil; i++ {
		select {
		case next <- all[i]:
		case err = <-failed:
		}
	}
	close(next)
	working.Wait()
	took := time.Since(began)
	if err == nil {
		select {
		case err = <-failed:
		default:
		}
	}
	return took, err
}

// person is a user with a security key, at a desk.
type person struct {
	b   *bench
	id  string
	key *forge.Key
	at  relay.Desktop
}

// persons makes users and their keys, beside the clock.
func (b *bench) persons(ctx context.Context, round, n int) ([]*person, error) {
	users := make([]credential.NewUser, n)
	for i := range users {
		users[i].Name = fmt.Sprintf("person-%d-%d", round, i)
	}
	made, err := b.server.Credentials.ImportUsers(ctx, operator, users)
	if err != nil {
		return nil, err
	}
	all := make([]*person, n)
	for i, m := range made {
		if m.Err != nil {
			return nil, m.Err
		}
		key, err := forge.New()
		if err != nil {
			return nil, err
		}
		all[i] = &person{b: b, id: string(m.User.ID), key: key}
	}
	return all, nil
}

func (p *person) authority() tenant.Authority {
	return tenant.Authority{Tenant: operator.Tenant, Actor: audit.Actor{Kind: audit.User, ID: p.id}, Via: "load"}
}

// provision takes one run from its start to its end.
func (p *person) provision(ctx context.Context) error {
	s := p.b.server.Processes
	run, err := s.Start(ctx, operator, process.Start{Definition: securityKey, Subject: p.id})
	if err != nil {
		return err
	}
	task, err := p.form(ctx)
	if err != nil {
		return fmt.Errorf("form: %w", err)
	}
	var link string
	if err := json.Unmarshal(task.Values["plugoutUrl"], &link); err != nil {
		return err
	}
	if err := p.atDesk(ctx, link); err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	if _, err := s.CompleteTask(ctx, p.authority(), task.ID, nil); err != nil {
		return err
	}
	return p.ended(ctx, run.ID)
}

// form returns the form with the link, once it is there.
func (p *person) form(ctx context.Context) (*process.Task, error) {
	s := p.b.server.Processes
	called, err := s.Runs(ctx, operator, process.RunFilter{Subject: p.id, Definition: atTheDesk})
	if err != nil {
		return nil, err
	}
	if len(called.Runs) != 1 {
		return nil, fmt.Errorf("%d runs were called, want one", len(called.Runs))
	}
	var id string
	err = p.b.until(ctx, called.Runs[0].ID, func() (bool, error) {
		page, err := s.Tasks(ctx, p.authority(), process.TaskFilter{})
		if err != nil || len(page.Tasks) == 0 {
			return false, err
		}
		id = page.Tasks[0].ID
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return s.Task(ctx, p.authority(), id)
}

// ended waits for the end of a run.
func (p *person) ended(ctx context.Context, run string) error {
	return p.b.until(ctx, run, func() (bool, error) {
		r, err := p.b.server.Processes.GetRun(ctx, operator, run)
		switch {
		case err != nil || r.Status == process.Running:
			return false, err
		case r.Status != process.Completed:
			return false, fmt.Errorf("the run is %s: %s", r.Status, r.State.Variables["errorMessage"])
		}
		return true, nil
	})
}

// patience is how long something may take until it is given up.
const patience = time.Minute

// until waits until look finds what it looks for, whenever a run has changed.
func (b *bench) until(ctx context.Context, run string, look func() (bool, error)) error {
	woken, cancel := b.server.DB.Hub().Wait(process.WakeRun + run)
	defer cancel()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		if found, err := look(); found || err != nil {
			return err
		}
		select {
		case <-woken:
		case <-end.C:
			return errors.New("it does not come to an end")
		}
	}
}

// atDesk follows the link, lets the key make a credential and answers.
func (p *person) atDesk(ctx context.Context, link string) error {
	l, err := plugout.ParseLink(link)
	if err != nil {
		return err
	}
	s := p.b.server.Relay
	opened, err := s.OpenSession(ctx, relay.Redemption{
		Box: l.BoxID(), Token: l.Token, Address: "192.0.2.7", Client: plugout.Client{App: "load", Version: "1", OS: "none"},
	})
	if err != nil {
		return err
	}
	p.at = relay.Desktop{Box: l.BoxID(), Session: opened.Session}
	const about = `{"app":"load","version":"1","os":"none","capabilities":["fido2"]}`
	if err := p.answer(ctx, opened.Messages, func(json.RawMessage) (string, error) { return about, nil }); err != nil {
		return err
	}
	if err := s.ConfirmMatch(ctx, p.at); err != nil {
		return err
	}
	items, err := s.Messages(ctx, p.at, relay.MaxWait)
	if err != nil {
		return err
	}
	return p.answer(ctx, items, p.create)
}

// answer answers the message that waits, signed.
func (p *person) answer(ctx context.Context, items []plugout.MessageItem, respond func(command json.RawMessage) (string, error)) error {
	s := p.b.server.Relay
	if len(items) != 1 {
		return fmt.Errorf("%d messages wait, want one", len(items))
	}
	m, err := s.Fetch(ctx, p.at, items[0].MessageID)
	if err != nil {
		return err
	}
	response, err := respond(m.Command)
	if err != nil {
		return err
	}
	jws, err := p.b.signer.Sign(jsonBody(plugout.Answer{
		Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: time.Now().Unix(),
		Status: plugout.StatusOK, Response: json.RawMessage(response),
	}))
	if err != nil {
		return err
	}
	return s.Answer(ctx, p.at, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: jws})
}

// create is the security key's part.
func (p *person) create(command json.RawMessage) (string, error) {
	var c plugout.CreateCredentialCommand
	if err := plugout.DecodeCommand(command, &c); err != nil {
		return "", err
	}
	options, err := c.Options()
	if err != nil {
		return "", err
	}
	made, err := p.key.Register(options, p.b.server.URL)
	return `{"credential":` + string(made) + `}`, err
}
