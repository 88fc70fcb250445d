package nevis

import (
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// errStatusRequest is a request for a status that names no ceremony. Unlike others it is
// answered 400 in every mode.
var errStatusRequest = fault.New(fault.Invalid, "request.session", "Name one ceremony, by fido2SessionId or sessionId.")

// status says how a ceremony of the caller stands. One that the caller did not begin is
// unknown.
func (d *Door) status(r *http.Request, body []byte) (any, error) {
	var q statusRequest
	if err := decode(body, &q); err != nil {
		return nil, errStatusRequest.Because(err)
	}
	id, err := q.id()
	if err != nil {
		return nil, err
	}
	by := web.Authority(r)
	c, err := d.ceremony(r, by, id)
	if errors.Is(err, credential.ErrCeremonyUnknown) {
		return statusAnswer{Status: ceremonyUnknown, Timestamp: stamp(d.Now())}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := d.statusOf(c, d.Now())
	if answer.Status != ceremonySucceeded && c.Kind != credential.Registration {
		return answer, nil // who it was begun for would say who exists
	}
	user, err := d.Credentials.CeremonyUser(r.Context(), by, c)
	if err != nil {
		return nil, err
	}
	if user != nil {
		answer.UserID = d.userID(user)
	}
	return answer, nil
}

func (q *statusRequest) id() (string, error) {
	switch a, b := q.FIDO2SessionID, q.SessionID; {
	case a == nil && b == nil, a != nil && b != nil && *a != *b:
		return "", errStatusRequest
	case a != nil:
		return *a, nil
	default:
		return *b, nil
	}
}

// ceremony finds a ceremony by the id that clients know, or where it was not begun here by
// our own.
func (d *Door) ceremony(r *http.Request, by tenant.Authority, id string) (*credential.Ceremony, error) {
	if id == "" {
		return nil, credential.ErrCeremonyUnknown
	}
	c, err := d.Credentials.Ceremony(r.Context(), by, credential.CeremonyRef{RelyingParty: d.RelyingParty, RequestID: id})
	if !errors.Is(err, credential.ErrCeremonyUnknown) {
		return c, err
	}
	c, err = d.Credentials.Ceremony(r.Context(), by, credential.CeremonyRef{ID: credential.CeremonyID(id)})
	if err == nil && c.RelyingParty != d.RelyingParty {
		return nil, credential.ErrCeremonyUnknown
	}
	return c, err
}

// statusOf says how c stands at now, and since when. One whose time has passed has failed.
func (d *Door) statusOf(c *credential.Ceremony, now time.Time) statusAnswer {
	switch c.StateAt(now) {
	case credential.CeremonySucceeded:
		return statusAnswer{Status: ceremonySucceeded, Timestamp: stamp(c.Ended)}
	case credential.CeremonyFailed:
		return statusAnswer{Status: ceremonyFailed, Timestamp: stamp(c.Ended)}
	case credential.CeremonyExpired:
		return statusAnswer{Status: ceremonyFailed, Timestamp: stamp(c.Expires)}
	}
	status := ceremonyInitialized
	switch {
	case d.SharedVocabulary && c.Kind == credential.Registration:
		status = ceremonyRegistering
	case d.SharedVocabulary:
		status = ceremonyAuthenticating
	}
	return statusAnswer{Status: status, Timestamp: stamp(c.Created)}
}
