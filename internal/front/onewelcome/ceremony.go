package onewelcome

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// statusOK is the validation status of what was accepted. What was refused is an error.
const statusOK = "OK"

func (f *front) attestationOptions(w http.ResponseWriter, r *http.Request) error {
	wrapped, err := wrap(r)
	if err != nil {
		return err
	}
	var req attestationOptionsRequest
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	rp, err := f.relyingParty(r, req.RPID)
	if err != nil {
		return err
	}
	in, err := req.begin(rp)
	if err != nil {
		return err
	}
	if looksPersonal(in.User.Handle) {
		web.Log(r.Context()).Warn("a userId looks like an e-mail address; authenticators reveal it")
	}
	begun, err := f.Credentials.BeginRegistration(r.Context(), web.Authority(r), in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, optionsAnswer(begun.JSON, begun.Ceremony, wrapped))
	return nil
}

func (f *front) attestationVerify(w http.ResponseWriter, r *http.Request) error {
	in, body, err := readVerify(w, r)
	if err != nil {
		return err
	}
	user, err := userGiven(in.UserID)
	if err != nil {
		return err
	}
	resp, err := webauthn.ParseRegistrationResponse(body)
	if err != nil {
		return credential.Unreadable(err)
	}
	var c *credential.Credential
	err = f.finishAt(r, in, func(rp string) (err error) {
		c, err = f.Credentials.FinishRegistration(r.Context(), web.Authority(r), credential.FinishRegistration{
			RelyingParty: rp, User: user, Ceremony: credential.CeremonyID(in.TransactionID), Response: resp, Name: in.CredentialName,
		})
		return err
	})
	if errors.Is(err, credential.ErrUserUnknown) { // whoever that is, the ceremony is not theirs
		return credential.ErrCeremonyUser
	}
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, attestationAnswer{
		Status: statusOK, UserID: c.UserHandle, Credential: fromCredential(c), Warnings: warnings(c.Warnings, c.WouldRefuse),
	})
	return nil
}

func (f *front) assertionOptions(w http.ResponseWriter, r *http.Request) error {
	wrapped, err := wrap(r)
	if err != nil {
		return err
	}
	var req assertionOptionsRequest
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	rp, err := f.relyingParty(r, req.RPID)
	if err != nil {
		return err
	}
	in, err := req.begin(rp)
	if err != nil {
		return err
	}
	in.HideUnknown = f.HideUnknownUsers
	begun, err := f.Credentials.BeginAuthentication(r.Context(), web.Authority(r), in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, optionsAnswer(begun.JSON, begun.Ceremony, wrapped))
	return nil
}

func (f *front) assertionVerify(w http.ResponseWriter, r *http.Request) error {
	in, body, err := readVerify(w, r)
	if err != nil {
		return err
	}
	if in.CredentialName != "" {
		return errValue.At("credentialName").Saying("credentialName belongs to attestation/verify")
	}
	user, err := userGiven(in.UserID)
	if err != nil {
		return err
	}
	resp, err := webauthn.ParseAuthenticationResponse(body)
	if err != nil {
		return credential.Unreadable(err)
	}
	var done *credential.SignIn
	err = f.finishAt(r, in, func(rp string) (err error) {
		done, err = f.Credentials.FinishAuthentication(r.Context(), web.Authority(r), credential.FinishAuthentication{
			RelyingParty: rp, User: user, Ceremony: credential.CeremonyID(in.TransactionID), Response: resp,
			SuspendClone: true,
		})
		return err
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, assertionAnswer{
		Status: statusOK, UserID: done.User.Handle, Username: cmp.Or(done.User.ShownName, done.User.Name),
		CredentialID: done.Credential.CredentialID, UserVerified: done.UserVerified, SignCount: done.Credential.SignCount,
		BackupState: done.Credential.BackupState, Warnings: warnings(done.Warnings, done.WouldRefuse),
	})
	return nil
}

// wrap reports whether the options are asked for under a member publicKey.
func wrap(r *http.Request) (bool, error) {
	how, err := query(r, "wrap")
	if err != nil {
		return false, err
	}
	return how == "publicKey", oneOf("wrap", how, "publicKey")
}

// optionsAnswer puts the transaction id beside the options: among their members, where
// browsers overlook it, or with the options under a member of their own.
func optionsAnswer(options json.RawMessage, id credential.CeremonyID, wrapped bool) any {
	if wrapped {
		return struct {
			PublicKey     json.RawMessage       `json:"publicKey"`
			TransactionID credential.CeremonyID `json:"transactionId"`
		}{options, id}
	}
	more, _ := json.Marshal(struct { // of a string nothing can go wrong
		TransactionID credential.CeremonyID `json:"transactionId"`
	}{id})
	joined := append([]byte(nil), options[:len(options)-1]...)
	joined = append(joined, ',')
	return json.RawMessage(append(joined, more[1:]...))
}

// readVerify reads a verify request: what is ours of it, and the credential, which
// stands in the member credential or is all the rest. Which members that has is
// WebAuthn's business.
func readVerify(w http.ResponseWriter, r *http.Request) (*verifyMembers, []byte, error) {
	if !web.IsJSON(r) {
		return nil, nil, web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, 0)
	if err != nil {
		return nil, nil, err
	}
	var ours verifyMembers
	if err := strictjson.Decode(body, &ours); err != nil {
		return nil, nil, web.ErrJSON.Because(err)
	}
	var all map[string]json.RawMessage
	if err := strictjson.Decode(body, &all); err != nil {
		return nil, nil, web.ErrJSON.Because(err)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool {
		switch name {
		case "userId", "transactionId", "rpId", "credentialName", "credential":
			return true
		}
		return false
	})
	if ours.Credential == nil {
		rest, err := json.Marshal(all)
		return &ours, rest, err
	}
	for name := range all {
		return nil, nil, errValue.At(name).Saying("beside credential there is a member that means nothing there")
	}
	return &ours, ours.Credential, nil
}
