package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"bestow.dev/internal/web"
)

// state is one of a state machine: what it asks the FIDO2 server, and which form fields
// are in which place of the answer.
type state struct {
	options  func(user string) (path string, body map[string]any)
	result   string   // path
	response []string // fields of the authenticator's response
}

func (f *front) machine() map[string]state {
	return map[string]state{
		"register": {
			options: func(user string) (string, map[string]any) {
				return "/attestation/options", map[string]any{
					"username": user, "displayName": user, "attestation": "none",
					"authenticatorSelection": map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred"},
				}
			},
			result: "/attestation/result", response: []string{"clientDataJSON", "attestationObject"},
		},
		"login": {
			options: func(user string) (string, map[string]any) {
				return "/attestation/options", map[string]any{"username": user, "userVerification": "preferred"}
			},
			result: "/assertion/result", response: []string{"clientDataJSON", "authenticatorData", "signature", "userHandle"},
		},
	}
}

// post tells the steps of a state apart by the fields of the form: without any it asks
// for options, with an error the browser has given up, and otherwise it has the answer.
func (f *front) post(s state) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, err := readForm(w, r)
		mine := f.sessionOf(r)
		switch {
		case err != nil || mine == nil:
			f.render(w, r, "state.html", "The session has ended. Begin again.")
		case len(form) == 0:
			f.giveOptions(w, r, s, mine)
		case !mine.owns(form):
			f.render(w, r, "state.html", "The form was not ours. Try again.")
		case form.Has("error"):
			f.render(w, r, "state.html", "The browser says "+form.Get("error")+".")
		default:
			f.finish(w, r, s, form)
		}
	}
}

// giveOptions answers the empty form with options. It needs no token: it changes nothing
// that another site's page could use, and that page is kept from reading the answer.
func (f *front) giveOptions(w http.ResponseWriter, r *http.Request, s state, mine *session) {
	if r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		http.Error(w, "Only this page asks for options.", http.StatusForbidden)
		return
	}
	path, body := s.options(mine.user)
	answer, err := f.ask(r.Context(), path, body)
	if err != nil {
		web.LogFault(r.Context(), err)
		web.WriteJSON(w, http.StatusBadGateway, map[string]string{"status": "failed", "errorMessage": "The FIDO2 server cannot be reached."})
		return
	}
	status := http.StatusOK
	if !answer.ok() {
		status = http.StatusBadRequest
	}
	web.WriteJSON(w, status, answer.raw)
}

// finish hands the browser's answer to the FIDO2 server, and asks it who that was.
func (f *front) finish(w http.ResponseWriter, r *http.Request, s state, form url.Values) {
	body, err := s.answer(form)
	var done, standing *serverAnswer
	if err == nil {
		done, err = f.ask(r.Context(), s.result, body)
	}
	if err != nil {
		f.render(w, r, "state.html", "The answer could not be taken.")
		return
	}
	if !done.ok() {
		f.render(w, r, "state.html", done.ErrorMessage)
		return
	}
	if standing, err = f.ask(r.Context(), "/status", map[string]any{"fido2SessionId": done.SessionID}); err != nil || standing.Status != "succeeded" {
		f.render(w, r, "state.html", "The FIDO2 server does not confirm it.")
		return
	}
	f.signedIn(r, standing.UserID)
	http.Redirect(w, r, f.Path+"/ok", http.StatusSeeOther)
}

// answer puts a form's fields together. One field, credential, may hold all of it.
func (s state) answer(form url.Values) (any, error) {
	if whole := form.Get("credential"); whole != "" {
		if !json.Valid([]byte(whole)) {
			return nil, errors.New("the credential is no JSON")
		}
		return json.RawMessage(whole), nil
	}
	response := map[string]string{}
	for _, name := range s.response {
		if value := form.Get(name); value != "" {
			response[name] = value
		}
	}
	body := map[string]any{"id": form.Get("id"), "type": form.Get("type"), "response": response, "userAgent": form.Get("userAgent")}
	if name := form.Get("userFriendlyName"); name != "" {
		body["userFriendlyName"] = name
	}
	if results := form.Get("clientExtensionResults"); json.Valid([]byte(results)) {
		body["clientExtensionResults"] = json.RawMessage(results)
	}
	return body, nil
}

// serverAnswer is what the FIDO2 server says, of whichever kind.
type serverAnswer struct {
	Status       string `json:"status"`
	ErrorMessage string `json:"errorMessage"`
	SessionID    string `json:"fido2SessionId"`
	UserID       string `json:"userId"`

	raw json.RawMessage
}

func (a *serverAnswer) ok() bool { return a.Status == "ok" }

// ask calls the FIDO2 server. An error means that it has no answer.
func (f *front) ask(ctx context.Context, path string, body any) (*serverAnswer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	r.Header.Set("Accept", "application/json")
	out := &answerWriter{header: http.Header{}, status: http.StatusOK}
	f.FIDO.ServeHTTP(out, r)
	if out.status >= http.StatusInternalServerError {
		return nil, errors.New("the FIDO2 server has a fault")
	}
	a := &serverAnswer{raw: out.body.Bytes()}
	if err := json.Unmarshal(a.raw, a); err != nil {
		return nil, err
	}
	return a, nil
}

// answerWriter takes an answer in this process.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *answerWriter) WriteHeader(status int) { w.status = status }

// Write implements [http.ResponseWriter].
func (w *answerWriter) Write(b []byte) (int, error) { return w.body.Write(b) }
