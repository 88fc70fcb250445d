package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
)

func testListRuns(t *testing.T, db *store.DB) {
	b := newBureau(t, db)
	for i := range 6 {
		r := newRun(fmt.Sprint("r", i))
		r.Created = noon.Add(time.Duration(i/2) * time.Minute) // two at a time
		switch i {
		case 1:
			r.Subject = ""
		case 2:
			r.Definition = "q"
		case 3:
			r.Status, r.Ended = process.Failed, noon
			r.Parent, r.ParentJob, r.Root = "r0", "its job", "r0"
		case 4:
			r.Tenant = "beta"
			r.Subject = ""
		}
		b.begin(r, func(c *process.Change) {
			c.Begin.Key = ""
			if i == 5 {
				j := newJob("j", r.ID, process.WorkJob)
				j.State, j.Due = process.JobIncident, process.Never
				c.Jobs = []process.Job{j}
			}
		})
	}
	for _, c := range []struct {
		name  string
		query process.RunQuery
		want  string
	}{
		{"all", process.RunQuery{}, "r5 r3 r2 r1 r0"},
		{"definition", process.RunQuery{Definition: "q"}, "r2"},
		{"status", process.RunQuery{Status: process.Failed}, "r3"},
		{"subject", process.RunQuery{Subject: "alice"}, "r5 r3 r2 r0"},
		{"incidents", process.RunQuery{Incidents: true}, "r5"},
		{"called", process.RunQuery{Parent: "r0"}, "r3"},
		{"called by none", process.RunQuery{Parent: "r1"}, ""},
		{"limit", process.RunQuery{Limit: 2}, "r5 r3"},
		{"page", process.RunQuery{BeforeTime: noon.Add(time.Minute), BeforeID: "r3"}, "r2 r1 r0"},
		{"everything", process.RunQuery{
			Definition: "p", Status: process.Running, Subject: "alice", Incidents: true, BeforeTime: noon.Add(time.Hour), BeforeID: "x",
		}, "r5"},
	} {
		c.query.Tenant = "acme"
		if c.query.Limit == 0 {
			c.query.Limit = 100
		}
		runs, err := b.Runs(t.Context(), c.query)
		check(t, err)
		var got string
		for _, r := range runs {
			got += " " + r.ID
			if r.State.Variables != nil || (r.Incidents == 1) != (r.ID == "r5") {
				t.Errorf("%s: %s has %d incidents, variables %v", c.name, r.ID, r.Incidents, r.State.Variables)
			}
		}
		if got = strings.TrimSpace(got); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
