package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/strictjson"
)

// Answer is what a device answers to a message.
type Answer struct {
	MediaType string // Content-Type: [plugout.MediaTypeJOSE] or [plugout.MediaTypeJSON]
	Body      []byte
}

// Answer takes the answer to a message. One that cannot be read changes nothing.
// One that can be read ends the command: by its status if it is good, and as
// INVALID_RESPONSE if it carries another nonce, is dated wrongly, or is not signed
// as it has to be.
//
// Errors: relay.session_wrong, relay.session_gone; relay.message_unknown;
// relay.message_answered, relay.message_timed_out, relay.message_withdrawn;
// relay.too_large; relay.answer_malformed.
func (s *Service) Answer(ctx context.Context, d Desktop, message string, a Answer) error {
	if len(a.Body) > plugout.MaxAnswerBytes {
		return ErrTooLarge
	}
	// The box may get its key from another answer in the meantime; then this one is
	// judged again.
	for range 3 {
		m, err := s.delivery(ctx, d, message)
		if err != nil {
			return err
		}
		read, err := readAnswer(a)
		if err != nil {
			return err
		}
		finish, err := s.judge(m, d, read)
		if err != nil {
			return err
		}
		won, rekeyed, err := s.store.Finish(ctx, finish)
		switch {
		case err != nil:
			return err
		case won:
			return nil
		case !rekeyed:
			return s.whyLost(ctx, d, message)
		}
	}
	return fmt.Errorf("relay: the answer key of a box does not settle")
}

// whyLost says what came before an answer.
func (s *Service) whyLost(ctx context.Context, d Desktop, message string) error {
	_, err := s.delivery(ctx, d, message)
	if err == nil {
		return fmt.Errorf("relay: a command neither took an answer nor refused it")
	}
	return err
}

// readable is an answer that could be read.
type readable struct {
	*plugout.Answer
	body []byte
	jws  *plugout.JWS // nil: it is not signed
}

func readAnswer(a Answer) (*readable, error) {
	media, _, err := mime.ParseMediaType(a.MediaType)
	if err != nil {
		return nil, ErrAnswerMalformed.Because(err)
	}
	r := &readable{body: a.Body}
	payload := a.Body
	switch media {
	case plugout.MediaTypeJOSE:
		r.body = bytes.TrimSpace(a.Body)
		if r.jws, err = plugout.ParseJWS(r.body); err != nil {
			return nil, ErrAnswerMalformed.Because(err)
		}
		payload = r.jws.Payload
	case plugout.MediaTypeJSON:
	default:
		return nil, ErrAnswerMalformed.Saying("An answer is %s or %s.", plugout.MediaTypeJOSE, plugout.MediaTypeJSON)
	}
	if r.Answer, err = plugout.ParseAnswer(payload); err != nil {
		return nil, ErrAnswerMalformed.Because(err)
	}
	return r, nil
}

// judge decides how an answer ends its command.
func (s *Service) judge(m *Delivery, d Desktop, a *readable) (*Finish, error) {
	client, ok := s.clients.Client(m.Command.Tenant, m.Command.Client)
	if !ok {
		return nil, ErrSessionGone.Because(errors.New("the client of the command is no longer configured"))
	}
	now := s.clock()
	signature, key, refusal := checkSignature(m, client, a)
	if refusal == nil {
		refusal = a.Check(plugout.Expectation{MessageID: m.Message, Nonce: m.Command.Nonce, Now: now})
	}
	if refusal == nil {
		refusal = checkResponse(m.Command.Type, a.Answer)
	}
	f := &Finish{
		Command: m.Command.ID, Only: BeforeDeadline,
		Ending: Ending{
			Status: a.Status, Ended: now, AnsweredBy: m.Message, Answer: a.body, Signed: a.jws != nil,
			Remarks: Remarks{Signature: &signature, Error: deviceError(a.Answer)},
		},
		EndedEvent: ended(device(&m.Box)), Told: s.ended,
	}
	if refusal != nil {
		f.Status = plugout.StatusInvalidResponse
		f.Remarks.Error = &OutcomeError{Code: string(f.Status), Message: words(refusal)}
		key = ""
	}
	f.State = StateOf(m.Command.Type, f.Status)
	s.settleBox(f, m, d, a, key, now)
	return f, nil
}

