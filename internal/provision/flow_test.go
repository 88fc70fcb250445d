package provision_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
)

const alice = "alice@example.com"

// The tasks of the flow, with the parameters that they have in it.
const (
	getOptions = "daFidoGetCreationOptionsTask"
	start      = "hermodFidoStartConnectionTask"
	create     = "hermodFidoCreateCredentialTask"
	keep       = "daFidoCreateCredentialTask"
)

func optionsParams(way string) params { return params{"connection": way, "userid": alice} }

func startParams(way string) params {
	return params{"messagingServer": way, "userid": alice, "title": "Register your security key"}
}

func createParams(way string) params {
	return params{
		"messagingServer": way, "sessionField": "fidoSession", "creationOptionsField": "fidoCreationOptions", "attestationKeySet": "desks",
		"origin": origin,
	}
}

func keepParams(way string) params {
	return params{"connection": way, "userid": alice, "credentialField": "fidoCredential", "displayName": "Office key"}
}

// asked is a run whose create command waits, with its session open.
func (w *world) asked(way string) (*run, *desk, *process.Wait) {
	w.t.Helper()
	if _, err := w.credentials.User(w.t.Context(), w.root, credential.ByName(alice)); err != nil {
		w.user(alice)
	}
	r := w.run()
	r.must(getOptions, optionsParams(way))
	r.must(start, startParams(way))
	asked := r.must(create, createParams(way))
	d := w.desk()
	d.open(r.text("plugoutUrl"))
	return r, d, asked.Wait
}

// deliver has the relay make the callbacks that are due.
func (w *world) deliver() {
	w.t.Helper()
	_, err := w.relay.DeliverDue(w.t.Context())
	check(w.t, err)
}

func (w *world) expire() {
	w.t.Helper()
	_, err := w.relay.ExpireDue(w.t.Context())
	check(w.t, err)
}

func TestProvisioning(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		r, d, wait := w.asked(way)
		if wait == nil || !wait.Look.Equal(w.clock().Add(5*time.Second)) {
			t.Fatalf("wait %+v", wait)
		}
		w.deliver()
		w.heard()

		// Nothing has come yet, whatever somebody says.
		again, err := r.wake(create, createParams(way), wait)
		check(t, err)
		if again.Wait == nil || again.Wait.Key != wait.Key || len(again.Outputs) > 0 {
			t.Fatalf("before the answer: %+v", again)
		}
		d.create()
		if d.origin != origin {
			t.Errorf("the desk was told the origin %q", d.origin)
		}
		w.deliver()
		if heard := w.heard(); !slices.Contains(heard, "acme "+wait.Key) {
			t.Errorf("news %q, want of %s", heard, wait.Key)
		}
		done, err := r.wake(create, createParams(way), again.Wait)
		check(t, err)
		if done.Wait != nil {
			t.Fatalf("it goes on waiting: %+v", done)
		}
		r.must(keep, keepParams(way))

		page, err := w.credentials.Credentials(t.Context(), w.root, credential.CredentialQuery{User: credential.ByName(alice)})
		check(t, err)
		if len(page.Credentials) != 1 || b64(page.Credentials[0].CredentialID) != r.text("fidoCredentialId") || page.Credentials[0].Name != "Office key" {
			t.Fatalf("stored: %+v", page.Credentials)
		}
		c := page.Credentials[0]
		if want := map[string]string{"ours": "process:" + r.id, "other": "client:idm"}[way]; c.ProvisionedBy != want {
			t.Errorf("provisioned by %s, want %s", c.ProvisionedBy, want)
		}
		if way == "ours" {
			w.wantTrail(r, c.User)
		}
	})
}

// wantTrail fails unless the trail says of the registration who acted, for whom and in
// which run.
func (w *world) wantTrail(r *run, user credential.UserID) {
	w.t.Helper()
	page, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Limit: 1000})
	check(w.t, err)
	for _, e := range page {
		if e.Action != "credential.registered" {
			continue
		}
		if e.Actor != (audit.Actor{Kind: audit.Process, ID: r.id}) || e.OnBehalfOf != string(user) || e.Ref != r.id || e.Claimed != "operator:olga" || e.Via != "process" {
			w.t.Errorf("event %+v", e)
		}
		return
	}
	w.t.Error("the trail does not tell of the registration")
}

