package provision_test

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
	"bestow.dev/processes"
)

// TestShipped takes every branch of every definition that comes with the program, over
// the real services. A branch that is added to a definition needs its test here.
func TestShipped(t *testing.T) {
	seen := newFootprints()
	for name, fn := range map[string]func(t *testing.T, seen *footprints){
		"security-key": testSecurityKey, "ways out": testWaysOut, "browser": testBrowser, "two keys": testTwoKeys, "replace": testReplace,
	} {
		t.Run(name, func(t *testing.T) { fn(t, seen) })
	}
	t.Run("every branch", seen.check)
}

// footprints are the elements that runs have entered, and the flows that they came by.
type footprints struct {
	mu   sync.Mutex
	left map[string]bool // what nobody has come by yet, as "definition/id"
}

func newFootprints() *footprints { return &footprints{left: make(map[string]bool)} }

// expect says what there is to come by.
func (f *footprints) expect(t *testing.T) {
	for _, shipped := range processes.All() {
		d, err := bpmn.Parse(shipped.XML)
		check(t, err)
		for id := range d.Elements {
			f.expectOne(shipped.Name + "/" + id)
		}
		for id := range d.Flows {
			f.expectOne(shipped.Name + "/" + id)
		}
	}
}

func (f *footprints) expectOne(key string) {
	if _, known := f.left[key]; !known {
		f.left[key] = true
	}
}

func (f *footprints) add(definition string, entries []process.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		if e.Kind == process.EntryKind(bpmn.MoveEntered) {
			f.left[definition+"/"+e.Element] = false
			f.left[definition+"/"+e.Flow] = false
		}
	}
}

// check fails for each element and each flow that no test has come by.
func (f *footprints) check(t *testing.T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expect(t)
	for _, key := range slices.Sorted(maps.Keys(f.left)) {
		if f.left[key] {
			t.Errorf("no test has come by %s", key)
		}
	}
}

// Ways to reach a relying party and a relay.
var both, ours, overHTTP = []string{"ours", "other"}, []string{"ours"}, []string{"other"}

// inWorlds runs a test for each way at the same time, in a world of its own where alice is.
func inWorlds(t *testing.T, name string, ways []string, fn func(w *world, way string)) {
	for _, way := range ways {
		t.Run(name+" "+way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user(alice)
			fn(w, way)
		})
	}
}

// flow is one run of a shipped definition for alice, and all that have a part in it.
type flow struct {
	*world
	p      *process.Service
	seen   *footprints
	id     string
	alice  tenant.Authority
	enroll tenant.Authority // an operator
	desk   *desk            // where alice sits
}

// shipped deploys a definition with what it calls, as it is, and starts a run for alice.
func (w *world) shipped(way, definition string, seen *footprints, vars map[string]json.RawMessage) *flow {
	w.t.Helper()
	return w.shippedFor(alice, way, definition, seen, vars)
}

func (w *world) shippedFor(user, way, definition string, seen *footprints, vars map[string]json.RawMessage) *flow {
	w.t.Helper()
	u, err := w.credentials.User(w.t.Context(), w.root, credential.ByName(user))
	check(w.t, err)
	w.called(way)
	handlers := maps.Clone(w.handlers)
	maps.Copy(handlers, builtin.Handlers())
	p, err := process.New(process.Config{
		Store: w.db.Process(), People: w.db.People(), Wakeups: w.db.Hub(), Handlers: handlers, Now: w.clock,
	})
	check(w.t, err)
	w.tellNews(p.News)
	for _, d := range processes.With(definition) {
		_, err := p.Deploy(w.t.Context(), w.root, process.Deploy{XML: d.XML})
		check(w.t, err)
	}
	f := &flow{
		world: w, p: p, seen: seen, desk: w.desk(),
		alice: tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.User, ID: string(u.ID)}},
		enroll: tenant.Authority{
			Tenant: "acme", Actor: audit.Actor{Kind: audit.Operator, ID: "olga"}, Scopes: []tenant.Scope{tenant.ScopeAdmin, tenant.ScopeProcessRun},
		},
	}
	run, err := p.Start(w.t.Context(), f.enroll, process.Start{Definition: definition, Subject: string(u.ID), Variables: vars})
	check(w.t, err)
	f.id = run.ID
	f.settle()
	return f
}

// called makes the settings by the names that the definitions use: of a way, "ours" or
// "other".
func (w *world) called(way string) {
	w.t.Helper()
	ctx := w.t.Context()
	c, err := w.Connection(ctx, w.root, way)
	check(w.t, err)
	m, err := w.MessagingServer(ctx, w.root, way)
	check(w.t, err)
	password, key := "", ""
	if way == "other" {
		password, key = secret, token("idm", idmKey)
	}
	_, err = w.PutConnection(ctx, w.root, provision.Connection{Name: "digital-access", URL: c.URL, ClientID: c.ClientID}, password)
	check(w.t, err)
	_, err = w.PutMessagingServer(ctx, w.root, provision.MessagingServer{
		Name: "hermod", URL: m.URL, KeySets: map[string]json.RawMessage{"desks": m.KeySets["desks"]},
	}, key)
	check(w.t, err)
}
