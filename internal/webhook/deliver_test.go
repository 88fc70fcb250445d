package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/webhook"
)

func TestDelivery(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.add("other", "credential.*")
	u := w.user("alice")
	posts := w.deliver(1)
	d := w.one("idm")
	if len(posts) != 1 || posts[0].URL != "https://idm.example.com/hook" || posts[0].Header["webhook-id"] != d.ID || posts[0].Header["Content-Type"] != "application/json" {
		t.Fatalf("posted %+v", posts)
	}
	want := fmt.Sprintf(`{"id":%q,"type":"user.created","time":"2026-03-02T12:00:00.000Z","tenant":"acme","data":{"user":%q,"actor":"operator"}}`, d.ID, u.ID)
	if got := string(posts[0].Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d.State != webhook.Delivered || d.Attempts != 1 || d.Status != 200 || !d.Ended.Equal(noon) || !d.Due.IsZero() {
		t.Errorf("delivery: %+v", d)
	}
	w.deliver(0)
	if w.Counts() != (webhook.Counts{Delivered: 1}) {
		t.Errorf("counts: %+v", w.Counts())
	}
}

// The schedule, to the second: not a moment earlier, then given up.
func TestRetries(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	w.answers(http.StatusInternalServerError)
	id := w.deliver(1)[0].Header["webhook-id"]
	for i, delay := range []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		d := w.one("idm")
		status := http.StatusInternalServerError
		if i > 3 {
			status = 0 // from the fifth on nobody answers
		}
		if d.State != webhook.Pending || d.Attempts != i+1 || d.Status != status || !d.Due.Equal(w.clock().Add(delay)) {
			t.Errorf("after try %d: %+v", i+1, d)
		}
		w.later(delay - time.Millisecond)
		w.deliver(0)
		w.later(time.Millisecond)
		if i == 3 {
			w.answers(0)
		}
		if posts := w.deliver(1); posts[0].Header["webhook-id"] != id || posts[0].Header["webhook-timestamp"] != fmt.Sprint(w.clock().Unix()) {
			t.Errorf("try %d: %+v", i+2, posts)
		}
	}
	d := w.one("idm")
	if d.State != webhook.Failed || d.Attempts != 9 || d.Status != 0 || d.Problem != "no answer in time" || !d.Ended.Equal(w.clock()) {
		t.Errorf("in the end: %+v", d)
	}
	w.later(48 * time.Hour)
	w.deliver(0)
	if w.Counts() != (webhook.Counts{Delayed: 8, Failed: 1}) {
		t.Errorf("counts: %+v", w.Counts())
	}

	// An operator may have it sent again, with all its tries.
	check(t, w.Redeliver(t.Context(), w.root, "idm", id))
	w.answers(http.StatusNoContent)
	w.deliver(1)
	if d := w.one("idm"); d.State != webhook.Delivered || d.Attempts != 1 || d.Problem != "" {
		t.Errorf("redelivered: %+v", d)
	}
	refused(t, w.Redeliver(t.Context(), w.root, "idm", "evt_x"), webhook.ErrDeliveryUnknown)
}

// What is not taken is overtaken; what is taken arrives in order.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	var want []string
	for i := range 30 {
		want = append(want, string(w.user(fmt.Sprint("u", i)).ID))
	}
	var got []string
	for _, p := range w.deliver(30) {
		got = append(got, userOf(t, p))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	first := w.user("first")
	w.answers(http.StatusServiceUnavailable)
	w.deliver(1)
	second := w.user("second")
	w.answers(http.StatusOK)
	if posts := w.deliver(1); userOf(t, posts[0]) != string(second.ID) {
		t.Errorf("got %s", posts[0].Body)
	}
	w.later(5 * time.Second)
	if posts := w.deliver(1); userOf(t, posts[0]) != string(first.ID) {
		t.Errorf("got %s", posts[0].Body)
	}
}

func userOf(t testing.TB, p webhook.Post) string {
	t.Helper()
	var doc struct{ Data struct{ User string } }
	check(t, json.Unmarshal(p.Body, &doc))
	return doc.Data.User
}

// dying is a store whose server dies before it can say what came of a try.
type dying struct{ webhook.Store }

var errDead = errors.New("the server is dead")

func (dying) Settle(context.Context, webhook.Result) error { return errDead }

