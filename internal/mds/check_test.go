package mds_test

import (
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/tenant"
	"bestow.dev/metadata"
)

func TestNothingConfigured(t *testing.T) {
	s, err := mds.New(mds.Config{})
	check(t, err)
	check(t, s.Load(t.Context()))
	check(t, s.CheckDue(t.Context()))
	s.Run(t.Context()) // returns at once
	if s.Current().ByAAGUID(model(t, keyModel)) != nil || len(s.State(start)) != 0 {
		t.Error("it knows something")
	}
	var none *mds.Snapshot
	if none.ByAAID("0000#0001") != nil || none.ForAttestation(nil) != nil || none.Lists() != nil {
		t.Error("no snapshot knows something")
	}
}

func TestFirstList(t *testing.T) {
	w := newWorld(t)
	s := w.node(w.fetcher())
	wantNumber(t, s, 0)
	w.checked(s)
	wantNumber(t, s, 7)
	found := s.Current().ByAAGUID(model(t, keyModel))
	if found.Source != "fido" || found.Own || found.Entry.Statement.Description != "A key" || found.SHA256 == [32]byte{} || found.Hidden != nil {
		t.Errorf("found %+v", found)
	}
	st := state(t, s, start.Add(time.Hour))
	want := mds.State{
		Source: "fido", Kind: "url", Models: 1, Number: 7, NextUpdate: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
		Accepted: start, Age: time.Hour, Checked: start, Next: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Changes: mds.Changes{Added: 1},
	}
	if st.Changes.Models != nil || st.Next != want.Next || st.Number != want.Number || st.Age != want.Age || st.Accepted != want.Accepted ||
		st.Checked != want.Checked || st.Outdated || st.Refused || st.Tries != 0 || st.Changes.Added != 1 || st.Models != 1 || st.Kind != "url" {
		t.Errorf("state %+v, want %+v", st, want)
	}
	for _, tenantName := range []string{"acme", "other"} {
		events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: tenantName})
		check(t, err)
		if len(events) != 1 || events[0].Action != "metadata.updated" || events[0].Ref != "fido" ||
			events[0].Actor.Kind != audit.System || events[0].Detail["number"] != "7" {
			t.Errorf("events of %s: %+v", tenantName, events)
		}
	}
}

// What is current is kept, by validators as long as there are any.
func TestNotModified(t *testing.T) {
	w := newWorld(t)
	s := w.checked(w.node(w.fetcher()))
	w.checked(s)
	if asked, _ := w.service.Asked(); asked != 1 {
		t.Errorf("asked %d times before the next check was due, want 1", asked)
	}
	w.pass(17 * 24 * time.Hour)
	w.checked(s)
	if asked, same := w.service.Asked(); asked != 2 || same != 1 {
		t.Errorf("asked %d times, %d not modified", asked, same)
	}
	st := state(t, s, w.now())
	if st.Number != 7 || st.Accepted != start || st.Checked != w.now() || st.Next != w.now().Add(24*time.Hour) || !st.Outdated {
		t.Errorf("state %+v", st)
	}
	// Without validators the same text comes again, and stays what it is.
	w.service.Answer(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(w.service.Text()) })
	w.pass(24 * time.Hour)
	w.checked(s)
	if st := state(t, s, w.now()); st.Accepted != start || st.Checked != w.now() || st.Tries != 0 {
		t.Errorf("state %+v", st)
	}
}

