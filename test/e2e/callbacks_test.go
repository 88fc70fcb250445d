package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// callbackReceiver is where a relay calls back.
type callbackReceiver struct {
	url string

	mu      sync.Mutex
	refused int // how many more to refuse
	got     []outcome
	arrived chan struct{}
}

// outcome is what a callback says.
type outcome struct {
	CommandID, State, Status string
	Signature                struct{ State string }
	Created                  struct {
		Credential madeCredential
	} `json:"fidoCreateCredentialResponse"`
	Error struct{ Code, Message string }
}

// madeCredential is what the key answered, and the id in it.
type madeCredential struct {
	ID  string
	raw json.RawMessage
}

func (m *madeCredential) UnmarshalJSON(text []byte) error {
	m.raw = append(json.RawMessage{}, text...)
	var c struct{ ID string }
	err := json.Unmarshal(text, &c)
	m.ID = c.ID
	return err
}

func listen(t *testing.T) *callbackReceiver {
	t.Helper()
	r := &callbackReceiver{arrived: make(chan struct{}, 100)}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *callbackReceiver) serve(w http.ResponseWriter, req *http.Request) {
	if strings.HasSuffix(req.URL.Path, "/callback/alive") {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused > 0 {
		r.refused--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	text, _ := io.ReadAll(req.Body)
	var o outcome
	if json.Unmarshal(text, &o) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.got = append(r.got, o)
	r.arrived <- struct{}{}
}

func (r *callbackReceiver) refuse(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = n
}

func (r *callbackReceiver) find(command string) (found []outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.got {
		if o.CommandID == command {
			found = append(found, o)
		}
	}
	return found
}

func (r *callbackReceiver) count(command string) int { return len(r.find(command)) }

// wait returns the outcome of a command once it was called back.
func (r *callbackReceiver) wait(t *testing.T, command string) outcome {
	t.Helper()
	limit := time.After(patience)
	for {
		if found := r.find(command); len(found) > 0 {
			return found[0]
		}
		select {
		case <-r.arrived:
		case <-limit:
			t.Fatalf("no callback for command %s", command)
		}
	}
}
