package webauthn

// What a relying party tells a client so that it keeps the user's list of passkeys in
// order (§5.1.10): each of these is the argument of one method of PublicKeyCredential,
// in JSON. Clients do as they can, and never say whether they did.

// UnknownCredential is the argument of signalUnknownCredential: no account has the
// credential. It says nothing about anybody, so that it may be told before a sign-in.
type UnknownCredential struct {
	RPID         string `json:"rpId"`
	CredentialID Bytes  `json:"credentialId"`
}

// AllAcceptedCredentials is the argument of signalAllAcceptedCredentials, for a user
// who has signed in alone. A client may delete or hide every credential of the user
// that is not in the list: it has to be complete.
type AllAcceptedCredentials struct {
	RPID   string `json:"rpId"`
	UserID Bytes  `json:"userId"` // the user handle
	// AllAcceptedCredentialIDs is not nil: without any credential it is empty, which
	// hides all.
	AllAcceptedCredentialIDs []Bytes `json:"allAcceptedCredentialIds"`
}

// CurrentUserDetails is the argument of signalCurrentUserDetails, for a user who has
// signed in alone: the names to show from now on.
type CurrentUserDetails struct {
	RPID        string `json:"rpId"`
	UserID      Bytes  `json:"userId"` // the user handle
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}
