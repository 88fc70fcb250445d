package provision_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
)

// mended is a reason for which an operator has to mend something first.
type mended struct {
	name string
	ways []string
	kind string // what the operator is told

	before func(w *world)          // spoils it before the run starts; may be nil
	then   func(f *flow)           // goes on to where it shows; may be nil
	mend   func(w *world, f *flow) // may be nil: it is only asked again
}

// away has requests whose path begins so find nobody.
func away(prefixes ...string) func(w *world) {
	return func(w *world) {
		w.before = func(rw http.ResponseWriter, r *http.Request) bool {
			for _, prefix := range prefixes {
				if strings.HasPrefix(r.URL.Path, prefix) {
					rw.WriteHeader(http.StatusBadGateway)
					return true
				}
			}
			return false
		}
	}
}

func back(w *world, _ *flow) { w.before = nil }

// tries waits until what cannot be reached was tried three times.
func tries(f *flow) {
	f.later(5 * time.Second)
	f.wantOpen("")
	f.later(30 * time.Second)
}

var mending = []mended{
	{name: "Digital Access away", ways: overHTTP, kind: provision.DAConnection, before: away("/fido/", "/oauth2/"), then: tries, mend: back},
	{name: "relay away", ways: overHTTP, kind: provision.HermodConnection, before: away("/hermod/"), then: tries, mend: back},
	{name: "Digital Access away at the end", ways: overHTTP, kind: provision.DAConnection, then: func(f *flow) {
		f.follow()
		f.desk.create()
		f.settle()
		away("/fido/credentials")(f.world)
		f.choose("openLink", "")
		tries(f)
	}, mend: back},
	{
		name: "relay away for the command", ways: overHTTP, kind: provision.HermodConnection, before: away("/hermod/rest/command/fidocreatecredential"),
		then: func(f *flow) {
			f.later(5 * time.Second)
			f.wantOpen("openLink")
			f.later(30 * time.Second)
		}, mend: back,
	},
	{name: "not let in", ways: overHTTP, kind: provision.DAAuth, then: func(f *flow) {
		f.follow()
		f.desk.create()
		f.settle()
		f.password("wrong")
		f.choose("openLink", "")
	}, mend: func(_ *world, f *flow) { f.password(secret) }},
	{name: "not let in by the relay", ways: overHTTP, kind: provision.HermodAuth, before: func(w *world) {
		w.before = func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/hermod/") {
				return false
			}
			rw.WriteHeader(http.StatusUnauthorized)
			return true
		}
	}, mend: back},
	{
		name: "user locked", ways: both, kind: provision.DAUser, before: (*world).lock,
		mend: func(w *world, _ *flow) { w.unlock() },
	},
	{name: "user unknown there", ways: overHTTP, kind: provision.DAUser, before: func(w *world) {
		w.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/fido/") {
				r.URL.RawQuery = "userId=nobody"
			}
			return false
		}
	}, mend: back},
	{
		name: "too many credentials", ways: both, kind: provision.DARejected, before: func(w *world) { w.has(3) },
		mend: func(w *world, _ *flow) { w.dropAll() },
	},
	{name: "what was made is refused", ways: both, kind: provision.DARejected, then: func(f *flow) {
		f.follow()
		m := f.desk.next()
		f.desk.answer(m, "OK", `{"credential":`+f.desk.credentialAt(m.Command, "https://evil.example")+`}`)
		f.settle()
		f.choose("openLink", "")
	}},
	{name: "attempt cancelled", ways: both, then: func(f *flow) {
		page, err := f.p.Runs(f.t.Context(), f.root, process.RunFilter{Definition: "security-key-session", Status: process.Running})
		check(f.t, err)
		_, err = f.p.Cancel(f.t.Context(), f.enroll, page.Runs[0].ID, "wrong person")
		check(f.t, err)
		f.settle()
		f.later(10 * time.Second) // its session ends by itself
	}},
}

// password sets the connection's secret.
func (f *flow) password(password string) {
	f.t.Helper()
	_, err := f.PutConnection(f.t.Context(), f.root, provision.Connection{Name: "digital-access", URL: f.server.URL, ClientID: "idm"}, password)
	check(f.t, err)
}

func (c mended) test(t *testing.T, seen *footprints) {
	for _, choice := range []string{"again", "end"} {
		inWorlds(t, choice, c.ways, func(w *world, way string) { c.one(w, way, choice, seen) })
	}
}

func (c mended) one(w *world, way, choice string, seen *footprints) {
	t := w.t
	if c.before != nil {
		c.before(w)
	}
	f := w.shipped(way, "security-key", seen, nil)
	if c.then != nil {
		c.then(f)
	}
	task, _ := f.task("mend")
	if got, want := string(task.Values["errorType"]), `"`+c.kind+`"`; got != want && c.kind != "" {
		t.Errorf("the operator is told %s, want %s: %s", got, want, task.Values["errorMessage"])
	}
	if choice == "end" {
		states := f.states()
		f.choose("mend", "end")
		f.wantEnd("gaveUp", "GIVEN_UP", states)
		return
	}
	if c.mend != nil {
		c.mend(w, f)
	}
	f.choose("mend", "again")
	f.stored()
	f.wantEnd("done", "", "active")
}

// A setting that is gone is an incident; the run goes on from there once it is back.
func settingGone(f *flow) {
	f.follow()
	f.desk.create()
	f.settle()
	check(f.t, f.DeleteConnection(f.t.Context(), f.root, "digital-access"))
	f.choose("openLink", "")
	for range 5 {
		f.later(10 * time.Minute)
	}
	page, err := f.p.Runs(f.t.Context(), f.root, process.RunFilter{Incidents: true})
	check(f.t, err)
	if len(page.Runs) != 1 {
		f.t.Fatalf("%d runs have incidents, want 1", len(page.Runs))
	}
	jobs, err := f.p.Jobs(f.t.Context(), f.root, page.Runs[0].ID)
	check(f.t, err)
	f.called("ours")
	check(f.t, f.p.Retry(f.t.Context(), f.enroll, jobs[0].ID))
	f.settle()
	f.choose("tryLink", "again") // the challenge has expired meanwhile
	f.stored()
	f.wantEnd("done", "", "active")
}