// Everything that is refused leaves what is in force, says why, and mends by itself.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(w *world)
		want  string // empty: list 8 comes into force
	}{
		{"untouched", func(*world) {}, ""},
		{"3.2/6: an older number", func(w *world) { w.service.Publish(next(6)) }, "metadata.serial_number"},
		{"3.2/6: another text of the same number", func(w *world) { w.service.Publish(next(7)) }, "metadata.serial_number"},
		{"3.2/6: a signature that does not verify", func(w *world) {
			text := w.service.Sign(next(8))
			w.service.PublishText(append(text[:len(text)-4], "AAAA"...))
		}, "metadata.signature"},
		{"garbage", func(w *world) { w.service.PublishText([]byte("<html>maintenance</html>")) }, "metadata.jws_malformed"},
		{"nothing", func(w *world) { w.service.PublishText(nil) }, "metadata.jws_malformed"},
		{"huge", func(w *world) {
			w.service.Answer(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(make([]byte, metadata.MaxBLOBBytes+1)) })
		}, "metadata.too_large"},
		{"not there", func(w *world) { w.service.Answer(http.NotFound) }, "metadata.answer"},
		{"redirect elsewhere", func(w *world) {
			w.service.Answer(func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, "https://127.0.0.1:1/blob", http.StatusFound)
			})
		}, "metadata.redirect"},
		{"redirect within", func(w *world) {
			w.service.PublishChain(w.service.Sign(next(8)))
			w.service.Answer(func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/chain", http.StatusFound) })
		}, ""},
		{"3.2/2: no revocation lists", func(w *world) { w.service.Silence(true) }, "metadata.revocation_unknown"},
		{"3.2/4: the signer is revoked", func(w *world) { w.service.RevokeSigner() }, "metadata.certificate_revoked"},
		{"3.2/4.1: x5u of another origin", func(w *world) {
			l := next(8)
			l.X5U = "https://elsewhere.example/chain"
			w.service.Publish(l)
		}, "metadata.x5u_origin"},
		{"3.2/4.1: x5u by http", func(w *world) {
			l := next(8)
			l.X5U = strings.Replace(w.service.Sibling("/chain"), "https", "http", 1)
			w.service.Publish(l)
		}, "metadata.x5u_origin"},
		{"3.2/4.2: x5u leads to a chain", func(w *world) {
			w.service.PublishChain(mdstest.PEM(w.service.Leaf.Cert, w.service.CA.Cert))
			l := next(8)
			l.X5U = w.service.Sibling("/chain")
			w.service.Publish(l)
		}, ""},
		{"3.2/4.3: x5u leads to garbage", func(w *world) {
			w.service.PublishChain([]byte("no chain"))
			l := next(8)
			l.X5U = w.service.Sibling("/chain")
			w.service.Publish(l)
		}, "metadata.certificate_malformed"},
		{"3.2/4.3: x5u leads to a stranger", func(w *world) {
			w.service.PublishChain(mdstest.PEM(w.service.Issue("Stranger", false, nil, "").Cert))
			l := next(8)
			l.X5U = w.service.Sibling("/chain")
			w.service.Publish(l)
		}, "metadata.chain_untrusted"},
		{"an overdue list is news all the same", func(w *world) {
			l := next(8)
			l.NextUpdate = "2026-05-01"
			w.service.Publish(l)
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.checked(w.node(w.fetcher()))
			w.pass(16 * 24 * time.Hour)
			w.service.Publish(next(8))
			tt.spoil(w)
			w.checked(s)
			st := state(t, s, w.now())
			if tt.want == "" {
				wantNumber(t, s, 8)
				if st.Tries != 0 || st.Failure != (mds.Failure{}) {
					t.Errorf("state %+v, log:\n%s", st, &w.log)
				}
				return
			}
			wantNumber(t, s, 7)
			if st.Tries != 1 || st.Failure.Code != tt.want || st.Failure.Public == "" || st.Next != w.now().Add(5*time.Minute) {
				t.Errorf("state %+v, want %s", st, tt.want)
			}
			if strings.Contains(w.log.String(), "/blob") || strings.Contains(w.log.String(), "elsewhere.example") {
				t.Errorf("the log tells URLs:\n%s", &w.log)
			}
			_, err := s.Check(t.Context(), operator(), "fido")
			wantCode(t, err, tt.want)
		})
	}
}

// Failures are repeated after a delay that grows, and forgotten once a check succeeds.
func TestRetries(t *testing.T) {
	w := newWorld(t)
	w.service.Answer(http.NotFound)
	s := w.node(w.fetcher())
	for i, delay := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 360, 360} {
		w.checked(s)
		if st := state(t, s, w.now()); st.Tries != i+1 || st.Next.Sub(w.now()) != delay*time.Minute {
			t.Fatalf("after failure %d: %d tries, next after %s, want %s", i+1, st.Tries, st.Next.Sub(w.now()), delay*time.Minute)
		}
		w.pass(delay*time.Minute - time.Second)
		w.checked(s)
		if asked, _ := w.service.Asked(); asked != i+1 {
			t.Fatalf("asked %d times, want %d", asked, i+1)
		}
		w.pass(time.Second)
	}
	w.service.Publish(first())
	w.checked(s)
	wantNumber(t, s, 7)
	if st := state(t, s, w.now()); st.Tries != 0 || st.Failure.Code != "" {
		t.Errorf("state %+v", st)
	}
}

func TestAllowUnknownRevocation(t *testing.T) {
	w := newWorld(t)
	w.service.Silence(true)
	w.source.AllowUnknownRevocation = true
	s := w.checked(w.node(w.fetcher()))
	wantNumber(t, s, 7)
	if f := s.Current().Lists()[0].Findings; len(f) != 1 || f[0].Code != metadata.WarningRevocationUnknown {
		t.Errorf("findings %v", f)
	}
	// Who takes the permission back takes the list out of force.
	w.source.AllowUnknownRevocation = false
	strict := w.node(offline{})
	wantNumber(t, strict, 0)
	if st := state(t, strict, w.now()); st.Unusable == "" {
		t.Errorf("state %+v", st)
	}
}

