package credential

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// Adopt is a credential that was registered elsewhere, as it is to be used here.
type Adopt struct {
	RelyingParty string
	User         UserRef

	Record     webauthn.CredentialRecord // ID, PublicKey, SignCount and the backup flags count
	AAGUID     webauthn.AAGUID           // what was recorded; nothing proves it
	Transports []string
	Attachment webauthn.Attachment

	UVInitialized bool
	Discoverable  Known
	Asked         Asked

	ExternalID string // its id there; empty for none
	Name       string
	UserAgent  string

	// State and Standing as in [CredentialUpdate]; zero for active and plain.
	State    State
	Standing Standing
	Until    time.Time
	Reason   string
}

// adoptedWarning is kept with a credential that was registered elsewhere: what is told of
// its registration is not known to be true.
const adoptedWarning = "adopted"

// maxCredentialID is how long an authenticator's id of a credential may be (7.1/25).
const maxCredentialID = 1023

// AdoptCredential stores a credential that was registered elsewhere, so that its owner
// can go on using it. Nothing of its registration is known here, so that a relying party
// that asks authenticators to attest what they are does not take it.
//
// It needs fido.provision and fido.manage for the relying party, and nobody may adopt one
// for themselves. Errors: user.required, user.unknown, user.locked; registration.self,
// operator.above; credential.adopt, credential.name, credential.external_id,
// credential.state; credential.unproven; credential.exists, credential.limit.
func (s *Service) AdoptCredential(ctx context.Context, by tenant.Authority, in Adopt) (*Credential, error) {
	c, err := s.adopt(ctx, by, in)
	if err != nil {
		return nil, s.denied(ctx, by, Registration, in.RelyingParty, err)
	}
	return c, nil
}

func (s *Service) adopt(ctx context.Context, by tenant.Authority, in Adopt) (*Credential, error) {
	for _, scope := range []tenant.Scope{tenant.ScopeProvision, tenant.ScopeManage} {
		if err := by.Require(scope, in.RelyingParty); err != nil {
			return nil, err
		}
	}
	if by.Subject != "" {
		return nil, ErrSubject // they register where they can be asked to prove it
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	c, err := in.credential(by, s.clock())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(p.demands.Algorithms, cose.Algorithm(c.Algorithm)) {
		return nil, ErrAdopt.At("publicKey").Saying("The relying party takes no keys of this algorithm.")
	}
	// Documents that registrations have to meet judge what they prove, and nothing is
	// proven here.
	if p.attested || p.asks || p.insists || p.trust.Attestation == webauthn.TrustRequire || len(p.trust.AllowedAAGUIDs) > 0 {
		return nil, ErrAdoptUnproven
	}
	account, err := s.account(ctx, by.Tenant, in.RelyingParty, in.User)
	if err != nil {
		return nil, err
	}
	if err := mayHaveCredential(by, p, account); err != nil {
		return nil, err
	}
	c.User, c.UserName = account.User.ID, account.User.Name
	evidence := &Evidence{
		AttestationObject: []byte{}, ClientData: []byte{}, Options: json.RawMessage("{}"), Judged: c.Created,
		Format: c.Format, AttestationType: c.AttestationType, Policy: p.version, Warnings: c.Warnings,
	}
	if err := s.store.AdoptCredential(ctx, c, evidence, p.source.MaxCredentialsPerUser, credentialEvent(by, c.Created, "credential.adopted", c)); err != nil {
		return nil, err
	}
	s.store.AfterCommit(ctx, func() {
		s.notices.tell(Notice{Tenant: c.Tenant, RelyingParty: c.RelyingParty, User: account.User, Credential: *c})
	})
	return c, nil
}

// credential returns in as a credential of nobody yet.
func (in *Adopt) credential(by tenant.Authority, now time.Time) (*Credential, error) {
	state := CredentialUpdate{Name: &in.Name, Reason: in.Reason, Until: in.Until}
	if in.State != "" {
		state.State = &in.State
	}
	if in.Standing != Plain {
		state.Standing = &in.Standing
	}
	if err := state.complete(now); err != nil {
		return nil, err
	}
	if !validText(in.ExternalID, maxNameChars) {
		return nil, ErrExternalID.At("externalId")
	}
	r := &in.Record
	key, err := cose.ParseKey(r.PublicKey)
	switch {
	case err != nil:
		return nil, ErrAdopt.At("publicKey").Because(err)
	case len(r.ID) == 0 || len(r.ID) > maxCredentialID:
		return nil, ErrAdopt.At("credentialId")
	case r.BackupState && !r.BackupEligible:
		return nil, ErrAdopt.At("backupState")
	}
	c := &Credential{
		ID: ID(newID()), Tenant: by.Tenant, RelyingParty: in.RelyingParty,
		CredentialID: r.ID, PublicKey: r.PublicKey, Algorithm: int32(key.Algorithm()), AAGUID: in.AAGUID, SignCount: r.SignCount,
		Transports: in.Transports, Attachment: string(in.Attachment), BackupEligible: r.BackupEligible, BackupState: r.BackupState,
		UVInitialized: in.UVInitialized, Discoverable: in.Discoverable,
		Format: "none", AttestationType: string(webauthn.AttestationNone), Warnings: []string{adoptedWarning},
		Name: in.Name, UserAgent: clip(in.UserAgent, maxUserAgentChars), State: Active, Version: 1, Created: now, Updated: now,
		Asked: in.Asked, ExternalID: in.ExternalID,
		ProvisionedBy: by.Actor.String(), Via: by.Via, Ref: clip(by.Ref, maxRefChars),
	}
	if state.State != nil {
		c.State, c.Standing, c.Reason, c.Until = *state.State, in.Standing, in.Reason, in.Until
	}
	return c, nil
}
