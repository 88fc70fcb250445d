package nevis

import (
	"errors"
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// attestationOptions answers with registration options, or where nothing in the request
// is about a registration, with authentication options.
func (d *Door) attestationOptions(r *http.Request, body []byte) (any, error) {
	var q optionsRequest
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	if !q.registers() {
		if d.Modes.AuthenticationOptions == TokenRequired && web.Authority(r).Subject == "" {
			return nil, errTokenMissing
		}
		return d.beginAuthentication(r, &q)
	}
	session, err := d.ceremonyID()
	if err != nil {
		return nil, err
	}
	in, err := d.registration(&q, session)
	if err != nil {
		return nil, err
	}
	begun, err := d.Credentials.BeginRegistration(r.Context(), web.Authority(r), in)
	if err != nil {
		return nil, err
	}
	return withSession(begun.JSON, session)
}

func (d *Door) assertionOptions(r *http.Request, body []byte) (any, error) {
	var q optionsRequest
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	return d.beginAuthentication(r, &q)
}

func (d *Door) beginAuthentication(r *http.Request, q *optionsRequest) (any, error) {
	session, err := d.ceremonyID()
	if err != nil {
		return nil, err
	}
	in, err := d.authentication(q, session)
	if err != nil {
		return nil, err
	}
	by := web.Authority(r)
	in.Stranger = d.isAnonymous(by)
	begun, err := d.Credentials.BeginAuthentication(r.Context(), by, in)
	if err != nil {
		return nil, hideUser(err)
	}
	return withSession(begun.JSON, session)
}

// attestationResult takes the answer to a registration.
func (d *Door) attestationResult(r *http.Request, body []byte) (any, error) {
	q, answer, err := readResult(body)
	if err != nil {
		return nil, err
	}
	resp, err := webauthn.ParseRegistrationResponse(answer)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	by := web.Authority(r)
	session, err := d.sessionOf(r, by, credential.Registration, resp.ClientData.Challenge)
	if err != nil {
		return nil, err
	}
	_, err = d.Credentials.FinishRegistration(r.Context(), by, credential.FinishRegistration{
		RelyingParty: d.RelyingParty, Response: resp, Name: q.UserFriendlyName, UserAgent: q.UserAgent,
	})
	return ended(session, err)
}

// assertionResult takes the answer to an authentication.
func (d *Door) assertionResult(r *http.Request, body []byte) (any, error) {
	_, answer, err := readResult(body)
	if err != nil {
		return nil, err
	}
	resp, err := webauthn.ParseAuthenticationResponse(answer)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	by := web.Authority(r)
	done, err := d.Credentials.FinishAuthentication(r.Context(), by, credential.FinishAuthentication{
		RelyingParty: d.RelyingParty, Response: resp, SuspendClone: true,
	})
	if err == nil {
		return ended(sessionID(&done.Ceremony), nil)
	}
	session, lost := d.sessionOf(r, by, credential.Authentication, resp.ClientData.Challenge)
	if lost != nil {
		return nil, err
	}
	return ended(session, err)
}

func readResult(body []byte) (*resultRequest, []byte, error) {
	var q resultRequest
	if err := decode(body, &q); err != nil {
		return nil, nil, err
	}
	answer, err := q.browserForm()
	return &q, answer, err
}

// sessionOf returns the id of the ceremony that a challenge belongs to, which requests of
// this door do not name.
func (d *Door) sessionOf(r *http.Request, by tenant.Authority, kind credential.CeremonyKind, challenge []byte) (string, error) {
	c, err := d.Credentials.CeremonyOf(r.Context(), by, d.RelyingParty, kind, challenge)
	if err != nil {
		return "", err
	}
	return sessionID(c), nil
}

// sessionID returns what clients call the ceremony. One that was not begun here has our
// own id.
func sessionID(c *credential.Ceremony) string {
	if c.RequestID != "" {
		return c.RequestID
	}
	return string(c.ID)
}

// ended answers what ends a ceremony.
func ended(session string, err error) (any, error) {
	if err != nil {
		return nil, &sessionError{session, err}
	}
	return serverResponse{Status: statusOK, SessionID: session}, nil
}

// sessionError is an error of a ceremony that is known.
type sessionError struct {
	session string
	err     error
}

// Error returns the text for the log.
func (e *sessionError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *sessionError) Unwrap() error { return e.err }

// errNobody is the one answer for a name that cannot sign in, whyever that is.
var errNobody = credential.ErrNoCredential.Saying("Nobody can sign in by this name.")

// hideUser makes one refusal of those that would tell who exists.
func hideUser(err error) error {
	for _, f := range []error{credential.ErrUserUnknown, credential.ErrNoCredential, credential.ErrUserLocked} {
		if errors.Is(err, f) {
			return errNobody.Because(err)
		}
	}
	return err
}
