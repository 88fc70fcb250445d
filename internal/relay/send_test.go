package relay_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

func TestHeader(t *testing.T) {
	w := newWorld(t)
	n := secs
	long := strings.Repeat("x", 256)
	many := make([]string, relay.MaxDestinations+1)
	for i := range many {
		many[i] = relay.ToTemporary
	}
	tests := []struct {
		name   string
		header relay.Header
		want   error
		field  string
	}{
		{"nothing", relay.Header{}, nil, ""},
		{"equal", relay.Header{Lifespan: n(30), Timeout: n(30)}, nil, ""},
		{"longest", relay.Header{Lifespan: n(86400), Timeout: n(86400)}, nil, ""},
		{"shortest", relay.Header{Lifespan: n(1), Timeout: n(1)}, nil, ""},
		{"timeout without lifespan", relay.Header{Timeout: n(300)}, nil, ""},
		{"timeout above the default lifespan", relay.Header{Timeout: n(301)}, relay.ErrInvalidHeader, "timeout"},
		{"timeout above lifespan", relay.Header{Lifespan: n(30), Timeout: n(31)}, relay.ErrInvalidHeader, "timeout"},
		{"timeout zero", relay.Header{Timeout: n(0)}, relay.ErrInvalidHeader, "timeout"},
		{"timeout negative", relay.Header{Timeout: n(-1)}, relay.ErrInvalidHeader, "timeout"},
		{"lifespan zero", relay.Header{Lifespan: n(0)}, relay.ErrInvalidHeader, "lifespan"},
		{"lifespan too long", relay.Header{Lifespan: n(86401)}, relay.ErrInvalidHeader, "lifespan"},
		{"lifespan huge", relay.Header{Lifespan: n(1 << 62)}, relay.ErrInvalidHeader, "lifespan"},
		{"external id too long", relay.Header{ExternalID: long}, relay.ErrInvalidHeader, "externalId"},
		{"external id with a control character", relay.Header{ExternalID: "a\nb"}, relay.ErrInvalidHeader, "externalId"},
		{"temporary twice", relay.Header{To: []string{"@tmp", "@tmp"}}, relay.ErrInvalidHeader, "to"},
		{"temporary and another", relay.Header{To: []string{"@tmp", "@user/alice"}}, relay.ErrInvalidHeader, "to"},
		{"too many", relay.Header{To: many}, relay.ErrInvalidHeader, "to"},
		{"no such form", relay.Header{To: []string{"alice"}}, relay.ErrNoSuchDestination, "to"},
		{"user without a name", relay.Header{To: []string{"@user/"}}, relay.ErrNoSuchDestination, "to"},
		{"user without a box", relay.Header{To: []string{"@user/alice"}}, relay.ErrNoSuchDestination, "to"},
		{"box that is not there", relay.Header{To: []string{"6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"}}, relay.ErrNoSuchDestination, "to"},
		{"box id in braces", relay.Header{To: []string{"{6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911}"}}, relay.ErrNoSuchDestination, "to"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			r, err := w.Send(t.Context(), w.by(), w.idm, relay.Command{Type: plugout.Ping, Header: c.header})
			if c.want == nil {
				check(t, err)
				if r.Destinations[0].URI == "" {
					t.Error("no link")
				}
				return
			}
			wantError(t, err, c.want)
			if f := fault.From(err); f.Field != c.field {
				t.Errorf("field %q, want %q", f.Field, c.field)
			}
		})
	}
}

func TestDefaultTimes(t *testing.T) {
	w := newWorld(t)
	ping := w.send(plugout.Ping, relay.Header{}, ``)
	w.clock.move(300*time.Second - time.Millisecond)
	if r := w.poll(ping.ID); r.State != relay.InProgress {
		t.Errorf("before its time it is %s", r.State)
	}
	w.clock.move(time.Millisecond)
	w.expire()
	w.wantCallbacks(w.callbacks(), "ping TIMEOUT TIMEOUT")
	_, err := w.Poll(t.Context(), w.by(), w.idm, ping.ID)
	wantError(t, err, relay.ErrNoSuchCommand)
}

