package hermod_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

var errFire = errors.New("the disk is on fire")

// What is wrong with a command, and what its sender is told.
func TestRefusedCommands(t *testing.T) {
	const good = `{"pingCommand":{}}`
	tests := []struct {
		name, command, body string
		status              int
		code, field         string
	}{
		{"not JSON", "ping", `{"pingCommand":`, 400, "INVALID_JSON", ""},
		{"empty", "ping", ``, 400, "INVALID_JSON", ""},
		{"list", "ping", `[]`, 400, "INVALID_JSON", ""},
		{"null", "ping", `null`, 400, "INVALID_JSON", ""},
		{"text", "ping", `"ping"`, 400, "INVALID_JSON", ""},
		{"something behind", "ping", good + `x`, 400, "INVALID_JSON", ""},
		{"a member twice", "ping", `{"pingCommand":{},"pingCommand":{}}`, 400, "INVALID_JSON", ""},
		{"a member twice, inside", "ping", `{"pingCommand":{"deviceinfo":true,"deviceinfo":false}}`, 400, "INVALID_JSON", ""},
		{"not UTF-8", "ping", "{\"pingCommand\":{\"x\":\"\xff\"}}", 400, "INVALID_JSON", ""},
		{"nested too deeply", "ping", `{"pingCommand":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400, "INVALID_JSON", ""},
		{"no command object", "ping", `{"commandHeader":{}}`, 400, "INVALID_COMMAND", "pingCommand"},
		{"another command's object", "ping", `{"signCommand":{}}`, 400, "INVALID_COMMAND", "signCommand"},
		{"both", "ping", `{"pingCommand":{},"signCommand":{}}`, 400, "INVALID_COMMAND", "signCommand"},
		{"a member with a long name", "ping", `{"pingCommand":{},"` + strings.Repeat("ä", 40) + `":1}`, 400, "INVALID_COMMAND", strings.Repeat("ä", 32)},
		{"a member cut in the middle of a letter", "ping", `{"pingCommand":{},"x` + strings.Repeat("ä", 40) + `":1}`, 400, "INVALID_COMMAND", "x" + strings.Repeat("ä", 31) + "\uFFFD"},
		{"object is null", "ping", `{"pingCommand":null}`, 400, "INVALID_COMMAND", ""},
		{"object is a list", "sign", `{"signCommand":[]}`, 400, "INVALID_COMMAND", ""},
		{"nonce is a number", "ping", `{"pingCommand":{"nonce":5}}`, 400, "INVALID_COMMAND", "nonce"},
		{"response format", "sign", `{"signCommand":{"responseformat":"xml"}}`, 400, "INVALID_COMMAND", "responseformat"},
		{"unsigned answers", "ping", `{"pingCommand":{"responseformat":"json"}}`, 400, "INVALID_COMMAND", "responseformat"},
		{"signature key", "sign", `{"signCommand":{"responsesignaturekey":"DEVICE"}}`, 400, "INVALID_COMMAND", "responsesignaturekey"},
		{"no options", "fidocreatecredential", `{"fidoCreateCredentialCommand":{}}`, 400, "INVALID_COMMAND", "creationOptions"},
		{"no such command", "teleport", good, 404, "UNKNOWN_COMMAND", ""},
		{"PIN reset", "startpinreset", `{"startPinResetCommand":{"smartcardid":"1234"}}`, 404, "UNKNOWN_COMMAND", ""},
		{"end of PIN reset", "endpinreset", `{"endPinResetCommand":{"encryptednonce":"00"}}`, 404, "UNKNOWN_COMMAND", ""},
		{"other case", "Ping", good, 404, "UNKNOWN_COMMAND", ""},
		{"a path below", "ping/now", good, 404, "NOT_FOUND", ""},
		{"too large", "ping", `{"pingCommand":{"x":"` + strings.Repeat("x", 256<<10) + `"}}`, 413, "TOO_LARGE", ""},
	}
	w := newWorld(t, settings{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.command(tt.command, tt.body)
			want(t, r, tt.status, tt.code)
			if field, _ := r.member("field").(string); field != tt.field {
				t.Errorf("field %q, want %q", field, tt.field)
			}
		})
	}
	if n := len(w.events(0)); n != 0 {
		t.Errorf("refused commands left %d events behind", n)
	}
}

// Creation options are judged before they are queued; the refusal names the member.
func TestRefusedCreationOptions(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(options, command object)
		field string // empty: accepted
	}{
		{"untouched", func(_, _ object) {}, ""},
		{"not wrapped", func(o, c object) { c["creationOptions"] = o }, ""},
		{"other members beside publicKey", func(o, c object) {
			c["creationOptions"] = object{"challengeTimeoutDateTime": "2026-03-02T10:20:00Z", "publicKey": o}
		}, ""},
		{"origin below the RP ID", func(_, c object) { c["origin"] = "https://sso.login.example.com" }, ""},
		{"short challenge", func(o, _ object) { o["challenge"] = "AAAA" }, "creationOptions.challenge"},
		{"padded challenge", func(o, _ object) { o["challenge"] = "3WllFCx2gfql08rHrOe56vNfWRtsj6I/HJWK+jYTzNo=" }, "creationOptions.challenge"},
		{"no challenge", func(o, _ object) { delete(o, "challenge") }, "creationOptions.challenge"},
		{"no rp.id", func(o, _ object) { delete(o["rp"].(object), "id") }, "creationOptions.rp.id"},
		{"no rp.name", func(o, _ object) { delete(o["rp"].(object), "name") }, "creationOptions.rp.name"},
		{"empty user.id", func(o, _ object) { o["user"].(object)["id"] = "" }, "creationOptions.user.id"},
		{"no user.name", func(o, _ object) { delete(o["user"].(object), "name") }, "creationOptions.user.name"},
		{"no algorithms", func(o, _ object) { o["pubKeyCredParams"] = []object{} }, "creationOptions.pubKeyCredParams"},
		{"64 KiB", func(o, _ object) { o["x"] = strings.Repeat("x", 64<<10) }, "creationOptions"},
		{"text", func(_, c object) { c["creationOptions"] = "{}" }, "creationOptions"},
		{"other origin", func(_, c object) { c["origin"] = "https://login.example.org" }, "origin"},
		{"http origin", func(_, c object) { c["origin"] = "http://login.example.com" }, "origin"},
		{"origin with path", func(_, c object) { c["origin"] = "https://login.example.com/" }, "origin"},
		{"long nonce", func(_, c object) { c["nonce"] = strings.Repeat("n", 257) }, "nonce"},
	}
	w := newWorld(t, settings{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := creationOptions()
			command := object{"creationOptions": object{"publicKey": options}}
			tt.spoil(options, command)
			r := w.command("fidocreatecredential", object{"fidoCreateCredentialCommand": command})
			if tt.field == "" {
				if r.status != http.StatusOK {
					t.Errorf("%d %s", r.status, r.body)
				}
				return
			}
			want(t, r, http.StatusBadRequest, "INVALID_COMMAND")
			if field, _ := r.member("field").(string); !strings.HasPrefix(field, tt.field) {
				t.Errorf("field %q, want %q: %s", field, tt.field, r.body)
			}
		})
	}
}

// The limit of a body is 256 KiB, whatever its length claims to be.
func TestBodyLimit(t *testing.T) {
	w := newWorld(t, settings{})
	const around = len(`{"pingCommand":{}}`)
	at := func(n int) string { return `{"pingCommand":{}}` + strings.Repeat(" ", n-around) }
	if r := w.command("ping", at(256<<10)); r.status != http.StatusOK {
		t.Errorf("256 KiB: %d %s", r.status, r.body)
	}
	want(t, w.command("ping", at(256<<10+1)), http.StatusRequestEntityTooLarge, "TOO_LARGE")

	chunked, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+base+"/command/ping",
		struct{ *strings.Reader }{strings.NewReader(at(256<<10 + 1))})
	check(t, err)
	chunked.ContentLength = -1
	chunked.Header.Set("Content-Type", "application/json")
	chunked.Header.Set("X-Api-Key", asIDM["X-Api-Key"])
	resp, err := w.server.Client().Do(chunked)
	check(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: %d", resp.StatusCode)
	}
}

func TestContentType(t *testing.T) {
	w := newWorld(t, settings{})
	for media, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON": 200,
		"text/plain": 415, "text/json": 415, "application/x-www-form-urlencoded": 415, "": 415, "application/json; ;": 415,
	} {
		r := w.do(call{path: "/command/ping", body: `{"pingCommand":{}}`, header: map[string]string{"Content-Type": media, "X-Api-Key": asIDM["X-Api-Key"]}})
		if r.status != status {
			t.Errorf("%q: %d %s, want %d", media, r.status, r.body, status)
		}
		if status != http.StatusOK {
			want(t, r, status, "UNSUPPORTED_MEDIA_TYPE")
		}
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t, settings{})
	const box = "/ms/6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"
	for path, allowed := range map[string]string{
		"/command/ping":            "DELETE, GET, HEAD, POST",
		box:                        "GET, HEAD",
		box + "/session":           "DELETE, POST",
		box + "/session/confirm":   "POST",
		box + "/0a4d6c1b":          "GET, HEAD, POST",
		"/util/generateclient/idm": "GET, HEAD",
		"/health":                  "GET, HEAD",
		"/openapi.json":            "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			r := w.do(call{method: method, path: path})
			takes := strings.Contains(", "+allowed+",", " "+method+",")
			if takes == (r.status == http.StatusMethodNotAllowed) {
				t.Errorf("%s %s: %d", method, path, r.status)
			}
			if takes {
				continue
			}
			if method != "HEAD" { // which has no body
				want(t, r, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
			}
			if got := r.header.Get("Allow"); got != allowed {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, allowed)
			}
		}
	}
	for _, path := range []string{"/command/", "/ms/", "/util/", "/util/other", box + "/a/b", box + "/session/"} {
		want(t, w.do(call{path: path}), http.StatusNotFound, "NOT_FOUND")
	}
}

// Whoever has not the right key is told so and nothing else.
func TestAPIKey(t *testing.T) {
	var logged bytes.Buffer
	w := newWorld(t, settings{log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	unpadded := strings.TrimRight(apiKey("idm", idmKey), "=")
	if unpadded == apiKey("idm", idmKey) {
		t.Fatal("the key needs no padding, and shows nothing")
	}
	tests := []struct {
		name, key string
		good      bool
	}{
		{"padded", apiKey("idm", idmKey), true},
		{"unpadded", unpadded, true},
		{"the other of two keys", apiKey("idm", newKey), true},
		{"blanks around", "  " + unpadded + " ", true},
		{"missing", "", false},
		{"wrong key", apiKey("idm", secondKey), false},
		{"key of another client", apiKey("da", idmKey), false},
		{"unknown client", apiKey("nobody", idmKey), false},
		{"client of another tenant", apiKey("globex", secondKey), false},
		{"client without keys", apiKey("inside", ""), false},
		{"other case", apiKey("IDM", idmKey), false},
		{"prefix of the key", apiKey("idm", idmKey[:63]), false},
		{"colon in the key", apiKey("idm", idmKey+":"), false},
		{"no colon", apiKey("idm", "")[:4], false},
		{"empty key", apiKey("idm", ""), false},
		{"empty id", apiKey("", idmKey), false},
		{"not base64", "idm:" + idmKey, false},
		{"as basic", "Basic " + apiKey("idm", idmKey), false},
	}
	var refusals []string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range []call{
				{path: "/command/ping", body: `{"pingCommand":{}}`},
				{path: "/command/teleport", body: `{}`},
				{path: "/command/1042"},
				{method: "DELETE", path: "/command/1042"},
			} {
				if tt.key != "" {
					c.header = map[string]string{"X-Api-Key": tt.key}
				}
				r := w.do(c)
				if tt.good != (r.status != http.StatusUnauthorized) {
					t.Fatalf("%s: %d", c.path, r.status)
				}
				if tt.good {
					continue
				}
				want(t, r, http.StatusUnauthorized, "UNAUTHORIZED")
				if r.header.Get("WWW-Authenticate") != "X-Api-Key" {
					t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
				}
				id, _ := r.member("requestId").(string)
				refusals = append(refusals, strings.ReplaceAll(string(r.body), id, "*"))
			}
		})
	}
	for _, r := range refusals {
		if r != `{"error":"UNAUTHORIZED","requestId":"*"}`+"\n" {
			t.Errorf("a refusal tells more: %s", r)
		}
	}
	// Two keys are none: which one counts would be a guess.
	twice, err := http.NewRequestWithContext(t.Context(), "GET", w.server.URL+base+"/command/1042", nil)
	check(t, err)
	twice.Header["X-Api-Key"] = []string{apiKey("idm", idmKey), apiKey("idm", idmKey)}
	resp, err := w.server.Client().Do(twice)
	check(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("two headers: %d", resp.StatusCode)
	}
	w.server.Close() // waits for what still logs
	for _, secret := range []string{idmKey, secondKey, unpadded} {
		if strings.Contains(logged.String(), secret) {
			t.Error("a key is in the log")
		}
	}
}

// A fault of ours says what its name is, and more only where that is asked for.
func TestOurFaults(t *testing.T) {
	for _, hidden := range []bool{true, false} {
		t.Run(fmt.Sprintf("hidden %v", hidden), func(t *testing.T) {
			w := newWorld(t, settings{front: func(c *hermod.Config) { c.HideExceptions = hidden }})
			sent := w.accepted("ping", ping(header(60, 60)))
			for _, tt := range []struct {
				fault  error
				status int
				code   string
			}{
				{errFire, http.StatusInternalServerError, "INTERNAL"},
				{store.ErrUnavailable.Because(errFire), http.StatusServiceUnavailable, "UNAVAILABLE"},
				{tenant.ErrDenied, http.StatusForbidden, "FORBIDDEN"},
			} {
				w.disk.fail(tt.fault)
				for _, c := range []call{{path: "/command/ping", body: ping(header(60, 60)), header: asIDM}, {path: "/command/" + sent.CommandID, header: asIDM}} {
					r := w.send(c) // the description does not promise faults that there should never be
					message, _ := r.member("message").(string)
					if r.status != tt.status || r.member("error") != tt.code || r.member("requestId") == "" {
						t.Errorf("got %d %s", r.status, r.body)
					}
					if tt.status >= 500 && (message == "") != hidden {
						t.Errorf("message %q", message)
					}
					if tt.status >= 500 && !hidden && !strings.Contains(message, errFire.Error()) {
						t.Errorf("message %q does not tell the cause", message)
					}
				}
			}
		})
	}
}

// A caller that goes away in the middle is nobody's fault and not logged as one.
func TestCallerGoesAway(t *testing.T) {
	var logged bytes.Buffer
	w := newWorld(t, settings{log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	_, d := w.started(600)
	drain(w.hub.waiting)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		r, err := w.trySend(ctx, call{path: "/ms/" + d.box + "?wait=30", header: d.header()})
		if err == nil && r.status == http.StatusNoContent {
			err = context.Canceled // the server has heard of it before the client has, and has ended the wait
		}
		ended <- err
	}()
	<-w.hub.waiting
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.server.Close()
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
}

func drain(c chan string) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

// With rest.log each command that is taken is logged, by id, type and client.
func TestTrace(t *testing.T) {
	var logged bytes.Buffer
	w := newWorld(t, settings{
		log:   slog.New(slog.NewTextHandler(&logged, nil)),
		front: func(c *hermod.Config) { c.Trace = true },
	})
	r := w.startSession(60)
	_, token := link(t, r)
	w.server.Close()
	if !strings.Contains(logged.String(), "command="+r.CommandID+" type=SESSION_START client=idm") || strings.Contains(logged.String(), token) {
		t.Errorf("logged: %s", logged.String())
	}
}
