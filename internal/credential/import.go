package credential

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// ImportCeremony describes a ceremony that was recorded elsewhere, as it is to be
// judged here.
type ImportCeremony struct {
	RelyingParty string
	Kind         CeremonyKind
	Client       string // the API client that alone may finish it

	Challenge        []byte // at least 16 bytes
	UserVerification webauthn.UserVerification

	// Algorithms are those that were offered in a registration; empty means -7 and
	// -257, as it does for clients (§5.4).
	Algorithms []cose.Algorithm

	// AllowCredentials are those that were offered in an authentication. Empty asked
	// for a discoverable credential. AppID is that of U2F credentials; empty for none.
	AllowCredentials [][]byte
	AppID            string

	// Stored is the credential that an authentication is judged by. Where it has a user
	// handle, it belongs to the user with that one; otherwise to whoever has it.
	Stored *webauthn.CredentialRecord

	// UserName is the login name of the user to be made, if one is made. Empty: one
	// made from the ceremony's id.
	UserName string
}

// ImportedCeremony is a ceremony that awaits the recorded answer.
type ImportedCeremony struct {
	Ceremony CeremonyID
	User     User // whose it is; in a discoverable authentication, the credential's owner
	Expires  time.Time
}

// importedWarning is kept with a credential that came with a ceremony: what is told of
// its registration is not known to be true.
const importedWarning = "imported"

// ImportCeremony opens a ceremony whose challenge was issued elsewhere, so that a test
// can replay a recorded answer. It exists for tests alone: on anything but test data
// it does nothing. From then on the ceremony is like any other, and its first answer
// spends it.
//
// For a registration a user is made. For an authentication the credential is stored in
// place of the one with its id, with its owner where there is no such user. It needs
// admin for the relying party. Errors: test_data.required; import.unsupported,
// options.invalid; user.name, user.handle, user.exists, user.locked;
// ceremony.challenge_exists.
func (s *Service) ImportCeremony(ctx context.Context, by tenant.Authority, in ImportCeremony) (*ImportedCeremony, error) {
	if err := by.Require(tenant.ScopeAdmin, in.RelyingParty); err != nil {
		return nil, err
	}
	p, err := s.policy(ctx, by.Tenant, in.RelyingParty)
	if err != nil {
		return nil, err
	}
	id := CeremonyID(newID())
	in.UserName = cmp.Or(in.UserName, "case-"+string(id))
	user, known, err := s.importedUser(ctx, by, in)
	if err != nil {
		return nil, err
	}
	options, err := in.options(p, user)
	if err != nil {
		return nil, unfit(err)
	}
	cer, err := s.newCeremony(by, in.RelyingParty, in.Kind, in.Challenge, options, terms{life: p.source.ChallengeLife})
	if err != nil {
		return nil, err
	}
	cer.ID, cer.Actor = id, audit.Actor{Kind: audit.Client, ID: in.Client}
	if in.Kind == Registration || len(in.AllowCredentials) > 0 {
		cer.User = user.ID
	}
	stored := CeremonyImport{Ceremony: cer}
	if !known {
		stored.User = user
	}
	if in.Kind == Authentication {
		if stored.Credential, err = s.importedCredential(ctx, by, cer, user, in.Stored); err != nil {
			return nil, err
		}
		stored.Evidence = importedEvidence(cer)
	}
	if err := s.store.ImportCeremony(ctx, stored, importEvents(by, stored, user)); err != nil {
		return nil, err
	}
	return &ImportedCeremony{Ceremony: id, User: *user, Expires: cer.Expires}, nil
}

// importEvents are the events of an import for user, whether or not they are made.
func importEvents(by tenant.Authority, i CeremonyImport, user *User) []audit.Event {
	cer := i.Ceremony
	var events []audit.Event
	if i.User != nil {
		events = append(events, userEvent(by, cer.Created, "user.created", user.ID))
	}
	if i.Credential != nil {
		events = append(events, credentialEvent(by, cer.Created, "credential.imported", i.Credential))
	}
	e := by.Event(cer.Created, "ceremony.imported")
	e.RelyingParty, e.User = cer.RelyingParty, string(user.ID)
	e.Detail = map[string]string{"ceremony": string(cer.ID), "kind": string(cer.Kind), "client": cer.Actor.ID}
	return append(events, e)
}

