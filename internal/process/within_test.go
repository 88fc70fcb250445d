package process_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
)

// clerk is a handler that makes a user named after its task, and is brief except where the task
// is long. What it is told to refuse it refuses once, after it has written. A task of the name
// waits waits.
type clerk struct {
	w **world

	mu    sync.Mutex
	once  map[string]error // by element
	tries map[string]int
}

func newClerk(w **world) *clerk {
	return &clerk{w: w, once: make(map[string]error), tries: make(map[string]int)}
}

func (*clerk) Check(map[string]string) error { return nil }

func (*clerk) IsBrief(_ context.Context, w process.Work) bool { return w.Element != "long" }

func (c *clerk) Do(ctx context.Context, w process.Work) (process.Result, error) {
	name := w.Element
	u := &credential.User{ID: credential.UserID("id-of-" + name), Tenant: "acme", Name: name, DisplayName: name, Handle: []byte(name), Created: noon, Updated: noon}
	if err := (*c.w).db.CreateUser(ctx, u, audit.Event{Tenant: "acme", Time: noon, Action: "user.created " + name}); err != nil {
		return process.Result{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries[name]++
	if w.Attempt != 1 {
		return process.Result{}, errors.New("what failed within another's transaction counts as an attempt")
	}
	err := c.once[name]
	delete(c.once, name)
	if errors.Is(err, errLost) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err = (*c.w).db.People().PersonByName(gone, "acme", name)
	}
	if err == nil && name == "waits" {
		return process.Result{Wait: &process.Wait{Key: name, Look: w.Now}}, nil
	}
	return process.Result{Outputs: vars(name, true), Secrets: vars("secret_"+name, name), Note: "made " + name}, err
}

// Wake implements [process.Waker].
func (*clerk) Wake(_ context.Context, w process.Work, _ process.Wait) (process.Result, error) {
	return process.Result{Outputs: vars(w.Element, true)}, nil
}

// errLost has a clerk lose the connection of its transaction.
var errLost = errors.New("lost")

// Brief work is done in the transaction of the work before it, where that holds up nobody. What goes
// wrong with it undoes nothing else: then it is done by itself, and has not been tried yet.
func TestWorkWithin(t *testing.T) {
	refused := &process.TaskError{Type: "REFUSED", Message: "no"}
	usual := []string{"a", "b", "d", "long", "e"}
	for _, tt := range []struct {
		name         string
		open         storetest.Open
		elements     []string
		once         error // of b
		tries        int   // of b
		transactions int64 // of the run
	}{
		{"sqlite", storetest.SQLite, usual, nil, 1, 6},
		{"sqlite, refused", storetest.SQLite, usual, refused, 1, 3},
		{"postgres", storetest.Postgres, usual, nil, 1, 3},
		{"postgres, refused", storetest.Postgres, usual, refused, 1, 2},
		{"postgres, a fault", storetest.Postgres, usual, errors.New("a fault"), 2, 4},
		{"postgres, a lost connection", storetest.Postgres, usual, errLost, 2, 4},
		{"postgres, six in a row", storetest.Postgres, []string{"a", "b", "c", "d", "e", "f"}, nil, 1, 3},
		{"postgres, one that waits", storetest.Postgres, []string{"a", "b", "waits", "e"}, nil, 1, 5}, // a claim among them
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w *world
			c := newClerk(&w)
			w = newWorld(t, tt.open)
			node := w.node(func(config *process.Config) { config.Now, config.Handlers["clerk"] = time.Now, c })
			var tasks []*bpmn.Element
			for _, e := range tt.elements {
				tasks = append(tasks, service(e, "clerk"))
			}
			p := inLine("p", tasks...)
			_, err := node.Deploy(t.Context(), operator(), process.Deploy{XML: w.register(p)})
			check(t, err)
			if tt.once != nil {
				c.once["b"] = tt.once
			}
			before := w.db.Written().Transactions
			run := runOne(t, w, node)
			if n := w.db.Written().Transactions - before; n != tt.transactions || c.tries["b"] != tt.tries {
				t.Errorf("%d transactions and %d tries of b, want %d and %d", n, c.tries["b"], tt.transactions, tt.tries)
			}
			w.wantEntry(run, "left:a", 1)
			if tt.once == refused {
				w.want(w.get(run), process.Failed, "a", "true", "b", "", "d", "")
				return
			}
			w.want(w.get(run), process.Completed)
			for _, e := range tt.elements {
				w.want(w.get(run), process.Completed, e, "true")
				w.wantEntry(run, "left:"+e, 1)
			}
			if _, ok, err := w.db.People().PersonByName(t.Context(), "acme", "b"); err != nil || !ok {
				t.Errorf("what b wrote is there: %v (%v)", ok, err)
			}
			if n := int(node.JobsDone()); n != len(tt.elements) && !slices.Contains(tt.elements, "waits") {
				t.Errorf("%d jobs were done, want %d", n, len(tt.elements))
			}
		})
	}
}

// runOne has a node take a run to its end.
func runOne(t *testing.T, w *world, node *process.Service) string {
	t.Helper()
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	all.Go(func() { node.Run(ctx) })
	eventually(t, node.IsOpen)
	r, err := node.Start(t.Context(), enroller(), process.Start{Definition: "p", Subject: "id-of-alice"})
	check(t, err)
	eventually(t, func() bool { return w.get(r.ID).Status != process.Running })
	stop()
	all.Wait()
	return r.ID
}