func TestLinkIsSecret(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	r := w.run()
	r.must(getOptions, optionsParams("ours"))
	result := r.must(start, startParams("ours"))
	link := r.text("plugoutUrl")
	l, err := plugout.ParseLink(link)
	check(t, err)
	open, err := json.Marshal(struct {
		Outputs any
		Note    string
	}{result.Outputs, result.Note})
	check(t, err)
	if strings.Contains(string(open), l.Token) || len(result.Secrets) != 1 || result.Wait != nil {
		t.Errorf("the link's code is in %s", open)
	}
}

func TestStatuses(t *testing.T) {
	tests := map[plugout.Status]string{
		plugout.StatusUserCancelled:      provision.HermodCancelled,
		plugout.StatusUnsupported:        provision.HermodDevice,
		plugout.StatusNoAuthenticator:    provision.HermodDevice,
		plugout.StatusCredentialExcluded: provision.HermodDevice,
		plugout.StatusPINNotSet:          provision.HermodDevice,
		plugout.StatusPINInvalid:         provision.HermodDevice,
		plugout.StatusPINBlocked:         provision.HermodDevice,
		plugout.StatusUVFailed:           provision.HermodDevice,
		plugout.StatusKeyStoreFull:       provision.HermodDevice,
		plugout.StatusDeviceError:        provision.HermodDevice,
	}
	bothWays(t, func(t *testing.T, w *world, way string) {
		for status, kind := range tests {
			r, d, wait := w.asked(way)
			d.answer(d.next(), status, "")
			result, err := r.wake(create, createParams(way), wait)
			wantType(t, err, kind, string(status))
			if len(result.Outputs) > 0 {
				t.Errorf("%s: outputs %v", status, result.Outputs)
			}
		}
	})
}

func TestStatusesOfTheRelay(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world, r *run, d *desk, way string)
		kind string
		says string
	}{
		{"timeout", func(w *world, _ *run, _ *desk, _ string) { w.later(240 * time.Second); w.expire() }, provision.HermodTimeout, "TIMEOUT"},
		{"life over", func(w *world, _ *run, _ *desk, _ string) { w.later(601 * time.Second) }, provision.HermodTimeout, "NO_SUCH_COMMAND"},
		{"session closed by the agent", func(w *world, _ *run, d *desk, _ string) {
			check(w.t, w.relay.CloseSession(w.t.Context(), d.at))
		}, provision.HermodCancelled, "SESSION_ENDED"},
		{"session ended by the process", func(_ *world, r *run, _ *desk, way string) {
			r.must("hermodSessionEndTask", params{"messagingServer": way, "sessionField": "fidoSession"})
		}, provision.HermodCancelled, "SESSION_ENDED"},
	}
	bothWays(t, func(t *testing.T, w *world, way string) {
		for _, c := range tests {
			r, d, wait := w.asked(way)
			c.do(w, r, d, way)
			_, err := r.wake(create, createParams(way), wait)
			wantType(t, err, c.kind, c.says)
			// A command after that is told why at once.
			if c.name == "session ended by the process" {
				r.id += "-again"
				_, err = r.do(create, createParams(way))
				wantType(t, err, provision.HermodCancelled, "SESSION_ENDED")
				r.must("hermodSessionEndTask", params{"messagingServer": way, "sessionField": "fidoSession"})
			}
		}
	})
}

// Nobody follows the link: the process hears of it after the short timeout.
func TestSessionNotStarted(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		r := w.run()
		r.must(getOptions, optionsParams(way))
		r.must(start, startParams(way))
		wait := r.must(create, createParams(way)).Wait
		w.later(10 * time.Second)
		w.expire()
		w.deliver()
		if heard := w.heard(); !slices.Contains(heard, "acme "+wait.Key) {
			t.Errorf("news %q", heard)
		}
		_, err := r.wake(create, createParams(way), wait)
		wantType(t, err, provision.HermodSessionStart, "SESSION_NOT_STARTED")

		// So does one that comes too late to be put into the box.
		r.id += "-late"
		_, err = r.do(create, createParams(way))
		wantType(t, err, provision.HermodSessionStart, "SESSION_NOT_STARTED")
	})
}

