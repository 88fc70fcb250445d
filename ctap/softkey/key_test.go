package softkey

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"bestow.dev/ctap"
)

func TestConfigIsChecked(t *testing.T) {
	tests := map[string]func(*Config){
		"no touch":            func(c *Config) { c.UserPresence = nil },
		"no clock":            func(c *Config) { c.Now = nil },
		"unknown attestation": func(c *Config) { c.Attestation = "tpm-ish" },
		"unknown algorithm":   func(c *Config) { c.Algorithms = []int64{-999} },
		"save, no passphrase": func(c *Config) { c.Passphrase = nil },
		"cost too high":       func(c *Config) { c.Cost = Cost{Passes: 1, MemoryKiB: 1 << 30, Lanes: 1} },
		"cost too low":        func(c *Config) { c.Cost = Cost{Passes: 1} },
		"capacity":            func(c *Config) { c.Capacity = -1 },
		"PIN length":          func(c *Config) { c.MinPINLength = 3 },
	}
	for name, spoil := range tests {
		b := &bench{t: t}
		c := b.config()
		spoil(&c)
		if key, err := New(c); err == nil || key != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRequestsAtLarge(t *testing.T) {
	b := newBench(t)
	tests := map[string]struct {
		raw  []byte
		want ctap.Status
	}{
		"empty":                 {nil, ctap.StatusInvalidLength},
		"too long":              {make([]byte, maxMessageBytes+1), ctap.StatusRequestTooLarge},
		"unknown command":       {[]byte{0x7E}, ctap.StatusInvalidCommand},
		"bioEnrollment":         {[]byte{0x09}, ctap.StatusInvalidCommand},
		"no parameters":         {[]byte{0x01}, ctap.StatusMissingParameter},
		"no map":                {[]byte{0x01, 0x80}, ctap.StatusCBORUnexpectedType},
		"cut off":               {[]byte{0x01, 0xA1}, ctap.StatusInvalidCBOR},
		"something after":       {[]byte{0x01, 0xA0, 0x00}, ctap.StatusInvalidCBOR},
		"number too long":       {[]byte{0x06, 0xA1, 0x18, 0x02, 0x01}, ctap.StatusInvalidCBOR},
		"indefinite":            {[]byte{0x06, 0xBF, 0x02, 0x01, 0xFF}, ctap.StatusInvalidCBOR},
		"keys not sorted":       {[]byte{0x06, 0xA2, 0x02, 0x01, 0x01, 0x01}, ctap.StatusInvalidCBOR},
		"key twice":             {[]byte{0x06, 0xA2, 0x02, 0x01, 0x02, 0x01}, ctap.StatusInvalidCBOR},
		"tag":                   {[]byte{0x06, 0xA1, 0x02, 0xC0, 0x01}, ctap.StatusInvalidCBOR},
		"float":                 {[]byte{0x06, 0xA1, 0x02, 0xF9, 0x00, 0x00}, ctap.StatusInvalidCBOR},
		"undefined":             {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0xF7}, ctap.StatusInvalidCBOR},
		"simple value":          {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0xE0}, ctap.StatusInvalidCBOR},
		"null":                  {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0xF6}, ctap.StatusOK},
		"large number":          {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0x1B, 0xFF, 0, 0, 0, 0, 0, 0, 0}, ctap.StatusOK},
		"large number, small":   {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0x1B, 0, 0, 0, 0, 0xFF, 0, 0, 0}, ctap.StatusInvalidCBOR},
		"text that is no UTF-8": {[]byte{0x06, 0xA1, 0x02, 0x61, 0xFF}, ctap.StatusInvalidCBOR},
		"four levels":           {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0x81, 0x81, 0x80}, ctap.StatusOK},
		"five levels":           {[]byte{0x06, 0xA2, 0x02, 0x01, 0x18, 0x20, 0x81, 0x81, 0x81, 0x80}, ctap.StatusInvalidCBOR},
		"huge array":            {[]byte{0x06, 0xA1, 0x02, 0x9B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, ctap.StatusInvalidCBOR},
	}
	for name, test := range tests {
		got, _ := b.send(test.raw)
		wantStatus(t, name, got, test.want)
	}
}