func TestCRLFiles(t *testing.T) {
	w := newWorld(t)
	w.service.Silence(true)
	root := mdstest.File(t, "root.crl", w.service.RevocationList(w.service.Root))
	ca := mdstest.File(t, "ca.crl", w.service.RevocationList(w.service.CA))
	w.source.CRLFiles = []string{root, ca}
	s := w.checked(w.node(w.fetcher()))
	wantNumber(t, s, 7)

	// They are read at each check.
	w.service.RevokeSigner()
	check(t, os.WriteFile(ca, w.service.RevocationList(w.service.CA), 0o600))
	w.service.Publish(next(8))
	_, err := s.Check(t.Context(), operator(), "fido")
	wantCode(t, err, "metadata.certificate_revoked")
	check(t, os.Remove(ca))
	_, err = s.Check(t.Context(), operator(), "fido")
	wantCode(t, err, "metadata.file")
	wantNumber(t, s, 7)
}

func TestCheckNeedsAnOperator(t *testing.T) {
	w := newWorld(t)
	own, err := mds.NewOwn(nil, nil)
	check(t, err)
	s := w.node(w.fetcher(), w.source, mds.Source{Name: "own", Own: own})
	_, err = s.Check(t.Context(), tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "idm"}}, "fido")
	wantCode(t, err, tenant.ErrDenied.Code)
	for name, want := range map[string]*string{"nothing": &mds.ErrUnknownSource.Code, "own": &mds.ErrOwn.Code} {
		_, err = s.Check(t.Context(), operator(), name)
		wantCode(t, err, *want)
	}
	out, err := s.Check(t.Context(), operator(), "fido")
	check(t, err)
	if !out.Updated || out.Number != 7 {
		t.Errorf("outcome %+v", out)
	}
	if out, err = s.Check(t.Context(), operator(), "fido"); err != nil || out.Updated || out.Number != 7 {
		t.Errorf("the second time: %+v, %v", out, err)
	}
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "other"})
	check(t, err)
	if len(events) != 1 || events[0].Actor.Kind != audit.Operator {
		t.Errorf("events %+v", events)
	}
}

// Another node sees a new list, whoever accepted it, and only one of them fetches it.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(w.fetcher()), w.node(w.fetcher())
	w.checked(a)
	w.checked(b)
	wantNumber(t, a, 7)
	check(t, b.Load(t.Context()))
	wantNumber(t, b, 7)
	if asked, _ := w.service.Asked(); asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
	before := b.Current()
	check(t, b.Load(t.Context()))
	if b.Current() != before {
		t.Error("a snapshot was made anew without need")
	}
	w.service.Publish(next(8, "FIDO_CERTIFIED_L1", "REVOKED"))
	_, err := a.Check(t.Context(), operator(), "fido")
	check(t, err)
	wantNumber(t, b, 7)
	check(t, b.Load(t.Context()))
	wantNumber(t, b, 8)
}

// Run does what is due by itself, on every node.
func TestRun(t *testing.T) {
	w := newWorld(t)
	soon := first()
	soon.NextUpdate = "2026-06-16"
	text := w.service.Sign(soon)
	synctest.Test(t, func(t *testing.T) {
		shared := newMemory()
		fetch := &canned{text: text, lists: map[string][]byte{}}
		for _, c := range []*x509.Certificate{w.service.Leaf.Cert, w.service.CA.Cert} {
			by := w.service.CA
			if c == w.service.CA.Cert {
				by = w.service.Root
			}
			fetch.lists[c.CRLDistributionPoints[0]] = w.service.RevocationList(by)
		}
		begun := time.Now()
		clock := func() time.Time { return start.Add(time.Since(begun)) }
		ctx, stop := cancelled(t)
		var nodes []*mds.Service
		done := make(chan struct{})
		for range 2 {
			s, err := mds.New(mds.Config{Store: shared, Fetcher: fetch, Sources: []mds.Source{w.source}, Now: clock})
			check(t, err)
			nodes = append(nodes, s)
			go func() { s.Run(ctx); done <- struct{}{} }()
		}
		wait := func(d time.Duration) {
			time.Sleep(d) // of the bubble: it takes no time
			synctest.Wait()
		}
		wait(3 * time.Second)
		for _, s := range nodes {
			wantNumber(t, s, 7)
		}
		if fetch.asked() != 1 {
			t.Errorf("asked %d times, want 1", fetch.asked())
		}
		fetch.set(w.service.Sign(next(8)))
		wait(24*time.Hour + time.Second)
		for _, s := range nodes {
			wantNumber(t, s, 8)
		}
		stop()
		<-done
		<-done
	})
}