func TestCrashBetweenSendAndAck(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	dead := w.node(func(c *webhook.Config) { c.Store = dying{c.Store} })
	if n, err := dead.DeliverDue(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d tries: %v", n, err)
	}
	first := w.taken()
	w.deliver(0) // the claim of the dead holds for a while
	w.later(15 * time.Second)
	again := w.deliver(1)
	if len(first) != 1 || first[0].Header["webhook-id"] != again[0].Header["webhook-id"] || string(first[0].Body) != string(again[0].Body) {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	if d := w.one("idm"); d.State != webhook.Delivered || d.Attempts != 1 {
		t.Errorf("delivery: %+v", d)
	}
}

// While one node serves an endpoint no other does; another endpoint is free.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	w.user("bob")
	posting, release := make(chan struct{}), make(chan struct{})
	w.mu.Lock()
	w.answer = func(p webhook.Post) (int, error) {
		if strings.Contains(p.URL, "idm.") {
			posting <- struct{}{}
			<-release
		}
		return http.StatusOK, nil
	}
	w.mu.Unlock()
	done := make(chan int)
	go func() {
		n, err := w.node(nil).DeliverDue(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- n
	}()
	<-posting
	w.deliver(0)
	w.add("other", "user.*")
	w.user("carol")
	if posts := w.deliver(1); len(posts) == 0 || posts[len(posts)-1].URL != "https://other.example.com/hook" {
		t.Errorf("posted %+v", posts)
	}
	release <- struct{}{}
	for range 2 {
		<-posting
		release <- struct{}{}
	}
	if n := <-done; n != 3 {
		t.Errorf("the first node made %d tries, want 3", n)
	}
}

// A node whose claim ran out stores nothing.
func TestClaimTakenOver(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	other := w.node(nil)
	slow := true
	w.mu.Lock()
	w.answer = func(webhook.Post) (int, error) {
		if !slow {
			return http.StatusOK, nil
		}
		slow = false
		w.later(time.Minute)
		if n, err := other.DeliverDue(t.Context()); err != nil || n != 1 {
			t.Errorf("the other: %d tries, %v", n, err)
		}
		return http.StatusInternalServerError, nil
	}
	w.mu.Unlock()
	w.deliver(1)
	if d := w.one("idm"); d.State != webhook.Delivered || d.Status != 200 {
		t.Errorf("delivery: %+v", d)
	}
}

func TestRolledBack(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "*")
	undo := errors.New("undo")
	hear := func(ctx context.Context, run string) error {
		return w.Hear(ctx, []process.Event{{Kind: process.RunStarted, Time: w.clock(), Tenant: "acme", Run: run}})
	}
	create := func(ctx context.Context, name string) error {
		_, err := w.users.CreateUser(ctx, w.root, credential.NewUser{Name: name})
		return err
	}
	refused(t, w.db.InTx(t.Context(), func(ctx context.Context) error { // all of it
		return errors.Join(create(ctx, "alice"), hear(ctx, "r1"), undo)
	}), undo)
	check(t, w.db.InTx(t.Context(), func(ctx context.Context) error {
		refused(t, w.db.InTx(ctx, func(ctx context.Context) error { // a part
			return errors.Join(create(ctx, "bob"), hear(ctx, "r2"), undo)
		}), undo)
		refused(t, create(ctx, ""), credential.ErrUserName) // nothing happened
		return errors.Join(create(ctx, "carol"), hear(ctx, "r3"))
	}))
	posts := w.deliver(2)
	if len(posts) != 2 || !strings.Contains(string(posts[0].Body)+string(posts[1].Body), `"run":"r3"`) {
		t.Errorf("told of %+v", posts)
	}
}

func TestGone(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	w.user("bob")
	w.answers(http.StatusGone)
	w.deliver(1)
	e, err := w.Endpoint(t.Context(), w.root, "idm")
	check(t, err)
	if !e.Disabled || e.Version != 2 || e.ChangedBy != "system:webhook" {
		t.Errorf("endpoint: %+v", e)
	}
	if trail := w.trail("webhook.disabled"); len(trail) != 1 || trail[0].Detail["webhook"] != "idm" {
		t.Errorf("trail: %+v", trail)
	}
	w.user("carol") // it is told of nothing
	w.answers(http.StatusOK)
	w.later(time.Hour)
	w.deliver(0)
	_, err = w.Change(t.Context(), w.root, "idm", webhook.Change{Disabled: new(false)})
	check(t, err)
	w.deliver(1) // of bob, which waited
	all := w.deliveries("idm")
	if len(all) != 2 || all[0].State != webhook.Failed || all[0].Status != 410 || all[1].State != webhook.Delivered {
		t.Errorf("deliveries: %+v", all)
	}
}

