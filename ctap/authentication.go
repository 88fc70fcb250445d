package ctap

import (
	"context"
	"slices"
)

// AssertionParams is what an assertion is wanted for.
type AssertionParams struct {
	// RPID is whose credential is wanted; required.
	RPID string
	// ClientDataHash is the SHA-256 of the client data; 32 bytes, required.
	ClientDataHash []byte
	// Allow are the credentials to choose from; empty: the discoverable ones.
	Allow []CredentialDescriptor
	// UserVerification: empty is preferred.
	UserVerification Requirement
}

// Assertion is a key's signature with one credential.
type Assertion struct {
	// CredentialID is the credential used.
	CredentialID []byte
	// AuthData is the authenticator data, and Signature is over it and the client
	// data's hash.
	AuthData  []byte
	Signature []byte
	// User is the account of a discoverable credential, otherwise nil. Its names are
	// empty unless the user was verified and there are several accounts.
	User *User
	// UserVerified reports whether the key verified its user.
	UserVerified bool
	// SignCount is the signature counter.
	SignCount uint32
}

// maxAssertions bounds how many accounts of one relying party are fetched.
const maxAssertions = 256

// GetAssertion has the key sign: it verifies the user as asked, shortens the list to
// what the key takes, and waits for a touch. With an empty list it returns one
// assertion for each account, the newest first, of which the person chooses; with a
// list it returns one.
//
// Errors: a [*StatusError], among which NO_CREDENTIALS and those named at
// [Client.MakeCredential]; [ErrUserVerification], [ErrPINNotSet], [ErrPINChange],
// [ErrPINLength], [ErrTooLarge], [ErrAnswer]; what a Prompt returned; the device's own.
func (c *Client) GetAssertion(ctx context.Context, p AssertionParams, ask Prompt) ([]Assertion, error) {
	v, err := c.verify(ctx, ask, need{permissions: PermissionGetAssertion, rpID: p.RPID, uv: p.UserVerification})
	if err != nil {
		return nil, err
	}
	defer v.forget()
	request := &GetAssertionRequest{RPID: p.RPID, ClientDataHash: p.ClientDataHash, BuiltInUV: v.builtIn()}

	request.AllowList, err = c.preflight(ctx, v, p.Allow, func(list []CredentialDescriptor) bool {
		full := *request
		full.AllowList, full.PINUVAuth = list, v.auth(p.ClientDataHash)
		return c.fits(full.wire())
	})
	if err != nil {
		return nil, err
	}
	// A list of which the key holds nothing must not turn into no list.
	if len(p.Allow) > 0 && len(request.AllowList) == 0 {
		return nil, c.refuseAfterTouch(ctx, ask)
	}
	first, err := c.assert(ctx, request, v)
	if err != nil {
		return nil, err
	}
	return c.assertions(ctx, p, request, first)
}

// refuseAfterTouch says that the key holds none of the credentials, once somebody
// touched it: without that, anybody could find out what keys are plugged in
// (WebAuthn §14.5.2).
func (c *Client) refuseAfterTouch(ctx context.Context, ask Prompt) error {
	if err := c.Select(ctx, ask.Touch); err != nil {
		return err
	}
	return &StatusError{Command: CommandGetAssertion, Code: StatusNoCredentials}
}

// assert sends the request, authenticated.
func (c *Client) assert(ctx context.Context, request *GetAssertionRequest, v *verification) (*GetAssertionResponse, error) {
	var resp *GetAssertionResponse
	err := v.spent(ctx, func() (err error) {
		request.PINUVAuth = v.auth(request.ClientDataHash)
		if !c.fits(request.wire()) {
			return ErrTooLarge
		}
		resp, err = GetAssertion(ctx, c.dev, *request, v.ask.keepAlive())
		return err
	})
	return resp, err
}

// assertions fetches those of the further accounts, and checks that the key answered
// the question.
func (c *Client) assertions(ctx context.Context, p AssertionParams, request *GetAssertionRequest, resp *GetAssertionResponse) ([]Assertion, error) {
	if resp.NumberOfCredentials < 1 || resp.NumberOfCredentials > maxAssertions {
		return nil, malformed(CommandGetAssertion, "%d credentials", resp.NumberOfCredentials)
	}
	var all []Assertion
	for n := resp.NumberOfCredentials; ; {
		one, err := assertion(p, request, resp)
		if err != nil {
			return nil, err
		}
		all = append(all, *one)
		if len(all) == n {
			return all, nil
		}
		if resp, err = GetNextAssertion(ctx, c.dev); err != nil {
			return nil, err
		}
	}
}

func assertion(p AssertionParams, request *GetAssertionRequest, resp *GetAssertionResponse) (*Assertion, error) {
	data, err := parseAuthData(CommandGetAssertion, resp.AuthData, p.RPID)
	if err != nil {
		return nil, err
	}
	id := resp.CredentialID
	if id == nil && len(request.AllowList) == 1 {
		id = request.AllowList[0].ID
	}
	if id == nil {
		return nil, malformed(CommandGetAssertion, "no credential id")
	}
	listed := slices.ContainsFunc(request.AllowList, func(d CredentialDescriptor) bool { return string(d.ID) == string(id) })
	if len(request.AllowList) > 0 && !listed {
		return nil, malformed(CommandGetAssertion, "a credential that was not asked for")
	}
	return &Assertion{
		CredentialID: id,
		AuthData:     resp.AuthData,
		Signature:    resp.Signature,
		User:         resp.User,
		UserVerified: data.flags&flagUserVerified != 0,
		SignCount:    data.signCount,
	}, nil
}