// A node dies before what it has done is stored, and the work is done again.
func TestRepeatedWork(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		r := w.run()
		r.must(getOptions, optionsParams(way))

		// The link of the first session start is lost: that session ends, another is made.
		r.must(start, startParams(way))
		lost := r.text("plugoutUrl")
		r.must(start, startParams(way))
		if again := r.text("plugoutUrl"); again == lost {
			t.Fatal("a link was shown twice")
		}
		if err := w.desk().tryOpen(lost); err == nil {
			t.Error("the lost link opens a session")
		}

		// The command is known again.
		first := r.must(create, createParams(way)).Wait
		w.later(time.Second)
		second := r.must(create, createParams(way)).Wait
		if first.Key != second.Key {
			t.Errorf("two commands: %s, %s", first.Key, second.Key)
		}
		d := w.desk()
		d.open(r.text("plugoutUrl"))
		d.create()
		for range 2 {
			_, err := r.wake(create, createParams(way), second)
			check(t, err)
		}

		// The credential is there and the run does not know it.
		r.must(keep, keepParams(way))
		id := r.text("fidoCredentialId")
		delete(r.vars, "fidoCredentialId")
		r.must(keep, keepParams(way))
		if r.text("fidoCredentialId") != id {
			t.Error("another id the second time")
		}

		// Another run with the same credential has not stored it.
		other := w.run()
		other.vars = r.vars
		_, err := other.do(keep, keepParams(way))
		if way == "ours" {
			wantType(t, err, provision.DAChallenge, "CHALLENGE_EXPIRED (challenge_unknown)")
		} else if err != nil {
			t.Errorf("over the network we are one client: %v", err)
		}
	})
}

// The settings change while a session is under way: its commands stay what they were.
func TestSettingsChangeMeanwhile(t *testing.T) {
	w := newWorld(t)
	r, d, wait := w.asked("ours")
	m, err := w.MessagingServer(t.Context(), w.root, "ours")
	check(t, err)
	m.Lifespan, m.Timeout = 300*time.Second, 60*time.Second
	_, err = w.PutMessagingServer(t.Context(), w.root, *m, "")
	check(t, err)
	if again := r.must(create, createParams("ours")).Wait; again.Key != wait.Key {
		t.Errorf("two commands: %s, %s", wait.Key, again.Key)
	}
	d.create()
	_, err = r.wake(create, createParams("ours"), wait)
	check(t, err)
}

// Callbacks may be forged, lost, or early. What counts is what the relay says.
func TestCallbacksAreHints(t *testing.T) {
	w := newWorld(t)
	r, d, wait := w.asked("other")
	command := wait.Key[strings.LastIndexByte(wait.Key, '/')+1:]
	post := func(body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+callbacks+"/callback/fidocreatecredential", strings.NewReader(body))
		check(t, err)
		req.SetBasicAuth("hermod", "pass:word")
		req.Header.Set("Content-Type", "application/json")
		resp, err := w.server.Client().Do(req)
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
	w.deliver()
	w.heard()
	// Unknown ones wake nobody.
	post(`{"commandId":"1"}`)
	post(`{"commandId":"hermod/other/` + command + `"}`)
	if heard := w.heard(); slices.Contains(heard, "acme "+wait.Key) || len(heard) != 1 {
		t.Errorf("news %q", heard)
	}
	// The right one with a forged outcome: the task looks, and goes on waiting.
	post(`{"commandId":"` + command + `","state":"COMPLETED","status":"OK","fidoCreateCredentialResponse":{"credential":{"id":"forged"}}}`)
	if heard := w.heard(); !slices.Contains(heard, "acme "+wait.Key) {
		t.Errorf("news %q", heard)
	}
	again, err := r.wake(create, createParams("other"), wait)
	check(t, err)
	if again.Wait == nil || len(again.Outputs) > 0 {
		t.Fatalf("a forged callback was believed: %+v", again)
	}
	// The true one is lost; the task looks by itself.
	d.create()
	w.later(5 * time.Second)
	done, err := r.wake(create, createParams("other"), again.Wait)
	check(t, err)
	if done.Wait != nil || len(done.Outputs) != 1 {
		t.Errorf("got %+v", done)
	}
}

// spoilPoll changes what the relay says of a command.
func (w *world) spoilPoll(spoil func(d map[string]any)) {
	next := w.server.Config.Handler
	w.before = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/command/") {
			return false
		}
		before := w.before
		w.before = nil
		defer func() { w.before = before }()
		rec := &recorder{header: http.Header{}}
		next.ServeHTTP(rec, r)
		var d map[string]any
		if json.Unmarshal(rec.body, &d) == nil {
			spoil(d)
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(rec.status)
		_ = json.NewEncoder(rw).Encode(d)
		return true
	}
}