func TestPurge(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	w.deliver(1)
	_, err := w.Change(t.Context(), w.root, "idm", webhook.Change{Disabled: new(true)})
	check(t, err)
	w.later(webhook.Keep)
	if n, err := w.Purge(t.Context()); err != nil || n != 0 {
		t.Errorf("%d removed: %v", n, err)
	}
	w.later(time.Millisecond)
	if n, err := w.Purge(t.Context()); err != nil || n != 1 || len(w.deliveries("idm")) != 0 {
		t.Errorf("%d removed: %v", n, err)
	}
}

// What is told of somebody has their id and nothing else of them, so that nothing is left
// of them when they are erased.
func TestErasedUser(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "*")
	u, err := w.users.CreateUser(t.Context(), w.root, credential.NewUser{Name: "mallory@example.com", DisplayName: "Mallory Example"})
	check(t, err)
	check(t, w.Hear(t.Context(), []process.Event{{
		Kind: process.TaskGiven, Time: w.clock(), Tenant: "acme", Run: "r1", Subject: string(u.ID), Task: "t1", Text: "for Mallory Example",
	}}))
	check(t, w.users.EraseUser(t.Context(), w.root, credential.ByID(u.ID)))
	posts := w.deliver(3)
	for _, p := range posts {
		if text := strings.ToLower(string(p.Body)); strings.Contains(text, "mallory") {
			t.Errorf("a name is told: %s", p.Body)
		}
		if userOf(t, p) != string(u.ID) {
			t.Errorf("it does not say of whom: %s", p.Body)
		}
	}
	if last := string(posts[len(posts)-1].Body); !strings.Contains(last, `"user.erased"`) {
		t.Errorf("the last is %s", last)
	}
}

// With another key nothing is sent; with the right one it is, later.
func TestOtherKey(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	w.user("alice")
	lost := w.node(func(c *webhook.Config) { c.Sealer = keyring{seal.NewKey()} })
	if n, err := lost.DeliverDue(t.Context()); err != nil || n != 1 || len(w.taken()) != 0 {
		t.Errorf("%d tries: %v", n, err)
	}
	if d := w.one("idm"); d.State != webhook.Pending || d.Attempts != 1 || d.Problem == "" {
		t.Errorf("delivery: %+v", d)
	}
	w.later(5 * time.Second)
	w.deliver(1)
}

// One endpoint that has much to hear does not keep the others waiting for all of it.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	busy, _ := w.add("busy", "run.*")
	var events []process.Event
	for i := range 150 {
		events = append(events, process.Event{Kind: process.RunStarted, Time: w.clock(), Tenant: "acme", Run: fmt.Sprint("r", i)})
	}
	check(t, w.Hear(t.Context(), events))
	w.add("calm", "user.*")
	posted := 0
	w.mu.Lock()
	w.answer = func(p webhook.Post) (int, error) {
		if posted++; posted == 1 {
			w.user("alice") // while the busy one has its turn
		}
		w.later(time.Millisecond)
		return http.StatusOK, nil
	}
	w.mu.Unlock()
	posts := w.deliver(151)
	at := slices.IndexFunc(posts, func(p webhook.Post) bool { return p.URL != busy.URL })
	if at != 100 {
		t.Errorf("the calm one had its turn after %d posts, want 100", at)
	}
}

// What happens is delivered at once by whoever runs, and the end waits for it.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.add("idm", "user.*")
	posted := make(chan webhook.Post, 10)
	w.mu.Lock()
	w.answer = func(p webhook.Post) (int, error) {
		posted <- p
		return http.StatusOK, nil
	}
	w.mu.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	for i := range 3 {
		u := w.user(fmt.Sprint("u", i))
		select {
		case p := <-posted:
			if userOf(t, p) != string(u.ID) {
				t.Errorf("posted %s", p.Body)
			}
		case <-time.After(time.Minute):
			t.Fatal("nothing was delivered")
		}
	}
	stop()
	refused(t, <-ended, context.Canceled)
	for _, d := range w.deliveries("idm") {
		if d.State != webhook.Delivered {
			t.Errorf("after the end: %+v", d)
		}
	}
}
