package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
	"bestow.dev/webauthn"
)

// create runs a session with one create command and returns its answer.
func create(t *testing.T, command string, setUp func(*relaytest.Relay, *desk)) (relaytest.Answered, *desk) {
	t.Helper()
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.FIDOCreateCredential, command)
	d := newDesk(t, r)
	if setUp != nil {
		setUp(r, d)
	}
	_, err := d.open(r)
	if err != nil {
		t.Fatal(err)
	}
	d.noSecrets(err)
	return r.Answer(plugout.FIDOCreateCredential), d
}

func TestCredentialIsWhatARelyingPartyAccepts(t *testing.T) {
	for _, conveyance := range []webauthn.Conveyance{webauthn.ConveyanceDirect, webauthn.ConveyanceNone} {
		t.Run(string(conveyance), func(t *testing.T) {
			text := options(func(o map[string]any) { o["attestation"] = conveyance })
			a, d := create(t, createCommand(text), func(_ *relaytest.Relay, d *desk) { d.setPIN() })
			if a.Status != plugout.StatusOK {
				t.Fatalf("answer %+v", a.Answer)
			}
			var made plugout.CreateCredentialResponse
			decode(t, a.Response, &made)
			response, err := webauthn.ParseRegistrationResponse(made.Credential)
			if err != nil {
				t.Fatal(err)
			}
			asked, err := webauthn.ParseCreationOptions([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			rp := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://login.example.com"}}
			exp := asked.Expectation(rp, webauthn.TrustPolicy{AcceptNone: true, Time: time.Now()})
			exp.Trust.Anchors = append(exp.Trust.Anchors, d.key.AttestationRoot())
			registered, err := webauthn.JudgeRegistration(exp, response)
			if err != nil {
				t.Fatal(err)
			}
			wantFormat := map[webauthn.Conveyance]string{webauthn.ConveyanceDirect: "packed", webauthn.ConveyanceNone: "none"}[conveyance]
			if registered.Format != wantFormat || !registered.Flags.UserVerified() || registered.Discoverable == nil || !*registered.Discoverable {
				t.Errorf("registered %+v", registered)
			}
			if (registered.AAGUID == webauthn.AAGUID{}) != (conveyance == webauthn.ConveyanceNone) {
				t.Errorf("AAGUID %v", registered.AAGUID)
			}
			var shape struct {
				Attachment string `json:"authenticatorAttachment"`
				Response   map[string]any
			}
			decode(t, made.Credential, &shape)
			for _, member := range []string{"clientDataJSON", "attestationObject", "authenticatorData", "transports", "publicKey", "publicKeyAlgorithm"} {
				if shape.Response[member] == nil {
					t.Errorf("the response lacks %s", member)
				}
			}
			if shape.Attachment != "cross-platform" {
				t.Errorf("attachment %q", shape.Attachment)
			}
		})
	}
}

// Nothing of this is worth a touch, or even a question.
func TestRefusedBeforeAnybodyIsAsked(t *testing.T) {
	rp := func(id string) func(map[string]any) {
		return func(o map[string]any) { o["rp"] = map[string]any{"id": id, "name": "x"} }
	}
	withOrigin := func(origin string) string {
		return fmt.Sprintf(`{"creationOptions":%s,"origin":%q}`, options(), origin)
	}
	tests := []struct{ name, command string }{
		{"RP ID not on the list", createCommand(options(rp("bank.example")))},
		{"RP ID below one on the list", createCommand(options(rp("a.login.example.com")))},
		{"RP ID above one on the list", createCommand(options(rp("example.com")))},
		{"no RP ID", createCommand(options(func(o map[string]any) { o["rp"] = map[string]any{"name": "x"} }))},
		{"origin elsewhere", withOrigin("https://evil.example")},
		{"origin that only ends alike", withOrigin("https://evillogin.example.com")},
		{"origin in plain http", withOrigin("http://login.example.com")},
		{"origin with a path", withOrigin("https://login.example.com/")},
		{"origin with user information", withOrigin("https://login.example.com@evil.example")},
		{"platform authenticator", createCommand(options(func(o map[string]any) {
			o["authenticatorSelection"] = map[string]any{"authenticatorAttachment": "platform"}
		}))},
		{"short challenge", createCommand(options(func(o map[string]any) { o["challenge"] = "AAAA" }))},
		{"no algorithms", createCommand(options(func(o map[string]any) { o["pubKeyCredParams"] = []any{} }))},
		{"no options", `{}`},
		{"options are no object", `{"creationOptions":[]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, d := create(t, tt.command, func(_ *relaytest.Relay, d *desk) {
				d.config.Prompt.Confirm = func(context.Context, Question) error {
					t.Error("somebody was asked")
					return nil
				}
			})
			if a.Status != plugout.StatusUnsupported || d.touches != 0 || d.made != 0 {
				t.Errorf("answer %+v, %d touches, %d commands", a.Answer, d.touches, d.made)
			}
		})
	}
}

func TestDeclined(t *testing.T) {
	a, d := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) {
		d.config.Prompt.Confirm = func(context.Context, Question) error { return context.Canceled }
	})
	if a.Status != plugout.StatusUserCancelled || d.touches != 0 || d.made != 0 {
		t.Errorf("answer %+v, %d touches, %d commands", a.Answer, d.touches, d.made)
	}
}

func TestOriginBelowTheRPID(t *testing.T) {
	a, _ := create(t, fmt.Sprintf(`{"creationOptions":%s,"origin":"https://a.login.example.com:8443"}`, options()), nil)
	if a.Status != plugout.StatusOK {
		t.Errorf("answer %+v", a.Answer)
	}
}

// Every status of a key and what becomes of it.
func TestStatusesOfTheKey(t *testing.T) {
	want := map[ctap.Status]plugout.Status{
		0x19: plugout.StatusCredentialExcluded,
		0x26: plugout.StatusUnsupported,
		0x2B: plugout.StatusUnsupported,
		0x27: plugout.StatusUserCancelled,
		0x2D: plugout.StatusUserCancelled,
		0x28: plugout.StatusKeyStoreFull,
		0x31: plugout.StatusPINInvalid,
		0x32: plugout.StatusPINBlocked,
		0x34: plugout.StatusPINBlocked,
		0x35: plugout.StatusPINNotSet,
		0x3C: plugout.StatusUVFailed,
		0x3F: plugout.StatusUVFailed,
	}
	for code := 1; code < 0x100; code++ {
		if ctap.Status(code) == ctap.StatusUserActionTimeout {
			continue // see below
		}
		r := failure(t.Context(), &ctap.StatusError{Command: ctap.CommandMakeCredential, Code: ctap.Status(code)})
		expected, ok := want[ctap.Status(code)]
		if !ok {
			expected = plugout.StatusDeviceError
		}
		if r.status != expected || r.ctap != fmt.Sprintf("0x%02X", code) || r.text == "" {
			t.Errorf("%02X gives %+v, want %s", code, r, expected)
		}
	}
}

// The same from end to end, with the byte on the wire.
func TestStatusesReachTheRelay(t *testing.T) {
	for code, want := range statuses {
		t.Run(code.String(), func(t *testing.T) {
			a, d := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) { d.status = code })
			if a.Status != want || a.Error == nil || a.Error.CTAP != ctapCode(code) || a.Response != nil {
				t.Errorf("answer %+v, want %s", a.Answer, want)
			}
			if d.made != 1 {
				t.Errorf("the key was asked %d times", d.made)
			}
		})
	}
}

func TestExcludedCredential(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	d := newDesk(t, r)
	d.setPIN()
	first := r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	if _, err := d.open(r); err != nil {
		t.Fatal(err)
	}
	var made struct{ Credential struct{ ID string } }
	decode(t, r.Answer(first.Type).Response, &made)

	a, _ := create(t, createCommand(options(func(o map[string]any) {
		o["excludeCredentials"] = []any{map[string]any{"type": "public-key", "id": made.Credential.ID}}
	})), func(_ *relaytest.Relay, other *desk) { other.key = d.key })
	if a.Status != plugout.StatusCredentialExcluded || d.touches != 2 {
		t.Errorf("answer %+v after %d touches", a.Answer, d.touches)
	}
}

func TestTouchThatDidNotComeIsAskedForAgain(t *testing.T) {
	again := 0
	a, d := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) {
		d.status, d.statusTimes = ctap.StatusUserActionTimeout, 2
		d.config.Prompt.TouchAgain = func(context.Context, string) error { again++; return nil }
	})
	if a.Status != plugout.StatusOK || again != 2 || d.made != 3 {
		t.Errorf("answer %+v after %d more questions and %d commands", a.Answer, again, d.made)
	}
}

// soon leaves the create command three seconds from when it is fetched: they pass, and a
// busy machine gets by with them.
func soon(r *relaytest.Relay) {
	create := r.Open[slices.IndexFunc(r.Open, func(m *plugout.CommandMessage) bool { return m.Type == plugout.FIDOCreateCredential })]
	fetched := false
	r.Before = func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, create.MessageID) && !fetched {
			fetched = true
			create.Expires = time.Now().Add(3 * time.Second)
		}
		return false
	}
}

func TestTouchThatNeverComes(t *testing.T) {
	t.Parallel()
	a, _ := create(t, createCommand(options()), func(r *relaytest.Relay, d *desk) {
		soon(r)
		d.status = ctap.StatusUserActionTimeout
		d.config.Prompt.TouchAgain = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}
	})
	if a.Status != plugout.StatusDeviceError || a.Error.CTAP != "0x2F" {
		t.Errorf("answer %+v", a.Answer)
	}
}

func TestTouchThatIsGivenUp(t *testing.T) {
	a, _ := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) {
		d.status = ctap.StatusUserActionTimeout
		d.config.Prompt.TouchAgain = func(context.Context, string) error { return context.Canceled }
	})
	if a.Status != plugout.StatusUserCancelled {
		t.Errorf("answer %+v", a.Answer)
	}
}

// none is a desk without keys.
type none struct{}

func (none) List(context.Context) ([]ctap.Device, error) { return nil, nil }

func TestNoKeyThatWouldDo(t *testing.T) {
	filter := func(f string) string {
		return fmt.Sprintf(`{"creationOptions":%s,"authenticator":%s}`, options(), f)
	}
	tests := []struct {
		name, command string
		keys          Keys
	}{
		{"none at all", createCommand(options()), none{}},
		{"another model is asked for", filter(`{"aaguids":["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}`), nil},
		{"another handle is asked for", filter(`{"handle":"7"}`), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			told := 0
			a, d := create(t, tt.command, func(r *relaytest.Relay, d *desk) {
				soon(r)
				if tt.keys != nil {
					d.config.Keys = tt.keys
				}
				d.config.Prompt.InsertKey = func(context.Context) error { told++; return nil }
			})
			if a.Status != plugout.StatusNoAuthenticator || told != 1 || d.touches != 0 {
				t.Errorf("answer %+v, told %d times, %d touches", a.Answer, told, d.touches)
			}
		})
	}
}

func TestFilterThatFits(t *testing.T) {
	r := relaytest.New(t)
	d := newDesk(t, r)
	info, err := ctap.GetInfo(t.Context(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	aaguid := strings.ToUpper(webauthn.AAGUID(info.AAGUID).String())
	command := fmt.Sprintf(`{"creationOptions":%s,"authenticator":{"aaguids":["00000000-0000-0000-0000-000000000001",%q],"handle":"0"}}`, options(), aaguid)
	if a, _ := create(t, command, nil); a.Status != plugout.StatusOK {
		t.Errorf("answer %+v", a.Answer)
	}
}

func TestPINs(t *testing.T) {
	wrong := func(times int) func(context.Context, PINQuestion) ([]byte, error) {
		return func(_ context.Context, q PINQuestion) ([]byte, error) {
			if times--; times >= 0 {
				return []byte("00000000"), nil
			}
			if !q.Wrong || q.AttemptsLeft >= 8 {
				t.Errorf("asked again with %+v", q)
			}
			return []byte(testPIN), nil
		}
	}
	tests := []struct {
		name  string
		setUp func(*desk)
		want  plugout.Status
	}{
		{"right", func(d *desk) { d.setPIN() }, plugout.StatusOK},
		{"wrong, then right", func(d *desk) { d.setPIN(); d.config.Prompt.PIN = wrong(2) }, plugout.StatusOK},
		{"wrong, then given up", func(d *desk) {
			d.setPIN()
			d.config.Prompt.PIN = func(_ context.Context, q PINQuestion) ([]byte, error) {
				if q.Wrong {
					return nil, context.Canceled
				}
				return []byte("00000000"), nil
			}
		}, plugout.StatusPINInvalid},
		{"declined", func(d *desk) {
			d.setPIN()
			d.config.Prompt.PIN = func(context.Context, PINQuestion) ([]byte, error) { return nil, context.Canceled }
		}, plugout.StatusUserCancelled},
		{"wrong three times in a row", func(d *desk) { d.setPIN(); d.config.Prompt.PIN = wrong(3) }, plugout.StatusPINBlocked},
		{"too short to be tried, then right", func(d *desk) {
			d.setPIN()
			d.config.Prompt.PIN = func(_ context.Context, q PINQuestion) ([]byte, error) {
				if q.Wrong {
					return []byte(testPIN), nil
				}
				return []byte("1"), nil
			}
		}, plugout.StatusOK},
		{"none yet, set here", func(*desk) {}, plugout.StatusOK},
		{"none yet, trivial ones are refused", func(d *desk) {
			tries := []string{"1", "1111", "1234", "987654", testPIN}
			d.config.Prompt.NewPIN = func(_ context.Context, q NewPINQuestion) ([]byte, error) {
				if q.Refused != (len(tries) < 5) {
					t.Errorf("asked with %+v and %d left", q, len(tries))
				}
				pin := tries[0]
				tries = tries[1:]
				return []byte(pin), nil
			}
		}, plugout.StatusOK},
		{"none yet, and none wanted here", func(d *desk) {
			d.config.Prompt.NewPIN = func(context.Context, NewPINQuestion) ([]byte, error) { return nil, ErrNoNewPIN }
		}, plugout.StatusPINNotSet},
		{"none yet, declined", func(d *desk) {
			d.config.Prompt.NewPIN = func(context.Context, NewPINQuestion) ([]byte, error) { return nil, context.Canceled }
		}, plugout.StatusUserCancelled},
		{"none yet, setting forbidden", func(d *desk) {
			d.config.ForbidPINSetup = true
			d.config.Prompt.NewPIN = func(context.Context, NewPINQuestion) ([]byte, error) {
				t.Error("asked for a new PIN")
				return nil, context.Canceled
			}
		}, plugout.StatusPINNotSet},
		{"none yet, nobody to ask", func(d *desk) { d.config.Prompt.NewPIN = nil }, plugout.StatusPINNotSet},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) { tt.setUp(d) })
			if a.Status != tt.want {
				t.Errorf("answer %+v, want %s", a.Answer, tt.want)
			}
		})
	}
}

// The PIN is not needed where nobody wants the user verified.
func TestNoPINWhereNoneIsWanted(t *testing.T) {
	text := options(func(o map[string]any) {
		o["authenticatorSelection"] = map[string]any{"residentKey": "discouraged", "userVerification": "discouraged"}
	})
	a, d := create(t, createCommand(text), func(_ *relaytest.Relay, d *desk) {
		d.setPIN()
		d.config.Prompt.PIN = func(context.Context, PINQuestion) ([]byte, error) {
			t.Error("asked for the PIN")
			return nil, context.Canceled
		}
	})
	if a.Status != plugout.StatusOK || d.touches != 1 {
		t.Errorf("answer %+v, %d touches", a.Answer, d.touches)
	}
}

// A command that the requester takes back while the person thinks ends there.
func TestWithdrawnCommand(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	m := r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	d := newDesk(t, r)
	asked := make(chan struct{})
	d.config.Prompt.Confirm = func(ctx context.Context, _ Question) error {
		close(asked)
		<-ctx.Done()
		return ctx.Err()
	}
	a, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	a.pause = func(ctx context.Context, pause time.Duration) error {
		if pause == watchPause && ctx.Err() == nil {
			<-asked
			r.Withdraw(m.MessageID)
		}
		return ctx.Err()
	}
	report, err := a.Open(t.Context(), r.Link())
	if err != nil || len(report.Commands) != 2 || !report.Commands[1].Dropped || d.touches != 0 {
		t.Errorf("report %+v, %v, %d touches", report, err, d.touches)
	}
}

// What nobody answers in time is left to the relay's own timeout.
func TestQuestionThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	r.Post(plugout.FIDOCreateCredential, createCommand(options()))
	soon(r)
	d := newDesk(t, r)
	d.config.Prompt.Confirm = func(ctx context.Context, _ Question) error {
		<-ctx.Done()
		return ctx.Err()
	}
	report, err := d.open(r)
	if err != nil || report.Commands[1].Status != plugout.StatusTimeout || len(r.Answers) != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
}

// The relying party's own time ends the work before the relay's.
func TestTimeoutOfTheOptions(t *testing.T) {
	r := relaytest.New(t)
	r.Post(plugout.SessionStart, `{}`)
	m := r.Post(plugout.FIDOCreateCredential, createCommand(options(func(o map[string]any) { o["timeout"] = 50 })))
	d := newDesk(t, r)
	d.config.Prompt.Confirm = func(ctx context.Context, _ Question) error {
		<-ctx.Done()
		r.Withdraw(m.MessageID)
		return ctx.Err()
	}
	report, err := d.open(r)
	if err != nil || report.Commands[1].Status != plugout.StatusTimeout {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestAssert(t *testing.T) {
	a, d := create(t, createCommand(options()), func(_ *relaytest.Relay, d *desk) { d.setPIN() })
	var made plugout.CreateCredentialResponse
	decode(t, a.Response, &made)
	registration, err := webauthn.ParseRegistrationResponse(made.Credential)
	if err != nil {
		t.Fatal(err)
	}
	request, err := webauthn.NewRequestOptions(webauthn.RequestOptions{RPID: "login.example.com", UserVerification: webauthn.UserVerificationRequired})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.agent.Assert(t.Context(), text, "https://login.example.com")
	if err != nil {
		t.Fatal(err)
	}
	response, err := webauthn.ParseAuthenticationResponse(out)
	if err != nil {
		t.Fatal(err)
	}
	attested := registration.AuthenticatorData
	record := webauthn.CredentialRecord{
		ID: registration.CredentialID, PublicKey: attested.Attested.PublicKey, SignCount: attested.SignCount, UserHandle: response.UserHandle,
	}
	rp := webauthn.RelyingParty{ID: "login.example.com", Origins: []string{"https://login.example.com"}}
	if _, err := webauthn.JudgeAuthentication(request.Expectation(rp, record, false), response); err != nil {
		t.Error(err)
	}

	for name, origin := range map[string]string{"elsewhere": "https://evil.example", "not one": "login.example.com"} {
		if _, err := d.agent.Assert(t.Context(), text, origin); err == nil {
			t.Errorf("origin %s is taken", name)
		}
	}
	foreign := strings.Replace(string(text), "login.example.com", "other.example.com", 1)
	if _, err := d.agent.Assert(t.Context(), []byte(foreign), "https://other.example.com"); err == nil {
		t.Error("a site without credentials is signed in to")
	}
}
