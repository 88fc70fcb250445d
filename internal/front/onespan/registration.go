package onespan

import (
	"net/http"

	"github.com/google/uuid"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/web"
)

// challengeBytes is the length of the platform's challenges.
const challengeBytes = 64

// requestID returns a fresh id for a request of the platform.
func requestID(kind credential.CeremonyKind) string { return string(kind) + ":" + uuid.NewString() }

// generateRegistration is step one of a registration: what the authenticator is asked.
func (f *front) generateRegistration(w http.ResponseWriter, r *http.Request, by caller) error {
	user, err := by.userOf(r)
	if err != nil {
		return err
	}
	var call registrationCall
	if err := read(w, r, &call); err != nil {
		return err
	}
	begin, err := call.begin()
	if err != nil {
		return err
	}
	rp, err := f.Directory.RelyingParty(r.Context(), by.Tenant.Name, by.RelyingParty)
	if err != nil {
		return notConfigured(err, by.Tenant)
	}
	begin.Narrow.AcceptSelf = allowsSelfAttestation(rp.Documents())
	begin.RelyingParty, begin.User, begin.RequestID = rp.ID, user, requestID(credential.Registration)
	begin.ShownName, begin.SignedInWithin = by.shownName(user.Name), by.RequireRecentLogin
	begun, err := f.Credentials.BeginRegistration(r.Context(), by.Authority, begin)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, registrationAnswer{RequestID: begin.RequestID, RegistrationRequest: string(begun.JSON)})
	return nil
}

// register is step two: the authenticator has answered.
func (f *front) register(w http.ResponseWriter, r *http.Request, by caller) error {
	user, err := by.userOf(r)
	if err != nil {
		return err
	}
	var call deviceCall
	if err := read(w, r, &call); err != nil {
		return err
	}
	finish, err := call.finish()
	if err != nil {
		return err
	}
	finish.RelyingParty, finish.User = by.RelyingParty, user
	c, err := f.Credentials.FinishRegistration(r.Context(), by.Authority, finish)
	if err != nil {
		return notConfigured(err, by.Tenant)
	}
	web.WriteJSON(w, http.StatusOK, deviceAnswer{
		RegistrationID: string(c.ID), RegistrationName: shownAs(c), RegistrationType: fido2, RegistrationTime: stamp(c.Created),
	})
	return nil
}

// deregister is how the platform takes UAF registrations back.
func (f *front) deregister(http.ResponseWriter, *http.Request, caller) error { return errUAF }
