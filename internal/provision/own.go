package provision

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// This file reaches our own services, without a network. What they refuse is told in the
// words that their fronts have for it, so that a task does not see which of the two it is.

// said is how a front says a refusal.
type said struct {
	status int
	code   string
	reason string
}

// inOurWords turns a fault into a [*Refusal]. A fault that is nobody's answer stays one.
func inOurWords(err error, words map[string]said) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	switch f.Kind {
	case fault.Internal, fault.Unavailable, fault.Limited:
		return err
	}
	w, ok := words[f.Code]
	reason, ofWebAuthn := strings.CutPrefix(f.Code, "webauthn.")
	switch {
	case ok:
	case ofWebAuthn && f.Kind == fault.Invalid:
		w = said{http.StatusBadRequest, "INVALID_CREDENTIAL", reason}
	case ofWebAuthn:
		w = said{http.StatusUnprocessableEntity, "VERIFICATION_FAILED", reason}
	default:
		w = byKind[f.Kind]
	}
	return &Refusal{Status: w.status, Code: w.code, Reason: w.reason, Message: f.Public}
}

var byKind = map[fault.Kind]said{
	fault.Invalid:         {http.StatusBadRequest, "INVALID_REQUEST", ""},
	fault.Unauthenticated: {http.StatusUnauthorized, "UNAUTHORIZED", ""},
	fault.Denied:          {http.StatusForbidden, "FORBIDDEN", ""},
	fault.NotFound:        {http.StatusNotFound, "NOT_FOUND", ""},
	fault.Conflict:        {http.StatusConflict, "CONFLICT", ""},
	fault.Gone:            {http.StatusGone, "GONE", ""},
	fault.Rejected:        {http.StatusUnprocessableEntity, "VERIFICATION_FAILED", ""},
	fault.Unsupported:     {http.StatusNotImplemented, "NOT_SUPPORTED", ""},
}

