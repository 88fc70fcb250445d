package storetest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

func testTasks(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	for i := range 4 {
		id := fmt.Sprint("r", i)
		b.begin(newRun(id), func(c *process.Change) {
			task := newTask(fmt.Sprint("t", i), id)
			task.Created = noon.Add(time.Duration(i/2) * time.Minute)
			if i == 2 {
				task.Assignee, task.Role = "", "desk"
			}
			c.Tasks = []process.Task{task}
		})
	}
	for _, c := range []struct {
		name  string
		query process.TaskQuery
		want  string
	}{
		{"all", process.TaskQuery{}, "t0 t1 t2 t3"},
		{"assignee", process.TaskQuery{Assignee: "alice"}, "t0 t1 t3"},
		{"role", process.TaskQuery{Role: "desk"}, "t2"},
		{"run", process.TaskQuery{Run: "r3"}, "t3"},
		{"page", process.TaskQuery{AfterTime: noon, AfterID: "t0", Limit: 2}, "t1 t2"},
		{"another tenant", process.TaskQuery{Tenant: "beta"}, ""},
	} {
		if c.query.Tenant == "" {
			c.query.Tenant = "acme"
		}
		if c.query.Limit == 0 {
			c.query.Limit = 100
		}
		tasks, err := b.Tasks(t.Context(), c.query)
		check(t, err)
		var got string
		for i, task := range tasks {
			if i > 0 {
				got += " "
			}
			got += task.ID
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	take := func(id, from, by string) error {
		return b.TakeTask(t.Context(), "acme", id, from, by, event("acme", "taken"))
	}
	check(t, take("t2", "a", "a"))
	wantError(t, take("t2", "b", "b"), process.ErrTaskTaken)
	wantError(t, take("t2", "b", ""), process.ErrTaskTaken)
	check(t, take("t2", "a", ""))
	check(t, take("t2", "b", "b"))
	wantError(t, take("t9", "a", "a"), process.ErrTaskUnknown)
	check(t, b.step("r2", func(c *process.Change) { c.Clear = []int64{1} }))
	wantError(t, take("t2", "b", "b"), process.ErrTaskOver)
}

func testTaskLinks(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	b.begin(newRun("r1"), func(c *process.Change) { c.Tasks = []process.Task{newTask("t1", "r1")} })
	add := func(name string) [sha256.Size]byte {
		t.Helper()
		secret := sha256.Sum256([]byte(name))
		l := &process.TaskLink{
			ID: name, Tenant: "acme", Task: "t1", Run: "r1", User: "alice", Secret: secret, Created: noon, Expires: noon.Add(time.Hour),
		}
		check(t, b.AddTaskLink(t.Context(), l, event("acme", "link "+name)))
		got, err := b.TaskLink(t.Context(), secret)
		check(t, err)
		wantEqual(t, got, l)
		return secret
	}
	open := func(secret [sha256.Size]byte, at time.Time, session string) error {
		o := &process.Opening{Secret: secret, At: at, Session: session, SessionExpires: at.Add(time.Minute)}
		return b.OpenTaskLink(t.Context(), o, event("acme", "opened"))
	}
	first := add("first")
	wantError(t, open(first, noon.Add(time.Hour), "s0"), process.ErrLinkExpired)
	var all sync.WaitGroup
	results := make(chan error, 5)
	for i := range 5 {
		all.Go(func() { results <- open(first, noon, fmt.Sprint("s", i)) })
	}
	all.Wait()
	won := 0
	for range 5 {
		if err := <-results; err == nil {
			won++
		} else {
			wantError(t, err, process.ErrLinkSpent)
		}
	}
	if won != 1 {
		t.Errorf("%d visits opened the link, want one", won)
	}
	l, err := b.TaskLink(t.Context(), first)
	check(t, err)
	session, err := b.TaskSession(t.Context(), l.Session)
	check(t, err)
	if session.Task != "t1" || !session.SessionExpires.Equal(noon.Add(time.Minute)) || !session.Spent.Equal(noon) {
		t.Errorf("the session is %+v", session)
	}
	_, err = b.TaskSession(t.Context(), "")
	wantError(t, err, process.ErrSession)

	second := add("second")
	_, err = b.TaskSession(t.Context(), l.Session)
	wantError(t, err, process.ErrSession)
	add("third")
	wantError(t, open(second, noon, "s2"), process.ErrLinkSpent)
	check(t, open(add("ended"), noon, "s3"))
	check(t, b.EndTaskSession(t.Context(), "s3", event("acme", "ended")))
	_, err = b.TaskSession(t.Context(), "s3")
	wantError(t, err, process.ErrSession)
	wantError(t, b.EndTaskSession(t.Context(), "s3", event("acme", "ended")), process.ErrSession)
	wantError(t, b.EndTaskSession(t.Context(), "", event("acme", "ended")), process.ErrSession)
	_, err = b.TaskLink(t.Context(), sha256.Sum256([]byte("none")))
	wantError(t, err, process.ErrLinkUnknown)
	fourth := add("fourth")
	check(t, b.step("r1", func(c *process.Change) { c.Clear = []int64{1} }))
	wantError(t, open(fourth, noon, "s4"), process.ErrTaskOver)
	late := &process.TaskLink{ID: "late", Tenant: "acme", Task: "t1", User: "alice", Created: noon}
	wantError(t, b.AddTaskLink(t.Context(), late, event("acme", "late")), process.ErrTaskOver)
	wantActions(t, db, "acme", "user.created", "started r1", "link first", "opened", "link second", "link third", "link ended", "opened", "ended", "link fourth")
}
