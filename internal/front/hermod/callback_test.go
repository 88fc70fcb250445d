package hermod_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// wantBody checks a callback against its exact members.
func wantBody(t *testing.T, c callback, want object) {
	t.Helper()
	text, err := json.Marshal(want)
	check(t, err)
	if !sameJSON(t, c.body, text) {
		t.Errorf("got  %s\nwant %s", c.body, text)
	}
}

func (w *world) expire() {
	w.t.Helper()
	_, err := w.ExpireDue(w.t.Context())
	check(w.t, err)
}

// The callbacks of a session: what each kind of outcome says, to the member.
func TestCallbackBodies(t *testing.T) {
	w := newWorld(t, settings{})
	r := w.accepted("sessionstart", object{
		"commandHeader":       object{"lifespan": 600, "timeout": 10, "to": []string{"@tmp"}, "externalId": "proc-8841/session"},
		"sessionStartCommand": object{"userid": "alice@example.com", "title": "Register your security key", "require": []string{"fido2"}},
	})
	d := w.open(r)
	started := d.sign(d.payload(d.fetch(r.message()), plugout.StatusOK, sessionStarted))
	if got := d.postAs(r.message(), plugout.MediaTypeJOSE, started); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	kid := w.key.Public().KeyID
	got := w.callbacks()
	if got[0].path != "POST /idm-operator/ws/hermod/callback/sessionstart" {
		t.Errorf("path: %s", got[0].path)
	}
	wantBody(t, got[0], object{
		"commandId": r.CommandID, "commandType": "SESSION_START", "externalId": "proc-8841/session", "state": "COMPLETED", "status": "OK",
		"destination":          object{"to": "@tmp", "bid": d.box, "mid": r.message()},
		"sessionStartResponse": object{"app": "desktop-app", "version": "2.4.0", "os": "windows", "capabilities": []string{"fido2"}},
		"signature":            object{"state": "VALID", "kid": kid}, "jws": string(started),
		"client": object{"app": "desktop-app", "version": "2.4.0", "os": "windows", "address": "127.0.0.1"},
	})

	// The device says no.
	refused := w.accepted("fidocreatecredential", create(header(600, 120, d.box)))
	jws := d.sign(d.payload(d.fetch(refused.message()), plugout.StatusPINBlocked, ""))
	d.postAs(refused.message(), plugout.MediaTypeJOSE, jws)
	wantBody(t, w.callbacks()[0], object{
		"commandId": refused.CommandID, "commandType": "FIDO_CREATE_CREDENTIAL", "state": "FAILED", "status": "PIN_BLOCKED",
		"destination": object{"to": d.box, "bid": d.box, "mid": refused.message()},
		"signature":   object{"state": "VALID", "kid": kid}, "jws": string(jws),
		"error": object{"code": "PIN_BLOCKED", "message": "the device says no", "detail": "0x32"},
	})

	// Nobody answers.
	late := w.accepted("fidocreatecredential", object{
		"commandHeader":               object{"lifespan": 600, "timeout": 120, "to": []string{d.box}, "externalId": "proc-8841/create"},
		"fidoCreateCredentialCommand": object{"creationOptions": creationOptions()},
	})
	w.Later(120 * time.Second)
	w.expire()
	wantBody(t, w.callbacks()[0], object{
		"commandId": late.CommandID, "commandType": "FIDO_CREATE_CREDENTIAL", "externalId": "proc-8841/create", "state": "TIMEOUT", "status": "TIMEOUT",
		"destination": object{"to": d.box, "bid": d.box, "mid": late.message()},
		"error":       object{"code": "TIMEOUT", "message": "no answer within 120 s"},
	})
	w.wantOutcome(late.CommandID, "TIMEOUT", "TIMEOUT") // and can be polled
	if len(d.list()) != 0 {
		t.Error("the message is still in the box")
	}

	// The client ends the session.
	end := w.accepted("sessionend", object{"commandHeader": header(60, 60, d.box), "sessionEndCommand": object{}})
	wantBody(t, w.callbacks()[0], object{
		"commandId": end.CommandID, "commandType": "SESSION_END", "state": "COMPLETED", "status": "OK",
		"destination": object{"to": d.box, "bid": d.box},
	})
}

// Every status that a device may answer is passed on.
func TestDeviceStatuses(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	w.callbacks()
	for _, status := range []plugout.Status{
		plugout.StatusUserCancelled, plugout.StatusUnsupported, plugout.StatusNoAuthenticator, plugout.StatusCredentialExcluded,
		plugout.StatusPINNotSet, plugout.StatusPINInvalid, plugout.StatusPINBlocked, plugout.StatusUVFailed,
		plugout.StatusKeyStoreFull, plugout.StatusDeviceError,
	} {
		sent := w.accepted("fidocreatecredential", create(header(600, 120, d.box)))
		d.answer(sent.message(), status, "")
		w.wantCallbacks(w.callbacks(), "fidocreatecredential FAILED "+string(status))
	}
}