// importedUser returns the user of an imported ceremony, and whether there is one
// already.
func (s *Service) importedUser(ctx context.Context, by tenant.Authority, in ImportCeremony) (u *User, known bool, err error) {
	made := NewUser{Name: in.UserName}
	switch in.Kind {
	case Registration:
	case Authentication:
		if in.Stored == nil {
			return nil, false, ErrImport.At("credential").Saying("There is no credential to judge the answer by.")
		}
		made.Handle = in.Stored.UserHandle
		who := ByHandle(made.Handle)
		if made.Handle == nil {
			c, err := s.store.Credential(ctx, by.Tenant, Ref{RelyingParty: in.RelyingParty, CredentialID: in.Stored.ID})
			if errors.Is(err, ErrCredentialUnknown) {
				break
			}
			if err != nil {
				return nil, false, err
			}
			who = ByID(c.User)
		}
		u, err := s.store.User(ctx, by.Tenant, who)
		if !errors.Is(err, ErrUserUnknown) {
			return u, true, err
		}
	default:
		return nil, false, ErrImport.At("kind").Saying("There is no ceremony of this kind.")
	}
	u, err = s.newUser(by, made, s.clock())
	return u, false, err
}

// options returns the options to which the recorded answer was given, as far as it is
// judged by them.
func (in *ImportCeremony) options(p *policySet, u *User) (any, error) {
	timeout := p.source.Timeout.Milliseconds()
	if in.Kind == Registration {
		algorithms := in.Algorithms
		if len(algorithms) == 0 {
			algorithms = []cose.Algorithm{cose.ES256, cose.RS256}
		}
		return webauthn.NewCreationOptions(webauthn.CreationOptions{
			RP:        webauthn.RPEntity{ID: p.source.ID, Name: p.source.Name},
			User:      webauthn.UserEntity{ID: u.Handle, Name: u.Name, DisplayName: u.DisplayName},
			Challenge: givenChallenge(in.Challenge), PubKeyCredParams: webauthn.Parameters(algorithms...), TimeoutMillis: timeout,
			AuthenticatorSelection: &webauthn.AuthenticatorSelection{UserVerification: in.UserVerification},
			Attestation:            webauthn.Conveyance(p.source.Attestation),
		})
	}
	o := webauthn.RequestOptions{
		Challenge: givenChallenge(in.Challenge), TimeoutMillis: timeout, RPID: p.source.ID,
		AllowCredentials: webauthn.Descriptors(in.AllowCredentials...), UserVerification: in.UserVerification,
	}
	if in.AppID != "" {
		text, err := json.Marshal(in.AppID)
		if err != nil {
			return nil, err
		}
		o.Extensions = map[string]json.RawMessage{"appid": text}
	}
	return webauthn.NewRequestOptions(o)
}

// givenChallenge is a challenge that is refused where it is absent, and not made.
func givenChallenge(challenge []byte) []byte {
	if len(challenge) == 0 {
		return []byte{0}
	}
	return challenge
}

// importedCredential returns the record as a credential of u. One with its id that is
// there already keeps our id, so that the trail goes on telling of it.
func (s *Service) importedCredential(ctx context.Context, by tenant.Authority, cer *Ceremony, u *User, record *webauthn.CredentialRecord) (*Credential, error) {
	key, err := cose.ParseKey(record.PublicKey)
	if err != nil {
		return nil, ErrImport.At("credential.publicKey").Saying("The public key of the credential is none that a registration would have stored.").Because(err)
	}
	c := &Credential{
		ID: ID(newID()), Tenant: cer.Tenant, RelyingParty: cer.RelyingParty, User: u.ID, UserName: u.Name,
		CredentialID: record.ID, PublicKey: record.PublicKey, Algorithm: int32(key.Algorithm()), SignCount: record.SignCount,
		BackupEligible: record.BackupEligible, BackupState: record.BackupState,
		Format: "none", AttestationType: string(webauthn.AttestationNone), Warnings: []string{importedWarning},
		State: Active, Version: 1, Created: cer.Created, Updated: cer.Created,
		ProvisionedBy: by.Actor.String(), Via: by.Via, Ref: cer.Ref,
	}
	before, err := s.store.Credential(ctx, by.Tenant, Ref{RelyingParty: cer.RelyingParty, CredentialID: record.ID})
	switch {
	case err == nil:
		c.ID, c.Version, c.Created = before.ID, before.Version+1, before.Created
	case !errors.Is(err, ErrCredentialUnknown):
		return nil, fmt.Errorf("credential before the import: %w", err)
	}
	return c, nil
}

// importedEvidence is that there is none.
func importedEvidence(cer *Ceremony) *Evidence {
	return &Evidence{
		AttestationObject: []byte{}, ClientData: []byte{}, Options: json.RawMessage("{}"), Judged: cer.Created,
		Format: "none", AttestationType: string(webauthn.AttestationNone), Warnings: []string{importedWarning},
	}
}
