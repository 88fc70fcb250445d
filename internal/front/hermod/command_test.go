package hermod_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// sameJSON reports whether two texts say the same.
func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	var x, y any
	check(t, json.Unmarshal(a, &x))
	check(t, json.Unmarshal(b, &y))
	return reflect.DeepEqual(x, y)
}

// The commands that go to a device: their names, where the object and the response
// stand, and that both pass unchanged.
func TestEveryCommand(t *testing.T) {
	signParams := `{"params":{"format":"jws","mechanism":"CKM_SHA256_RSA_PKCS","filter":{"op":"eq","param":"key.type","value":"RSA"},
		"description":[{"key":"requester","content_type":"text/plain","content_encoding":"base64","data":"QWNtZQ==","visible":true}],
		"tbs":[{"key":"tbs","content_type":"text/plain","content_encoding":"base64","data":"SGVsbG8=","visible":"true"}]}}`
	tests := []struct {
		name, object, commandType, body, response, answer string
	}{
		{"sessionstart", "sessionStartCommand", "SESSION_START", `{"userid":"alice@example.com"}`, "sessionStartResponse", sessionStarted},
		{"fidogetinfo", "fidoGetInfoCommand", "FIDO_GET_INFO", `{}`, "fidoGetInfoResponse", `{"authenticators":[]}`},
		{"fidocreatecredential", "fidoCreateCredentialCommand", "FIDO_CREATE_CREDENTIAL", "", "fidoCreateCredentialResponse", `{"credential":{"id":"AAKNLD"}}`},
		{"ping", "pingCommand", "PING", `{"deviceinfo":"true"}`, "pingResponse", `{"deviceinfo":{"operatingsystem":"Windows","osversion":"10.0.22631","appversion":"2.4.0"}}`},
		{
			"provision", "provCommand", "PROVISION",
			`{"nonce":"n-0S6_WzA2Mj","userid":"alice@example.com","responsesignaturekey":"ATTESTATION","responseformat":"jws",
			"profile":{"servername":"msg","name":"Alice","keygenrequests":[{"keyid":"k1","usage":"SIG","keytypeprios":[{"keytype":"RSA","keylength":"2048","responsemechanism":"RS256"}]}]}}`,
			"provResponse", `{"keys":[{"keyid":"k1","certreq":"MIIC"}]}`,
		},
		{"certificate", "certCommand", "CERTIFICATE", `{"smartcardid":"1234","certificates":["MIIC"]}`, "certResponse", `{}`},
		{"authenticate", "authCommand", "AUTHENTICATE", signParams, "authResponse", `{"format":"jws","signature":"eyJhbGciOi"}`},
		{"sign", "signCommand", "SIGN", signParams, "signResponse", `{"format":"jws","signature":"eyJhbGciOi","certificates":["MIIC"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, settings{})
			sent := []byte(tt.body)
			if tt.body == "" {
				var err error
				sent, err = json.Marshal(create(nil)[tt.object])
				check(t, err)
			}
			r := w.accepted(tt.name, object{"commandHeader": header(60, 60), tt.object: json.RawMessage(sent)})
			if r.CommandType != tt.commandType || r.State != "IN_PROGRESS" {
				t.Errorf("receipt: %+v", r)
			}
			d := w.open(r)
			m := d.fetch(r.message())
			if m.Type != tt.commandType || m.Requester != "idm" || !sameJSON(t, m.Command, sent) {
				t.Errorf("the device gets %s as %s from %s", m.Command, m.Type, m.Requester)
			}
			d.answer(m.Mid, plugout.StatusOK, tt.answer)
			got := w.callbacks()
			w.wantCallbacks(got, tt.name+" COMPLETED OK")
			var doc map[string]json.RawMessage
			got[0].into(t, &doc)
			if !sameJSON(t, doc[tt.response], []byte(tt.answer)) || got[0].member("commandType") != tt.commandType {
				t.Errorf("callback: %s", got[0].body)
			}
		})
	}
}

func TestSessionEnd(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	waiting := w.accepted("ping", ping(header(600, 240, d.box)))
	w.callbacks()
	end := w.accepted("sessionend", object{"commandHeader": header(60, 60, d.box), "sessionEndCommand": object{}})
	if end.State != "COMPLETED" || end.box() != d.box || end.message() != "" || end.Destinations[0].Location != "" {
		t.Errorf("receipt: %+v", end)
	}
	want(t, d.do("GET", ""), http.StatusGone, "SESSION_GONE")
	got := w.callbacks()
	slices.SortFunc(got, func(a, b callback) int { return strings.Compare(a.path, b.path) })
	w.wantCallbacks(got, "ping CANCELLED SESSION_ENDED", "sessionend COMPLETED OK")
	w.wantOutcome(waiting.CommandID, "CANCELLED", "SESSION_ENDED")
	again := w.command("sessionend", object{"commandHeader": header(60, 60, d.box), "sessionEndCommand": object{}})
	want(t, again, http.StatusConflict, "SESSION_ENDED")
}

// A box in which a user was provisioned stays, until a delete command.
func TestDelete(t *testing.T) {
	w := newWorld(t, settings{})
	provisioned := func() (*receipt, *desk) {
		r := w.accepted("provision", object{"provCommand": object{"userid": "alice@example.com"}})
		d := w.open(r)
		d.answer(r.message(), plugout.StatusOK, `{}`)
		return r, d
	}
	deleted := func(o object) *receipt { return w.accepted("delete", object{"deleteCommand": o}) }

	// With confirmation it is for the device to do.
	_, d := provisioned()
	confirm := deleted(object{"userid": "alice@example.com", "confirmation": "true"})
	if confirm.State != "IN_PROGRESS" || confirm.box() != d.box || confirm.Destinations[0].To != "@user/alice@example.com" {
		t.Errorf("receipt: %+v", confirm)
	}
	d.answer(confirm.message(), plugout.StatusOK, `{}`)
	want(t, d.do("GET", ""), http.StatusGone, "SESSION_GONE")

	// Without, one box by its id, or all of the user's: completed in the answer.
	_, one := provisioned()
	_, other := provisioned()
	w.callbacks()
	r := deleted(object{"profileid": one.box, "confirmation": "false"})
	if r.State != "COMPLETED" || len(r.Destinations) != 1 || r.message() != "" {
		t.Errorf("receipt: %+v", r)
	}
	w.wantCallbacks(w.callbacks(), "delete COMPLETED OK")
	want(t, one.do("GET", ""), http.StatusGone, "SESSION_GONE")
	if other.do("GET", "").status != http.StatusNoContent {
		t.Error("the other box is gone as well")
	}
	if r := deleted(object{"userid": "alice@example.com", "confirmation": false}); r.State != "COMPLETED" || r.box() != other.box {
		t.Errorf("receipt: %+v", r)
	}
	want(t, w.command("delete", object{"deleteCommand": object{"userid": "alice@example.com"}}), http.StatusNotFound, "NO_SUCH_DESTINATION")
	want(t, w.command("delete", object{"deleteCommand": object{}}), http.StatusBadRequest, "INVALID_COMMAND")
}

// The members of an answer to a command, and of polling it.
func TestReceiptAndReport(t *testing.T) {
	w := newWorld(t, settings{})
	sent := w.command("sign", object{
		"commandHeader": object{"lifespan": 60, "timeout": 45, "externalId": "proc-8841/sign"},
		"signCommand":   object{"params": object{}},
	})
	if sent.status != http.StatusOK || sent.header.Get("Content-Type") != "application/json" || sent.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", sent.status, sent.header)
	}
	var r receipt
	sent.into(t, &r)
	box, token := link(t, &r)
	wantBody := func(got reply, want object) {
		t.Helper()
		text, err := json.Marshal(want)
		check(t, err)
		if !sameJSON(t, got.body, text) {
			t.Errorf("got  %s\nwant %s", got.body, text)
		}
	}
	expected := object{
		"commandId": r.CommandID, "commandType": "SIGN", "state": "IN_PROGRESS", "fqdn": "msg.example.com", "externalId": "proc-8841/sign",
		"destinations": []object{{
			"to": "@tmp", "bid": box, "mid": r.message(), "location": publicBase + "/" + box + "/" + r.message(),
			"uri": "com.nexusgroup.plugout:///?url=https%3A%2F%2Fmsg.example.com%3A20400%2Fhermod%2Frest%2Fms%2F" + box + "&token=" + token,
		}},
	}
	wantBody(sent, expected)

	// Polled, it has no link, and what the callback says once there is an outcome.
	destination := expected["destinations"].([]object)[0]
	delete(destination, "uri")
	polled := w.poll(r.CommandID)
	wantBody(polled, expected)
	w.Later(45 * time.Second)
	expected["state"], expected["status"] = "TIMEOUT", "TIMEOUT"
	expected["destination"] = object{"to": "@tmp", "bid": box, "mid": r.message()}
	expected["error"] = object{"code": "TIMEOUT", "message": "no answer within 45 s"}
	wantBody(w.poll(r.CommandID), expected)
	w.Later(15 * time.Second)
	want(t, w.poll(r.CommandID), http.StatusNotFound, "NO_SUCH_COMMAND")
}

func TestReportHasResponse(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	made := w.accepted("fidocreatecredential", create(header(600, 120, d.box)))
	d.answer(made.message(), plugout.StatusOK, `{"credential":{"id":"AAKNLD","type":"public-key"}}`)
	var report struct {
		State, Status, JWS string
		Signature          struct{ State, Kid string }
		Response           struct{ Credential struct{ ID string } } `json:"fidoCreateCredentialResponse"`
	}
	w.poll(made.CommandID).into(t, &report)
	if report.State != "COMPLETED" || report.Status != "OK" || report.Signature.State != "VALID" ||
		report.Signature.Kid != w.key.Public().KeyID || strings.Count(report.JWS, ".") != 2 || report.Response.Credential.ID != "AAKNLD" {
		t.Errorf("report: %+v", report)
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	w.callbacks()
	r := w.accepted("ping", ping(header(600, 240, d.box)))
	gone := w.do(call{method: "DELETE", path: "/command/" + r.CommandID, header: asIDM})
	if gone.status != http.StatusNoContent || len(gone.body) > 0 {
		t.Errorf("cancel: %d %s", gone.status, gone.body)
	}
	got := w.callbacks()
	w.wantCallbacks(got, "ping CANCELLED CANCELLED_BY_REQUESTER")
	want(t, w.do(call{method: "DELETE", path: "/command/" + r.CommandID, header: asIDM}), http.StatusConflict, "COMMAND_FINAL")
	want(t, d.do("GET", "/"+r.message()), http.StatusGone, "WITHDRAWN")
	if len(d.list()) != 0 || len(w.callbacks()) != 0 {
		t.Error("a cancelled command is listed, or reported twice")
	}
}

// Temporary boxes, polling and cancelling are for the client that issued the command;
// to others, of the same group or not, there is none.
func TestClientsAreKeptApart(t *testing.T) {
	w := newWorld(t, settings{})
	r := w.startSession(600)
	for name, who := range map[string]map[string]string{"same group": asDA, "no group": asStranger} {
		t.Run(name, func(t *testing.T) {
			want(t, w.do(call{path: "/command/" + r.CommandID, header: who}), http.StatusNotFound, "NO_SUCH_COMMAND")
			want(t, w.do(call{method: "DELETE", path: "/command/" + r.CommandID, header: who}), http.StatusNotFound, "NO_SUCH_COMMAND")
			want(t, w.do(call{path: "/command/ping", body: ping(header(60, 60, r.box())), header: who}), http.StatusNotFound, "NO_SUCH_DESTINATION")
		})
	}
	w.wantOutcome(r.CommandID, "IN_PROGRESS", "")

	// Users and their profile boxes are shared within a group.
	prov := w.accepted("provision", object{"provCommand": object{"userid": "alice@example.com"}})
	d := w.open(prov)
	d.answer(prov.message(), plugout.StatusOK, `{}`)
	toUser := ping(header(60, 60, "@user/alice@example.com"))
	if got := w.do(call{path: "/command/ping", body: toUser, header: asDA}); got.status != http.StatusOK {
		t.Errorf("same group: %d %s", got.status, got.body)
	}
	want(t, w.do(call{path: "/command/ping", body: toUser, header: asStranger}), http.StatusNotFound, "NO_SUCH_DESTINATION")
	if ids := d.list(); len(ids) != 1 {
		t.Errorf("%d messages at the profile box", len(ids))
	}
}

// Each client is called back for its own commands only.
func TestCallbacksGoToTheIssuer(t *testing.T) {
	other := newReceiver(t)
	w := newWorld(t, settings{})
	da := &relay.Client{
		Tenant: "acme", ID: "da", Group: "smartid", KeyHashes: [][32]byte{relay.HashKey(secondKey)},
		CallbackURL: other.URL + "/https/api/rest/v3.0/personalmessaging", CallbackUser: "hermod", CallbackPassword: "pass:word",
	}
	check(t, w.clients.Replace(w.idm, da))
	ours := w.accepted("ping", ping(header(60, 10)))
	theirs := w.do(call{path: "/command/ping", body: ping(header(60, 10)), header: asDA})
	w.Later(10 * time.Second)
	_, err := w.ExpireDue(t.Context())
	check(t, err)
	got := w.callbacks()
	w.wantCallbacks(got, "ping TIMEOUT TIMEOUT")
	if got[0].member("commandId") != ours.CommandID {
		t.Errorf("got %s", got[0].body)
	}
	if len(other.taken) != 1 || other.taken[0].path != "POST /https/api/rest/v3.0/personalmessaging/callback/ping" ||
		other.taken[0].member("commandId") != theirs.member("commandId") {
		t.Errorf("the other client got %+v", other.taken)
	}
}

// What is no id of a command names none.
func TestCommandID(t *testing.T) {
	w := newWorld(t, settings{})
	r := w.accepted("ping", ping(header(60, 60)))
	for _, id := range []string{"1042", "0", "-1", "ping", "0" + r.CommandID, "+" + r.CommandID, r.CommandID + "0", strings.Repeat("9", 40)} {
		for _, method := range []string{"GET", "DELETE"} {
			want(t, w.do(call{method: method, path: "/command/" + id, header: asIDM}), http.StatusNotFound, "NO_SUCH_COMMAND")
		}
	}
	w.wantOutcome(r.CommandID, "IN_PROGRESS", "")
}

func TestHealth(t *testing.T) {
	w := newWorld(t, settings{})
	if r := w.do(call{path: "/health"}); r.status != http.StatusOK || string(r.body) != `{"status":"UP"}`+"\n" {
		t.Errorf("up: %d %s", r.status, r.body)
	}
	if r := w.do(call{method: "HEAD", path: "/health"}); r.status != http.StatusOK {
		t.Errorf("HEAD: %d", r.status)
	}
	w.disk.fail(errFire)
	if r := w.do(call{path: "/health"}); r.status != http.StatusServiceUnavailable || string(r.body) != `{"status":"DOWN"}`+"\n" {
		t.Errorf("down: %d %s", r.status, r.body)
	}
}

func TestURIBaseMayBeEmpty(t *testing.T) {
	w := newWorld(t, settings{
		front: func(c *hermod.Config) { c.URIBase = "" },
		relay: func(c *relay.Config) { c.PublicURL = "https://msg.example.com/ms" },
	})
	var body struct{ Servers []struct{ URL string } }
	send := func(method, path string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader("{}"))
		check(t, err)
		resp, err := w.server.Client().Do(r)
		check(t, err)
		defer resp.Body.Close()
		_ = json.NewDecoder(resp.Body).Decode(&body)
		return resp.StatusCode
	}
	if got := send("GET", "/openapi.json"); got != http.StatusOK || len(body.Servers) != 1 || body.Servers[0].URL != "/" {
		t.Errorf("openapi: %d %v", got, body)
	}
	if got := send("POST", "/command/ping"); got != http.StatusUnauthorized {
		t.Errorf("command: %d", got)
	}
	if got := send("GET", "/ms/"+"6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"); got != http.StatusUnauthorized {
		t.Errorf("box: %d", got)
	}
	if got := send("GET", "/util/generateclient/idm"); got != http.StatusOK {
		t.Errorf("generateclient: %d", got)
	}
}

func TestMountNeedsItsParts(t *testing.T) {
	if err := hermod.Mount(http.NewServeMux(), hermod.Config{Tenant: "acme"}); err == nil {
		t.Error("mounted without a relay")
	}
}