func TestCommandObjects(t *testing.T) {
	w := newWorld(t)
	create := func(edit func(map[string]any)) string {
		var o map[string]any
		check(t, json.Unmarshal([]byte(createObject), &o))
		edit(o)
		text, err := json.Marshal(o)
		check(t, err)
		return string(text)
	}
	public := func(edit func(map[string]any)) string {
		return create(func(o map[string]any) {
			edit(o["creationOptions"].(map[string]any)["publicKey"].(map[string]any))
		})
	}
	tests := []struct {
		name   string
		typ    plugout.CommandType
		object string
		want   error
		field  string
	}{
		{"as it is", plugout.FIDOCreateCredential, createObject, nil, ""},
		{"options not wrapped", plugout.FIDOCreateCredential, `{"creationOptions":` + options + `}`, nil, ""},
		{"wrapped with other members", plugout.FIDOCreateCredential, `{"creationOptions":{"challengeTimeoutDateTime":"2026-03-02T10:20:00Z","publicKey":` + options + `}}`, nil, ""},
		{"origin below the RP ID", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://eu.login.example.com:8443" }), nil, ""},
		{"origin of the RP ID", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://login.example.com" }), nil, ""},
		{"origin elsewhere", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://evil.example" }), relay.ErrInvalidCommand, "origin"},
		{"origin that only ends alike", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://evillogin.example.com" }), relay.ErrInvalidCommand, "origin"},
		{"origin above the RP ID", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://example.com" }), relay.ErrInvalidCommand, "origin"},
		{"origin without TLS", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "http://login.example.com" }), relay.ErrInvalidCommand, "origin"},
		{"origin with a path", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["origin"] = "https://login.example.com/x" }), relay.ErrInvalidCommand, "origin"},
		{"no options", plugout.FIDOCreateCredential, `{}`, relay.ErrInvalidCommand, "creationOptions"},
		{"no challenge", plugout.FIDOCreateCredential, public(func(o map[string]any) { delete(o, "challenge") }), relay.ErrInvalidCommand, "creationOptions.challenge"},
		{"short challenge", plugout.FIDOCreateCredential, public(func(o map[string]any) { o["challenge"] = "AAAAAAAAAAAAAAAAAAAA" }), relay.ErrInvalidCommand, "creationOptions.challenge"},
		{"no RP ID", plugout.FIDOCreateCredential, public(func(o map[string]any) { o["rp"] = map[string]any{"name": "x"} }), relay.ErrInvalidCommand, "creationOptions.rp.id"},
		{"no RP name", plugout.FIDOCreateCredential, public(func(o map[string]any) { o["rp"] = map[string]any{"id": "login.example.com"} }), relay.ErrInvalidCommand, "creationOptions.rp.name"},
		{"no user name", plugout.FIDOCreateCredential, public(func(o map[string]any) { delete(o["user"].(map[string]any), "name") }), relay.ErrInvalidCommand, "creationOptions.user.name"},
		{"no algorithms", plugout.FIDOCreateCredential, public(func(o map[string]any) { o["pubKeyCredParams"] = []any{} }), relay.ErrInvalidCommand, "creationOptions.pubKeyCredParams"},
		{"options too large", plugout.FIDOCreateCredential, public(func(o map[string]any) {
			o["user"].(map[string]any)["displayName"] = strings.Repeat("x", webauthn.MaxOptionsBytes)
		}), relay.ErrInvalidCommand, "creationOptions"},
		{"unsigned answers", plugout.FIDOCreateCredential, create(func(o map[string]any) { o["responseformat"] = "json" }), relay.ErrInvalidCommand, "responseformat"},
		{"no such format", plugout.Ping, `{"responseformat":"xml"}`, relay.ErrInvalidCommand, "responseformat"},
		{"no such key", plugout.Ping, `{"responsesignaturekey":"DEVICE"}`, relay.ErrInvalidCommand, "responsesignaturekey"},
		{"nonce of the wrong type", plugout.Ping, `{"nonce":1}`, relay.ErrInvalidCommand, "nonce"},
		{"nonce too long", plugout.Ping, `{"nonce":"` + strings.Repeat("x", 257) + `"}`, relay.ErrInvalidCommand, "nonce"},
		{"flag as text", plugout.Ping, `{"deviceinfo":"true"}`, nil, ""},
		{"flag of another type", plugout.Ping, `{"deviceinfo":3}`, relay.ErrInvalidCommand, ""},
		{"passed through", plugout.Sign, `{"params":{"anything":["goes",1,null]}}`, nil, ""},
		{"a list", plugout.Sign, `[]`, relay.ErrInvalidCommand, ""},
		{"null", plugout.Sign, `null`, relay.ErrInvalidCommand, ""},
		{"no JSON", plugout.Sign, `{`, relay.ErrInvalidCommand, ""},
		{"too large", plugout.Sign, `{"x":"` + strings.Repeat("x", 256<<10) + `"}`, relay.ErrTooLarge, ""},
		{"title with a control character", plugout.SessionStart, `{"title":"a\u0007b"}`, relay.ErrInvalidCommand, "title"},
		{"PIN reset", plugout.StartPINReset, `{}`, relay.ErrUnknownCommand, ""},
		{"no such command", "DANCE", `{}`, relay.ErrUnknownCommand, ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			err := w.trySend(c.typ, relay.Header{}, c.object)
			if c.want == nil {
				check(t, err)
				return
			}
			wantError(t, err, c.want)
			if f := fault.From(err); c.field != "" && f.Field != c.field {
				t.Errorf("field %q, want %q", f.Field, c.field)
			}
		})
	}
}