type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { r.body = append(r.body, b...); return len(b), nil }

// A relay that lies: what was signed at the desk counts, and nothing else.
func TestForgedAnswers(t *testing.T) {
	forged := map[string]any{"credential": map[string]any{"id": "forged"}}
	tests := []struct {
		name  string
		set   string
		spoil func(w *world, d map[string]any)
		kind  string // empty: the answer is taken
		says  string
	}{
		{"untouched", "desks", func(*world, map[string]any) {}, "", ""},
		{"another response beside the signed one", "desks", func(_ *world, d map[string]any) { d["fidoCreateCredentialResponse"] = forged }, "", ""},
		{"no signature", "desks", func(_ *world, d map[string]any) { delete(d, "jws") }, provision.HermodJWTSignature, "the answer is not signed"},
		{"spoilt signature", "desks", func(_ *world, d map[string]any) {
			jws := d["jws"].(string)
			i := strings.LastIndexByte(jws, '.')
			d["jws"] = jws[:i+1] + strings.Map(func(r rune) rune {
				if r == 'A' {
					return 'B'
				}
				return 'A'
			}, jws[i+1:i+20]) + jws[i+20:]
		}, provision.HermodJWTSignature, ""},
		{"no JWS", "desks", func(_ *world, d map[string]any) { d["jws"] = "x.y" }, provision.HermodJWTSignature, ""},
		{"signed by another", "strangers", func(*world, map[string]any) {}, provision.HermodJWTSignature, ""},
		{"the answer to another question", "desks", func(w *world, d map[string]any) {
			d["jws"] = string(signed(w.t, w.signer, plugout.Answer{
				Version: 1, MessageID: d["destination"].(map[string]any)["mid"].(string), Nonce: "another", IssuedAt: w.clock().Unix(),
				Status: plugout.StatusOK, Response: json.RawMessage(`{"credential":{}}`),
			}))
		}, provision.HermodJWTSignature, ""},
		{"a refusal told as success", "desks", func(w *world, d map[string]any) {
			d["jws"] = string(signed(w.t, w.signer, plugout.Answer{
				Version: 1, MessageID: d["destination"].(map[string]any)["mid"].(string), Nonce: "x", IssuedAt: w.clock().Unix(),
				Status: plugout.StatusUserCancelled, Error: &plugout.AnswerError{Message: "no"},
			}))
		}, provision.HermodJWTSignature, ""},
		{"the relay has found it forged", "desks", func(_ *world, d map[string]any) {
			d["state"], d["status"], d["signature"] = "FAILED", "INVALID_RESPONSE", map[string]any{"state": "INVALID"}
		}, provision.HermodJWTSignature, "INVALID_RESPONSE"},
		{"the relay has found it malformed", "desks", func(_ *world, d map[string]any) {
			d["state"], d["status"] = "FAILED", "INVALID_RESPONSE"
		}, provision.HermodDevice, "INVALID_RESPONSE"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.user(alice)
			r := w.run()
			r.must(getOptions, optionsParams("other"))
			r.must(start, startParams("other"))
			p := createParams("other")
			p["attestationKeySet"] = c.set
			wait := r.must(create, p).Wait
			d := w.desk()
			d.open(r.text("plugoutUrl"))
			d.create()
			w.spoilPoll(func(d map[string]any) { c.spoil(w, d) })
			result, err := r.wake(create, p, wait)
			if c.kind != "" {
				wantType(t, err, c.kind, c.says)
				if len(result.Outputs) > 0 {
					t.Error("data was taken")
				}
				return
			}
			check(t, err)
			if string(r.vars["fidoCredential"]) == "" || strings.Contains(string(r.vars["fidoCredential"]), "forged") {
				t.Errorf("got %s", r.vars["fidoCredential"])
			}
		})
	}
}

// The desk's answer is signed with a key that the relay does not know either.
func TestForgedAtTheDesk(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		r, d, wait := w.asked(way)
		d.sign = newSigner(t)
		d.create()
		_, err := r.wake(create, createParams(way), wait)
		wantType(t, err, provision.HermodJWTSignature, "INVALID_RESPONSE")
	})
}