var digitalAccessWords = map[string]said{
	credential.ErrUserUnknown.Code:      {http.StatusNotFound, "UNKNOWN_USER", ""},
	credential.ErrUserLocked.Code:       {http.StatusConflict, "USER_LOCKED", ""},
	credential.ErrResponse.Code:         {http.StatusBadRequest, "INVALID_CREDENTIAL", ""},
	credential.ErrCeremonyUnknown.Code:  {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_unknown"},
	credential.ErrCeremonyUsed.Code:     {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_used"},
	credential.ErrCeremonyExpired.Code:  {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_expired"},
	credential.ErrCeremonyUser.Code:     {http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "challenge_user"},
	credential.ErrCredentialExists.Code: {http.StatusConflict, "CREDENTIAL_EXISTS", ""},
	credential.ErrCredentialLimit.Code:  {http.StatusConflict, "CREDENTIAL_LIMIT", ""},
	credential.ErrOwnRegistration.Code:  {http.StatusForbidden, "FORBIDDEN", "own_registration"},
}

// ownCredentials is our own relying party.
type ownCredentials struct {
	svc *credential.Service
	rp  *tenant.RelyingParty
}

// ownDigitalAccess returns the relying party that an internal connection means. Errors:
// rp.unknown; connection.invalid where it names none and there is not just one.
func (s *Service) ownDigitalAccess(ctx context.Context, c *Connection) (DigitalAccess, error) {
	rp, err := s.relyingParty(ctx, c.Tenant, c.RelyingParty())
	if err != nil {
		return nil, err
	}
	return &ownCredentials{s.credentials, rp}, nil
}

// relyingParty returns a relying party by its id, or the tenant's only one.
func (s *Service) relyingParty(ctx context.Context, tenantName, id string) (*tenant.RelyingParty, error) {
	if id != "" {
		return s.directory.RelyingParty(ctx, tenantName, id)
	}
	all, err := s.directory.RelyingParties(ctx, tenantName)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, ErrConnection.At("url").Saying("The tenant has %d relying parties: say which is meant.", len(all))
	}
	return all[0], nil
}

// Options implements [DigitalAccess].
func (o *ownCredentials) Options(ctx context.Context, by tenant.Authority, user string) (*Options, error) {
	begun, err := o.svc.BeginRegistration(ctx, o.only(by), credential.BeginRegistration{RelyingParty: o.rp.ID, User: credential.ByName(user)})
	if err != nil {
		return nil, inOurWords(err, digitalAccessWords)
	}
	options := &Options{PublicKey: begun.JSON, Expires: begun.Expires}
	if len(o.rp.Origins) > 0 {
		options.Origin = o.rp.Origins[0]
	}
	return options, nil
}

// only narrows an authority to this relying party.
func (o *ownCredentials) only(by tenant.Authority) tenant.Authority {
	by.RelyingParties = []string{o.rp.ID}
	return by
}

var base64url = base64.RawURLEncoding.Strict()

// Store implements [DigitalAccess].
func (o *ownCredentials) Store(ctx context.Context, by tenant.Authority, c NewCredential) (string, error) {
	response, err := webauthn.ParseRegistrationResponse(c.Credential)
	if err != nil {
		return "", inOurWords(credential.Unreadable(err), digitalAccessWords)
	}
	stored, err := o.svc.FinishRegistration(ctx, o.only(by), credential.FinishRegistration{
		RelyingParty: o.rp.ID, User: credential.ByName(c.User), Response: response, Name: c.Name,
	})
	if err != nil {
		return "", inOurWords(err, digitalAccessWords)
	}
	return base64url.EncodeToString(stored.CredentialID), nil
}

// HasStored implements [DigitalAccess]: by this very run.
func (o *ownCredentials) HasStored(ctx context.Context, by tenant.Authority, user, id string) (bool, error) {
	raw, err := base64url.DecodeString(id)
	if err != nil || len(raw) == 0 {
		return false, nil
	}
	c, err := o.svc.Get(ctx, o.only(by), credential.Ref{RelyingParty: o.rp.ID, CredentialID: raw, Owner: credential.ByName(user)})
	if errors.Is(err, credential.ErrCredentialUnknown) {
		return false, nil
	}
	if err != nil {
		return false, inOurWords(err, digitalAccessWords)
	}
	return c.ProvisionedBy == by.Actor.String(), nil
}

// Ask implements [DigitalAccess]: we are let in.
func (o *ownCredentials) Ask(context.Context) error { return nil }

var relayWords = map[string]said{
	relay.ErrUnauthorized.Code:        {http.StatusUnauthorized, "UNAUTHORIZED", ""},
	relay.ErrUnknownCommand.Code:      {http.StatusNotFound, "UNKNOWN_COMMAND", ""},
	relay.ErrInvalidHeader.Code:       {http.StatusBadRequest, "INVALID_HEADER", ""},
	relay.ErrInvalidCommand.Code:      {http.StatusBadRequest, "INVALID_COMMAND", ""},
	relay.ErrTooLarge.Code:            {http.StatusRequestEntityTooLarge, "TOO_LARGE", ""},
	relay.ErrNoSuchCommand.Code:       {http.StatusNotFound, "NO_SUCH_COMMAND", ""},
	relay.ErrNoSuchDestination.Code:   {http.StatusNotFound, "NO_SUCH_DESTINATION", ""},
	relay.ErrDuplicateExternalID.Code: {http.StatusConflict, "DUPLICATE_EXTERNAL_ID", ""},
	relay.ErrCommandFinal.Code:        {http.StatusConflict, "COMMAND_FINAL", ""},
	relay.ErrSessionEnded.Code:        {http.StatusConflict, "SESSION_ENDED", ""},
}

// ownRelay is our own relay.
type ownRelay struct {
	svc    *relay.Service
	client *relay.Client
}

// Send implements [Messaging].
func (o *ownRelay) Send(ctx context.Context, by tenant.Authority, c relay.Command) (*Sent, error) {
	r, err := o.svc.Send(ctx, by, o.client, c)
	if err != nil {
		return nil, inOurWords(err, relayWords)
	}
	sent := &Sent{ID: r.ID.String(), Unheard: !r.Repeated}
	if len(r.Destinations) > 0 {
		d := r.Destinations[0]
		sent.Box, sent.Message, sent.Link = d.Box, d.Message, d.URI
	}
	return sent, nil
}

// Poll implements [Messaging].
func (o *ownRelay) Poll(ctx context.Context, by tenant.Authority, id string) (*Known, error) {
	command, err := relay.ParseCommandID(id)
	if err != nil {
		return nil, inOurWords(err, relayWords)
	}
	r, err := o.svc.Poll(ctx, by, o.client, command)
	if err != nil {
		return nil, inOurWords(err, relayWords)
	}
	return known(r), nil
}

func known(r *relay.Report) *Known {
	k := &Known{State: r.State}
	o := r.Outcome
	if o == nil {
		return k
	}
	k.State, k.Status, k.Response, k.JWS, k.MatchCode, k.Desk = o.State, o.Status, o.Response, o.JWS, o.MatchCode, o.Desk
	if o.Signature != nil {
		k.Signature = o.Signature.State
	}
	if o.Error != nil {
		k.Message, k.Detail = o.Error.Message, o.Error.Detail
	}
	return k
}

// Cancel implements [Messaging].
func (o *ownRelay) Cancel(ctx context.Context, by tenant.Authority, id string) error {
	command, err := relay.ParseCommandID(id)
	if err != nil {
		return inOurWords(err, relayWords)
	}
	return inOurWords(o.svc.Cancel(ctx, by, o.client, command), relayWords)
}

// Ask implements [Messaging]: we are let in.
func (o *ownRelay) Ask(ctx context.Context, _ tenant.Authority) (string, error) {
	if err := o.svc.Ping(ctx); err != nil {
		return "DOWN", nil
	}
	return "UP", nil
}

// isJSONObject reports whether raw is an object.
func isJSONObject(raw json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(raw, &members) == nil && members != nil
}
