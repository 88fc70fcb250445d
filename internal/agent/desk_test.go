package agent

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

const testPIN = "71830264"

// desk is an agent with a software key, a person who agrees to everything, and
// counters.
type desk struct {
	t      *testing.T
	agent  *Agent
	config Config
	signer *plugout.Signer
	key    *softkey.Key

	// status, unless zero, is what the key answers to makeCredential, as often as
	// statusTimes says; 0 times: always.
	status      ctap.Status
	statusTimes int

	mu       sync.Mutex
	touches  int
	made     int // makeCredential commands that reached the key
	events   bytes.Buffer
	said     []string
	question Question
	opened   int // devices that are not closed
}

func newDesk(t *testing.T, r *relaytest.Relay) *desk {
	t.Helper()
	d := &desk{t: t}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if d.signer, err = plugout.NewSigner(private, "", ""); err != nil {
		t.Fatal(err)
	}
	d.key, err = softkey.New(softkey.Config{Now: time.Now, UserPresence: func(context.Context, softkey.Request) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.touches++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	d.config = Config{
		Keys:    d,
		Prompt:  d.prompt(),
		Signer:  d.signer,
		Version: "1.2.3",
		Events:  EventLines(&d.events),
	}
	if r != nil {
		d.config.Roots = x509.NewCertPool()
		d.config.Roots.AddCert(r.Server.Certificate())
		d.config.Trust = Trust{{Host: r.Host(), RPIDs: []string{"login.example.com"}}}
	}
	return d
}

// prompt returns a person who says yes.
func (d *desk) prompt() Prompt {
	return Prompt{
		Match: func(context.Context, Match) error { return nil },
		Confirm: func(_ context.Context, q Question) error {
			d.question = q
			return nil
		},
		InsertKey: func(context.Context) error { return nil },
		ChooseKey: func(_ context.Context, keys []Key) (Key, error) { return keys[0], nil },
		PIN:       func(context.Context, PINQuestion) ([]byte, error) { return []byte(testPIN), nil },
		NewPIN:    func(context.Context, NewPINQuestion) ([]byte, error) { return []byte(testPIN), nil },
		Touch:     func(string) {},
		TouchAgain: func(context.Context, string) error {
			return nil
		},
		Say: func(text string) { d.said = append(d.said, text) },
	}
}

// open follows the relay's link. Pauses take no time, but for the one of the watch,
// which lasts until the command is done.
func (d *desk) open(r *relaytest.Relay) (*Report, error) {
	d.t.Helper()
	return d.openLink(d.t.Context(), r.Link())
}

func (d *desk) openLink(ctx context.Context, link plugout.Link) (*Report, error) {
	d.t.Helper()
	a, err := New(d.config)
	if err != nil {
		d.t.Fatal(err)
	}
	a.pause = func(ctx context.Context, pause time.Duration) error {
		if pause == watchPause {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	d.agent = a
	report, err := a.Open(ctx, link)
	if d.opened != 0 {
		d.t.Errorf("%d devices were not closed", d.opened)
	}
	return report, err
}

// setPIN gives the key its PIN.
func (d *desk) setPIN() {
	d.t.Helper()
	client, err := ctap.NewClient(d.t.Context(), d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := client.SetPIN(d.t.Context(), []byte(testPIN)); err != nil {
		d.t.Fatal(err)
	}
}

// List implements [Keys].
func (d *desk) List(context.Context) ([]ctap.Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return []ctap.Device{device{d}}, nil
}

// device is the key as the agent gets it.
type device struct{ desk *desk }

func (v device) Describe() ctap.Descriptor { return v.desk.key.Describe() }

func (v device) Close() error {
	v.desk.mu.Lock()
	defer v.desk.mu.Unlock()
	v.desk.opened--
	return nil
}

func (v device) Exchange(ctx context.Context, request []byte, keepAlive func(ctap.KeepAlive)) ([]byte, error) {
	d := v.desk
	if ctap.Command(request[0]) == ctap.CommandMakeCredential {
		d.made++
		if d.status != 0 && (d.statusTimes == 0 || d.made <= d.statusTimes) {
			return []byte{byte(d.status)}, nil
		}
	}
	return d.key.Exchange(ctx, request, keepAlive)
}

// phases returns the phases that were told, in their order.
func (d *desk) phases() []Phase {
	d.t.Helper()
	var out []Phase
	for line := range strings.Lines(d.events.String()) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			d.t.Fatalf("event %q: %v", line, err)
		}
		out = append(out, e.Phase)
	}
	return out
}

// options returns creation options for login.example.com. spoil may change them.
func options(spoil ...func(map[string]any)) string {
	o := map[string]any{
		"rp":                     map[string]any{"id": "login.example.com", "name": "Example Login"},
		"user":                   map[string]any{"id": "5dnd1-932tLQczAk4qHuhw", "name": "alice@example.com", "displayName": "Alice Example"},
		"challenge":              "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
		"pubKeyCredParams":       []any{map[string]any{"type": "public-key", "alg": -7}, map[string]any{"type": "public-key", "alg": -257}},
		"excludeCredentials":     []any{},
		"authenticatorSelection": map[string]any{"authenticatorAttachment": "cross-platform", "residentKey": "required", "userVerification": "required"},
		"attestation":            "direct",
		"extensions":             map[string]any{"credProps": true},
	}
	for _, fn := range spoil {
		fn(o)
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// createCommand returns a create command around options.
func createCommand(options string) string {
	return fmt.Sprintf(`{"creationOptions":{"publicKey":%s}}`, options)
}

// noSecrets fails the test if something that was told or said holds a secret.
func (d *desk) noSecrets(errs ...error) {
	d.t.Helper()
	all := d.events.String() + strings.Join(d.said, "\n")
	for _, err := range errs {
		if err != nil {
			all += err.Error()
		}
	}
	for _, secret := range []string{testPIN, relaytest.Token, relaytest.Session, relaytest.Box} {
		if strings.Contains(all, secret) {
			d.t.Errorf("%q is in what was told:\n%s", secret, all)
		}
	}
}