// The answer to the session start is forged already: nobody is told that a link was not
// followed in time.
func TestForgedStart(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		r := w.run()
		r.must(getOptions, optionsParams(way))
		r.must(start, startParams(way))
		wait := r.must(create, createParams(way)).Wait
		d := w.desk()
		d.sign = newSigner(t)
		d.open(r.text("plugoutUrl"))
		_, err := r.wake(create, createParams(way), wait)
		wantType(t, err, provision.HermodJWTSignature, "INVALID_RESPONSE")
	})
}

func TestRelayAway(t *testing.T) {
	w := newWorld(t)
	r, d, wait := w.asked("other")
	w.before = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	}
	// Work that waits goes on waiting until the command is forgotten.
	again, err := r.wake(create, createParams("other"), wait)
	check(t, err)
	if again.Wait == nil {
		t.Fatal("it does not wait any more")
	}
	// Work that begins is a fault twice, then an outcome.
	fresh := w.run()
	for fresh.attempt = 1; fresh.attempt < 3; fresh.attempt++ {
		_, err := fresh.do(start, startParams("other"))
		wantFault(t, err)
		_, err = fresh.do(getOptions, optionsParams("other"))
		wantFault(t, err)
	}
	_, err = fresh.do(start, startParams("other"))
	wantType(t, err, provision.HermodConnection, "provision.unreachable")
	_, err = fresh.do(getOptions, optionsParams("other"))
	wantType(t, err, provision.DAConnection, "provision.unreachable")

	w.before = nil
	d.create()
	_, err = r.wake(create, createParams("other"), again.Wait)
	check(t, err)

	r, _, wait = w.asked("other")
	w.before = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	}
	w.later(631 * time.Second)
	_, err = r.wake(create, createParams("other"), wait)
	wantType(t, err, provision.HermodConnection, "provision.unreachable")
}

func TestNotLetIn(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	ctx := t.Context()
	_, err := w.PutMessagingServer(ctx, w.root, provision.MessagingServer{Name: "other", URL: w.server.URL + "/hermod/rest/command"}, token("idm", "wrong"))
	check(t, err)
	_, err = w.PutConnection(ctx, w.root, provision.Connection{Name: "other", URL: w.server.URL, ClientID: "idm"}, "wrong")
	check(t, err)
	_, err = w.PutConnection(ctx, w.root, provision.Connection{Name: "reader", URL: w.server.URL, ClientID: "reader"}, secret)
	check(t, err)
	r := w.run()
	_, err = r.do(start, startParams("other"))
	wantType(t, err, provision.HermodAuth, "UNAUTHORIZED")
	_, err = r.do(getOptions, optionsParams("other"))
	wantType(t, err, provision.DAAuth, "invalid_client")
	_, err = r.do(getOptions, optionsParams("reader"))
	wantType(t, err, provision.DAAuth, "FORBIDDEN")

	for name, want := range map[string]bool{"ours": true, "other": false} {
		for _, test := range []func() (*provision.Tested, error){
			func() (*provision.Tested, error) { return w.TestConnection(ctx, w.root, name) },
			func() (*provision.Tested, error) { return w.TestMessagingServer(ctx, w.root, name) },
		} {
			got, err := test()
			check(t, err)
			if !got.Reached || got.LetIn != want || (got.Problem == "") != want {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}

func TestUnknownNames(t *testing.T) {
	w := newWorld(t)
	w.user(alice)
	r := w.run()
	for _, c := range []struct {
		task string
		p    params
		want error
	}{
		{getOptions, optionsParams("nowhere"), provision.ErrConnectionUnknown},
		{start, startParams("nowhere"), provision.ErrServerUnknown},
	} {
		_, err := r.do(c.task, c.p)
		if wantFault(t, err); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.task, err)
		}
	}
	// A set of keys that is not there is told before anybody touches a key.
	r.must(getOptions, optionsParams("ours"))
	r.must(start, startParams("ours"))
	p := createParams("ours")
	p["attestationKeySet"] = "nobody"
	_, err := r.do(create, p)
	if wantFault(t, err); !errors.Is(err, provision.ErrKeySetUnknown) {
		t.Errorf("key set: %v", err)
	}
	d := w.desk()
	d.open(r.text("plugoutUrl"))
	if items, err := w.relay.Messages(t.Context(), d.at, 0); err != nil || len(items) != 0 {
		t.Errorf("the desk was asked: %v %v", items, err)
	}
}
