package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bestow.dev/internal/store/pgtest"
)

// errandDefinition asks a server twice for something, with a while before each.
const errandDefinition = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="http://bestow.dev/test">
  <process id="errand" name="Errand" isExecutable="true">
    <startEvent id="start"/>
    <serviceTask id="while1" flowable:delegateExpression="${waitTask}" flowable:async="true">
      <extensionElements><flowable:field name="duration"><flowable:string>PT2S</flowable:string></flowable:field></extensionElements>
    </serviceTask>
    <serviceTask id="ask1" flowable:delegateExpression="${httpRequestTask}" flowable:async="true">
      <extensionElements>
        <flowable:field name="method"><flowable:string>POST</flowable:string></flowable:field>
        <flowable:field name="url"><flowable:expression>${url}</flowable:expression></flowable:field>
      </extensionElements>
    </serviceTask>
    <serviceTask id="while2" flowable:delegateExpression="${waitTask}" flowable:async="true">
      <extensionElements><flowable:field name="duration"><flowable:string>PT2S</flowable:string></flowable:field></extensionElements>
    </serviceTask>
    <serviceTask id="ask2" flowable:delegateExpression="${httpRequestTask}" flowable:async="true">
      <extensionElements>
        <flowable:field name="method"><flowable:string>POST</flowable:string></flowable:field>
        <flowable:field name="url"><flowable:expression>${url}</flowable:expression></flowable:field>
      </extensionElements>
    </serviceTask>
    <endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="while1"/>
    <sequenceFlow id="f2" sourceRef="while1" targetRef="ask1"/>
    <sequenceFlow id="f3" sourceRef="ask1" targetRef="while2"/>
    <sequenceFlow id="f4" sourceRef="while2" targetRef="ask2"/>
    <sequenceFlow id="f5" sourceRef="ask2" targetRef="end"/>
  </process>
</definitions>`

// errands is a server that is asked, and notes by which keys. After a number of answers it
// keeps whoever asks waiting.
type errands struct {
	url     string
	quick   int           // how many are answered at once
	release chan struct{} // closed: the others are answered too

	mu   sync.Mutex
	keys map[string]int
	kept int // who wait
}

func runErrands(t *testing.T, quick int) *errands {
	t.Helper()
	e := &errands{quick: quick, release: make(chan struct{}), keys: make(map[string]int)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.isQuick(r.Header.Get("Idempotency-Key")) {
			select {
			case <-e.release:
			case <-r.Context().Done():
			}
		}
		io.WriteString(w, "done")
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *errands) isQuick(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys[key]++
	if len(e.keys) <= e.quick {
		return true
	}
	e.kept++
	return false
}

func (e *errands) waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kept
}

// TestTwoNodesShareProcesses runs many processes on two servers over one PostgreSQL. Both
// do their part; in the middle one of them is killed, and the other one finishes all of it:
// each step once, and what is asked of another server once by its key.
func TestTwoNodesShareProcesses(t *testing.T) {
	const runs, workers = 240, 4
	// A node does so many jobs at a time; some more than that are under way at the kill.
	const hands, underWay = 64, 72
	engine := pgtest.URL(t)
	asked := runErrands(t, runs)
	_, jwks := newSigner(t)
	a := openOffice(t, engine, internally, jwks)
	b := &office{server: startOn(t, engine, a.config), ops: a.ops}
	a.deploy(errandDefinition)

	var all sync.WaitGroup
	for w := range workers {
		node := []*office{a, b}[w%2]
		all.Go(func() {
			for n := range runs / workers {
				h := node.ops.Clone()
				h.Set("Idempotency-Key", fmt.Sprintf("%d-%d", w, n))
				var r processRun
				if err := node.try(201, request{"POST", "/api/v1/process-runs", h, map[string]any{
					"definition": "errand", "variables": map[string]string{"url": asked.url},
				}}, &r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	eventually(t, "both nodes are in the middle of it", func() bool { return asked.waiting() >= underWay })
	jobsOfA, jobsOfB := a.jobsDone(), b.jobsDone()
	a.kill()
	close(asked.release)
	var done []processRun
	eventually(t, "the other node finishes everything", func() bool {
		done = b.errands("completed")
		return len(done) == runs
	})
	t.Logf("jobs until the kill: %d and %d; the one that is left did %d", jobsOfA, jobsOfB, b.jobsDone())
	if jobsOfA < runs/4 || jobsOfB < runs/4 {
		t.Errorf("until the kill one node did %d jobs and the other %d: they do not share", jobsOfA, jobsOfB)
	}
	for _, r := range done {
		b.wantOnce(r.ID, "while1", "ask1", "while2", "ask2", "end")
	}
	asked.mu.Lock()
	defer asked.mu.Unlock()
	repeated := 0
	for _, n := range asked.keys {
		repeated += n - 1
	}
	// What the dead node had asked is asked again, with its key.
	if len(asked.keys) != 2*runs || repeated < underWay-hands || repeated > hands {
		t.Errorf("%d requests by their keys, want %d; %d repeated", len(asked.keys), 2*runs, repeated)
	}
	for action, want := range map[string]int{"process.started": runs, "process.ended": runs} {
		var events []struct{ Action string }
		b.verb(&events, "audit", "list", "--action", action, "--limit", "1000")
		if len(events) != want {
			t.Errorf("%d events %s, want %d", len(events), action, want)
		}
	}
	b.verb(nil, "audit", "verify")
}

// deploy deploys a definition.
func (o *office) deploy(xml string) {
	o.t.Helper()
	req, err := http.NewRequest("POST", o.url+"/api/v1/process-definitions", strings.NewReader(xml))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header = o.ops.Clone()
	req.Header.Set("Content-Type", "application/xml")
	resp, err := o.http.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		o.t.Fatalf("deploy: %d %s", resp.StatusCode, text)
	}
}

// errands are the runs of that definition in a state.
func (o *office) errands(status string) []processRun {
	o.t.Helper()
	var page struct{ Items []processRun }
	o.must(200, request{"GET", "/api/v1/process-runs?limit=1000&definition=errand&status=" + status, o.ops, nil}, &page)
	return page.Items
}

// jobsDone is how many jobs of processes a node has done.
func (s *server) jobsDone() int {
	s.t.Helper()
	for line := range strings.Lines(s.metrics()) {
		if n, ok := strings.CutPrefix(line, "bestow_process_jobs_total "); ok {
			count, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return int(count)
		}
	}
	s.t.Fatal("the metrics do not tell of jobs")
	return 0
}
