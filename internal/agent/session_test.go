package agent

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

func TestSessionFromLinkToEnd(t *testing.T) {
	r := relaytest.New(t)
	r.MatchCode = true
	r.Post(plugout.SessionStart, `{"userid":"alice@example.com","title":"Register your security key","require":["fido2"]}`)
	r.Post(plugout.Ping, `{"deviceinfo":"true"}`)
	r.Post(plugout.FIDOGetInfo, `{}`)
	r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	r.Post(plugout.SessionEnd, `{}`)
	d := newDesk(t, r)
	d.setPIN()
	var shown Match
	d.config.Prompt.Match = func(_ context.Context, m Match) error {
		shown = m
		if r.Called("POST /session/confirm") != 0 {
			t.Error("the match was confirmed before the person was asked")
		}
		return nil
	}

	report, err := d.open(r)
	if err != nil || !report.Good() || len(report.Commands) != 5 {
		t.Fatalf("report %+v, %v", report, err)
	}
	if want := (Match{r.Host(), "idm", "alice@example.com", "Register your security key", plugout.MatchCode(relaytest.Box, relaytest.Session)}); shown != want {
		t.Errorf("the person was shown %+v, want %+v", shown, want)
	}
	if want := (Question{
		Relay: r.Host(), Requester: "idm", RPID: "login.example.com", RPName: "Example Login", Origin: "https://login.example.com",
		UserName: "alice@example.com", DisplayName: "Alice Example", MatchCode: shown.Code,
	}); d.question != want {
		t.Errorf("the person was asked %+v, want %+v", d.question, want)
	}

	keys, err := plugout.NewKeySet(d.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Answers {
		if _, err := keys.Verify(a.JWS); err != nil {
			t.Errorf("%s: %v", a.Type, err)
		}
		if err := a.Check(plugout.Expectation{MessageID: a.MessageID, Nonce: relaytest.Nonce, Now: time.Now()}); err != nil {
			t.Errorf("%s: %v", a.Type, err)
		}
	}
	var start plugout.SessionStartResponse
	decode(t, r.Answer(plugout.SessionStart).Response, &start)
	if start.App != AppName || start.Version != "1.2.3" || !slices.Equal(start.Capabilities, []string{"fido2"}) {
		t.Errorf("session start: %+v", start)
	}
	var ping plugout.PingResponse
	decode(t, r.Answer(plugout.Ping).Response, &ping)
	if ping.DeviceInfo == nil || ping.DeviceInfo.AppVersion != "1.2.3" || ping.DeviceInfo.OSVersion == "" {
		t.Errorf("ping: %+v", ping)
	}
	var info plugout.GetInfoResponse
	decode(t, r.Answer(plugout.FIDOGetInfo).Response, &info)
	if len(info.Authenticators) != 1 || info.Authenticators[0].Handle != "0" || *info.Authenticators[0].PINRetries != 8 || !info.Authenticators[0].Options["clientPin"] {
		t.Errorf("get info: %+v", info)
	}
	if d.touches != 1 {
		t.Errorf("%d touches, want 1", d.touches)
	}
	want := []Phase{
		PhaseOpening, PhaseOpened, PhaseCommand, PhaseAnswered, PhaseMatch, PhaseMatched, PhaseCommand, PhaseAnswered,
		PhaseCommand, PhaseAnswered, PhaseCommand, PhaseConfirm, PhasePIN, PhaseTouch, PhaseAnswered, PhaseCommand, PhaseAnswered, PhaseEnded,
	}
	if got := d.phases(); !slices.Equal(got, want) {
		t.Errorf("phases %v\nwant %v", got, want)
	}
	d.noSecrets()
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

func TestOnceLeavesAfterTheCredential(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	r.Post(plugout.Ping, `{}`)
	d := newDesk(t, r)
	d.config.Once = true
	report, err := d.open(r)
	if err != nil || len(report.Commands) != 2 || r.Called("DELETE /session") != 1 {
		t.Errorf("report %+v, %v, %d farewells", report, err, r.Called("DELETE /session"))
	}
}

func TestRelayNotOnTheListGetsNoCall(t *testing.T) {
	r := relaytest.New(t)
	d := newDesk(t, r)
	for _, trust := range []Trust{nil, {{Host: "other.example", RPIDs: []string{"login.example.com"}}}} {
		d.config.Trust = trust
		if _, err := d.open(r); CodeOf(err) != CodeNotTrusted {
			t.Errorf("trust %v: %v", trust, err)
		}
	}
	if len(r.Calls) != 0 {
		t.Errorf("%d calls", len(r.Calls))
	}
}

func TestRedemptionFails(t *testing.T) {
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter)
		want   Code
	}{
		{"wrong token", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, CodeTokenWrong},
		{"used or expired", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) }, CodeLinkOver},
		{"unknown box", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, CodeLinkOver},
		{"redirect", func(w http.ResponseWriter) {
			w.Header().Set("Location", "/hermod/rest/ms/"+relaytest.Box+"/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, CodeProtocol},
		{"not the document", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"session":"x"}`))
		}, CodeProtocol},
		{"too large", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(make([]byte, plugout.MaxMessageBytes+1))
		}, CodeProtocol},
		// Whether the token was taken is not known, and a second try would end the session.
		{"server error", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, CodeUnreachable},
		{"connection lost", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, CodeUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := relaytest.New(t)
			r.Before = func(w http.ResponseWriter, _ *http.Request) bool { tt.answer(w); return true }
			d := newDesk(t, r)
			_, err := d.open(r)
			if CodeOf(err) != tt.want || len(r.Calls) != 1 {
				t.Errorf("got %v after %d calls, want %s after one", err, len(r.Calls), tt.want)
			}
			d.noSecrets(err)
		})
	}
}

// A relay that is asked too often has not looked at the token.
func TestRedemptionWaitsWhereTheRelayIsBusy(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	busy := 3
	r.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		if busy--; busy < 0 {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	d := newDesk(t, r)
	if report, err := d.open(r); err != nil || !report.Good() || r.Called("POST /session") != 4 {
		t.Errorf("report %+v, %v, %d redemptions", report, err, r.Called("POST /session"))
	}
}

func TestRelayWhoseCertificateIsNotTrusted(t *testing.T) {
	r := relaytest.New(t)
	d := newDesk(t, r)
	d.config.Roots = nil
	_, err := d.open(r)
	if CodeOf(err) != CodeUnreachable || !strings.Contains(err.Error(), "certificate") || slices.Contains(d.phases(), PhaseRetry) {
		t.Errorf("%v, phases %v; want a refusal at the first try", err, d.phases())
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	r := relaytest.New(t)
	r.Server.TLS.MaxVersion = tls.VersionTLS11
	d := newDesk(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	d.config.Events = func(e Event) {
		if e.Phase == PhaseRetry {
			cancel()
		}
	}
	if _, err := d.openLink(ctx, r.Link()); CodeOf(err) != CodeUnreachable || len(r.Calls) != 0 {
		t.Errorf("%v, %d calls", err, len(r.Calls))
	}
}

// A relay that cannot be reached is tried again, as long as nothing was sent.
func TestRelayThatIsAwayIsTriedAgain(t *testing.T) {
	r := relaytest.New(t)
	d := newDesk(t, r)
	r.Server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	d.config.Events = func(e Event) {
		if e.Phase != PhaseRetry {
			return
		}
		if tries++; tries == 5 {
			cancel()
		}
	}
	if _, err := d.openLink(ctx, r.Link()); CodeOf(err) != CodeUnreachable || tries != 5 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// failing answers the first n calls that match with a status.
func failing(n int32, method string, status int) func(http.ResponseWriter, *http.Request) bool {
	var left atomic.Int32
	left.Store(n)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || strings.HasSuffix(r.URL.Path, "/session") || left.Add(-1) < 0 {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

func TestLostCallsAreRepeated(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := relaytest.New(t)
		r.Post(plugout.SessionStart, `{}`)
		r.Before = failing(3, method, http.StatusServiceUnavailable)
		d := newDesk(t, r)
		report, err := d.open(r)
		if err != nil || !report.Good() || len(r.Answers) != 1 {
			t.Errorf("%s: report %+v, %v, %d answers", method, report, err, len(r.Answers))
		}
	}
}

// The reply to the first answer was lost: the second one finds the command answered.
func TestAnswerThatArrivedTwiceIsDone(t *testing.T) {
	r := relaytest.New(t)
	m := r.Post(plugout.SessionStart, `{}`)
	lost := false
	r.Before = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, m.MessageID) && !lost {
			lost = true
			r.Take(discard{}, req, m.MessageID)
			panic(http.ErrAbortHandler)
		}
		return false
	}
	d := newDesk(t, r)
	report, err := d.open(r)
	if err != nil || !report.Good() || len(r.Answers) != 1 || r.Called("POST /"+m.MessageID) != 2 {
		t.Errorf("report %+v, %v, %d calls", report, err, len(r.Calls))
	}
}

// discard is a reply that nobody gets.
type discard struct{ http.ResponseWriter }

func (discard) WriteHeader(int) {}

func TestAnswerThatCameTooLate(t *testing.T) {
	r := relaytest.New(t)
	late := r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.Ping, `{}`)
	r.Before = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, late.MessageID) {
			return false
		}
		r.Withdraw(late.MessageID)
		w.WriteHeader(http.StatusGone)
		return true
	}
	d := newDesk(t, r)
	report, err := d.open(r)
	if err != nil || report.Good() || !report.Commands[0].Dropped {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestAnswerTheRelayDoesNotUnderstandEndsTheSession(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Before = failing(1, http.MethodPost, http.StatusBadRequest)
	d := newDesk(t, r)
	if _, err := d.open(r); CodeOf(err) != CodeProtocol || r.Called("DELETE /session") != 1 {
		t.Errorf("%v, %d calls", err, len(r.Calls))
	}
}

func TestCodesThatDoNotMatch(t *testing.T) {
	for _, tt := range []struct {
		says error
		want Code
	}{{ErrDiffers, CodeNotMatching}, {context.Canceled, CodeDeclined}} {
		r := relaytest.New(t)
		r.MatchCode = true
		r.Post(plugout.SessionStart, `{}`)
		r.Post(plugout.FIDOCreateCredential, createCommand(options()))
		d := newDesk(t, r)
		d.config.Prompt.Match = func(context.Context, Match) error { return tt.says }
		_, err := d.open(r)
		if CodeOf(err) != tt.want || r.Confirmed || !r.Closed || d.touches != 0 {
			t.Errorf("%v: %v, confirmed %v, closed %v, %d touches", tt.says, err, r.Confirmed, r.Closed, d.touches)
		}
	}
}

func TestPersonWhoLeavesEndsTheSession(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	d := newDesk(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	d.config.Prompt.Confirm = func(ctx context.Context, _ Question) error {
		cancel()
		return ctx.Err()
	}
	_, err := d.openLink(ctx, r.Link())
	if !errors.Is(err, context.Canceled) || r.Called("DELETE /session") != 1 {
		t.Errorf("%v, %d calls", err, len(r.Calls))
	}
}

func TestSessionThatExpires(t *testing.T) {
	r := relaytest.New(t)
	r.Expires = time.Now().Add(time.Second)
	r.Post(plugout.SessionStart, `{}`)
	r.Before = func(_ http.ResponseWriter, req *http.Request) bool {
		if req.URL.Query().Get("wait") == "" {
			return false
		}
		<-req.Context().Done() // nothing comes
		return true
	}
	d := newDesk(t, r)
	report, err := d.open(r)
	if err != nil || !report.Good() {
		t.Errorf("report %+v, %v", report, err)
	}
}

// A desk whose clock is wrong still dates its answers by the relay's.
func TestAnswersAreDatedByTheRelaysClock(t *testing.T) {
	r := relaytest.New(t)
	ahead := 2 * time.Hour
	r.Expires = time.Now().Add(ahead + time.Minute)
	m := r.Post(plugout.SessionStart, `{}`)
	m.Expires = m.Expires.Add(ahead)
	r.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		return false
	}
	d := newDesk(t, r)
	if report, err := d.open(r); err != nil || !report.Good() {
		t.Fatalf("report %+v, %v", report, err)
	}
	want := plugout.Expectation{MessageID: m.MessageID, Nonce: relaytest.Nonce, Now: time.Now().Add(ahead)}
	if a := r.Answer(plugout.SessionStart); a.Check(want) != nil {
		t.Errorf("iat %d: %v", a.IssuedAt, a.Check(want))
	}
}

// Either clock may be set during a session: each call tells how far they are apart.
func TestAnswersFollowAClockThatIsSet(t *testing.T) {
	r := relaytest.New(t)
	fetched := 0 // one call at a time
	r.Expires = time.Now().Add(3 * time.Hour)
	for range 3 {
		m := r.Post(plugout.Ping, `{}`)
		m.Expires = m.Expires.Add(3 * time.Hour)
	}
	hours := []time.Duration{0, time.Hour, -time.Hour, 0}
	r.Before = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodGet && req.URL.RawQuery == "" { // a message is fetched
			fetched++
		}
		w.Header().Set("Date", time.Now().Add(hours[fetched]).UTC().Format(http.TimeFormat))
		return false
	}
	d := newDesk(t, r)
	if report, err := d.open(r); err != nil || !report.Good() {
		t.Fatalf("report %+v, %v", report, err)
	}
	for i, a := range r.Answers {
		want := time.Now().Add(hours[i+1])
		if late := want.Sub(time.Unix(a.IssuedAt, 0)); late.Abs() > plugout.MaxIssueTimeSkew {
			t.Errorf("answer %d is dated %v from the relay's clock", i, late)
		}
	}
}

func TestAnswerInPlainJSONWhereAskedFor(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`).Format = plugout.FormatJSON
	d := newDesk(t, r)
	if _, err := d.open(r); err != nil || r.Answer(plugout.SessionStart).MediaType != plugout.MediaTypeJSON {
		t.Errorf("%v, answers %+v", err, r.Answers)
	}
}

func TestMessageOfAnotherBox(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`).BoxID = relaytest.Token
	d := newDesk(t, r)
	if _, err := d.open(r); CodeOf(err) != CodeProtocol {
		t.Errorf("got %v", err)
	}
}

func TestCommandsThatAreNotServed(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{"require":["fido2","teleport"]}`)
	r.Post(plugout.Sign, `{}`)
	r.Post("PAINT\u001b[31m", `{}`)
	d := newDesk(t, r)
	report, err := d.open(r)
	if err != nil || report.Good() {
		t.Fatalf("report %+v, %v", report, err)
	}
	for _, a := range r.Answers {
		if a.Status != plugout.StatusUnsupported || strings.ContainsRune(a.Error.Message, 0x1b) {
			t.Errorf("%s: %+v", a.Type, a.Answer)
		}
	}
}