func TestGetInfo(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Algorithms = []int64{ES384, ES256}; c.MinPINLength = 6 })
	info := func() *ctap.Info {
		i, err := ctap.GetInfo(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := info()
	if i.AAGUID != AAGUID || i.PIN() != ctap.NotConfigured || i.BuiltInUV() != ctap.Unsupported || !i.ResidentKeys() {
		t.Errorf("%+v", i)
	}
	if len(i.Algorithms) != 2 || i.Algorithms[0] != ES384 || i.MinPINLength != 6 || i.RemainingDiscoverable != 50 {
		t.Errorf("%+v", i)
	}
	if !i.Options["makeCredUvNotRqd"] || i.AlwaysUV() || i.ForcePINChange {
		t.Errorf("%+v", i)
	}
	if err := ctap.SetPIN(t.Context(), b, 1, []byte("12345"), 4); !errors.Is(err, ctap.StatusPINPolicyViolation) {
		t.Errorf("short PIN: %v", err)
	}
	b.setPIN("123456")
	if i := info(); i.PIN() != ctap.Configured || !i.Protected() {
		t.Errorf("%+v", i)
	}
	always := newBench(t, func(c *Config) { c.AlwaysUV = true })
	if i, err := ctap.GetInfo(t.Context(), always); err != nil || i.Options["makeCredUvNotRqd"] || !i.AlwaysUV() {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestDescribe(t *testing.T) {
	d := newBench(t).Describe()
	if d.Product != "Bestow Software Key" || d.Transport != ctap.TransportUSB || d.Path == "" {
		t.Errorf("%+v", d)
	}
	if d := newBench(t, func(c *Config) { c.Product = "Mine" }).Describe(); d.Product != "Mine" {
		t.Errorf("%+v", d)
	}
}

func TestResetWindow(t *testing.T) {
	reset := []byte{byte(ctap.CommandReset)}
	b := newBench(t)
	b.setPIN(goodPIN)
	b.create(resident)
	root := b.AttestationRoot()

	b.now = b.now.Add(10*time.Second + 1)
	touches := len(b.touches)
	status, _ := b.send(reset)
	wantStatus(t, "too late", status, ctap.StatusNotAllowed)
	if len(b.touches) != touches {
		t.Error("asked for a touch in vain")
	}

	b.PowerCycle()
	b.now = b.now.Add(10 * time.Second)
	b.finger = func(context.Context, Request) error { return errors.New("no") }
	status, _ = b.send(reset)
	wantStatus(t, "declined", status, ctap.StatusOperationDenied)
	b.finger = func(context.Context, Request) error { return context.DeadlineExceeded }
	status, _ = b.send(reset)
	wantStatus(t, "nobody there", status, ctap.StatusUserActionTimeout)
	if b.state.PIN == nil || len(b.state.Credentials) != 1 {
		t.Fatal("erased without a touch")
	}

	b.finger = AlwaysPresent
	token := b.token(2, ctap.PermissionMakeCredential)
	counter := b.state.Counter
	status, _ = b.send(reset)
	wantStatus(t, "reset", status, ctap.StatusOK)
	b.setPIN(goodPIN)
	status, _ = b.do(ctap.CommandMakeCredential, goodCreation().authorise(ctap.CommandMakeCredential, 2, token))
	wantStatus(t, "old token", status, ctap.StatusPINAuthInvalid)
	b.reopen()
	if len(b.state.Credentials) != 0 || b.state.Counter != counter || !bytes.Equal(b.AttestationRoot().Raw, root.Raw) {
		t.Error("not erased, or too much")
	}
}

func TestSelection(t *testing.T) {
	tests := map[string]struct {
		answer error
		want   ctap.Status
	}{
		"touched":      {nil, ctap.StatusOK},
		"declined":     {errors.New("no"), ctap.StatusOperationDenied},
		"nobody there": {context.DeadlineExceeded, ctap.StatusUserActionTimeout},
	}
	for name, test := range tests {
		b := newBench(t)
		b.finger = func(context.Context, Request) error { return test.answer }
		got, _ := b.send([]byte{byte(ctap.CommandSelection)})
		wantStatus(t, name, got, test.want)
	}
}

func TestAttestationRootIsMarked(t *testing.T) {
	root := newBench(t).AttestationRoot()
	if root.Subject.CommonName != rootName || !root.IsCA {
		t.Errorf("root %q, CA %v", root.Subject, root.IsCA)
	}
	if err := root.CheckSignatureFrom(root); err != nil {
		t.Error(err)
	}
	if other := newBench(t).AttestationRoot(); other.Equal(root) {
		t.Error("two keys have one root")
	}
}

// Exchanges take turns; one whose context ends while it waits gives up its place.
func TestExchangesTakeTurns(t *testing.T) {
	b := newBench(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	b.finger = func(context.Context, Request) error {
		close(inside)
		<-leave
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := b.Exchange(t.Context(), []byte{byte(ctap.CommandSelection)}, nil); err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer, err := b.Exchange(ctx, []byte{byte(ctap.CommandGetInfo)}, nil)
	if err != nil || !bytes.Equal(answer, []byte{byte(ctap.StatusKeepAliveCancel)}) {
		t.Errorf("waiting exchange: %x, %v", answer, err)
	}
	for range 4 {
		wg.Go(func() {
			if _, err := b.Exchange(t.Context(), []byte{byte(ctap.CommandGetInfo)}, nil); err != nil {
				t.Error(err)
			}
			b.AttestationRoot()
			if _, err := b.Seal(); err != nil {
				t.Error(err)
			}
		})
	}
	close(leave)
	wg.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Exchange(t.Context(), []byte{byte(ctap.CommandGetInfo)}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMemoryOnly(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Passphrase, c.Save = nil, nil })
	b.create(resident)
	if _, err := b.Seal(); err == nil {
		t.Error("sealed without a passphrase")
	}
}
