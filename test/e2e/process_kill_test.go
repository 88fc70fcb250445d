package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// stopVariable has a server die by itself: see internal/store.
const stopVariable = "BESTOW_TEST_STOP_AT"

// TestKillProcess kills the server at every transaction of a run of the security-key
// process, right before its COMMIT and right after it, with the desk done first and with
// the person done first, on both engines. In each case the run is carried on by the server
// that is started next, and goes as it would have gone: one credential, each step once.
//
// The server kills itself, by SIGKILL, at the transaction that it is told; so no place is
// missed, and none depends on how fast the machine is. The dead server's claims run out
// after half a minute: the runs wait for it together, while others are begun and killed.
func TestKillProcess(t *testing.T) { onBothEngines(t, killProcess) }

func killProcess(t *testing.T, engine string) {
	began := time.Now()
	signer, jwks := newSigner(t)
	o := openOffice(t, engine, internally, jwks, "--test-data")
	var all []*story
	kills := 0
	for _, side := range []string{"before", "after"} {
		for _, personFirst := range []bool{false, true} {
			for n := 1; ; n++ {
				st := &story{key: fmt.Sprintf("%s-%d-%t", side, n, personFirst), personFirst: personFirst, signer: signer}
				st.user = o.hire(st.key)
				all = append(all, st)
				o.kill()
				o.more = []string{fmt.Sprintf("%s=%s:%d:%s", stopVariable, side, n, st.key)}
				o.start()
				if !o.diesOf(st) {
					if n < 10 {
						t.Errorf("%s: only %d transactions were there to die of", st.key, n-1)
					}
					break
				}
				kills++
				o.more = nil
				o.start()
			}
		}
	}
	o.kill()
	o.more = nil
	o.start()
	o.carryOn(all)
	took := time.Since(began)
	for _, st := range all {
		o.wantTold(st)
	}
	o.wantCounted(len(all))
	t.Logf("%d runs, %d kills, %v", len(all), kills, took.Round(time.Second))
}

// diesOf plays a story until it is over, or the server is dead, which it reports.
func (o *office) diesOf(st *story) bool {
	o.t.Helper()
	var last error
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		var over bool
		over, last = st.advance(o)
		if over {
			return false
		}
		if o.died() {
			return true
		}
	}
	o.t.Fatalf("%s: the run does not end, and the server does not die: %v\n%+v", st.key, last, o.story(st))
	return false
}

// died reports whether the server was killed.
func (o *office) died() bool {
	o.t.Helper()
	select {
	case err := <-o.ended:
		if err == nil || !strings.Contains(err.Error(), "killed") {
			o.t.Fatalf("the server ended with %v\n%s", err, o.log)
		}
		o.http.CloseIdleConnections()
		return true
	default:
		return false
	}
}

// carryOn plays stories until all are over.
func (o *office) carryOn(all []*story) {
	o.t.Helper()
	left := slices.Clone(all)
	var last error
	for limit := time.Now().Add(3 * patience); len(left) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			o.t.Fatalf("%d runs do not end; one of them is %s: %v\n%+v", len(left), left[0].key, last, o.story(left[0]))
		}
		if o.died() {
			o.t.Fatal("the server has died, and nobody told it to")
		}
		left = slices.DeleteFunc(left, func(st *story) bool {
			over, err := st.advance(o)
			if err != nil {
				last = fmt.Errorf("%s: %w", st.key, err)
			}
			return over
		})
	}
}

// story is all that the timelines tell of a story.
func (o *office) story(st *story) (all [][]happening) {
	o.t.Helper()
	if st.run == "" {
		return nil
	}
	for _, r := range o.attempts(st.user, st.run) {
		all = append(all, o.timeline(r.ID))
	}
	return append(all, o.timeline(st.run))
}

// wantTold checks that a run went as it should: the user has their credential, and each
// step is there once.
func (o *office) wantTold(st *story) {
	o.t.Helper()
	r := o.run(st.run)
	attempts := o.attempts(st.user, st.run)
	ids := o.credentials(st.user)
	if r.Status != "completed" || r.Incidents != 0 || len(ids) != 1 || r.text("fidoCredentialId") != ids[0] {
		o.t.Errorf("%s: %+v; credentials %v", st.key, r, ids)
	}
	if len(attempts) != 1+st.relinks {
		o.t.Errorf("%s: %d attempts, %d of them for a link that was lost", st.key, len(attempts), st.relinks)
	}
	if st.relinks > 0 {
		return // each attempt is a run of its own, and the tries are the person's
	}
	for _, run := range append(attempts, r) {
		seen := make(map[string]int)
		timeline := o.timeline(run.ID)
		for _, h := range timeline {
			// The two branches come to the join one after the other.
			if h.Element != "join" {
				seen[h.Kind+" "+h.Element]++
			}
		}
		for what, n := range seen {
			if n != 1 {
				o.t.Errorf("%s: %s %d times in %+v", st.key, what, n, timeline)
			}
		}
		for _, kind := range []string{"fault", "incident", "retried"} {
			if slices.ContainsFunc(timeline, func(h happening) bool { return h.Kind == kind }) {
				o.t.Errorf("%s: a %s in %+v", st.key, kind, timeline)
			}
		}
	}
}

// wantCounted checks that the trail tells of everything as often as it happened.
func (o *office) wantCounted(runs int) {
	o.t.Helper()
	var trail struct{ Events int }
	o.verb(&trail, "audit", "verify")
	for action, want := range map[string]int{
		"credential.registered": runs, "process.started": 2 * runs, "process.ended": 2 * runs, "process.task_completed": runs,
	} {
		var events []struct{ Action string }
		o.verb(&events, "audit", "list", "--action", action, "--limit", "1000")
		if len(events) != want {
			o.t.Errorf("%d events %s, want %d", len(events), action, want)
		}
	}
}