func TestCreateNeedsSomebodyWhoVouches(t *testing.T) {
	w := newWorld(t, func(c *relay.Client, _ *relay.Config) { c.KeySet = nil })
	wantError(t, w.trySend(plugout.FIDOCreateCredential, relay.Header{}, createObject), relay.ErrInvalidCommand)
	check(t, w.trySend(plugout.Ping, relay.Header{}, `{}`))

	w = newWorld(t, func(c *relay.Client, _ *relay.Config) { c.KeySet, c.AcceptUnsigned = nil, true })
	check(t, w.trySend(plugout.FIDOCreateCredential, relay.Header{}, createObject))
}

func TestExternalID(t *testing.T) {
	w := newWorld(t)
	h := header(600, 300)
	h.ExternalID = "proc-8841/ping"
	first := w.send(plugout.Ping, h, `{"deviceinfo": "true"}`)
	again := w.send(plugout.Ping, h, `{"deviceinfo":"true"}`) // white space means nothing
	if again.ID != first.ID || again.Destinations[0].Box != first.Destinations[0].Box || again.Destinations[0].URI != "" {
		t.Errorf("sent again: %+v, want %+v without its link", again, first)
	}
	if first.ExternalID != h.ExternalID || again.ExternalID != h.ExternalID {
		t.Error("the external id is not in the receipt")
	}
	wantError(t, w.trySend(plugout.Ping, h, `{"deviceinfo":"false"}`), relay.ErrDuplicateExternalID)
	other := h
	other.Timeout = secs(299)
	wantError(t, w.trySend(plugout.Ping, other, `{"deviceinfo":"true"}`), relay.ErrDuplicateExternalID)

	// It is taken even when the command has ended, and free when its life is over,
	// also if nobody has purged it yet.
	check(t, w.Cancel(t.Context(), w.by(), w.idm, first.ID))
	if r := w.send(plugout.Ping, h, `{"deviceinfo":"true"}`); r.ID != first.ID || r.State != relay.Cancelled {
		t.Errorf("after the end: %+v", r)
	}
	w.clock.move(600 * time.Second)
	if r := w.send(plugout.Ping, h, `{"deviceinfo":"false"}`); r.ID == first.ID {
		t.Error("an external id outlived its command")
	}
	got := w.callbacks()
	if len(got) != 1 || got[0].doc.ExternalID != h.ExternalID {
		t.Errorf("callbacks: %+v", got)
	}
}

func TestExternalIDWinsOverAClosedBox(t *testing.T) {
	w := newWorld(t)
	_, a := w.started(600)
	h := header(600, 300, a.Box)
	h.ExternalID = "x"
	first := w.send(plugout.Ping, h, `{}`)
	check(t, w.CloseSession(t.Context(), a.Desktop))
	if again := w.send(plugout.Ping, h, `{}`); again.ID != first.ID {
		t.Error("another command")
	}
}

// twoClients puts a second client beside idm: same group, other group, other tenant.
func twoClients(t *testing.T, group, tenantName string) (*world, *relay.Client) {
	w := newWorld(t)
	other := *w.idm
	other.ID, other.Group, other.Tenant = "da", group, tenantName
	check(t, w.clients.Replace(w.idm, &other))
	return w, &other
}

func TestClientsDoNotSeeEachOther(t *testing.T) {
	for name, of := range map[string][2]string{
		"same group": {"smartid", "acme"}, "other group": {"else", "acme"}, "no group": {"", "acme"}, "other tenant": {"smartid", "beta"},
	} {
		t.Run(name, func(t *testing.T) {
			w, other := twoClients(t, of[0], of[1])
			ping := w.send(plugout.Ping, relay.Header{}, `{}`)
			by := other.Authority("hermod")
			_, err := w.Poll(t.Context(), by, other, ping.ID)
			wantError(t, err, relay.ErrNoSuchCommand)
			wantError(t, w.Cancel(t.Context(), by, other, ping.ID), relay.ErrNoSuchCommand)
			_, err = w.Send(t.Context(), by, other, relay.Command{Type: plugout.Ping, Header: relay.Header{To: []string{ping.Destinations[0].Box}}})
			wantError(t, err, relay.ErrNoSuchDestination)
			_, err = w.Send(t.Context(), by, other, relay.Command{Type: plugout.SessionEnd, Header: relay.Header{To: []string{ping.Destinations[0].Box}}})
			wantError(t, err, relay.ErrNoSuchDestination)
			if r := w.poll(ping.ID); r.State != relay.InProgress {
				t.Errorf("it is %s", r.State)
			}
			// The other's outcome goes to the other.
			r, err := w.Send(t.Context(), by, other, relay.Command{Type: plugout.Ping})
			check(t, err)
			check(t, w.Cancel(t.Context(), by, other, r.ID))
			check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
			for _, c := range w.callbacks() {
				if want := map[string]string{ping.ID.String(): "idm", r.ID.String(): "da"}[c.doc.CommandID]; c.client != want {
					t.Errorf("the callback of %s went to %s", c.doc.CommandID, c.client)
				}
			}
		})
	}
}

