// Command stage is a Bestow for the browser tests of tasks: the server as it is, with processes
// deployed, and somebody at the desk who does what the test says. It reads one JSON object
// a line, {"do": …}, and answers each with one.
package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/wiring"
	"bestow.dev/test/forge"
)

//go:embed *.bpmn
var definitions embed.FS

// order is what the test wants done.
type order struct {
	Do     string `json:"do"`
	User   string `json:"user"`
	Name   string `json:"name"`   // of a definition
	Server string `json:"server"` // messaging server
	ID     string `json:"id"`     // of a task
	Link   string `json:"link"`
	Status string `json:"status"`
}

// stage is the server, and the desk where a link was followed last.
type stage struct {
	*wiring.Server
	tenant string
	root   tenant.Authority
	signer *plugout.Signer
	at     relay.Desktop
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg, err := config.Load(config.Sources{Environ: os.Environ()})
	if err != nil {
		return err
	}
	log := wiring.NewLog(os.Stderr, cfg.Log)
	s, err := wiring.Start(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Shutdown(ctx)) }()
	st := &stage{Server: s}
	if err := st.set(ctx); err != nil {
		return err
	}
	log.Info("bestow serves", "url", s.URL)
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // until the test is over
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		answer, err := st.do(ctx, o)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// set makes settings and definitions.
func (s *stage) set(ctx context.Context) error {
	tenants, err := s.Directory.Tenants(ctx)
	if err != nil {
		return err
	}
	s.tenant = tenants[0].Name
	s.root = tenant.LocalOperator(s.tenant, "root")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if s.signer, err = plugout.NewSigner(key, "", ""); err != nil {
		return err
	}
	set, err := plugout.NewKeySet(s.signer.Public())
	if err != nil {
		return err
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		return err
	}
	if _, err := s.Provision.PutConnection(ctx, s.root, provision.Connection{Name: "da", URL: provision.Internal}, ""); err != nil {
		return err
	}
	for name, patience := range map[string]time.Duration{"patient": 2 * time.Minute, "hasty": time.Second} {
		if _, err := s.Provision.PutMessagingServer(ctx, s.root, provision.MessagingServer{
			Name: name, URL: provision.Internal, SessionStart: patience, KeySets: map[string]json.RawMessage{"desks": jwks},
		}, ""); err != nil {
			return err
		}
	}
	for _, name := range []string{"form.bpmn", "desk.bpmn"} {
		xml, err := definitions.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := s.Processes.Deploy(ctx, s.root, process.Deploy{XML: xml}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) do(ctx context.Context, o order) (map[string]string, error) {
	switch o.Do {
	case "start":
		return s.start(ctx, o)
	case "link":
		l, err := s.Processes.CreateTaskLink(ctx, s.root, o.ID, 0)
		if err != nil {
			return nil, err
		}
		return map[string]string{"link": s.TaskURL() + "#" + l.Secret}, nil
	case "follow":
		return map[string]string{}, s.follow(ctx, o.Link)
	case "agree":
		return map[string]string{}, s.Relay.ConfirmMatch(ctx, s.at)
	case "create":
		return map[string]string{}, s.create(ctx)
	case "refuse":
		return map[string]string{}, s.answer(ctx, plugout.Status(o.Status), "")
	}
	return nil, fmt.Errorf("nobody knows how to %s", o.Do)
}

// start begins a run for a user, who is made if there is none, and returns their task.
func (s *stage) start(ctx context.Context, o order) (map[string]string, error) {
	u, err := s.Credentials.User(ctx, s.root, credential.ByName(o.User))
	if errors.Is(err, credential.ErrUserUnknown) {
		u, err = s.Credentials.CreateUser(ctx, s.root, credential.NewUser{Name: o.User})
	}
	if err != nil {
		return nil, err
	}
	server, err := json.Marshal(o.Server)
	if err != nil {
		return nil, err
	}
	r, err := s.Processes.Start(ctx, s.root, process.Start{
		Definition: o.Name, Subject: string(u.ID), Variables: map[string]json.RawMessage{"server": server},
	})
	if err != nil {
		return nil, err
	}
	tasks, err := s.Processes.Tasks(ctx, s.root, process.TaskFilter{Run: r.ID})
	if err != nil {
		return nil, err
	}
	if len(tasks.Tasks) != 1 {
		return nil, fmt.Errorf("the run has %d open tasks", len(tasks.Tasks))
	}
	return map[string]string{"task": tasks.Tasks[0].ID, "run": r.ID}, nil
}

// follow opens a link, and answers the session start.
func (s *stage) follow(ctx context.Context, link string) error {
	l, err := plugout.ParseLink(link)
	if err != nil {
		return err
	}
	opened, err := s.Relay.OpenSession(ctx, relay.Redemption{
		Box: l.BoxID(), Token: l.Token, Address: "192.0.2.7", Client: plugout.Client{App: "desktop-app", Version: "2.4.0", OS: "linux"},
	})
	if err != nil {
		return err
	}
	s.at = relay.Desktop{Box: l.BoxID(), Session: opened.Session}
	return s.answer(ctx, plugout.StatusOK, `{"app":"desktop-app","version":"2.4.0","os":"linux","capabilities":["fido2"]}`)
}

// waitForMessage is how long the desk waits to be asked for something.
const waitForMessage = 25 * time.Second

// asked waits for the message that is to be answered.
func (s *stage) asked(ctx context.Context) (*plugout.CommandMessage, error) {
	items, err := s.Relay.Messages(ctx, s.at, waitForMessage)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("the desk is asked for nothing")
	}
	return s.Relay.Fetch(ctx, s.at, items[0].MessageID)
}

func (s *stage) answer(ctx context.Context, status plugout.Status, response string) error {
	m, err := s.asked(ctx)
	if err != nil {
		return err
	}
	return s.reply(ctx, m, status, response)
}

func (s *stage) reply(ctx context.Context, m *plugout.CommandMessage, status plugout.Status, response string) error {
	a := plugout.Answer{Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: time.Now().Unix(), Status: status}
	if status == plugout.StatusOK {
		a.Response = json.RawMessage(response)
	} else {
		a.Error = &plugout.AnswerError{Message: "the test says no"}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	jws, err := s.signer.Sign(text)
	if err != nil {
		return err
	}
	return s.Relay.Answer(ctx, s.at, m.MessageID, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: jws})
}

// create makes the credential that the desk is asked for.
func (s *stage) create(ctx context.Context) error {
	m, err := s.asked(ctx)
	if err != nil {
		return err
	}
	var c plugout.CreateCredentialCommand
	if err := plugout.DecodeCommand(m.Command, &c); err != nil {
		return err
	}
	options, err := c.Options()
	if err != nil {
		return err
	}
	key, err := forge.New()
	if err != nil {
		return err
	}
	made, err := key.Register(options, c.Origin)
	if err != nil {
		return err
	}
	return s.reply(ctx, m, plugout.StatusOK, `{"credential":`+string(made)+`}`)
}
