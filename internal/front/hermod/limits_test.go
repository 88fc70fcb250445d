package hermod_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/web"
)

// pipes is a listener whose connections are in memory, so that time can be a
// bubble's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// noCalls is for clients that are not called back.
type noCalls struct{}

func (noCalls) Call(context.Context, relay.Call) error     { return nil }
func (noCalls) Alive(context.Context, *relay.Client) error { return nil }

// bubble is the front behind a real HTTP server with limits, in the time of a
// synctest bubble.
type bubble struct {
	*relay.Service
	t      *testing.T
	idm    *relay.Client
	client *http.Client
}

// serverLimit is the server's for reading a request and for writing an answer. Long
// polls are longer.
const serverLimit = 15 * time.Second

func inBubble(t *testing.T, two bool, run func(*bubble)) {
	path := storetest.File(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{SQLite: path})
		check(t, err)
		defer db.Close()
		b := &bubble{t: t, idm: &relay.Client{Tenant: "acme", ID: "idm", KeyHashes: [][32]byte{relay.HashKey(idmKey)}, AcceptUnsigned: true}}
		clients, err := relay.NewClients(b.idm)
		check(t, err)
		b.Service, err = relay.New(relay.Config{Store: db.Relay(), Clients: clients, Wakeups: db.Hub(), Caller: noCalls{}, PublicURL: publicBase})
		check(t, err)
		mux := http.NewServeMux()
		check(t, hermod.Mount(mux, hermod.Config{Relay: b.Service, Tenant: "acme", URIBase: base}))

		var protocols http.Protocols
		protocols.SetHTTP1(!two)
		protocols.SetUnencryptedHTTP2(two)
		server := &http.Server{
			Handler:   web.Handler(mux, web.Options{Log: slog.New(slog.DiscardHandler)}),
			Protocols: &protocols, ReadTimeout: serverLimit, WriteTimeout: serverLimit,
		}
		listener := newPipes()
		served := make(chan error)
		go func() { served <- server.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial, Protocols: &protocols}
		b.client = &http.Client{Transport: transport}
		defer func() { // also when the test has failed
			transport.CloseIdleConnections()
			_ = server.Close()
			<-served
		}()
		run(b)
	})
}

func (b *bubble) do(method, path, authorization, body string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://relay"+base+path, strings.NewReader(body))
	check(b.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", authorization)
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(b.t, err)
	return resp, string(text)
}

// ping sends a command into a box.
func (b *bubble) ping(box string) {
	_, err := b.Send(b.t.Context(), b.idm.Authority("test"), b.idm, relay.Command{Type: plugout.Ping, Header: relay.Header{To: []string{box}}})
	if err != nil {
		b.t.Error(err)
	}
}

// A long poll outlives a server whose limits on a request are shorter than its wait,
// over HTTP/1.1 and HTTP/2, and leaves its connection good for the next call.
func TestLongPollOutlivesServerLimits(t *testing.T) {
	for protocol, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(protocol, func(t *testing.T) {
			inBubble(t, two, func(b *bubble) {
				t := b.t
				box, session := b.opened()
				began := time.Now()
				resp, text := b.do("GET", "/ms/"+box+"?wait=30", session, "")
				if took := time.Since(began); resp.StatusCode != http.StatusNoContent || took != 30*time.Second || resp.Proto != protocol {
					t.Errorf("nothing came: %d %s over %s after %v", resp.StatusCode, text, resp.Proto, took)
				}
				time.Sleep(40 * time.Second) // in the bubble: what was set for the poll would be over by now
				time.AfterFunc(29*time.Second, func() { b.ping(box) })
				began = time.Now()
				resp, text = b.do("GET", "/ms/"+box+"?wait=30", session, "")
				if took := time.Since(began); resp.StatusCode != http.StatusOK || took != 29*time.Second || !strings.Contains(text, `"type":"PING"`) {
					t.Errorf("a message came: %d %s after %v", resp.StatusCode, text, took)
				}
			})
		})
	}
}

// opened returns a box that is open and empty, and what its device shows.
func (b *bubble) opened() (box, authorization string) {
	b.t.Helper()
	r, err := b.Send(b.t.Context(), b.idm.Authority("test"), b.idm, relay.Command{Type: plugout.SessionStart})
	check(b.t, err)
	l, err := plugout.ParseLink(r.Destinations[0].URI)
	check(b.t, err)
	_, text := b.do("POST", "/ms/"+l.BoxID()+"/session", "", `{"token":"`+l.Token+`"}`)
	var opened plugout.SessionResponse
	check(b.t, json.Unmarshal([]byte(text), &opened))
	desk := relay.Desktop{Box: l.BoxID(), Session: opened.Session}
	m, err := b.Fetch(b.t.Context(), desk, opened.Messages[0].MessageID)
	check(b.t, err)
	answer, err := json.Marshal(plugout.Answer{Version: 1, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: time.Now().Unix(), Status: plugout.StatusOK})
	check(b.t, err)
	check(b.t, b.Answer(b.t.Context(), desk, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJSON, Body: answer}))
	return l.BoxID(), "Bearer " + opened.Session
}