func TestAuthorityOfAnotherTenant(t *testing.T) {
	w := newWorld(t)
	for _, by := range []tenant.Authority{{}, {Tenant: "beta"}} {
		_, err := w.Send(t.Context(), by, w.idm, relay.Command{Type: plugout.Ping})
		wantError(t, err, tenant.ErrDenied)
		_, err = w.Poll(t.Context(), by, w.idm, 1)
		wantError(t, err, tenant.ErrDenied)
	}
}

func TestBoxFull(t *testing.T) {
	w := newWorld(t)
	_, a := w.started(600)
	var last *relay.Receipt
	for range relay.MaxOpenMessages {
		last = w.send(plugout.Ping, header(600, 300, a.Box), `{}`)
	}
	wantError(t, w.trySend(plugout.Ping, header(600, 300, a.Box), `{}`), relay.ErrBoxFull)
	check(t, a.answer(last.Destinations[0].Message, plugout.StatusOK, `{}`))
	check(t, w.trySend(plugout.Ping, header(600, 300, a.Box), `{}`))
}

func TestSessionEnd(t *testing.T) {
	w := newWorld(t)
	start, a := w.started(600)
	w.callbacks()
	ping := w.send(plugout.Ping, header(600, 300, a.Box), `{}`)
	h := header(60, 60, start.Destinations[0].Box)
	h.ExternalID = "end"
	end := w.send(plugout.SessionEnd, h, `{}`)
	if end.State != relay.Completed || end.Destinations[0].Box != a.Box || end.Destinations[0].Location != "" {
		t.Errorf("receipt: %+v", end)
	}
	w.wantOutcome(ping.ID, relay.Cancelled, plugout.StatusSessionEnded)
	w.wantOutcome(end.ID, relay.Completed, plugout.StatusOK)
	_, err := w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
	if got := w.callbacks(); len(got) != 2 {
		t.Errorf("callbacks: %+v", got)
	}
	if again := w.send(plugout.SessionEnd, h, `{}`); again.ID != end.ID {
		t.Error("sent again it is another command")
	}
	h.ExternalID = ""
	wantError(t, w.trySend(plugout.SessionEnd, h, `{}`), relay.ErrSessionEnded)
	wantError(t, w.trySend(plugout.SessionEnd, relay.Header{}, `{}`), relay.ErrInvalidHeader)
	wantError(t, w.trySend(plugout.SessionEnd, relay.Header{To: []string{"@user/alice"}}, `{}`), relay.ErrNoSuchDestination)
	wantError(t, w.trySend(plugout.SessionStart, header(60, 60, a.Box), `{}`), relay.ErrInvalidHeader)
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	ping := w.send(plugout.Ping, relay.Header{}, `{}`)
	check(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID))
	wantError(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID), relay.ErrCommandFinal)
	wantError(t, w.Cancel(t.Context(), w.by(), w.idm, ping.ID+1), relay.ErrNoSuchCommand)

	// What is overdue has timed out, even if nobody has looked since.
	late := w.send(plugout.Ping, header(600, 5), `{}`)
	w.clock.move(5 * time.Second)
	wantError(t, w.Cancel(t.Context(), w.by(), w.idm, late.ID), relay.ErrCommandFinal)
	w.wantOutcome(late.ID, relay.TimedOut, plugout.StatusTimeout)
}

func TestCommandIDs(t *testing.T) {
	for _, bad := range []string{"", "0", "-1", "+1", "01", "1.0", "1e3", "x", "9223372036854775808", " 1"} {
		if _, err := relay.ParseCommandID(bad); !errors.Is(err, relay.ErrNoSuchCommand) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	w := newWorld(t)
	last := relay.CommandID(0)
	for range 100 {
		id := w.send(plugout.Ping, relay.Header{}, `{}`).ID
		parsed, err := relay.ParseCommandID(id.String())
		check(t, err)
		if parsed != id || id <= last {
			t.Fatalf("id %d after %d", id, last)
		}
		last = id
	}
}
