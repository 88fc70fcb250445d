package hermod_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"bestow.dev/internal/plugout"
)

// direct hands a request straight to the server's handler, with a path that no client
// would let pass.
func (w *world) direct(method, path, query string, header map[string]string, body []byte) reply {
	r := &http.Request{
		Method: method, URL: &url.URL{Path: base + path, RawQuery: query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Host: "relay", RemoteAddr: "127.0.0.1:1", Body: http.NoBody,
	}
	if len(body) > 0 {
		r.Body, r.ContentLength = readCloser{bytes.NewReader(body)}, int64(len(body))
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(out, r.WithContext(w.t.Context()))
	return reply{out.Code, out.Header(), out.Body.Bytes()}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// FuzzCommand sends nearly valid commands: whatever they are, the relay answers as it
// says it does, never with a fault of its own, and stores nothing of what it refuses.
func FuzzCommand(f *testing.F) {
	for name, body := range map[string]any{
		"sessionstart":         object{"commandHeader": header(600, 10, "@tmp"), "sessionStartCommand": object{"userid": "alice@example.com", "require": []string{"fido2"}}},
		"sessionend":           object{"commandHeader": header(60, 60, "BOX"), "sessionEndCommand": object{}},
		"fidogetinfo":          object{"commandHeader": header(120, 60, "BOX"), "fidoGetInfoCommand": object{}},
		"fidocreatecredential": create(header(600, 120, "BOX")),
		"ping":                 object{"commandHeader": object{"lifespan": "60", "timeout": 60, "externalId": "x"}, "pingCommand": object{"deviceinfo": "true"}},
		"provision":            object{"provCommand": object{"userid": "alice@example.com", "profile": object{"keygenrequests": []object{{"keytype": "RSA"}}}}},
		"certificate":          object{"commandHeader": header(60, 60, "@user/alice@example.com"), "certCommand": object{}},
		"authenticate":         object{"authCommand": object{"params": object{"tbs": []object{{"data": "SGVsbG8="}}}}},
		"sign":                 object{"signCommand": object{"params": object{}, "nonce": "n", "responseformat": "json"}},
		"delete":               object{"deleteCommand": object{"userid": "alice@example.com", "profileid": "BOX", "confirmation": "false"}},
		"startpinreset":        object{"startPinResetCommand": object{"smartcardid": "1"}},
	} {
		text, err := json.Marshal(body)
		check(f, err)
		f.Add(name, "application/json", text)
	}
	w := newWorld(f, settings{})
	_, d := w.started(86400)
	seen := int64(len(w.events(0)))
	f.Fuzz(func(t *testing.T, name, media string, body []byte) {
		w.t = t
		body = bytes.ReplaceAll(body, []byte("BOX"), []byte(d.box))
		h := map[string]string{"X-Api-Key": asIDM["X-Api-Key"], "Content-Type": media}
		r := w.direct("POST", "/command/"+name, "", h, body)
		if r.status >= http.StatusInternalServerError {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if r.status < 300 || r.status >= 400 { // ServeMux redirects to clean paths
			w.judge(t, call{method: "POST", path: "/command/" + name}, r)
		}
		fresh := int64(len(w.events(seen)))
		seen += fresh
		if r.status != http.StatusOK {
			if fresh > 0 {
				t.Errorf("refused with %d %s, and left %d events", r.status, r.body, fresh)
			}
		} else {
			id, _ := r.member("commandId").(string)
			if poll := w.direct("GET", "/command/"+id, "", asIDM, nil); poll.status != http.StatusOK {
				t.Errorf("accepted, but polling says %d %s", poll.status, poll.body)
			}
		}
		if code := r.member("error"); code == "BOX_FULL" || code == "SESSION_ENDED" || name == "sessionend" {
			_, d = w.started(86400)
			seen += int64(len(w.events(seen)))
		}
	})
}

// FuzzDevice makes nearly valid calls of the box.
func FuzzDevice(f *testing.F) {
	const answer = `{"v":1,"mid":"MID","nonce":"NONCE","iat":IAT,"status":"OK","response":{"credential":{}}}`
	const refusal = `{"v":1,"mid":"MID","nonce":"NONCE","iat":IAT,"status":"PIN_BLOCKED","error":{"message":"no","ctap":"0x32"}}`
	f.Add("POST", "/BOX/MID", "", "application/jose", []byte(answer), true, true)
	f.Add("POST", "/BOX/MID", "", "application/jose", []byte(refusal), true, true)
	f.Add("POST", "/BOX/MID", "", "application/jose", []byte("a.b.c"), false, true)
	f.Add("POST", "/BOX/MID", "", "application/json", []byte(answer), false, true)
	f.Add("GET", "/BOX/MID", "", "", []byte(nil), false, true)
	f.Add("GET", "/BOX", "wait=0", "", []byte(nil), false, true)
	f.Add("GET", "/BOX", "wait=-1", "", []byte(nil), false, false)
	f.Add("POST", "/BOX/session", "", "application/json", []byte(`{"token":"TOKEN","client":{"app":"desktop-app","version":"2.4.0","os":"windows"}}`), false, false)
	f.Add("POST", "/BOX/session/confirm", "", "", []byte(nil), false, true)
	f.Add("DELETE", "/BOX/session", "", "", []byte(nil), false, true)

	w := newWorld(f, settings{})
	r, d := w.started(86400)
	sent := w.accepted("fidocreatecredential", create(header(86400, 86400, d.box)))
	seen := int64(len(w.events(0)))
	f.Fuzz(func(t *testing.T, method, suffix, query, media string, body []byte, sign, session bool) {
		w.t = t
		if strings.Contains(query, "wait") && !strings.HasSuffix(query, "wait=0") {
			query = "wait=0" // there is no time to wait
		}
		if method == "" {
			method = "GET" // no request comes without
		}
		_, token := link(t, r)
		names := strings.NewReplacer("BOX", d.box, "MID", sent.message(), "TOKEN", token, "NONCE", "kX0b2oQyq1m0m1xJ5rV0Zw",
			"IAT", strconv.FormatInt(w.Now().Unix(), 10))
		path, text := "/ms"+names.Replace(suffix), []byte(names.Replace(string(body)))
		if sign {
			if jws, err := d.key.Sign(text); err == nil {
				text = jws
			}
		}
		h := map[string]string{"Content-Type": media}
		if session {
			h["Authorization"] = "Bearer " + d.session
		}
		got := w.direct(method, path, query, h, text)
		if got.status >= http.StatusInternalServerError {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if strings.HasPrefix(path, "/ms/") && (got.status < 300 || got.status >= 400) {
			w.judge(t, call{method: method, path: path}, got)
		}
		for _, e := range w.events(seen) {
			seen++
			if got.status >= 400 && e.Action != "relay.session_redeemed_twice" && e.Action != "relay.command_ended" {
				t.Errorf("refused with %d %s, and left %s", got.status, got.body, e.Action)
			}
			if got.status >= 400 && e.Action == "relay.command_ended" && e.Outcome != "relay."+strings.ToLower(string(plugout.StatusSessionEnded)) {
				t.Errorf("refused with %d %s, and ended a command as %s", got.status, got.body, e.Outcome)
			}
		}
		if open := d.w.direct("GET", "/ms/"+d.box+"/"+sent.message(), "", d.header(), nil); open.status != http.StatusOK {
			r, d = w.started(86400)
			sent = w.accepted("fidocreatecredential", create(header(86400, 86400, d.box)))
			seen += int64(len(w.events(seen)))
		}
	})
}
