package onespan

import (
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// generateAuthentication is step one of a login.
func (f *front) generateAuthentication(w http.ResponseWriter, r *http.Request, by caller) error {
	user, err := by.userOf(r)
	if err != nil {
		return err
	}
	var call authenticationCall
	if err := read(w, r, &call); err != nil {
		return err
	}
	in := input{}
	call.check(&in, "")
	if err := in.errFor(call.FIDOProtocol); err != nil {
		return err
	}
	id := requestID(credential.Authentication)
	begun, err := f.Credentials.BeginAuthentication(r.Context(), by.Authority, credential.BeginAuthentication{
		RelyingParty: by.RelyingParty, User: user, RequestID: id, ChallengeBytes: challengeBytes,
		Narrow: credential.Narrowing{
			UserVerification: webauthn.UserVerification(orPreferred(call.UserVerification)), PolicyWins: true,
		},
	})
	if err != nil {
		return notConfigured(err, by.Tenant)
	}
	web.WriteJSON(w, http.StatusOK, authenticationAnswer{RequestID: id, AuthenticationRequest: string(begun.JSON)})
	return nil
}

// login is step two: the authenticator has answered.
func (f *front) login(w http.ResponseWriter, r *http.Request, by caller) error {
	user, err := by.userOf(r)
	if err != nil {
		return err
	}
	var call loginCall
	if err := read(w, r, &call); err != nil {
		return err
	}
	finish, err := call.finish()
	if err != nil {
		return err
	}
	finish.RelyingParty, finish.User = by.RelyingParty, user
	if _, err := f.Credentials.FinishAuthentication(r.Context(), by.Authority, finish); err != nil {
		return notConfigured(err, by.Tenant)
	}
	web.WriteJSON(w, http.StatusOK, loginAnswer{SessionStatus: "accepted", RequestID: call.RequestID})
	return nil
}
