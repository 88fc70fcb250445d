package softkey

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bestow.dev/ctap"
)

// A history plays commands in any order and watches what must hold whatever happens:
// attempts at the PIN rise only after a right PIN or a reset, counters never stand
// still or fall, and what was saved last is what the key knows.
type history struct {
	*bench
	pin      string
	attempts int
	counters map[string]uint32 // by credential id
}

func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, func(c *Config) { c.Capacity = 3 })
		h := &history{bench: b, attempts: maxPINRetries, counters: map[string]uint32{}}
		rt.Repeat(map[string]func(*rapid.T){
			"set PIN":    h.set,
			"change PIN": h.change,
			"right PIN":  func(rt *rapid.T) { h.tryPIN(rt, h.pin) },
			"wrong PIN":  func(rt *rapid.T) { h.tryPIN(rt, "wrong") },
			"make":       h.make,
			"use":        h.use,
			"discover":   h.discover,
			"wait":       func(rt *rapid.T) { h.now = h.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "s")) * time.Second) },
			"take out":   func(*rapid.T) { h.PowerCycle() },
			"crash":      func(*rapid.T) { h.reopen() },
			"garbage":    h.garbage,
			"reset":      h.resetKey,
			"":           h.check,
		})
	})
}

// check compares the attempts left with what they must be.
func (h *history) check(rt *rapid.T) {
	if left, _ := h.retries(); left != h.attempts {
		rt.Fatalf("%d attempts left, want %d", left, h.attempts)
	}
	saved, err := Open(h.saved[len(h.saved)-1], []byte(passphrase), h.config())
	if err != nil {
		rt.Fatal(err)
	}
	was, _ := saved.state.encode()
	is, _ := h.state.encode()
	if !bytes.Equal(was, is) {
		rt.Fatalf("saved %s\nin force %s", was, is)
	}
}

func (h *history) set(rt *rapid.T) {
	pin := rapid.SampledFrom([]string{"1234", "geheim", "äöüß"}).Draw(rt, "pin")
	status, _ := h.do(ctap.CommandClientPIN, h.setRequest(2, padded(pin)))
	want := ctap.StatusOK
	if h.pin != "" {
		want = ctap.StatusPINAuthInvalid
	}
	if status != want {
		rt.Fatalf("setPIN: %s, want %s", status, want)
	}
	if status == ctap.StatusOK {
		h.pin, h.attempts = pin, maxPINRetries
	}
}

// spent is what a PIN does to the attempts, by the answer to it.
func (h *history) spent(rt *rapid.T, status ctap.Status) {
	switch status {
	case ctap.StatusOK:
		h.attempts = maxPINRetries
	case ctap.StatusPINInvalid, ctap.StatusPINBlocked, ctap.StatusPINAuthBlocked:
		left, _ := h.retries()
		if left != h.attempts && left != h.attempts-1 {
			rt.Fatalf("%s: %d attempts left after %d", status, left, h.attempts)
		}
		if status == ctap.StatusPINInvalid && left != h.attempts-1 {
			rt.Fatalf("%s did not cost an attempt", status)
		}
		h.attempts = left
	case ctap.StatusPINNotSet:
	default:
		rt.Fatalf("PIN: %s", status)
	}
}

func (h *history) change(rt *rapid.T) {
	old := rapid.SampledFrom([]string{h.pin, "wrong"}).Draw(rt, "old")
	status, _ := h.do(ctap.CommandClientPIN, h.changeRequest(1, old, padded("changed")))
	h.spent(rt, status)
	if status == ctap.StatusOK {
		if old != h.pin {
			rt.Fatal("a wrong PIN changed it")
		}
		h.pin = "changed"
	}
}

func (h *history) tryPIN(rt *rapid.T, pin string) {
	status, _ := h.do(ctap.CommandClientPIN, h.tokenRequest(2, pin))
	if status == ctap.StatusOK && (pin != h.pin || h.pin == "") {
		rt.Fatal("a wrong PIN got a token")
	}
	h.spent(rt, status)
}

func (h *history) make(rt *rapid.T) {
	r := goodCreation()
	r[3] = cborMap(named("id", cborBytes([]byte{byte(rapid.IntRange(1, 5).Draw(rt, "user"))})))
	if rapid.Bool().Draw(rt, "resident") {
		resident(r)
	}
	status, body := h.do(ctap.CommandMakeCredential, r)
	switch status {
	case ctap.StatusOK:
		data := h.authData(body, 2)
		h.counters[string(data.id)] = data.counter
	case ctap.StatusPUATRequired, ctap.StatusKeyStoreFull:
	default:
		rt.Fatalf("makeCredential: %s", status)
	}
}

func (h *history) use(rt *rapid.T) {
	for id, last := range h.counters {
		r := goodAssertion()
		r[3] = cborArray(descriptorOf([]byte(id)))
		status, body := h.do(ctap.CommandGetAssertion, r)
		switch status {
		case ctap.StatusOK:
			h.rises(rt, id, last, h.authData(body, 2).counter)
		case ctap.StatusNoCredentials: // replaced
			delete(h.counters, id)
		default:
			rt.Fatalf("getAssertion: %s", status)
		}
		return
	}
}

func (h *history) rises(rt *rapid.T, id string, last, now uint32) {
	if now <= last {
		rt.Fatalf("counter %d after %d", now, last)
	}
	h.counters[id] = now
}

func (h *history) discover(rt *rapid.T) {
	status, body := h.do(ctap.CommandGetAssertion, goodAssertion())
	if status == ctap.StatusNoCredentials {
		return
	}
	for n := max(h.member(body, 5).n, 1); n > 0; n-- {
		if status != ctap.StatusOK {
			rt.Fatalf("discover: %s", status)
		}
		p := &params{pairs: h.member(body, 1).pairs}
		id, _ := p.bytes(name("id"))
		h.rises(rt, string(id), h.counters[string(id)], h.authData(body, 2).counter)
		if n > 1 {
			status, body = h.send([]byte{byte(ctap.CommandGetNextAssertion)})
		}
	}
}

func (h *history) garbage(rt *rapid.T) {
	raw := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "raw")
	if len(raw) > 0 && ctap.Command(raw[0]) == ctap.CommandReset {
		return
	}
	h.send(raw)
}

func (h *history) resetKey(rt *rapid.T) {
	status, _ := h.send([]byte{byte(ctap.CommandReset)})
	inTime := h.now.Sub(h.power.since) <= resetWindow
	if (status == ctap.StatusOK) != inTime {
		rt.Fatalf("reset: %s, in time: %v", status, inTime)
	}
	if status != ctap.StatusOK {
		return
	}
	for id := range h.counters {
		r := goodAssertion()
		r[3] = cborArray(descriptorOf([]byte(id)))
		if status, _ := h.do(ctap.CommandGetAssertion, r); status != ctap.StatusNoCredentials {
			rt.Fatalf("after reset: %s", status)
		}
	}
	h.pin, h.attempts, h.counters = "", maxPINRetries, map[string]uint32{}
}
