// Package relaytest is a message relay for tests: one box behind TLS that speaks the
// wire of package plugout and remembers what it was told.
package relaytest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
)

// What the box and its session are known by.
const (
	Box     = "6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"
	Token   = "b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"
	Session = "c2Vzc2lvbi1zZWNyZXQtb2YtdGhlLXRlc3QtMTIzNDU2"
	Nonce   = "kX0b2oQyq1m0m1xJ5rV0Zw" // of every message
)

// basePath is where the boxes are.
const basePath = "/hermod/rest/ms/"

// Relay is the other end of the wire. The session is over (410) as soon as every
// message has been answered or has expired.
//
// The exported members are for setting up before the agent is started, and for
// looking at afterwards.
type Relay struct {
	Server *httptest.Server

	// Before may answer a call in the relay's place; it then returns true.
	Before func(w http.ResponseWriter, r *http.Request) bool

	MatchCode bool                      // a create command waits for the confirmation
	Expires   time.Time                 // of the session
	Open      []*plugout.CommandMessage // not answered
	Answers   []Answered
	Calls     []string // method and path below the box

	Confirmed bool // the agent said that the codes match
	Closed    bool // the session is over

	t  *testing.T
	mu sync.Mutex
}

// Answered is an answer as it came.
type Answered struct {
	plugout.Answer
	Type      plugout.CommandType
	MediaType string
	JWS       *plugout.JWS // nil for an answer in plain JSON
}

// New starts a relay that ends with the test.
func New(t *testing.T) *Relay {
	t.Helper()
	r := &Relay{t: t, Expires: time.Now().Add(time.Minute)}
	r.Server = httptest.NewUnstartedServer(r)
	r.Server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	r.Server.StartTLS()
	t.Cleanup(r.Server.Close)
	return r
}

// Host returns host and port as links name them.
func (r *Relay) Host() string { return strings.TrimPrefix(r.Server.URL, "https://") }

// Link returns the link that opens the box.
func (r *Relay) Link() plugout.Link {
	return plugout.Link{BoxURL: r.Server.URL + basePath + Box, Token: Token}
}

// Post puts a command into the box and returns its message, which may be changed
// before the agent is started.
func (r *Relay) Post(typ plugout.CommandType, command string) *plugout.CommandMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UTC()
	m := &plugout.CommandMessage{
		Version:      plugout.Version,
		BoxID:        Box,
		MessageID:    fmt.Sprintf("00000000-0000-4000-8000-%012d", len(r.Open)+len(r.Answers)),
		Type:         typ,
		Requester:    "idm",
		Issued:       now,
		Expires:      now.Add(50 * time.Second),
		Nonce:        Nonce,
		Format:       plugout.FormatJWS,
		SignatureKey: plugout.KeyAttestation,
		Command:      json.RawMessage(command),
	}
	r.Open = append(r.Open, m)
	return m
}

// Withdraw takes a message out of the box.
func (r *Relay) Withdraw(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Open = slices.DeleteFunc(r.Open, func(m *plugout.CommandMessage) bool { return m.MessageID == id })
}

// Answer returns the answer to the only command of a type.
func (r *Relay) Answer(typ plugout.CommandType) Answered {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Answered
	for _, a := range r.Answers {
		if a.Type == typ {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d answers to %s, want 1", len(found), typ)
	}
	return found[0]
}

// Called returns how often a call was made.
func (r *Relay) Called(call string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.Calls {
		if c == call {
			n++
		}
	}
	return n
}

// ServeHTTP is the wire.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, basePath+Box)
	r.mu.Lock()
	r.Calls = append(r.Calls, req.Method+" "+path)
	before := r.Before
	r.mu.Unlock()
	if before != nil && before(w, req) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.Open = slices.DeleteFunc(r.Open, func(m *plugout.CommandMessage) bool { return !m.Expires.After(now) })
	if path != "/session" || req.Method != http.MethodPost {
		if req.Header.Get("Authorization") != "Bearer "+Session {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Closed {
			w.WriteHeader(http.StatusGone)
			return
		}
	}
	switch {
	case path == "/session" && req.Method == http.MethodPost:
		r.redeem(w, req)
	case path == "/session" && req.Method == http.MethodDelete:
		r.Closed = true
		w.WriteHeader(http.StatusNoContent)
	case path == "/session/confirm":
		r.Confirmed = true
		w.WriteHeader(http.StatusNoContent)
	case path == "":
		r.list(w, req)
	case req.Method == http.MethodGet:
		r.fetch(w, path[1:])
	default:
		r.Take(w, req, path[1:])
	}
}

func (r *Relay) redeem(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	request, err := plugout.ParseSessionRequest(body)
	if err != nil {
		r.t.Errorf("session request: %v", err)
	}
	if request.Token != Token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.write(w, http.StatusCreated, plugout.SessionResponse{
		Session: Session, Expires: r.Expires, Messages: r.items(), MatchCode: r.MatchCode,
	})
}

func (r *Relay) items() []plugout.MessageItem {
	items := []plugout.MessageItem{}
	for _, m := range r.Open {
		if m.Type != plugout.FIDOCreateCredential || !r.MatchCode || r.Confirmed {
			items = append(items, plugout.MessageItem{MessageID: m.MessageID, Type: m.Type, Expires: m.Expires})
		}
	}
	return items
}

func (r *Relay) list(w http.ResponseWriter, req *http.Request) {
	if len(r.Open) == 0 && req.URL.Query().Get("wait") != "" {
		r.Closed = true // everything has been answered
	}
	if r.Closed {
		w.WriteHeader(http.StatusGone)
		return
	}
	r.write(w, http.StatusOK, plugout.MessageList{Messages: r.items()})
}

func (r *Relay) find(id string) *plugout.CommandMessage {
	for _, m := range r.Open {
		if m.MessageID == id {
			return m
		}
	}
	return nil
}

func (r *Relay) fetch(w http.ResponseWriter, id string) {
	m := r.find(id)
	if m == nil {
		w.WriteHeader(http.StatusGone)
		return
	}
	r.write(w, http.StatusOK, m)
}

// Take stores the answer to a message.
func (r *Relay) Take(w http.ResponseWriter, req *http.Request, id string) {
	m := r.find(id)
	if m == nil {
		w.WriteHeader(http.StatusConflict)
		return
	}
	body, _ := io.ReadAll(req.Body)
	a := Answered{Type: m.Type, MediaType: req.Header.Get("Content-Type")}
	payload := body
	if a.MediaType == plugout.MediaTypeJOSE {
		var err error
		if a.JWS, err = plugout.ParseJWS(body); err != nil {
			r.t.Errorf("answer: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		payload = a.JWS.Payload
	}
	answer, err := plugout.ParseAnswer(payload)
	if err != nil {
		r.t.Errorf("answer: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.Answer = *answer
	r.Answers = append(r.Answers, a)
	r.Open = slices.DeleteFunc(r.Open, func(m *plugout.CommandMessage) bool { return m.MessageID == id })
	w.WriteHeader(http.StatusAccepted)
}

func (r *Relay) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		r.t.Error(err)
	}
}