// settleBox says what the answer does to the box it was given in.
func (s *Service) settleBox(f *Finish, m *Delivery, d Desktop, a *readable, key string, now time.Time) {
	box, made := &m.Box, m.Box.By == m.Command.ID
	change := BoxChange{Box: box.ID, Start: made}
	if box.AnswerKey == "" {
		change.AnswerKey = key
	}
	switch {
	case m.Command.Type == plugout.SessionStart && f.State != Completed:
		// The person or the agent declined: nothing behind it will be answered.
		shut := s.closing(device(box), box.ID, now, actionClosed, plugout.StatusSessionNotStarted)
		f.Close = &shut
		return
	case m.Command.Type == plugout.SessionStart:
		desk := box.Desk
		f.Remarks.Desk = &desk
		if box.MatchCode {
			f.Remarks.MatchCode = plugout.MatchCode(box.ID, d.Session)
		}
	case m.Command.Type == plugout.Provision && f.State == Completed && box.Kind != ProfileBox:
		change.Profile = provisionedUser(m.Command.Object)
	case m.Command.Type == plugout.Delete && f.State == Completed && box.Kind == ProfileBox:
		shut := s.closing(device(box), box.ID, now, actionProfileGone, plugout.StatusSessionEnded)
		f.Close = &shut
	}
	if change.Start || change.AnswerKey != "" || change.Profile != "" {
		f.Box = &change
	}
}

// provisionedUser returns whose profile a provision command makes; empty if it does
// not say.
func provisionedUser(object []byte) string {
	var provision struct {
		UserID string `json:"userid"`
	}
	if err := plugout.DecodeCommand(object, &provision); err != nil || len(provision.UserID) > maxDestinationBytes || !isPrintable(provision.UserID) {
		return ""
	}
	return provision.UserID
}

// checkSignature says what is known about the signature of an answer and with which
// key it was made, if that was verified. The refusal is nil if it is as it has to be.
func checkSignature(m *Delivery, client *Client, a *readable) (sig Signature, key string, refusal error) {
	switch {
	case a.jws == nil:
		sig.State = SignatureNone
		if client.KeySet != nil && !client.AcceptUnsigned {
			return sig, "", errors.New("the answer is not signed")
		}
	case client.KeySet == nil:
		sig = Signature{State: SignatureUnchecked, KeyID: a.jws.Header.KeyID}
	default:
		sig = Signature{State: SignatureInvalid, KeyID: a.jws.Header.KeyID}
		public, err := client.KeySet.Verify(a.jws)
		if err != nil {
			return sig, "", err
		}
		key = public.Thumbprint()
	}
	// The key that opened the session signs every answer of it.
	if m.Box.AnswerKey != "" && key != m.Box.AnswerKey {
		if a.jws != nil {
			sig.State = SignatureInvalid
		}
		return sig, "", errors.New("the answer is not signed with the key that opened the session")
	}
	if key != "" {
		sig.State = SignatureValid
	}
	if m.Command.Type == plugout.FIDOCreateCredential && sig.State != SignatureValid && !client.AcceptUnsigned {
		return sig, "", errors.New("nobody vouches for the answer")
	}
	return sig, key, nil
}

// checkResponse holds the response of a good answer against its command. What a
// credential is worth is for the relying party to say; here it only has to be one.
func checkResponse(t plugout.CommandType, a *plugout.Answer) error {
	if a.Status != plugout.StatusOK {
		return nil
	}
	if len(a.Response) > 0 && !isObject(a.Response) {
		return errors.New("the response is not a JSON object")
	}
	if t != plugout.FIDOCreateCredential {
		return nil
	}
	var made plugout.CreateCredentialResponse
	if err := plugout.DecodeCommand(a.Response, &made); err != nil || !isObject(made.Credential) {
		return errors.New("the response holds no credential")
	}
	return nil
}

// isObject reports whether raw, which is JSON, is an object without two members of
// the same name.
func isObject(raw []byte) bool {
	var members map[string]any
	return strictjson.Decode(raw, &members) == nil && members != nil
}

// deviceError returns what a device says of its failure, cut to what a client may
// want to show.
func deviceError(a *plugout.Answer) *OutcomeError {
	if a.Status == plugout.StatusOK {
		return nil
	}
	e := &OutcomeError{Code: string(a.Status), Message: "the device answered " + string(a.Status)}
	if a.Error != nil {
		const maxMessageBytes, maxDetailBytes = 512, 64
		if text := clip(a.Error.Message, maxMessageBytes); text != "" {
			e.Message = text
		}
		e.Detail = clip(a.Error.CTAP, maxDetailBytes)
	}
	return e
}

// clip returns text without control characters, at most limit bytes of it.
func clip(text string, limit int) string {
	clean := bytes.Map(func(r rune) rune {
		if !isPrintable(string(r)) {
			return -1
		}
		return r
	}, []byte(text))
	if len(clean) > limit {
		clean = bytes.ToValidUTF8(clean[:limit], nil)
	}
	return string(clean)
}

// words returns a refusal for people.
func words(refusal error) string {
	if r, ok := errors.AsType[*plugout.Refusal](refusal); ok {
		return r.Detail
	}
	return refusal.Error()
}
