package hermod

import (
	"mime"
	"net/http"
	"strconv"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/web"
)

// pollSlack is how long after its wait a long poll's answer may take to be written.
const pollSlack = 10 * time.Second

// openSession redeems the code of a link: POST box/session.
func (f *front) openSession(w http.ResponseWriter, r *http.Request) error {
	if !web.IsJSON(r) {
		return web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, plugout.MaxRequestBytes)
	if err != nil {
		return err
	}
	request, err := plugout.ParseSessionRequest(body)
	if err != nil {
		return errRedemption.Because(err)
	}
	opened, err := f.Relay.OpenSession(r.Context(), relay.Redemption{
		Box:     r.PathValue("box"),
		Token:   request.Token,
		Client:  request.Client,
		Address: web.Address(r.Context()),
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, opened)
	return nil
}

// listMessages answers with the open messages of a box, at once or as soon as there
// is one: GET box?wait=25. A server that stops ends the wait, and there is none.
func (f *front) listMessages(w http.ResponseWriter, r *http.Request) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	desk, err := desktop(r)
	if err != nil {
		return err
	}
	allowTime(w, wait)
	list, err := f.Relay.Messages(r.Context(), desk, wait)
	if err != nil && r.Context().Err() == nil {
		return err
	}
	if len(list) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	web.WriteJSON(w, http.StatusOK, plugout.MessageList{Messages: list})
	return nil
}

// allowTime keeps the server's limit on writing an answer, which may be shorter than a
// long poll, from cutting this one off. The limit on reading does no harm: it ends with
// the request's body.
func allowTime(w http.ResponseWriter, wait time.Duration) {
	// An error says that there is no such limit.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + pollSlack))
}

// fetchMessage hands out one command: GET box/{mid}.
func (f *front) fetchMessage(w http.ResponseWriter, r *http.Request) error {
	desk, err := desktop(r)
	if err != nil {
		return err
	}
	message, err := f.Relay.Fetch(r.Context(), desk, r.PathValue("message"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, message)
	return nil
}

// answerMessage takes the device's answer: POST box/{mid}.
func (f *front) answerMessage(w http.ResponseWriter, r *http.Request) error {
	desk, err := desktop(r)
	if err != nil {
		return err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (media != plugout.MediaTypeJOSE && media != plugout.MediaTypeJSON) {
		return web.ErrNotJSON.Saying("Send the answer as %s or %s.", plugout.MediaTypeJOSE, plugout.MediaTypeJSON)
	}
	body, err := web.ReadBody(w, r, plugout.MaxAnswerBytes)
	if err != nil {
		return err
	}
	answer := relay.Answer{MediaType: media, Body: body}
	if err := f.Relay.Answer(r.Context(), desk, r.PathValue("message"), answer); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// confirmMatch says that the person at the desk compared the match codes: POST
// box/session/confirm.
func (f *front) confirmMatch(w http.ResponseWriter, r *http.Request) error {
	desk, err := desktop(r)
	if err != nil {
		return err
	}
	if err := f.Relay.ConfirmMatch(r.Context(), desk); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// closeSession ends the session: DELETE box/session.
func (f *front) closeSession(w http.ResponseWriter, r *http.Request) error {
	desk, err := desktop(r)
	if err != nil {
		return err
	}
	if err := f.Relay.CloseSession(r.Context(), desk); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// desktop reads who calls: the box from the path and the session from the header.
func desktop(r *http.Request) (relay.Desktop, error) {
	secret := web.BearerToken(r)
	if secret == "" {
		return relay.Desktop{}, relay.ErrSessionWrong
	}
	return relay.Desktop{Box: r.PathValue("box"), Session: secret}, nil
}

// waitOf reads how long a long poll may wait. Absent: not at all. A longer wait than
// there is becomes the longest.
func waitOf(r *http.Request) (time.Duration, error) {
	const most = uint64(relay.MaxWait / time.Second)
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, errWait
	}
	return time.Duration(min(n, most)) * time.Second, nil // the lesser first: it cannot overflow
}
