package plugout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestMatchCode(t *testing.T) {
	code := MatchCode(testBox, "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ")
	if len(code) != 4 || strings.Trim(code, "0123456789") != "" {
		t.Errorf("code %q is not four digits", code)
	}
	// Fixed for good: agents and relays of different editions have to agree. Computed apart from this code.
	if want := "6777"; code != want {
		t.Errorf("code %s, want %s", code, want)
	}
	if code != MatchCode(strings.ToUpper(testBox), "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ") {
		t.Error("the case of the box id changes the code")
	}
	seen := map[string]bool{}
	for i := range 200 {
		seen[MatchCode(testBox, strings.Repeat("x", i+1))] = true
	}
	if len(seen) < 150 {
		t.Errorf("200 secrets give %d codes only", len(seen))
	}
}

func TestAnswerCheck(t *testing.T) {
	now := time.Unix(1772446530, 0)
	want := Expectation{MessageID: testBox, Nonce: "kX0b2oQyq1m0m1xJ5rV0Zw", Now: now}
	tests := []struct {
		name  string
		spoil func(*Answer)
		want  Reason
	}{
		{"untouched", func(*Answer) {}, ""},
		{"refusal with an error", func(a *Answer) {
			a.Status, a.Response, a.Error = StatusPINBlocked, nil, &AnswerError{Message: "m", CTAP: "0x32"}
		}, ""},
		{"version", func(a *Answer) { a.Version = 2 }, ReasonVersion},
		{"other message", func(a *Answer) { a.MessageID = testToken }, ReasonMessageID},
		{"other nonce", func(a *Answer) { a.Nonce = "other" }, ReasonNonce},
		{"five minutes ago", func(a *Answer) { a.IssuedAt -= 300 }, ""},
		{"longer ago", func(a *Answer) { a.IssuedAt -= 301 }, ReasonIssueTime},
		{"five minutes ahead", func(a *Answer) { a.IssuedAt += 300 }, ""},
		{"further ahead", func(a *Answer) { a.IssuedAt += 301 }, ReasonIssueTime},
		{"iat that would overflow", func(a *Answer) { a.IssuedAt = 1<<63 - 1 }, ReasonIssueTime},
		{"iat that would underflow", func(a *Answer) { a.IssuedAt = -1 << 63 }, ReasonIssueTime},
		{"status of the relay", func(a *Answer) { a.Status, a.Response = StatusTimeout, nil }, ReasonStatus},
		{"status unknown", func(a *Answer) { a.Status, a.Response = "FINE", nil }, ReasonStatus},
		{"OK with an error", func(a *Answer) { a.Error = &AnswerError{} }, ReasonStatus},
		{"refusal with a response", func(a *Answer) { a.Status = StatusUserCancelled }, ReasonStatus},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Answer{Version: 1, MessageID: want.MessageID, Nonce: want.Nonce, IssuedAt: now.Unix(), Status: StatusOK, Response: json.RawMessage(`{}`)}
			tt.spoil(a)
			again, err := ParseAnswer(must(json.Marshal(a)))
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Check(want); ReasonOf(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if err := (&Answer{Version: 1, MessageID: testBox, IssuedAt: now.Unix(), Status: StatusOK}).Check(Expectation{MessageID: testBox, Now: now}); ReasonOf(err) != ReasonNonce {
		t.Errorf("no nonce expected and none given: %v", err)
	}
}

func TestDocumentsRefused(t *testing.T) {
	request := func(b []byte) error { _, err := ParseSessionRequest(b); return err }
	response := func(b []byte) error { _, err := ParseSessionResponse(b); return err }
	list := func(b []byte) error { _, err := ParseMessageList(b); return err }
	message := func(b []byte) error { _, err := ParseCommandMessage(b); return err }
	answer := func(b []byte) error { _, err := ParseAnswer(b); return err }
	const (
		goodResponse = `{"session":"c2VjcmV0LXNlY3JldC1zZWNyZXQ","expires":"2026-03-02T10:17:04Z","messages":[{"mid":"` + testBox + `","type":"PING","location":"","expires":"2026-03-02T10:17:04Z"}]}`
		goodMessage  = `{"v":1,"bid":"` + testBox + `","mid":"` + testToken + `","type":"PING","requester":"idm","issued":"2026-03-02T10:15:04Z","expires":"2026-03-02T10:17:04Z","nonce":"n","responseformat":"jws","responsesignaturekey":"ATTESTATION","command":{},"later":"edition"}`
		goodAnswer   = `{"v":1,"mid":"` + testBox + `","nonce":"n","iat":1,"status":"OK","response":{}}`
		goodRequest  = `{"token":"` + testToken + `","client":{"app":"a","version":"1","os":"linux"}}`
	)
	tests := []struct {
		name  string
		parse func([]byte) error
		body  string
		want  Reason
	}{
		{"request", request, goodRequest, ""},
		{"request: token", request, `{"token":"x"}`, ReasonMalformed},
		{"request: token a number", request, `{"token":1}`, ReasonMalformed},
		{"request: control characters", request, strings.Replace(goodRequest, `"linux"`, `"li\u001bnux"`, 1), ReasonMalformed},
		{"request: long text", request, strings.Replace(goodRequest, `linux`, strings.Repeat("x", 65), 1), ReasonMalformed},
		{"request: twice", request, goodRequest + goodRequest, ReasonMalformed},
		{"request: too large", request, goodRequest + strings.Repeat(" ", MaxRequestBytes), ReasonTooLarge},
		{"response", response, goodResponse, ""},
		{"response: header injection", response, strings.Replace(goodResponse, "c2VjcmV0", `c2VjcmV0\r\n`, 1), ReasonMalformed},
		{"response: short secret", response, strings.Replace(goodResponse, "LXNlY3JldC1zZWNyZXQ", "", 1), ReasonMalformed},
		{"response: no expiry", response, strings.Replace(goodResponse, `"expires":"2026-03-02T10:17:04Z",`, "", 1), ReasonMalformed},
		{"response: message without id", response, strings.Replace(goodResponse, testBox, "", 1), ReasonMalformed},
		{"list", list, `{"messages":[]}`, ""},
		{"list: no type", list, `{"messages":[{"mid":"` + testBox + `","expires":"2026-03-02T10:17:04Z"}]}`, ReasonMalformed},
		{"message", message, goodMessage, ""},
		{"message: version", message, strings.Replace(goodMessage, `"v":1`, `"v":2`, 1), ReasonVersion},
		{"message: box", message, strings.Replace(goodMessage, testBox, "../..", 1), ReasonMalformed},
		{"message: nonce", message, strings.Replace(goodMessage, `"nonce":"n"`, `"nonce":""`, 1), ReasonMalformed},
		{"message: format", message, strings.Replace(goodMessage, `"jws"`, `"xml"`, 1), ReasonMalformed},
		{"message: member twice", message, strings.Replace(goodMessage, `"v":1`, `"v":1,"v":1`, 1), ReasonMalformed},
		{"message: not UTF-8", message, strings.Replace(goodMessage, `"idm"`, "\"\xff\"", 1), ReasonMalformed},
		{"answer", answer, goodAnswer, ""},
		{"answer: no mid", answer, strings.Replace(goodAnswer, testBox, "", 1), ReasonMalformed},
		{"answer: iat a fraction", answer, strings.Replace(goodAnswer, `"iat":1`, `"iat":1.5`, 1), ReasonMalformed},
		{"answer: member twice", answer, strings.Replace(goodAnswer, `"status":"OK"`, `"status":"OK","status":"OK"`, 1), ReasonMalformed},
		{"answer: an array", answer, `[]`, ReasonMalformed},
		{"answer: nothing", answer, ``, ReasonMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.parse([]byte(tt.body)); ReasonOf(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCreationOptionsBareOrWrapped(t *testing.T) {
	for _, body := range []string{
		`{"creationOptions":{"challenge":"x"}}`,
		`{"creationOptions":{"challengeTimeoutDateTime":"2026-03-02T10:20:00Z","publicKey":{"challenge":"x"}}}`,
	} {
		var c CreateCredentialCommand
		if err := DecodeCommand([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		options, err := c.Options()
		if err != nil || string(options) != `{"challenge":"x"}` {
			t.Errorf("%s: %s, %v", body, options, err)
		}
	}
}

func TestFlagTakesText(t *testing.T) {
	for body, want := range map[string]bool{`{"deviceinfo":"true"}`: true, `{"deviceinfo":true}`: true, `{"deviceinfo":"false"}`: false, `{}`: false} {
		var c PingCommand
		if err := DecodeCommand([]byte(body), &c); err != nil || bool(c.DeviceInfo) != want {
			t.Errorf("%s: %v, %v", body, c.DeviceInfo, err)
		}
	}
	var c PingCommand
	if err := DecodeCommand([]byte(`{"deviceinfo":"maybe"}`), &c); err == nil {
		t.Error("maybe is taken for a boolean")
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`{"v":1,"mid":"` + testBox + `","nonce":"n","iat":1,"status":"OK","response":{}}`))
	f.Add([]byte(`{"session":"c2VjcmV0LXNlY3JldC1zZWNyZXQ","expires":"2026-03-02T10:17:04Z","messages":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if v, err := ParseSessionRequest(body); (v == nil) == (err == nil) {
			t.Fatal("session request beside its error")
		}
		if v, err := ParseSessionResponse(body); (v == nil) == (err == nil) {
			t.Fatal("session response beside its error")
		}
		if v, err := ParseMessageList(body); (v == nil) == (err == nil) {
			t.Fatal("list beside its error")
		}
		if v, err := ParseCommandMessage(body); (v == nil) == (err == nil) {
			t.Fatal("message beside its error")
		}
	})
}
