package differential

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	other "github.com/go-webauthn/webauthn/webauthn"
)

// otherUser is the account of a ceremony.
type otherUser struct {
	handle      []byte
	credentials []other.Credential
}

func (u otherUser) WebAuthnID() []byte                      { return u.handle }
func (u otherUser) WebAuthnName() string                    { return "alice" }
func (u otherUser) WebAuthnDisplayName() string             { return "Alice" }
func (u otherUser) WebAuthnCredentials() []other.Credential { return u.credentials }

// goWebAuthn judges c with github.com/go-webauthn/webauthn, through the calls that its
// users make.
func goWebAuthn(t testing.TB, c *ceremony) verdict {
	t.Helper()
	rp, err := other.New(&other.Config{
		RPID: c.rpID, RPDisplayName: "Example", RPOrigins: c.origins,
		RPAllowCrossOrigin: c.allowCrossOrigin, RPTopOrigins: c.topOrigins,
		RPTopOriginVerificationMode: protocol.TopOriginExplicitVerificationMode,
	})
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	session := other.SessionData{
		Challenge: b64(c.challenge), RelyingPartyID: c.rpID, UserID: c.userHandle, AllowedCredentialIDs: c.allowed,
		UserVerification: protocol.VerificationPreferred,
	}
	if c.verifyUser {
		session.UserVerification = protocol.VerificationRequired
	}
	if c.registration {
		for _, alg := range c.algorithms {
			session.CredParams = append(session.CredParams, protocol.CredentialParameter{
				Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(alg),
			})
		}
		resp, err := protocol.ParseCredentialCreationResponseBytes(c.body(t))
		if err != nil {
			return refusedByOther(err)
		}
		cred, err := rp.CreateCredential(otherUser{handle: c.userHandle}, session, resp)
		if err != nil {
			return refusedByOther(err)
		}
		return verdict{report: report(cred.ID, cred.PublicKey, cred.Authenticator.AAGUID,
			byte(cred.Flags.ProtocolValue()), cred.Authenticator.SignCount, cred.AttestationFormat)}
	}

	resp, err := protocol.ParseCredentialRequestResponseBytes(c.body(t))
	if err != nil {
		return refusedByOther(err)
	}
	user := otherUser{handle: c.userHandle, credentials: []other.Credential{{
		ID: c.credentialID, PublicKey: c.publicKey, AttestationFormat: c.format,
		Flags:         other.CredentialFlags{UserPresent: true, BackupEligible: c.backupEligible},
		Authenticator: other.Authenticator{SignCount: c.signCount},
	}}}
	var cred *other.Credential
	if len(c.allowed) > 0 {
		cred, err = rp.ValidateLogin(user, session, resp)
	} else {
		session.UserID = nil
		cred, err = rp.ValidateDiscoverableLogin(func(_, handle []byte) (other.User, error) {
			if string(handle) != string(user.handle) {
				return nil, errors.New("no such user")
			}
			return user, nil
		}, session, resp)
	}
	if err != nil {
		return refusedByOther(err)
	}
	// It leaves the counter to its caller, who is told.
	if cred.Authenticator.CloneWarning {
		return verdict{cause: "clone warning", detail: "clone warning"}
	}
	flags := resp.Response.AuthenticatorData.Flags
	return verdict{report: report(cred.ID, nil, nil, byte(flags), resp.Response.AuthenticatorData.Counter, "")}
}

// particulars are what tells two refusals for one cause apart.
var particulars = regexp.MustCompile(`[:;(].*$|'[^']*'|"[^"]*"|\b[0-9]+\b`)

func refusedByOther(err error) verdict {
	var refusal *protocol.Error
	if !errors.As(err, &refusal) {
		return verdict{cause: particulars.ReplaceAllString(err.Error(), ""), detail: fmt.Sprintf("%T: %v", err, err)}
	}
	cause := refusal.Type + ", " + particulars.ReplaceAllString(refusal.Details, "")
	return verdict{cause: cause, detail: refusal.Details + " | " + refusal.DevInfo}
}