// An ignored pop-up ends all that waits for it at once, not after its own timeout.
func TestSessionNotStarted(t *testing.T) {
	for name, declined := range map[string]bool{"ignored": false, "declined": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{})
			r := w.startSession(600)
			queued := w.accepted("fidocreatecredential", create(header(600, 240, r.box())))
			if declined {
				w.open(r).answer(r.message(), plugout.StatusUserCancelled, "")
				w.wantCallbacks(w.callbacks(), "sessionstart FAILED USER_CANCELLED", "fidocreatecredential CANCELLED SESSION_NOT_STARTED")
				return
			}
			w.Later(10*time.Second - time.Millisecond)
			w.expire()
			w.wantCallbacks(w.callbacks())
			w.Later(time.Millisecond)
			w.expire()
			got := w.callbacks()
			w.wantCallbacks(got, "sessionstart TIMEOUT SESSION_NOT_STARTED", "fidocreatecredential CANCELLED SESSION_NOT_STARTED")
			wantBody(t, got[0], object{
				"commandId": r.CommandID, "commandType": "SESSION_START", "state": "TIMEOUT", "status": "SESSION_NOT_STARTED",
				"destination": object{"to": "@tmp", "bid": r.box(), "mid": r.message()},
				"error":       object{"code": "SESSION_NOT_STARTED", "message": "the session was not started"},
			})
			wantBody(t, got[1], object{
				"commandId": queued.CommandID, "commandType": "FIDO_CREATE_CREDENTIAL", "state": "CANCELLED", "status": "SESSION_NOT_STARTED",
				"destination": object{"to": r.box(), "bid": r.box(), "mid": queued.message()},
				"error":       object{"code": "SESSION_NOT_STARTED", "message": "the session was not started"},
			})
			box, token := link(t, r)
			want(t, w.redeem(box, token), http.StatusGone, "SESSION_GONE")
			want(t, w.command("ping", ping(header(60, 60, box))), http.StatusConflict, "SESSION_ENDED")
		})
	}
}

// A session's callback goes before those of its commands, whatever becomes due first;
// each goes once.
func TestOrderOfCallbacks(t *testing.T) {
	w := newWorld(t, settings{relay: func(c *relay.Config) { c.Attempts = 2 }})
	_, d := w.started(600)
	sent := w.accepted("ping", ping(header(600, 60, d.box)))
	d.answer(sent.message(), plugout.StatusOK, `{}`)
	w.calls.refuse(http.StatusServiceUnavailable)
	w.wantCallbacks(w.callbacks(), "sessionstart COMPLETED OK")
	w.calls.refuse(0)
	w.Later(30 * time.Second)
	w.wantCallbacks(w.callbacks(), "sessionstart COMPLETED OK", "ping COMPLETED OK")
	w.Later(time.Hour)
	w.wantCallbacks(w.callbacks())
}

// When all tries fail the outcome can still be polled.
func TestCallbackGivenUp(t *testing.T) {
	for name, status := range map[string]int{"refused": 401, "redirected": 307, "broken": 500} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settings{relay: func(c *relay.Config) { c.Attempts = 2 }})
			sent := w.accepted("ping", ping(header(600, 300)))
			w.calls.refuse(status)
			w.do(call{method: "DELETE", path: "/command/" + sent.CommandID, header: asIDM})
			w.wantCallbacks(w.callbacks(), "ping CANCELLED CANCELLED_BY_REQUESTER")
			w.Later(30 * time.Second)
			w.wantCallbacks(w.callbacks(), "ping CANCELLED CANCELLED_BY_REQUESTER")
			w.Later(30 * time.Second)
			w.wantCallbacks(w.callbacks())
			w.wantOutcome(sent.CommandID, "CANCELLED", "CANCELLED_BY_REQUESTER")
		})
	}
}

// Callbacks also go over https, to servers that are trusted, and nowhere else.
func TestCallbackOverHTTPS(t *testing.T) {
	var calls int
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a handshake fails on purpose
	server.StartTLS()
	defer server.Close()
	trusting := func(t *testing.T) *outbound.Client {
		c, err := outbound.New(outbound.Config{CAFile: writeCA(t, server)})
		check(t, err)
		return c
	}
	distrusting, err := outbound.New(outbound.Config{})
	check(t, err)
	for name, tt := range map[string]struct {
		caller relay.Caller
		calls  int
	}{"trusted": {trusting(t), 1}, "not trusted": {distrusting, 0}} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			w := newWorld(t, settings{
				idm:   func(c *relay.Client) { c.CallbackURL = server.URL + "/ws/hermod" },
				relay: func(c *relay.Config) { c.Caller = tt.caller },
			})
			sent := w.accepted("ping", ping(header(600, 300)))
			w.do(call{method: "DELETE", path: "/command/" + sent.CommandID, header: asIDM})
			w.callbacks()
			if calls != tt.calls {
				t.Errorf("%d calls, want %d", calls, tt.calls)
			}
		})
	}
}
